"""Eighth shape: answers that were given in part. Five nodes ask side by side, two of them twice by now; tools ask, each call a task of its own;
an answer came with an update and a jump; a loop asks until it is told to stop; a node calls graphs with memories of their own by hand; the third task of
a function failed. Each by all three durabilities."""
import operator, time
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send, interrupt

FIELDS = ["text"]
CALLS = []
BROKEN = [True]
DURABILITY = ["exit", "sync", "async"]


class S(TypedDict, total=False):
    log: Annotated[list, operator.add]
    i: int


def cfg(thread):
    return {"configurable": {"thread_id": thread}}


def step(name):
    def f(s):
        CALLS.append(name)
        return {"log": [name]}
    return f


def poll(saver):
    def vote(s):
        CALLS.append(f"vote {s['i']}")
        first = interrupt(s["i"])
        return {"log": [f"{s['i']} {first} {interrupt(s['i'])}"]}
    return (StateGraph(S).add_node("vote", vote).add_node("sum", step("sum")).add_edge("vote", "sum")
            .add_conditional_edges(START, lambda s: [Send("vote", {"i": i}) for i in range(5)], ["vote"]).compile(checkpointer=saver))


@tool
def book(city: str) -> str:
    "Books."
    CALLS.append(city)
    return f"{city} {interrupt(city)}"


def clerk(saver):
    def agent(s):
        if isinstance(s["messages"][-1], ToolMessage):
            return {"messages": [AIMessage("done", id="end")]}
        return {"messages": [AIMessage("", id="ai", tool_calls=[{"name": "book", "args": {"city": c}, "id": c} for c in ("Rom", "Bern")])]}

    def route(s):
        return [Send("tools", {"__type": "tool_call_with_context", "tool_call": {**c, "type": "tool_call"}, "state": s}) for c in s["messages"][-1].tool_calls] or END
    return (StateGraph(MessagesState).add_node("agent", agent).add_node("tools", ToolNode([book])).add_edge(START, "agent").add_edge("tools", "agent")
            .add_conditional_edges("agent", route, ["tools", END]).compile(checkpointer=saver))


def jump(saver):
    g = StateGraph(S).add_edge(START, "a").add_edge("a", "b").add_edge("b", "c").add_node("c", step("c"))
    for n in "ab":
        g.add_node(n, lambda s, n=n: {"log": [f"{n} {interrupt(n)}"]})
    return g.compile(checkpointer=saver)


def loop(saver):
    def ask(s):
        got = []
        while (a := interrupt(list(got))) != "stop":
            got.append(a)
        return {"log": got}
    return StateGraph(S).add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=saver)


def helpers(saver):
    def helper(name):
        ask = lambda s: {"log": [f"{name} {len(s['log'])} {interrupt(name)}"]}
        return StateGraph(S).add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=True, name=name)
    one, two = helper("one"), helper("two")
    node = lambda s: {"log": [g.invoke({"log": ["in"]})["log"][-1] for g in (one, two)]}
    return StateGraph(S).add_node("node", node).add_edge(START, "node").compile(checkpointer=saver)


@task
def square(i):
    CALLS.append(f"square {i}")
    if i == 2 and BROKEN[0]:
        time.sleep(0.2)    # let the others finish first
        raise ValueError("two")
    return (i, i * i)


def flow(saver):
    @entrypoint(checkpointer=saver)
    def f(n, *, previous=None):
        got = [list(x.result()) for x in [square(i) for i in range(n)]]
        return entrypoint.final(value={"got": got, "said": interrupt(n), "previous": previous}, save=n)
    return f


def make(b):
    for d in DURABILITY:
        def run(g, x, name):
            try:
                g.invoke(x, cfg(f"{name} {d}"), durability=d)
            except ValueError:
                pass
        for g, name in ((poll(b.saver), "poll"), (clerk(b.saver), "clerk")):
            run(g, {"messages": [HumanMessage("go", id="h")]} if name == "clerk" else {"log": []}, name)
            for answered in ((0, 3), (0, 1)) if name == "poll" else (("Bern",),):
                asked = {i.value: i.id for i in g.get_state(cfg(f"{name} {d}")).interrupts}
                run(g, Command(resume={asked[x]: f"<{x}>" for x in answered}), name)
        for x in ({"log": []}, Command(resume="A", update={"log": ["put in"]}, goto="c")):
            run(jump(b.saver), x, "jump")
        for x in ({"log": []}, *(Command(resume=x) for x in (1, {"two": 2}, False))):
            run(loop(b.saver), x, "loop")
        for x in ({"log": []}, Command(resume="A")):
            run(helpers(b.saver), x, "helpers")
        run(flow(b.saver), 4, "flow")
    return {}
