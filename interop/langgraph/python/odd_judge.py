"""What must work on a copy of the state that odd.py made."""
from langgraph.types import Command

from odd import MANY, NAMES, ODD_IDS, cfg
from odd_graphs import CALLS, FIELDS, assemble, count_graph, desk_graph, ledger_graph, noise, poll_graph


def judge(b, j, facts):
    g, c, d, f = desk_graph(b.saver), count_graph(b.saver), ledger_graph(b.saver), assemble(b.saver)
    notes = facts["notes"]

    def desk():
        s = g.get_state(cfg("desk deep"), subgraphs=True)
        j.same("desk next", s.next, ("mid level",))
        inner = s.tasks[0].state.tasks[0].state
        j.same("desk innermost task", [x.name for x in inner.tasks], ["ask"])
        j.same("desk second question", [i.value for i in s.interrupts], [{"level": 3, "ask": "second?", "after": "one"}])
        j.same("desk messages", [m.id for m in s.values["dialogue"]], ["h-2", "r-1", "t-1"])
        r = g.invoke(Command(resume="two"), cfg("desk deep"))
        j.same("desk resumed", (r["Prüf spur"][-1], r["größe"], r["topic"]), ("inner one two", 7, ["x", "y", "z"] * 3))    # each level hands its topic up
        j.same("desk nodes run (only the asking one)", CALLS, ["inner_ask"])

    def poll():
        p = poll_graph(b.saver)
        s = p.get_state(cfg("poll"))
        j.same("poll questions", sorted(i.value["voter"] for i in s.interrupts), ["ann", "bob", "cy"])
        by = {i.value["voter"]: i.id for i in s.interrupts}
        p.invoke(Command(resume={by["bob"]: "no"}), cfg("poll"))
        r = p.invoke(Command(resume={by["ann"]: "yes", by["cy"]: "yes"}), cfg("poll"))
        j.same("poll votes by id", r["votes"], {"ann": "yes", "bob": "no", "cy": "yes"})

    def fork():
        s = c.get_state(cfg("fork"))
        j.same("fork trail", s.values["trail"], notes["forked"])
        j.same("fork next", s.next, ("two",))
        hist = list(c.get_state_history(cfg("fork")))
        j.same("fork history", [h.metadata["source"] for h in hist].count("update"), 2)
        first = [h for h in hist if h.next == () and h.metadata["step"] == 2][-1]
        j.same("fork: the older branch", (first.values["n"], first.values["trail"]), (20, ["one 1", "two 2"]))
        r = c.invoke(None, cfg("fork"))
        j.same("fork goes on", (r["trail"][-1], CALLS), (f"two {s.values['n']}", ["two"]))

    def breakpoint_():
        r = c.invoke(None, cfg("breakpoint"))
        j.same("breakpoint goes on", (r["n"], CALLS), (60, ["two"]))

    def big():
        v = c.get_state(cfg("big")).values
        j.same("big text", v["text"] == noise(1_500_000, 1).hex(), True)
        j.same("big bytes", v["raw"] == noise(3_000_000, 2), True)

    def ids():
        for t in [t for t in ODD_IDS if t not in j.skip]:
            j.same(f"thread {t!r:.60}", c.get_state(cfg(t)).values, {"n": (len(t) + 1) * 10, "trail": [f"one {len(t)}", f"two {len(t) + 1}"], "text": t})
        j.same("threads", len({x[0] for x in b.rows("select distinct thread_id from checkpoints")} - set(j.skip)), len(ODD_IDS) + MANY + 8 - len(j.skip))
        r = c.invoke({"n": 0}, cfg("many 0007"))
        j.same("a new turn", r["trail"], ["one 7", "two 8", "one 0", "two 1"])

    def ledger():
        j.same("ledger book", d.get_state(cfg("ledger")).values["book"], notes["book"])
        r = d.invoke({"book": {"late": 9}}, cfg("ledger"))
        j.same("ledger goes on", {k: r["book"].get(k) for k in [*notes["book"], "late"]}, {**notes["book"], "late": 9})

    def parts():
        r = f.invoke(None, cfg("parts"))
        j.same("parts result", r, 1 + 4 + 9 + 16)
        j.same("parts run (only the failed task)", CALLS, ["assemble", "part 3"])
        j.same("parts saved", f.get_state(cfg("parts")).values, r)
        j.same("parts again", (f.invoke(1, cfg("parts")), f.get_state(cfg("parts")).metadata["source"]), (1, "loop"))

    def store():
        j.same("namespaces", [n for n in NAMES if n not in b.store.list_namespaces(limit=1000)], [])
        for i, ns in enumerate(NAMES):
            j.same(f"item {ns}", b.store.get(ns, "k/1 %").value["n"], [1, 2.5, None, True, 10**18])
            j.same(f"item {ns} upper case", b.store.get(ns, "K/1 %").value, {"other": i})
        hit = b.store.search(("tenant a", "user x"), query="in 1", limit=1)[0]
        j.same("search in a nested field", (hit.namespace, round(hit.score, 5)), (("tenant a", "user x", "mem/ories"), 1.0))
        j.same("deleted item", b.store.get(("bulk", "g1"), "deleted"), None)
        j.same("large item", len(b.store.get(("bulk", "g0"), "large").value["text"]), 200_000)
        j.same("bulk by filter", [x.key for x in b.store.search(("bulk",), filter={"i": 250})], ["item-250"])

    for name, fn in [("desk deep", desk), ("poll", poll), ("fork", fork), ("breakpoint", breakpoint_), ("big", big), ("ids", ids), ("ledger", ledger), ("parts", parts), ("store", store)]:
        CALLS.clear()
        j.step(name, fn)
