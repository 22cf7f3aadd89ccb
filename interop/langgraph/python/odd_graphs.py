"""Second shape: nothing is called what one expects. Message channels with other names, channels with spaces and colons, subgraphs three deep,
two questions at once, a breakpoint without an interrupt, delta channels on a fork, functional tasks of which one failed."""
import operator, random, time
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.channels import DeltaChannel, EphemeralValue, LastValue, Topic
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Send, interrupt

FIELDS = ["text", "tags[*]", "deep.inner"]
CALLS = []
FAIL = {"now": False}


# Three levels; the innermost asks. A channel name may hold anything.
Desk = TypedDict("Desk", {"dialogue": Annotated[list[AnyMessage], add_messages], "Prüf spur": Annotated[list, operator.add], "a:b/c %41": Any,
                          "größe": int, "topic": Annotated[list, Topic(str, accumulate=True)], "once": Annotated[str, EphemeralValue(str)]}, total=False)

def n_inner_ask(s):
    CALLS.append("inner_ask")
    first = interrupt({"level": 3, "ask": "first?"})
    second = interrupt({"level": 3, "ask": "second?", "after": first})
    return {"Prüf spur": [f"inner {first} {second}"]}

def n_inner_begin(s):
    CALLS.append("inner_begin")
    return {"Prüf spur": ["inner begin"], "größe": 7}

def n_mid(s):
    CALLS.append("mid")
    return {"Prüf spur": ["mid"]}

def n_reply(s):
    CALLS.append("reply")
    return {"dialogue": [AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "done 🧾"}], id="r-1"),
                         ToolMessage("no such table", id="t-1", tool_call_id="c-1", status="error")],
            "a:b/c %41": {"kept": [HumanMessage("a message inside another value", id="n-1")], (1, 2): "tuple key"},
            "topic": ["x", "y"], "once": "gone at the next step"}

def n_forget(s):
    CALLS.append("forget")
    return {"dialogue": [RemoveMessage(id="h-1")], "topic": ["z"]}

def desk_graph(saver):
    inner = StateGraph(Desk).add_node("begin", n_inner_begin).add_node("ask", n_inner_ask).add_edge(START, "begin").add_edge("begin", "ask").compile()
    mid = StateGraph(Desk).add_node("mid", n_mid).add_node("inner", inner).add_edge(START, "mid").add_edge("mid", "inner").compile()
    g = StateGraph(Desk)
    for name, f in [("reply", n_reply), ("forget", n_forget), ("mid level", mid)]:
        g.add_node(name, f)
    return g.add_edge(START, "reply").add_edge("reply", "forget").add_edge("forget", "mid level").add_edge("mid level", END).compile(checkpointer=saver)


# Parallel questions: two interrupts of one step, answered by id.
class Poll(TypedDict, total=False):
    who: list
    votes: Annotated[dict, operator.or_]

def n_vote(s):
    CALLS.append(f"vote {s['who']}")
    return {"votes": {s["who"]: interrupt({"voter": s["who"]})}}

def poll_graph(saver):
    g = StateGraph(Poll).add_node("vote", n_vote).add_node("open", lambda s: {}).add_edge(START, "open")
    g.add_conditional_edges("open", lambda s: [Send("vote", {"who": w}) for w in s["who"]], ["vote"])
    return g.compile(checkpointer=saver)


# Counting, with a static breakpoint, forks, and values of megabytes.
class Count(TypedDict, total=False):
    n: int
    trail: Annotated[list, operator.add]
    text: Annotated[str, LastValue(str)]
    raw: bytes

def n_one(s):
    CALLS.append("one")
    return {"n": s.get("n", 0) + 1, "trail": [f"one {s.get('n', 0)}"]}

def n_two(s):
    CALLS.append("two")
    return {"n": s["n"] * 10, "trail": [f"two {s['n']}"]}

def count_graph(saver, **compile_args):
    return (StateGraph(Count).add_node("one", n_one).add_node("two", n_two).add_edge(START, "one").add_edge("one", "two").add_edge("two", END)
            .compile(checkpointer=saver, **compile_args))

def noise(n, seed):
    return random.Random(seed).randbytes(n)


# A delta channel: its value is replayed from the writes of old checkpoints.
def merge(state, writes):
    out = dict(state)
    for w in writes:
        out.update(w)
    return out

class Ledger(TypedDict, total=False):
    book: Annotated[dict, DeltaChannel(merge)]
    sums: Annotated[dict, DeltaChannel(merge, snapshot_frequency=2)]

def n_book(s):
    CALLS.append("book")
    k = f"auto {len(s.get('book') or {})}"
    return {"book": {k: k.upper()}, "sums": {k: len(k)}}

def ledger_graph(saver):
    return StateGraph(Ledger).add_node("book in", n_book).add_edge(START, "book in").compile(checkpointer=saver)


# Functional: three tasks, the third fails; what is saved is not what is returned.
@task
def part(i: int) -> dict:
    CALLS.append(f"part {i}")
    if i == 3 and FAIL["now"]:
        time.sleep(0.3)    # let the others finish first
        raise ValueError("part 3 is broken")
    return {"part": i, "sq": i * i}

def assemble(saver):
    @entrypoint(checkpointer=saver)
    def flow(n: int, *, previous: Any = None) -> entrypoint.final[Any, Any]:
        CALLS.append("assemble")
        got = [f.result() for f in [part(i) for i in range(1, n + 1)]]
        return entrypoint.final(value=sum(x["sq"] for x in got), save={"rounds": (previous or {}).get("rounds", 0) + 1, "got": got})
    return flow
