"""An agent that works on the tasks it can do, one after the other, over MCP.

    XMRT_URL=http://127.0.0.1:8080 XMRT_AGENT_TOKEN=… agent.py <name> [--seconds-per-task N]

It says that it is there, claims the most urgent task that it can do, holds it while it works, and says what came of it. If it is
killed, its task goes to another agent when the lease is over. Needs Python 3.10 and `pip install mcp` (2.3 or newer).
"""

import argparse
import asyncio
import os
import uuid

import httpx2
import mcp
from mcp.client.streamable_http import streamable_http_client

LEASE_S = 3
CAPABILITIES = ["triage"]


class Refused(Exception):
    """The server said no, and why."""


async def say(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    answer = result.structured_content or {}
    if result.is_error:
        error = answer.get("error", {})
        raise Refused(f"{tool}: {error.get('message', result.content)}")
    return answer


async def work(client, name, task, fence, seconds):
    """Looks at an issue; this one is slow, and says every second that it is still at it."""
    for second in range(seconds):
        await asyncio.sleep(1)
        await say(client, "update_task", task=task["id"], fence=fence, note=f"{second + 1} of {seconds} s")
    return {"by": name, "label": "bug" if "crash" in task["title"].lower() else "question"}


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("name")
    options.add_argument("--seconds-per-task", type=int, default=0)
    options = options.parse_args()
    http = httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {os.environ['XMRT_AGENT_TOKEN']}"}, timeout=30
    )
    url = f"{os.environ['XMRT_URL']}/mcp/xmrt?toolsets=agents"
    async with mcp.Client(streamable_http_client(url, http_client=http)) as client:
        await say(client, "register_agent", capabilities=CAPABILITIES, note=f"{options.name}, an example")
        print(f"{options.name}: here", flush=True)
        while True:
            # The key makes a claim whose answer was lost the same claim.
            claim = await say(client, "claim_task", lease_s=LEASE_S, idempotency_key=str(uuid.uuid4()))
            if not claim["claimed"]:
                await asyncio.sleep(0.5)
                await say(client, "heartbeat")
                continue
            task, fence = claim["task"], claim["fence"]
            print(f"{options.name}: claimed {task['title']!r} under fence {fence}", flush=True)
            try:
                result = await work(client, options.name, task, fence, options.seconds_per_task)
                await say(client, "complete_task", task=task["id"], fence=fence, result=result)
            except Refused as refused:
                # It went to somebody else meanwhile: what was done for it is theirs to do now.
                print(f"{options.name}: {refused}", flush=True)
                continue
            print(f"{options.name}: completed {task['title']!r}", flush=True)


asyncio.run(main())
