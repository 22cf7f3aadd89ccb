"""talk.py FILE: conversations of the agent in graph.py, kept in a SQLite store."""
import sqlite3
import sys

from langgraph.checkpoint.sqlite import SqliteSaver

import graph

agent = graph.build(SqliteSaver(sqlite3.connect(sys.argv[1], check_same_thread=False)))
for thread, text in (("t-1", "Where is A-1041?"), ("t-2", "Where is my order A-1043?"), ("t-2", "Hello")):
    agent.invoke({"messages": [("user", text)]}, {"configurable": {"thread_id": thread}})
