"""What must work on a copy of the state that rare.py made."""
from langgraph.types import Command

from rare import CALLS, FIELDS, PG_INDEX, cargo_graph, cfg, chat_graph, loop_graph, notes_graph


def judge(b, j, facts):
    def paused(saver, thread, thing):
        g = cargo_graph(saver)
        s = g.get_state(cfg(thread))
        j.same(f"{thread} asks", [(type(i.value).__name__, i.value.title, i.value.choices) for i in s.interrupts], [("Ask", "what now?", ["ship", "hold"])])
        j.same(f"{thread} thing", repr(s.values["thing"]), thing)
        r = g.invoke(Command(resume="hold"), cfg(thread))
        j.same(f"{thread} resumed", (r["verdict"], r["steps"], CALLS), ("hold", 1, ["decide"]))

    def notes():
        r = notes_graph(b.saver).invoke({"out": "go"}, cfg("own memory", 9))
        j.same("the subgraph remembers three earlier runs", r["out"], "seen 4?!")

    def loop():
        g = loop_graph(b.saver)
        j.same("loop", g.get_state(cfg("loop")).values, {"i": 150})
        j.same("loop history", len(list(g.get_state_history(cfg("loop")))), 152)

    def never():
        g = cargo_graph(b.saver)
        s = g.get_state(cfg("never run"))
        j.same("never run", (s.next, s.values["steps"], s.metadata["source"], s.metadata["graph_id"]), (("decide",), 5, "update", "cargo"))
        j.same("never run goes on", [i.value.title for i in g.invoke(None, cfg("never run"))["__interrupt__"]], ["what now?"])

    def chat():
        s = chat_graph(b.saver).get_state(cfg("chat"))
        j.same("chat", [(type(m).__name__, m.id, m.name) for m in s.values["messages"]], [("HumanMessage", "h-1", "someone"), ("ChatMessage", "c-1", None), ("FunctionMessage", "f-1", "old_style")])

    def store():
        j.same("items", len(b.store.search(("facts",), limit=100)), 22)
        j.same("an item without an index", b.store.get(("facts",), "quiet").value, {"body": "not indexed"})
        hit = b.store.search(("facts",), query='{"body":"fact number 7","i":7}' if not b.pg else '{"i": 7, "body": "fact number 7"}', limit=3)
        j.same("a search finds something", len(hit), 3)

    for name, fn in [("plain chat", lambda: paused(b.saver, "plain chat", "{'call': ['tuple', 1]}")),
                     ("pickled", lambda: paused(b.pickle_saver, "pickled", "Parcel(7)")), ("own memory", notes), ("loop", loop), ("never run", never), ("chat", chat), ("store", store)]:
        CALLS.clear()
        j.step(name, fn)
