"""langgraph_agent.py chat|responses plain|stream QUESTION: one conversation; prints what was said."""
import sys

import graph

agent = graph.build(responses=sys.argv[1] == "responses", streaming=sys.argv[2] == "stream")
for m in agent.invoke({"messages": [("user", sys.argv[3])]})["messages"]:
    print(m.type, m.text, [(c["name"], c["args"]) for c in getattr(m, "tool_calls", [])])
