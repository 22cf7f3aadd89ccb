"""Names of nodes: they are names of channels, too.

  python names.py make URL      three threads, of graphs whose nodes are called otherwise
  python names.py judge URL     a copy of those that PostgreSQL can give back; prints PASS n checks, or a line a difference"""
import operator, sys, warnings
from typing import Annotated, TypedDict

import odd_graphs as odd
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from backend import Backend, scratch_copy

warnings.simplefilter("ignore")
NODES = {"plain": "ask", "odd": "päckchen 📦 / it's \"q\" %5C; {x}\n#?", "backslash": "C\\ask"}


class State(TypedDict):
    said: Annotated[list, operator.add]


def graph(b, thread):
    g = StateGraph(State)
    g.add_node("first", lambda s: {"said": ["first"]})
    g.add_node(NODES[thread], lambda s: {"said": [interrupt("which?")]})
    g.add_edge(START, "first")
    g.add_edge("first", NODES[thread])
    return g.compile(checkpointer=b.saver)


def cfg(thread):
    return {"configurable": {"thread_id": thread}}


def make(url):
    b = Backend(url, odd)
    for thread in NODES:
        graph(b, thread).invoke({"said": []}, cfg(thread))
    b.close()


def judge(url):
    bad, n = [], 0
    with scratch_copy(url) as copy:
        b = Backend(copy, odd)
        for what, got, want in [
            ("threads", sorted({t.config["configurable"]["thread_id"] for t in b.saver.list(None)}), ["odd", "plain"]),
            *((t, (graph(b, t).get_state(cfg(t)).next, graph(b, t).invoke(Command(resume="this"), cfg(t))["said"]), ((NODES[t],), ["first", "this"])) for t in ("odd", "plain")),
        ]:
            n += 1
            if got != want:
                bad.append(f"{what}: got {got!r:.300} want {want!r:.300}")
        b.close()
    for line in bad:
        print("DIFF", line)
    print(f"FAIL {len(bad)} differences in {n} checks" if bad else f"PASS {n} checks")
    sys.exit(bool(bad))


if __name__ == "__main__":
    {"make": make, "judge": judge}[sys.argv[1]](sys.argv[2])
