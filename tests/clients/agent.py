"""An agent for the tests: connects with a client written by others, and tells what it saw as one JSON object.

    agent.py {mcp|fastmcp} {auto|legacy} <plan>

The plan is JSON: {"url", "token", "headers"} or {"command", "args", "env"}, and "calls": [{"tool", "arguments"}].
"""

import asyncio
import json
import sys

import httpx2
import mcp
from fastmcp import Client as FastClient
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from mcp.client.streamable_http import streamable_http_client


def headers(plan):
    return {"Authorization": f"Bearer {plan['token']}", **plan.get("headers", {})}


def told(result):
    texts = [block.text for block in result.content if block.type == "text"]
    return {"error": bool(result.is_error), "structured": result.structured_content, "text": "\n".join(texts)}


async def attempt(call):
    """What a call came to; a refusal of the protocol is an outcome, too."""
    try:
        return told(await call)
    except Exception as error:  # noqa: BLE001 - whatever the client makes of it is what the test wants to see
        return {"refused": str(error)}


async def with_mcp(mode, plan):
    if "url" in plan:
        http = httpx2.AsyncClient(headers=headers(plan), timeout=30)
        target = streamable_http_client(plan["url"], http_client=http)
    else:
        target = mcp.StdioServerParameters(command=plan["command"], args=plan["args"], env=plan["env"])
    async with mcp.Client(target, mode=mode) as client:
        listed = await client.list_tools()
        again = await client.list_tools(cache_mode="refresh")
        progress = []

        async def on_progress(done, total, message):
            progress.append([done, total, message])

        calls = [
            await attempt(client.call_tool(call["tool"], call["arguments"], progress_callback=on_progress))
            for call in plan["calls"]
        ]
        return {
            "version": client.protocol_version,
            "server": client.server_info.name if client.server_info else None,
            "tools": [tool.name for tool in listed.tools],
            "stable": [tool.name for tool in listed.tools] == [tool.name for tool in again.tools],
            "paged": listed.next_cursor is not None,
            "calls": calls,
            "progress": progress,
        }


async def with_fastmcp(mode, plan):
    if "url" in plan:
        target = StreamableHttpTransport(plan["url"], headers=headers(plan))
    else:
        target = StdioTransport(plan["command"], plan["args"], env=plan["env"], keep_alive=False)
    progress = []

    async def on_progress(done, total, message):
        progress.append([done, total, message])

    async with FastClient(target, mode=mode, progress_handler=on_progress) as client:
        listed = await client.list_tools()
        calls = [
            await attempt(client.call_tool(call["tool"], call["arguments"], raise_on_error=False))
            for call in plan["calls"]
        ]
        return {
            "tools": [tool.name for tool in listed],
            "calls": calls,
            "progress": progress,
        }


def main():
    client, mode, plan = sys.argv[1:]
    agent = {"mcp": with_mcp, "fastmcp": with_fastmcp}[client]
    seen = asyncio.run(asyncio.wait_for(agent(mode, json.loads(plan)), 60))
    json.dump(seen, sys.stdout)


main()
