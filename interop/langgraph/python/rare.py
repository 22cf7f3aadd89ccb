"""Third shape: what few use and an exporter must still carry. Pickled values, half-precision vectors with an HNSW index, a subgraph with a memory of its own,
chats that are plain dicts, jumps out of a subgraph, a long loop, states that were never run, metadata as a LangGraph server writes it."""
import dataclasses, operator
from typing import Annotated, Any, Literal, TypedDict

import pydantic
from langchain_core.messages import ChatMessage, FunctionMessage, HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

FIELDS = ["$"]                                                     # the whole value is indexed
PG_INDEX = {"distance_type": "l2", "ann_index_config": {"kind": "hnsw", "vector_type": "halfvec", "m": 8}}
CALLS = []


class Parcel:
    """msgpack has no form for it, so a saver with pickle_fallback pickles. An exporter must not execute it."""
    def __init__(self, no):
        self.no = no
    def __repr__(self):
        return f"Parcel({self.no})"

class Ask(pydantic.BaseModel):
    title: str
    choices: list[Literal["ship", "hold"]]

@dataclasses.dataclass
class Cargo:
    chat: list = dataclasses.field(default_factory=list)           # role/content dicts, no reducer, no message classes
    steps: Annotated[int, operator.add] = 0
    thing: Any = None
    verdict: str = ""


def n_load(s: Cargo):
    CALLS.append("load")
    return {"chat": [*s.chat, {"role": "assistant", "content": [{"type": "text", "text": "loaded"}]}], "steps": 1,
            "thing": Parcel(7) if s.thing == "pickle me" else {"call": ("tuple", 1)}}

def n_decide(s: Cargo):
    CALLS.append("decide")
    return {"verdict": str(interrupt(Ask(title="what now?", choices=["ship", "hold"])))}

def cargo_graph(saver):
    return (StateGraph(Cargo).add_node("load", n_load).add_node("decide", n_decide).add_edge(START, "load").add_edge("load", "decide").add_edge("decide", END)
            .compile(checkpointer=saver))


# A subgraph that keeps its own memory between runs: its namespace is the node's name without a task id. Another leaves by a jump to its parent.
class Notes(TypedDict, total=False):
    seen: Annotated[list, operator.add]
    out: str

class Top(TypedDict, total=False):
    out: str

def n_remember(s):
    CALLS.append("remember")
    seen = [*s.get("seen", []), len(s.get("seen", []))]
    return {"seen": seen[-1:], "out": f"seen {len(seen)}"}

def notes_graph(saver):
    child = StateGraph(Notes).add_node("remember", n_remember).add_edge(START, "remember").compile(checkpointer=True)
    jump = StateGraph(Top).add_node("leap", lambda s: Command(goto="after", graph=Command.PARENT, update={"out": s["out"] + "?"})).add_edge(START, "leap").compile()
    return (StateGraph(Top).add_node("child", child).add_node("jump", jump, destinations=("after",)).add_node("after", lambda s: {"out": s["out"] + "!"})
            .add_edge(START, "child").add_edge("child", "jump").add_edge("after", END).compile(checkpointer=saver))


class Loop(TypedDict, total=False):
    i: int

def loop_graph(saver):
    g = StateGraph(Loop).add_node("turn", lambda s: {"i": s["i"] + 1}).add_edge(START, "turn")
    g.add_conditional_edges("turn", lambda s: "turn" if s["i"] < 150 else END, ["turn", END])
    return g.compile(checkpointer=saver)


def chat_graph(saver):
    return StateGraph(MessagesState).add_node("echo", lambda s: {"messages": [ChatMessage("ec", role="critic", id="c-1"), FunctionMessage("42", name="old_style", id="f-1")]}).add_edge(START, "echo").compile(checkpointer=saver)


def cfg(thread, run=0):     # a run_id that was seen before means "go on with that run"
    server = {"graph_id": "cargo", "assistant_id": "6f1c", "run_attempt": 1, "langgraph_auth_user_id": "c-17", "run_id": f"1f0c-{run}", "created_by": "system"}
    return {"configurable": {"thread_id": thread}, "metadata": server, "recursion_limit": 400}


def make(b):
    g = cargo_graph(b.saver)
    g.invoke({"chat": [{"role": "system", "content": "ship things"}, {"role": "user", "content": "box 7"}]}, cfg("plain chat"))
    cargo_graph(b.pickle_saver).invoke({"thing": "pickle me"}, cfg("pickled"))
    n = notes_graph(b.saver)
    for run in range(3):
        n.invoke({"out": "go"}, cfg("own memory", run))
    loop_graph(b.saver).invoke({"i": 0}, cfg("loop"))
    g.update_state(cfg("never run"), {"chat": [{"role": "user", "content": "put here by hand"}], "steps": 5}, as_node="load")
    chat_graph(b.saver).invoke({"messages": [HumanMessage("hello", id="h-1", additional_kwargs={"x": 1}, name="someone")]}, cfg("chat"))
    for i in range(20):
        b.store.put(("facts",), f"f{i}", {"body": f"fact number {i}", "i": i})
    b.store.put(("facts",), "quiet", {"body": "not indexed"}, index=False)
    b.store.put(("facts",), "empty", {})
    return {}
