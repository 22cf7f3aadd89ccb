"""The support agent behind the demo store: one graph, one store, no model and no network.

make_demo.py runs it to make the state, judge_demo.py opens a copy and goes on from there.
The shop, the carrier and every customer are invented."""
import operator, re, sqlite3, time, zlib
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph.store.sqlite import SqliteStore
from langgraph.types import Command, Send, interrupt

RUNS = []                    # every node and tool that ran in this process, so a judge sees what ran again
CARRIER = {"down": False}    # make_demo.py turns it on while it makes the failed branch

SYSTEM = ("You are the support agent of Lindenhof Outdoor, a web shop for camping gear. Be brief and friendly. "
          "Look orders up before you answer. A refund above 100 EUR needs the approval of a person.")
ORDERS = {
    "A-1041": {"item": "Birch two-person tent", "total": 249.0, "status": "in transit", "carrier": "Nordpost", "due": "25 November"},
    "A-1043": {"item": "Fjell down jacket, size M", "total": 129.0, "status": "delivered", "carrier": "Nordpost", "due": "19 November"},
}


@tool
def lookup_order(order_id: str) -> dict:
    """Look an order up by its number."""
    RUNS.append(f"lookup_order {order_id}")
    return {"order_id": order_id, **ORDERS[order_id]}


class State(TypedDict, total=False):
    messages: Annotated[list, add_messages]
    order_id: str
    refund: dict
    decision: str
    parcels: list
    scans: Annotated[list, operator.add]


def said(text, n, **more):
    return AIMessage(text, id=f"answer-{n}", response_metadata={"model_name": "fake-support-1"},
                     usage_metadata={"input_tokens": 180 + n, "output_tokens": 40, "total_tokens": 220 + n}, **more)


def agent(s):
    RUNS.append("agent")
    last, n = s["messages"][-1], len(s["messages"])
    if isinstance(last, HumanMessage):
        order = re.search(r"A-\d+", last.content).group()
        call = {"name": "lookup_order", "args": {"order_id": order}, "id": f"call_{order}", "type": "tool_call"}
        out = {"messages": [said("", n, tool_calls=[call])], "order_id": order}
        if "refund" in last.content:
            out["refund"] = {"order_id": order, "amount": ORDERS[order]["total"], "currency": "EUR", "reason": "broken zip"}
        return out
    o = ORDERS[s["order_id"]]
    return {"messages": [said(f"Your {o['item']} is {o['status']} with {o['carrier']} and should arrive on {o['due']}.", n)]}


def ask_person(s):
    RUNS.append("ask_person")
    r = s["refund"]
    answer = interrupt({"question": f"Approve the refund of {r['amount']:.2f} {r['currency']} for order {r['order_id']}?",
                        "options": ["approve", "reject"], "refund": r})
    return {"decision": answer}


def settle(s):
    RUNS.append("settle")
    r = s["refund"]
    text = (f"Your refund of {r['amount']:.2f} {r['currency']} is on its way." if s["decision"] == "approve"
            else "I am sorry, this refund was not approved.")
    return {"messages": [said(text, len(s["messages"]))]}


def scan(s):
    RUNS.append(f"scan {s['parcel']}")
    if CARRIER["down"] and s["parcel"] == "NP-7702":
        time.sleep(0.3)    # let the siblings finish first, or they are cancelled too
        raise ConnectionError("Nordpost did not answer for parcel NP-7702 within 10 s")
    return {"scans": [{"parcel": s["parcel"], "place": "Hub Weststadt", "ok": True}]}


def report(s):
    RUNS.append("report")
    return {"messages": [said(f"{len(s['scans'])} parcels checked, all on their way.", len(s["messages"]))]}


def start(s):
    return [Send("scan", {"parcel": p}) for p in s["parcels"]] if s.get("parcels") else "agent"


def after_agent(s):
    if s["messages"][-1].tool_calls:
        return "tools"
    return END


def after_tools(s):
    return "ask_person" if s.get("refund") else "agent"


def graph(saver, store):
    g = StateGraph(State)
    for name, f in [("agent", agent), ("tools", ToolNode([lookup_order])), ("ask_person", ask_person), ("settle", settle), ("scan", scan), ("report", report)]:
        g.add_node(name, f)
    g.add_conditional_edges(START, start, ["scan", "agent"])
    g.add_conditional_edges("agent", after_agent, ["tools", END])
    g.add_conditional_edges("tools", after_tools, ["ask_person", "agent"])
    g.add_edge("ask_person", "settle").add_edge("settle", END).add_edge("scan", "report").add_edge("report", END)
    return g.compile(checkpointer=saver, store=store)


# One component a topic, so that a search by meaning gives a sensible hit without a model.
TOPICS = [("deliver", "parcel", "address", "door"), ("refund", "return", "money"), ("size", "jacket", "boots"), ("tent", "camp", "hike"),
          ("email", "phone", "call"), ("pay", "invoice", "card"), ("language", "german", "english"), ("allerg", "wool", "down")]


def embed(texts):
    out = []
    for t in texts:
        low = t.lower()
        out.append([sum(low.count(w) for w in words) + (zlib.crc32(f"{i}{low}".encode()) % 64) / 1024 for i, words in enumerate(TOPICS)])
    return out


INDEX = {"dims": 8, "embed": embed, "fields": ["text"], "text_fields": ["text"]}


def sqlite_module():
    """The vector index needs loadable extensions; a Python built without them has pysqlite3-binary instead."""
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    import pysqlite3.dbapi2
    return pysqlite3.dbapi2


def open_file(path):
    lib = sqlite_module()
    a = lib.connect(path, check_same_thread=False)
    b = lib.connect(path, check_same_thread=False, isolation_level=None)
    saver, store = SqliteSaver(a), SqliteStore(b, index=INDEX, ttl={"default_ttl": None, "refresh_on_read": False})
    saver.setup(), store.setup()
    return saver, store, lambda: (a.close(), b.close())


def cfg(thread, user):
    return {"configurable": {"thread_id": thread, "user_id": user}, "metadata": {"assistant": "lindenhof-support", "channel": "web-chat"}}
