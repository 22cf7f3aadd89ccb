"""A graph that waits for a person, on LangGraph's own saver for AgentCore.

graph.py pause MEMORY FORMAT   runs until it waits
graph.py state MEMORY FORMAT   prints what it waits for
graph.py resume MEMORY FORMAT  goes on, and prints how it ends
"""
import json, operator, sys
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.types import Command, interrupt
from langgraph_checkpoint_aws import AgentCoreMemorySaver, AgentCoreMemoryStore


class State(TypedDict):
    messages: Annotated[list, add_messages]
    log: Annotated[list, operator.add]


def plan(s):
    return {"messages": [AIMessage("I would refund 40 €.", id="m2")], "log": ["plan"]}


def audit(s):
    return {"log": ["audit ran once"]}


def approve(s):
    answer = interrupt({"question": "refund 40 €?", "order": 7})
    return {"messages": [AIMessage(f"refund: {answer}", id="m3")], "log": [f"approved {answer}"]}


def done(s):
    return {"log": ["done"]}


def inner_ask(s):
    return {"log": ["inner " + interrupt({"question": "inside?"})]}


def build(saver):
    sub = StateGraph(State)
    sub.add_node("inner_ask", inner_ask)
    sub.add_edge(START, "inner_ask")
    g = StateGraph(State)
    for n, f in (("plan", plan), ("audit", audit), ("approve", approve), ("sub", sub.compile()), ("done", done)):
        g.add_node(n, f)
    g.add_edge(START, "plan")
    g.add_edge("plan", "audit")
    g.add_edge("plan", "approve")
    g.add_edge(["audit", "approve"], "sub")
    g.add_edge("sub", "done")
    g.add_edge("done", END)
    return g.compile(checkpointer=saver)


def main(verb, mem, fmt):
    app = build(AgentCoreMemorySaver(mem, checkpoint_format=fmt))
    cfg = {"configurable": {"thread_id": "order-7-" + fmt, "actor_id": "ada"}}
    if verb == "pause":
        app.invoke({"messages": [HumanMessage("Refund order 7", id="m1")], "log": ["start"]}, cfg)
        if fmt == "legacy":
            store = AgentCoreMemoryStore(memory_id=mem)
            store.put(("ada", "order-7-legacy"), "note", {"message": HumanMessage("She is a regular.")})
    if verb in ("pause", "state"):
        st = app.get_state(cfg)
        print(json.dumps({"next": sorted(st.next), "interrupts": [[i.value, i.id] for i in st.interrupts], "log": st.values["log"], "messages": [[m.type, m.content, m.id] for m in st.values["messages"]],
                          "history": len(list(app.get_state_history(cfg)))}))
        return
    first = app.invoke(Command(resume="yes"), cfg)
    ask = [i.value for i in first.get("__interrupt__", [])]
    out = app.invoke(Command(resume="also"), cfg)
    print(json.dumps({"asked": ask, "log": out["log"], "messages": [[m.type, m.content] for m in out["messages"]]}))


main(*sys.argv[1:])
