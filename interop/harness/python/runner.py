"""A runner for exitramp test (docs/runner.md): an agent in LangGraph whose state is the SQLite store
that the task names, as a path or as the URL of a drill's plan. Works on a copy: a task remembers only what was in the store before."""
import json
import os
import shutil
import sqlite3
import sys
import tempfile

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

import graph


def run(task):
    thread = {"configurable": {"thread_id": task["input"]["vars"]["thread"]}}
    with tempfile.TemporaryDirectory() as folder:
        saver = InMemorySaver()
        if task.get("state"):
            store = os.path.join(folder, "store.sqlite")
            shutil.copy(task["state"].removeprefix("langgraph+sqlite:"), store)
            saver = SqliteSaver(sqlite3.connect(store, check_same_thread=False))
        agent = graph.build(saver)
        before = len((agent.get_state(thread).values or {}).get("messages", []))
        said = agent.invoke({"messages": [("user", task["input"]["text"])]}, thread)["messages"][before:]
    calls = [{"name": c["name"], "arguments": c["args"]} for m in said for c in getattr(m, "tool_calls", [])]
    return {"id": task["id"], "output": said[-1].text, "tool_calls": calls}


for line in sys.stdin:
    task = json.loads(line)
    try:
        answer = run(task)
    except Exception as e:
        print(repr(e), file=sys.stderr)
        answer = {"id": task["id"], "error": type(e).__name__}
    print(json.dumps(answer), flush=True)
