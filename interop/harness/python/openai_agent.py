"""openai_agent.py chat|responses plain|stream QUESTION: one run of an agent of the OpenAI Agents SDK;
prints what was said."""
import asyncio
import json
import sys

from agents import Agent, Runner, function_tool, set_default_openai_api, set_tracing_disabled

import shop

set_tracing_disabled(True)
set_default_openai_api("chat_completions" if sys.argv[1] == "chat" else "responses")


@function_tool
def lookup_order(order_id: str) -> str:
    """Looks up where an order is."""
    return shop.lookup(order_id)


async def main():
    agent = Agent(name="Support", instructions="You serve a shop.", tools=[lookup_order], model="fixed")
    if sys.argv[2] == "stream":
        result = Runner.run_streamed(agent, sys.argv[3])
        async for _ in result.stream_events():
            pass
    else:
        result = await Runner.run(agent, sys.argv[3])
    for it in result.new_items:
        raw = it.raw_item if isinstance(it.raw_item, dict) else it.raw_item.model_dump()
        print(it.type, raw.get("name"), raw.get("arguments"), json.dumps(raw.get("output")))
    print(result.final_output)


asyncio.run(main())
