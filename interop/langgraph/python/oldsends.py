"""What langgraph 0.4.8 left on PostgreSQL: tasks that Sends started wait at checkpoints of version 3. The state is loaded from a dump; the graph
is the one that made it."""
import operator
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

FIELDS = ["text"]
CALLS = []


class S(TypedDict, total=False):
    log: Annotated[list, operator.add]
    msgs: list
    n: int


def worker(s):
    CALLS.append(s["i"])
    return {"log": [f"w{s['i']}"]}


def graph(saver):
    g = StateGraph(S).add_node("fan", lambda s: CALLS.append("fan")).add_node("worker", worker).add_node("end", lambda s: {"log": ["end"]})
    g.add_edge(START, "fan").add_conditional_edges("fan", lambda s: [Send("worker", {"i": i}) for i in (1, 2, 3)], ["worker"])
    return g.add_edge("worker", "end").add_edge("end", END).compile(checkpointer=saver)


def cfg(thread):
    return {"configurable": {"thread_id": thread}}


def make(b):
    return {t: len(graph(b.saver).get_state(cfg(t)).tasks) for t in ("paused", "failed")}
