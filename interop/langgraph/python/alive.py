"""Fifth shape: graphs inside graphs that are under way. Parallel branches wait inside their subgraphs, two questions a node; a graph hands over to another;
one remembers by itself; a fan-out is half done, with a failure and a question in it; chats are kept as their writes (DeltaChannel)."""
import operator
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages
from langgraph.types import Command, Overwrite, Send, interrupt

FIELDS = ["text"]
CALLS = []
BROKEN = [True]


class Log(TypedDict, total=False):
    log: Annotated[list, operator.add]
    i: int


def cfg(thread):
    return {"configurable": {"thread_id": thread}}


def helper(name, **more):
    """An agent inside another: it says what it thinks, then asks twice."""
    def think(s):
        return {"messages": [AIMessage(f"{name} thinks", id=f"{name}-1")]}

    def act(s):
        CALLS.append(name)
        said = f"{interrupt({'q': name})} {interrupt({'q': name + ' sure'})}"
        return {"messages": [AIMessage(f"{name} {said}", id=f"{name}-2")]}
    return StateGraph(MessagesState).add_node("think", think).add_node("act", act).add_edge(START, "think").add_edge("think", "act").compile(**more)


def team(saver):
    """Two helpers side by side, a third two graphs deep."""
    mid = StateGraph(MessagesState).add_node("deep", helper("third")).add_edge(START, "deep").compile()
    g = StateGraph(MessagesState).add_node("left", helper("first")).add_node("right", helper("second")).add_node("mid", mid)
    for n in ("left", "right", "mid"):
        g.add_edge(START, n)
    return g.compile(checkpointer=saver)


def remembering(saver):
    """A helper with a memory of its own, which outlives a run."""
    sub = StateGraph(MessagesState).add_node("note", lambda s: {"messages": [AIMessage(f"noted {len(s['messages'])}", id=f"n-{len(s['messages'])}")]}).add_edge(START, "note").compile(checkpointer=True)

    def ask(s):
        return {"messages": [AIMessage(f"helper: {sub.invoke({'messages': [HumanMessage('remember', id=s['messages'][-1].id + '-r')]})['messages'][-1].content}", id=s["messages"][-1].id + "-a")]}
    return StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=saver)


def handing(saver):
    def alice(s):
        return Command(goto="bob", graph=Command.PARENT, update={"messages": [AIMessage("over to bob", id="a-1", name="alice")]})
    sub = StateGraph(MessagesState).add_node("talk", alice).add_edge(START, "talk").compile()
    return (StateGraph(MessagesState).add_node("alice", sub, destinations=("bob",)).add_node("bob", helper("bob")).add_edge(START, "alice").compile(checkpointer=saver))


def fan(saver):
    def work(s):
        CALLS.append(f"work {s['i']}")
        if s["i"] == 1 and BROKEN[0]:
            raise ValueError("broken 1")
        return {"log": [interrupt("two?") if s["i"] == 2 else s["i"]]}
    g = StateGraph(Log).add_node("work", work).add_node("sum", lambda s: {"log": [sum(x for x in s["log"] if isinstance(x, int))]}).add_edge("work", "sum")
    return g.add_conditional_edges(START, lambda s: [Send("work", {"i": i}) for i in range(4)], ["work"]).compile(checkpointer=saver)


def fold(state, writes):
    for w in writes:
        state = add_messages(state or [], w)
    return state


class Kept(TypedDict, total=False):
    messages: Annotated[list, DeltaChannel(fold, snapshot_frequency=100)]


def kept(saver, *nodes):
    """A chat that is nothing but its writes."""
    g = StateGraph(Kept)
    for n in nodes or ("bot",):
        g.add_node(n, lambda s, n=n: {"messages": [AIMessage(f"{n} {len(s['messages'])}", id=f"{n}-{len(s['messages'])}-{s['messages'][-1].id}")]}).add_edge(START, n)
    g.add_node("quiet", lambda s: {"messages": []}).add_edge(START, "quiet")
    return g.compile(checkpointer=saver)


def make(b):
    start = {"messages": [HumanMessage("hello", id="h-1")]}
    for f, thread in ((team, "team"), (remembering, "remembering"), (handing, "handing")):
        f(b.saver).invoke(start, cfg(thread))
    try:
        fan(b.saver).invoke({}, cfg("fan"))
    except ValueError:
        pass
    for thread in ("kept", "emptied", "written over"):
        kept(b.saver).invoke(start, cfg(thread))
    kept(b.saver, "z", "m", "a").invoke(start, cfg("kept in parallel"))
    kept(b.saver).update_state(cfg("emptied"), {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}, as_node="bot")
    kept(b.saver).update_state(cfg("written over"), {"messages": Overwrite([HumanMessage("only this", id="o-1")])}, as_node="bot")
    for thread in ("emptied", "written over"):
        kept(b.saver).invoke({"messages": "a plain text"}, cfg(thread))
    return {t: [m.content for m in kept(b.saver).get_state(cfg(t)).values["messages"]] for t in ("kept", "emptied", "written over", "kept in parallel")}
