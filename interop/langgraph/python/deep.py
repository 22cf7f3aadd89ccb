"""Sixth shape: agents as applications write them. A prebuilt agent whose tools ask, hand over state and fail; a helper called several times in a node;
graphs inside fanned-out tasks that wait each for themselves; graphs inside tasks of the functional API; edits and travels inside a graph that waits;
reducers over sets, decimals, dates and arrays; threads that were cut down to their newest checkpoint; nodes that failed, ran again, and ask;
a graph that is put together without the library's builders."""
import collections, datetime, decimal, enum, operator, time, uuid
from typing import Annotated, Any, TypedDict

import numpy as np
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.channels import AnyValue, EphemeralValue, LastValue
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages, push_message
from langgraph.managed import RemainingSteps
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.prebuilt import InjectedState, ToolNode, create_react_agent
from langgraph.types import Command, RetryPolicy, Send, interrupt
from pydantic import BaseModel

FIELDS = ["title", "parts[*].body", "meta.author"]
CALLS = []
BROKEN = {"now": True}


def cfg(thread, **more):
    return {"configurable": {"thread_id": thread, **more}}


def waits(r):
    return [i.value for i in r.get("__interrupt__", ())]


# A prebuilt agent.
class Verdict(BaseModel):
    good: bool
    why: str = ""


class Desk(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    remaining_steps: RemainingSteps
    basket: Annotated[list, operator.add]
    structured_response: Verdict


class Model(BaseChatModel):
    """Says the same thing each time: three tools at once, then a word."""
    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **kw):
        return self

    def with_structured_output(self, schema, **kw):
        from langchain_core.runnables import RunnableLambda
        return RunnableLambda(lambda _: schema(good=True, why="said so"))

    def _generate(self, messages, stop=None, run_manager=None, **kw):
        n = sum(isinstance(m, AIMessage) for m in messages)
        if isinstance(messages[-1], ToolMessage):
            m = AIMessage([{"type": "reasoning", "reasoning": "thought", "extras": {"signature": "c2ln"}}, {"type": "text", "text": "done", "annotations": [{"type": "citation", "url": "https://example.com"}]}],
                          id=f"ai-{n}", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_token_details": {"cache_read": 1}})
        else:
            calls = [{"name": "add", "args": {"what": "tea"}, "id": f"c{n}-1"}, {"name": "ask", "args": {"q": "sure?"}, "id": f"c{n}-2"}, {"name": "fail", "args": {}, "id": f"c{n}-3"}]
            m = AIMessage("", id=f"ai-{n}", tool_calls=[{**c, "type": "tool_call"} for c in calls], response_metadata={"model_name": "scripted-1", "logprobs": None},
                          invalid_tool_calls=[{"name": "bad", "args": "{not json", "id": f"c{n}-4", "error": "no JSON", "type": "invalid_tool_call"}])
        return ChatResult(generations=[ChatGeneration(message=m)])


@tool
def add(what: str, state: Annotated[dict, InjectedState], call: Annotated[str, InjectedToolCallId]) -> Command:
    """Puts something into the basket."""
    CALLS.append("add")
    return Command(update={"basket": [what], "messages": [ToolMessage(f"added {what}", tool_call_id=call, id=f"t-{call}", artifact={"n": len(state["messages"]), "raw": b"\x00\xff"})]})


@tool
def ask(q: str) -> str:
    """Asks a person, twice."""
    CALLS.append("ask")
    return f"{interrupt({'q': q})} {interrupt({'q': 'really?'})}"


@tool
def fail() -> str:
    """Always fails."""
    CALLS.append("fail")
    raise ValueError("no such thing")


def agent(saver, store):
    return create_react_agent(Model(), ToolNode([add, ask, fail], handle_tool_errors=True), prompt=SystemMessage("be kind"), state_schema=Desk, response_format=Verdict, checkpointer=saver, store=store)


# A helper that is called several times in one node, with and without a memory of its own; each call asks.
class Out(TypedDict, total=False):
    log: Annotated[list, operator.add]


class Part(TypedDict, total=False):
    n: int
    log: Annotated[list, operator.add]


def n_inner(s):
    CALLS.append(f"inner {s['n']}")
    return {"log": [f"{s['n']}: {interrupt(s['n'])}"]}


def helper(**kw):
    return StateGraph(Part, output_schema=Out).add_node("pre", lambda s: {"log": [f"pre {s['n']}"]}).add_node("in ner", n_inner).add_edge(START, "pre").add_edge("pre", "in ner").compile(**kw)


def caller_graph(saver):
    h = helper()

    def call(s):
        CALLS.append("call")
        out = []
        for n in (1, 2):
            out += h.invoke({"n": n})["log"]
        return {"log": out}
    return StateGraph(Part).add_node("call", call).add_edge(START, "call").compile(checkpointer=saver)


def fan_graph(saver):
    mid = StateGraph(Part, output_schema=Out).add_node("mid", helper()).add_edge(START, "mid").compile()
    return (StateGraph(Part).add_node("work", mid).add_node("end", lambda s: {"log": ["end"]}).add_conditional_edges(START, lambda s: [Send("work", {"n": i}) for i in range(4)], ["work"])
            .add_edge("work", "end").compile(checkpointer=saver))


# Graphs in tasks in an entrypoint in a node.
@task(retry_policy=RetryPolicy(max_attempts=2, initial_interval=0.01, retry_on=KeyError))
def sub_task(n: int) -> list:
    CALLS.append(f"sub_task {n}")
    if n == 3 and BROKEN["now"]:
        raise KeyError("three")
    return helper().invoke({"n": n})["log"] if n < 3 else [n]


def flow(saver):
    @entrypoint(checkpointer=saver)
    def outer(ns: list, *, previous: Any = None) -> entrypoint.final[Any, Any]:
        got = [f.result() for f in [sub_task(n) for n in ns]]
        return entrypoint.final(value=got, save=(previous or ()) + (len(got),))
    return outer


# Reducers.
class Mood(str, enum.Enum):
    GOOD = "good"


class Level(enum.IntEnum):
    HIGH = 3


class Sums(TypedDict, total=False):
    seen: Annotated[set, operator.or_]
    queue: Annotated[collections.deque, operator.add]
    count: Annotated[dict, operator.or_]
    total: Annotated[decimal.Decimal, operator.add]
    latest: Annotated[datetime.datetime, lambda a, b: max(a, b)]
    vec: Annotated[np.ndarray, operator.add]
    any: Annotated[Any, AnyValue(Any)]
    mood: Mood
    level: Level
    ident: uuid.UUID
    frozen: Annotated[frozenset, operator.or_]


def n_sum(s):
    CALLS.append("sum")
    return {"seen": {len(s["seen"]), "x"}, "queue": collections.deque([1], maxlen=3), "count": {Level.HIGH: 1, (1, 2): [Mood.GOOD]}, "total": decimal.Decimal("0.10"),
            "latest": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))), "vec": np.ones(3), "any": {1, 2},
            "mood": Mood.GOOD, "level": Level.HIGH, "ident": uuid.UUID(int=5), "frozen": frozenset({"y"})}


def sums_graph(saver, **kw):
    return StateGraph(Sums).add_node("sum", n_sum).add_node("again", n_sum).add_edge(START, "sum").add_edge("sum", "again").compile(checkpointer=saver, **kw)


def pushing_graph(saver):
    def push(s):
        push_message(AIMessage("pushed", id="p-1"))
        return {"messages": [AIMessage("returned", id="p-2")]}
    return StateGraph(MessagesState).add_node("push", push).add_edge(START, "push").compile(checkpointer=saver)


def dig_graph(saver):
    """Three graphs deep, the outer ones with memories of their own; the state of the innermost is edited while it waits."""
    c = StateGraph(Part).add_node("helper", helper()).add_edge(START, "helper").compile(checkpointer=True)
    return StateGraph(Part).add_node("c", c).add_node("after", lambda s: {"log": [f"after {s['n']}"]}).add_edge(START, "c").add_edge("c", "after").compile(checkpointer=saver)


def retried_graph(saver):
    """One node fails beside one that asks, another fails before it asks."""
    def fails(s):
        CALLS.append("fails")
        time.sleep(0.2)     # let the other ask first
        if BROKEN["now"]:
            raise ConnectionError("no net")
        return {"log": ["went well"]}

    def then_asks(s):
        CALLS.append("then asks")
        if BROKEN["now"]:
            raise ConnectionError("no net")
        return {"log": [f"then {interrupt('then?')}"]}
    return {"retried": StateGraph(Part).add_node("fails", fails).add_node("asks", lambda s: {"log": [interrupt("well?")]}).add_edge(START, "fails").add_edge(START, "asks").compile(checkpointer=saver),
            "retried alone": StateGraph(Part).add_node("asks", then_asks).add_edge(START, "asks").compile(checkpointer=saver)}


def bare_graph(saver, **kw):
    one = NodeBuilder().subscribe_only("a").do(lambda x: x + x).write_to("b")
    two = NodeBuilder().subscribe_only("b").do(lambda x: x + "!").write_to("c")
    return Pregel(nodes={"one": one, "two": two}, channels={"a": EphemeralValue(str), "b": LastValue(str), "c": LastValue(str)}, input_channels=["a"], output_channels=["c"], checkpointer=saver, **kw)


def innermost(g, thread):
    s = g.get_state(cfg(thread), subgraphs=True)
    while s.tasks and getattr(s.tasks[0].state, "config", None):
        s = s.tasks[0].state
    return s


START_SUMS = {"seen": {0}, "queue": collections.deque([9]), "count": {}, "total": decimal.Decimal("1.50"), "latest": datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
              "vec": np.zeros(3), "frozen": frozenset(), "any": None}
ITEMS = [
    (("lib", "ünï %_"), "k", {"title": "one", "parts": [{"body": "p1"}, {"body": "p2"}, {"other": 1}], "meta": {"author": None}}, None),
    (("lib", "lists"), "", {"title": ["a", "b"], "parts": [], "meta": {"author": {"name": "n"}}}, ["title", "parts[0].body", "meta"]),
    (("lib", "none"), "none", {"title": None, "parts": None}, None),
    (("lib", "own"), "own", {"other": "indexed by a field of its own", "title": "not this"}, ["other"]),
    (("lib",), "k" * 400, {"title": "t" * 9000, "n": 10**18, "f": 1e-320, "deep": [[[[{}]]]], "é\u0301": "\u2028"}, False),
]


def make(b):
    hi = {"messages": [HumanMessage("hi", id="h-1")]}
    for thread in ("agent", "agent half", "agent done"):
        agent(b.saver, b.store).invoke(hi, cfg(thread))
    agent(b.saver, b.store).invoke(Command(resume="yes"), cfg("agent half"))
    for answer in ("yes", "really"):
        agent(b.saver, b.store).invoke(Command(resume=answer), cfg("agent done"))
    caller_graph(b.saver).invoke({"log": []}, cfg("caller"))
    caller_graph(b.saver).invoke(Command(resume="A"), cfg("caller"))
    f = fan_graph(b.saver)
    for thread in ("fan", "fan in part"):
        f.invoke({"log": []}, cfg(thread))
    f.invoke(Command(resume={i.id: f"said {i.value}" for i in f.get_state(cfg(thread)).interrupts if i.value % 2}), cfg("fan in part"))
    try:
        flow(b.saver).invoke([3], cfg("flow"))
        raise SystemExit("the task that should fail did not")
    except KeyError:
        pass
    flow(b.saver).invoke([1, 2], cfg("flow asks"))
    for d in ("sync", "exit"):
        sums_graph(b.saver, interrupt_before=["again"]).invoke(START_SUMS, cfg(f"sums {d}"), durability=d)
    pushing_graph(b.saver).invoke(hi, cfg("pushing"))
    g = dig_graph(b.saver)
    for thread in ("dig", "dig edited", "dig travelled"):
        g.invoke({"n": 7, "log": []}, cfg(thread))
    deep = innermost(g, "dig edited")
    g.update_state(deep.config, {"n": 8, "log": ["edited"]})
    deep = innermost(g, "dig travelled")
    g.update_state(deep.config, {"log": ["asked by hand"]}, as_node="in ner")
    for again in (False, True):
        BROKEN["now"] = not again
        for thread, retried in retried_graph(b.saver).items():
            try:
                retried.invoke(None if again else {"log": []}, cfg(thread))
            except ConnectionError:
                pass
    bare_graph(b.saver, interrupt_before_nodes=["two"]).invoke({"a": "x"}, cfg("bare"))
    if b.pg:
        for thread in ("cut", "cut waits"):
            for _ in range(2):
                dig_graph(b.saver).invoke({"n": 7, "log": []}, cfg(thread))
        for _ in range(3):
            sums_graph(b.saver).invoke(START_SUMS, cfg("cut sums"))
        b.saver.prune(["cut", "cut waits", "cut sums"])
    for thread in (7, uuid.UUID(int=9), ""):
        pushing_graph(b.saver).invoke(hi, cfg(thread))
    for ns, k, v, fields in ITEMS:
        b.store.put(ns, k, v, index=fields, ttl=90 if fields is None else None)
    b.store.put(("lib", "gone"), "gone", {"title": "over"}, ttl=-1)
    return {}
