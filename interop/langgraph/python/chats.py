"""Fourth shape: chats that are not a list under 'messages'. The functional API keeps one as what the last run saved, a graph without keys is one,
messages are an application's own class or the dicts of OpenAI and Anthropic; parallel tools of a subgraph's subgraph ask; Sends wait at a breakpoint."""
import operator
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send, interrupt

FIELDS = ["text"]
CALLS = []


class Angry(HumanMessage):
    mood: str = "bad"


def saved_graph(saver):
    @entrypoint(checkpointer=saver)
    def chat(said: list, *, previous: Any = None) -> entrypoint.final[Any, Any]:
        all_ = add_messages(previous or [], said)
        answer = AIMessage(f"answer {len(all_)}", id=f"a-{len(all_)}")
        return entrypoint.final(value=answer.content, save=add_messages(all_, [answer]))
    return chat

def returned_graph(saver):
    @entrypoint(checkpointer=saver)
    def chat(said: list, *, previous: Any = None) -> dict:
        return {"turns": 1, "messages": [*(previous or {}).get("messages", []), *said, AIMessage("in a dict", id="d-1")]}
    return chat

def root_graph(saver):
    return (StateGraph(Annotated[list[AnyMessage], add_messages]).add_node("bot", lambda s: [AIMessage(f"root {len(s)}", id=f"r-{len(s)}")])
            .add_edge(START, "bot").compile(checkpointer=saver))

class Plain(TypedDict, total=False):
    messages: Annotated[list, operator.add]

DICTS = [{"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q":1}'}}]}, {"role": "tool", "tool_call_id": "c1", "content": "found"},
         {"role": "assistant", "content": [{"type": "tool_use", "id": "tu1", "name": "read", "input": {"p": "/x"}}]},
         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "tu1", "content": "no such file", "is_error": True}]}]

def plain_graph(saver):
    return StateGraph(Plain).add_node("bot", lambda s: {"messages": DICTS}).add_edge(START, "bot").compile(checkpointer=saver)

def own_graph(saver):
    return StateGraph(MessagesState).add_node("bot", lambda s: {"messages": [AIMessage("calm down", id="o-1")]}).add_edge(START, "bot").compile(checkpointer=saver)


@tool
def ask(q: str) -> str:
    """Ask a person."""
    CALLS.append(f"ask {q}")
    return f"a person said {interrupt({'q': q})}"

def tools_graph(saver):
    calls = [{"name": "ask", "args": {"q": q}, "id": f"call-{q}", "type": "tool_call"} for q in ("one", "two")]
    inner = StateGraph(MessagesState).add_node("caller", lambda s: {"messages": [AIMessage("", id="t-1", tool_calls=calls)]}).add_node("tools", ToolNode([ask])).add_edge(START, "caller")
    inner.add_conditional_edges("caller", lambda s: [Send("tools", {"__type": "tool_call_with_context", "tool_call": c, "state": s}) for c in calls], ["tools"])
    mid = StateGraph(MessagesState).add_node("in ner", inner.compile()).add_edge(START, "in ner").compile()
    return StateGraph(MessagesState).add_node("mid", mid).add_edge(START, "mid").compile(checkpointer=saver)

class Fan(TypedDict, total=False):
    got: Annotated[list, operator.add]

def work(s):
    CALLS.append(f"work {s['i']}")
    return {"got": [s["i"]]}

def sends_graph(saver, **more):
    return (StateGraph(Fan).add_node("split", lambda s: Command(goto=[Send("work", {"i": i}) for i in range(3)]), destinations=("work",)).add_node("work", work)
            .add_edge(START, "split").compile(checkpointer=saver, **more))


def cfg(thread):
    return {"configurable": {"thread_id": thread}}


def make(b):
    for i in (1, 2):
        saved_graph(b.saver).invoke([HumanMessage(f"saved {i}", id=f"s-{i}")], cfg("saved"))
    returned_graph(b.saver).invoke([HumanMessage("returned", id="d-0")], cfg("returned"))
    root_graph(b.saver).invoke([HumanMessage("rooted", id="r-0")], cfg("root"))
    plain_graph(b.saver).invoke({"messages": [{"role": "user", "content": "dicts"}]}, cfg("dicts"))
    own_graph(b.saver).invoke({"messages": [Angry("own class", id="o-0")]}, cfg("own"))
    tools_graph(b.saver).invoke({"messages": [HumanMessage("deep tools", id="t-0")]}, cfg("tools"))
    sends_graph(b.saver, interrupt_before=["work"]).invoke({}, cfg("sends"))
    return {}
