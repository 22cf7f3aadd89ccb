"""First shape: a travel agent. Tool call, approval, parallel workers, subgraph, every value type, encrypted channels, delta channels, functional API.
No model: nodes are functions."""
import operator, time
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.channels import DeltaChannel
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send, interrupt

from values import STATE_VALUES

FIELDS = ["text"]
CALLS = []                  # every node run of this process, so a judge sees what ran again
FAIL = {"boom": False}      # make turns it on while it makes the failed thread


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    CALLS.append("get_weather")
    return f"Sunny in {city}, 21.5°C"

class Agent(TypedDict, total=False):
    messages: Annotated[list, add_messages]
    results: Annotated[list, operator.add]
    count: int
    ratio: float
    flag: bool
    note: str
    sub_note: str

def n_agent(s):
    CALLS.append("agent")
    if not isinstance(s["messages"][-1], ToolMessage):
        n = sum(isinstance(m, AIMessage) for m in s["messages"]) + 1
        return {"messages": [AIMessage("", id=f"ai-{n}", tool_calls=[{"name": "get_weather", "args": {"city": "Zürich"}, "id": f"call_{n}", "type": "tool_call"}],
                                       usage_metadata={"input_tokens": 12, "output_tokens": 7, "total_tokens": 19})],
                "count": 3, "ratio": 1.0, "flag": True}
    return {"messages": [AIMessage([{"type": "text", "text": "It is sunny."}], id=f"ai-{len(s['messages']) + 1}")]}

def n_approve(s):
    CALLS.append("approve")
    v = interrupt({"question": "book it?", "options": ["yes", "no"]})
    return {"note": f"human said {v}"}

def n_fan(s):
    CALLS.append("fan")
    return {}

def n_worker(s):
    CALLS.append(f"worker{s['i']}")
    if s["i"] == 2 and FAIL["boom"]:
        time.sleep(0.3)         # let the siblings finish first, or their tasks are cancelled too
        raise RuntimeError("boom in worker 2")
    return {"results": [s["i"] * 10]}

class Sub(TypedDict, total=False):
    sub_note: str
    subval: int

def n_s1(s):
    CALLS.append("s1")
    return {"subval": 41}

def n_s2(s):
    CALLS.append("s2")
    v = interrupt("sub needs input")
    return {"sub_note": f"sub:{v}:{s['subval']}"}

def agent_graph(saver, store=None):
    sub = StateGraph(Sub).add_node("s1", n_s1).add_node("s2", n_s2).add_edge(START, "s1").add_edge("s1", "s2").add_edge("s2", END).compile()
    g = StateGraph(Agent)
    for name, f in [("agent", n_agent), ("tools", ToolNode([get_weather])), ("approve", n_approve), ("fan", n_fan), ("worker", n_worker), ("sub", sub)]:
        g.add_node(name, f)
    g.add_edge(START, "agent").add_edge("tools", "agent").add_edge("approve", "fan").add_edge("worker", "sub").add_edge("sub", END)
    g.add_conditional_edges("agent", lambda s: "tools" if s["messages"][-1].tool_calls else "approve", ["tools", "approve"])
    g.add_conditional_edges("fan", lambda s: [Send("worker", {"i": i}) for i in (1, 2, 3)], ["worker"])
    return g.compile(checkpointer=saver, store=store)

Types = TypedDict("Types", {**{f"v_{k}": Any for k in STATE_VALUES}, "note": str}, total=False)

def n_emit(s):
    CALLS.append("emit")
    return {f"v_{k}": v for k, v in STATE_VALUES.items()}

def n_ask(s):
    CALLS.append("ask")
    return {"note": f"answer {interrupt('go on?')}"}

def types_graph(saver):
    g = StateGraph(Types).add_node("emit", n_emit).add_node("ask", n_ask).add_edge(START, "emit").add_edge("emit", "ask").add_edge("ask", END)
    return g.compile(checkpointer=saver)

def delta_add(state, writes):       # reducer of a DeltaChannel: the state is rebuilt from the writes of *old* checkpoints
    return list(state) + [x for w in writes for x in w]

class Delta(TypedDict, total=False):
    log: Annotated[list, DeltaChannel(delta_add)]                         # never snapshotted here
    log2: Annotated[list, DeltaChannel(delta_add, snapshot_frequency=3)]  # snapshot (ext 7) every third update
    turn: int

def n_delta(s):
    CALLS.append("delta")
    t = s.get("turn", 0) + 1
    return {"log": [f"turn {t}"], "log2": [t], "turn": t}

def delta_graph(saver):
    return StateGraph(Delta).add_node("step", n_delta).add_edge(START, "step").add_edge("step", END).compile(checkpointer=saver)

@task
def fetch(n: int) -> int:
    CALLS.append(f"fetch{n}")
    return n * 100

def func_flow(saver):
    @entrypoint(checkpointer=saver)
    def flow(inp: dict, *, previous: Any = None):
        CALLS.append("flow")
        a, b = fetch(1), fetch(2)
        got = [a.result(), b.result()]
        ok = interrupt({"sum": sum(got)})
        return {"ok": ok, "got": got, "previous": previous}
    return flow


def cfg(thread, **more):
    return {"configurable": {"thread_id": thread, "user_id": "u-1", **more}, "metadata": {"assistant": "demo"}}

ITEMS = [   # namespace, key, value, minutes to live
    (("users", "u-1", "memories"), "mem-1", {"text": "prefers °C", "n": 1.0, "big": 2**63}, None),
    (("users", "u-1", "memories"), "mem-2", {"text": "lives in Zürich 🌤", "tags": ["home"], "nul": None}, None),
    (("users", "u-1", "memories", "deep"), "mem-3", {"text": "likes trains"}, 600000),
    (("users", "u-2"), "mem-1", {"text": "other user", "z": 1, "a": 2}, None),
    (("org",), "a:b/c", {"no_text": True}, None),
]


def make(b):
    g = agent_graph(b.saver, b.store)
    hi = lambda i, t: {"messages": [SystemMessage("You are helpful", id=f"s-{i}"), HumanMessage(t, id=f"h-{i}")]}
    g.invoke(hi(1, "Weather in Zürich? 🌤"), cfg("t-interrupt"))
    g.invoke(hi(2, "again"), cfg("t-failed"))
    FAIL["boom"] = True
    try:
        g.invoke(Command(resume="yes"), cfg("t-failed"))
        raise SystemExit("the failing worker did not fail")
    except RuntimeError as e:
        assert "boom" in str(e)
    FAIL["boom"] = False
    g.invoke(hi(3, "third"), cfg("t-subgraph"))
    g.invoke(Command(resume="go"), cfg("t-subgraph"))
    g.invoke(hi(4, "fourth"), cfg("t-done"))
    g.invoke(Command(resume={"answer": "yes", "n": 1}), cfg("t-done"))
    r = g.invoke(Command(resume="sub-ok"), cfg("t-done"))
    assert "__interrupt__" not in r
    t = types_graph(b.saver)
    t.invoke({}, cfg("t-types"))
    e = agent_graph(b.enc_saver, b.store)
    e.invoke(hi(5, "secret words"), cfg("t-encrypted"))
    d = delta_graph(b.saver)
    for i in range(5):
        d.invoke({"log": [f"in {i}"], "log2": [-i]}, cfg("t-delta"))
    f = func_flow(b.saver)
    f.invoke({"a": 1}, cfg("t-func"))
    f.invoke(Command(resume="first"), cfg("t-func"))
    f.invoke({"a": 2}, cfg("t-func"))
    for ns, k, v, ttl in ITEMS:
        b.store.put(ns, k, v, ttl=ttl)
    return {}
