"""Fourth shape: how graphs are wired. Joins and deferred nodes that wait, graphs with memories of their own three deep, jumps out of a graph with
Sends, handlers of errors, tasks that ask, every durability, states that were put together by hand, travels in time, savers that are asynchronous.
The index of the store is set up, and nothing is in it."""
import asyncio, operator
from typing import Annotated, Any, TypedDict

from langgraph.channels import EphemeralValue, Topic, UntrackedValue
from langgraph.errors import NodeError
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy, Command, Send, StateUpdate, interrupt

FIELDS = ["text"]
CALLS = []
DURABILITY = ["exit", "sync", "async"]


class S(TypedDict, total=False):
    log: Annotated[list, operator.add]
    unsaved: Annotated[Any, UntrackedValue]
    once: Annotated[str, EphemeralValue(str)]
    topic: Annotated[list, Topic(str)]


def step(name, **update):
    def f(s):
        CALLS.append(name)
        return {"log": [name], **update}
    return f


def asks(name):
    def f(s):
        CALLS.append(name)
        return {"log": [f"{name} {interrupt(name + '?')}"]}
    return f


def join_graph(saver, ask="c", defer=True, **kw):
    """The join waits for two branches of different length, the last node for all others."""
    g = StateGraph(S).add_node("a", step("a", unsaved=object(), once="x", topic=["t"]))
    for n in ("b", "b2", "c", "join"):
        g.add_node(n, asks(n) if n == ask else step(n))
    g.add_node("last", step("last"), defer=defer)
    g.add_edge(START, "a").add_edge("a", "b").add_edge("b", "b2").add_edge("a", "c").add_edge(["b2", "c"], "join").add_edge("join", "last")
    return (g.add_edge("a", "last") if defer else g).compile(checkpointer=saver, **kw)


def nest_graph(saver):
    c = StateGraph(S).add_node("ask", asks("ask")).add_edge(START, "ask").compile(checkpointer=True)
    b = StateGraph(S).add_node("pre", step("pre")).add_node("c", c).add_edge(START, "pre").add_edge("pre", "c").compile(checkpointer=True)
    a = StateGraph(S).add_node("b", b).add_edge(START, "b").compile(checkpointer=True)
    return StateGraph(S).add_node("a", a).add_edge(START, "a").compile(checkpointer=saver)


def jump_graph(saver):
    out = StateGraph(S).add_node("jump", lambda s: Command(graph=Command.PARENT, goto=[Send("w", 1), Send("w", 2)], update={"log": ["jumped"]})).add_edge(START, "jump").compile()
    def w(i):
        CALLS.append(f"w{i}")
        return {"log": [f"w{i} {interrupt('w?')} {interrupt('again?')}" if i == 2 else "w1"]}
    return StateGraph(S).add_node("out", out, destinations=("w",)).add_node("w", w).add_edge(START, "out").compile(checkpointer=saver)


def handled_graph(saver):
    def bad(s):
        CALLS.append("bad")
        raise ValueError("boom")
    def handler(s, error: NodeError):
        CALLS.append("handler")
        return Command(update={"log": [f"{error.node} handled {interrupt('how?')}"]}, goto="end")
    return (StateGraph(S).add_node("bad", bad, error_handler=handler).add_node("sibling", step("sibling")).add_node("end", step("end"))
            .add_edge(START, "bad").add_edge(START, "sibling").compile(checkpointer=saver))


@task
def double(i: int) -> int:
    CALLS.append(f"double {i}")
    return i * 2


@task
def ask_of(what: str) -> str:
    CALLS.append(f"ask {what}")
    return interrupt(what)


def flow(saver):
    @entrypoint(checkpointer=saver)
    def wf(n: int, *, previous: Any = None) -> entrypoint.final[Any, Any]:
        CALLS.append("wf")
        got = [f.result() for f in [double(i) for i in range(n)]]
        said = {ask_of("one").result(), ask_of("two").result()}
        return entrypoint.final(value={"got": got, "said": sorted(said), "previous": previous}, save={"n": (previous or {"n": 0})["n"] + 1, "said": said})
    return wf


def line_graph(saver, **kw):
    return (StateGraph(S).add_node("one", step("one"), cache_policy=CachePolicy()).add_node("two", step("two")).add_edge(START, "one").add_edge("one", "two")
            .compile(checkpointer=saver, **kw))


def cfg(thread):
    return {"configurable": {"thread_id": thread}}


async def asynchronous(url):
    if url.startswith("postgres"):
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver as Saver
    else:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver as Saver
    async with Saver.from_conn_string(url.removeprefix("sqlite:")) as saver:
        g = join_graph(saver)
        await g.ainvoke({"log": []}, cfg("asynchronous"))
        await g.aupdate_state(cfg("asynchronous"), {"log": ["by hand"]}, as_node="b2")


def make(b):
    start = {"log": ["in"], "unsaved": 1}
    join_graph(b.saver).invoke(start, cfg("join"))
    join_graph(b.saver, ask="join").invoke(start, cfg("asked by a join"))
    join_graph(b.saver, ask="", defer=False, interrupt_before=["join"]).invoke(start, cfg("before a join"))
    for answer in (None, "first"):
        nest_graph(b.saver).invoke(start if answer is None else Command(resume=answer), cfg("nest"))
    nest_graph(b.saver).invoke({"log": ["again"]}, cfg("nest"))
    try:
        handled_graph(b.saver).invoke(start, cfg("handled"))
    except ValueError:      # the library raises it while the handler waits
        pass
    for x in (2, Command(resume="A"), Command(resume="B"), 3, Command(resume="C")):
        flow(b.saver).invoke(x, cfg("flow"))
    for d in DURABILITY:
        jump_graph(b.saver).invoke({"log": []}, cfg(f"jump {d}"), durability=d)
        nest_graph(b.saver).invoke(start, cfg(f"nest {d}"), durability=d)
        line_graph(b.saver, interrupt_after=["one"]).invoke(start, cfg(f"line {d}"), durability=d)
    g = line_graph(b.saver)
    for as_node in ("one", "two"):
        g.update_state(cfg("by hand"), {"log": [as_node]}, as_node=as_node)
    g.bulk_update_state(cfg("in bulk"), [[StateUpdate({"log": ["x"]}, "__input__")], [StateUpdate({"log": ["1"]}, "one")]])
    g.update_state(cfg("in bulk"), None, as_node="__copy__")
    g.invoke(start, cfg("travelled"))
    past = [s for s in g.get_state_history(cfg("travelled")) if s.next == ("two",)][0]
    g.invoke(None, past.config)
    g.invoke({"log": ["other"]}, past.config)
    for _ in range(2):
        g.invoke(start, cfg("deleted"))
    b.saver.delete_thread("deleted")
    asyncio.run(asynchronous(b.url))
    return {"travelled": g.get_state(cfg("travelled")).values["log"]}
