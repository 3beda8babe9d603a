#!/usr/bin/env python3
"""An MCP server of somebody else, for tests: needs nothing but Python, and misbehaves on request.

    external.py stdio FOLDER [silent | flood | mute]
    external.py http FOLDER            prints its address, then serves

In FOLDER it keeps `notes` (one line for each note that was written) and reads `description` (what `write_note` says of
itself) whenever it is asked for its tools. It speaks revision 2025-06-18, by JSON answers to plain requests. Over stdio the
notes are a resource, too, which can be watched; and it says what it does to whoever chose a level.
"""

import http.server
import json
import os
import sys
import threading
import time

MODE, FOLDER = sys.argv[1], sys.argv[2]
HABIT = sys.argv[3] if len(sys.argv) > 3 else ""
NOTE = {
    "type": "object",
    "properties": {"text": {"type": "string", "description": "What to write."}},
    "required": ["text"],
    "additionalProperties": False,
}
ALL = "notes://all"
OVER_STDIO = {"resources": {"subscribe": True}, "logging": {}}
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
WATCHED, CHOSEN, OUTPUT = set(), [], threading.Lock()
NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}


def path(name):
    return os.path.join(FOLDER, name)


def description():
    try:
        with open(path("description")) as file:
            return file.read().strip()
    except OSError:
        return "Writes a note."


def tools():
    def tool(name, says, schema, **hints):
        return {"name": name, "description": says, "inputSchema": schema, "annotations": hints}

    listed = [
        tool("read_notes", "Reads all notes.", NOTHING, readOnlyHint=True),
        tool("write_note", description(), NOTE, destructiveHint=False),
        tool("write_and_die", "Writes a note, and is gone.", NOTE),
        tool("write_and_stall", "Writes a note, and does not answer.", NOTE),
        tool("fail", "Fails.", NOTHING),
        tool("surroundings", "Says what it sees.", NOTHING, readOnlyHint=True),
    ]
    if os.path.exists(path("more")):
        listed.append(tool("added_later", "Was not there at first.", NOTHING))
    if os.path.exists(path("fewer")):
        del listed[0]
    return listed


def write(text):
    with open(path("notes"), "a") as file:
        file.write(text + "\n")


def send(message):
    with OUTPUT:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def tell(method, params):
    send({"jsonrpc": "2.0", "method": "notifications/" + method, "params": params})


def say(level, text):
    if CHOSEN and LEVELS.index(level) >= LEVELS.index(CHOSEN[-1]):
        tell("message", {"level": level, "logger": "pen", "data": text})


def notes():
    try:
        with open(path("notes")) as file:
            return file.read().splitlines()
    except OSError:
        return []


def call(name, arguments, meta):
    if name == "read_notes":
        return structured({"notes": notes()})
    if name == "write_note":
        say("debug", "dipping the pen")
        write(arguments["text"])
        say("notice", "wrote " + arguments["text"])
        if ALL in WATCHED:
            tell("resources/updated", {"uri": ALL})
        return structured({"text": arguments["text"], "count": len(notes())})
    if name == "write_and_die":
        write(arguments["text"])
        os._exit(7)
    if name == "write_and_stall":
        write(arguments["text"])
        time.sleep(3600)
    if name == "fail":
        return {"content": [{"type": "text", "text": "the pen is broken"}], "isError": True}
    if name == "surroundings":
        return structured({"variables": sorted(os.environ), "meta": meta})
    return None


def structured(value):
    return {"content": [{"type": "text", "text": json.dumps(value)}], "structuredContent": value}


def answer(message):
    method, params = message.get("method"), message.get("params") or {}
    if "id" not in message:
        return None
    result = None
    if method == "initialize":
        result = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": True}, **(OVER_STDIO if MODE == "stdio" else {})},
            "serverInfo": {"name": "external", "version": "1"},
            "instructions": "Notes.",
        }
    elif method == "ping":
        result = {}
    elif method == "tools/list":
        result = {"tools": tools()}
    elif method == "resources/list":
        result = {"resources": [{"uri": ALL, "name": "notes"}]}
    elif method == "resources/templates/list":
        result = {"resourceTemplates": []}
    elif method in ("resources/read", "resources/subscribe") and params.get("uri") == "notes://never":
        time.sleep(3600)
    elif method == "resources/read" and params.get("uri") == ALL:
        result = {"contents": [{"uri": ALL, "text": "\n".join(notes())}]}
    elif method == "resources/subscribe" and params.get("uri") == ALL:
        WATCHED.add(ALL)
        result = {}
    elif method == "resources/unsubscribe":
        WATCHED.discard(params.get("uri"))
        result = {}
    elif method == "logging/setLevel":
        CHOSEN.append(params["level"])
        result = {}
    elif method == "tools/call":
        result = call(params.get("name"), params.get("arguments") or {}, params.get("_meta") or {})
    if result is None:
        error = {"code": -32601, "message": "there is no " + str(method)}
        return {"jsonrpc": "2.0", "id": message["id"], "error": error}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def serve_stdio():
    if HABIT == "silent":
        print("I shall say nothing, not even to " + os.environ.get("NOTES_TOKEN", "nobody"), file=sys.stderr, flush=True)
        time.sleep(3600)
    if HABIT == "flood":
        flood = ("x" * 100_000 + "\n") * 10
        for _ in range(20):
            sys.stderr.write(flood)
        for number in range(200):
            print(f"line {number} with {os.environ.get('NOTES_TOKEN', '')}", file=sys.stderr, flush=True)
    for line in sys.stdin:
        message = json.loads(line)

        def work(message=message):
            reply = answer(message)
            if reply is not None:
                send(reply)

        # A call that stalls must not keep the others.
        threading.Thread(target=work, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/elsewhere":
            self.send_response(307)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/mcp")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/moved":
            self.send_response(307)
            self.send_header("Location", "/mcp")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.headers.get("Authorization") != "Bearer " + os.environ.get("NOTES_TOKEN", ""):
            self.say(401, {"error": "who are you?"})
            return
        reply = answer(json.loads(body))
        if reply is None:
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.say(200, reply)

    def do_GET(self):
        self.say(405, {})

    do_DELETE = do_GET

    def say(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve_http():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("NOTES_PORT", "0"))), Handler)
    print(f"http://127.0.0.1:{server.server_port}/mcp", flush=True)
    server.serve_forever()


serve_http() if MODE == "http" else serve_stdio()
