"""anthropic_agent.py plain|stream QUESTION: a loop around Anthropic's own SDK; prints what was said."""
import sys

import anthropic

import shop

client = anthropic.Anthropic()
TOOL = {"name": "lookup_order", "description": "Looks up where an order is.", "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}}}
messages = [{"role": "user", "content": sys.argv[2]}]
while True:
    ask = {"model": "fixed", "max_tokens": 100, "system": "You serve a shop.", "tools": [TOOL], "messages": messages}
    if sys.argv[1] == "stream":
        with client.messages.stream(**ask) as stream:
            said = stream.get_final_message()
    else:
        said = client.messages.create(**ask)
    messages.append({"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in said.content]})
    calls = [b for b in said.content if b.type == "tool_use"]
    if not calls:
        break
    messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": c.id, "content": shop.lookup(**c.input)} for c in calls]})
print(said.stop_reason, said.content[0].text)
