"""What must work on a copy of the state that trip.py made."""
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from trip import CALLS, FIELDS, ITEMS, agent_graph, cfg, delta_graph, func_flow, types_graph
from values import STATE_VALUES


def values_of(interrupts):
    return [i.value for i in interrupts]


def judge(b, j, facts):
    pg_was_there, sqlite_was_there = b.pg or facts["pg"], not (b.pg and facts["pg"])
    g, e, t, d, f = agent_graph(b.saver, b.store), agent_graph(b.enc_saver, b.store), types_graph(b.saver), delta_graph(b.saver), func_flow(b.saver)

    def finished():
        s = g.get_state(cfg("t-done"))
        j.same("t-done next", s.next, ())
        j.same("t-done messages", [(m.type, m.id, m.content, getattr(m, "tool_calls", None) and m.tool_calls[0]["id"], getattr(m, "tool_call_id", None)) for m in s.values["messages"]],
             [("system", "s-4", "You are helpful", None, None), ("human", "h-4", "fourth", None, None), ("ai", "ai-1", "", "call_1", None),
              ("tool", s.values["messages"][3].id, "Sunny in Zürich, 21.5°C", None, "call_1"), ("ai", "ai-5", [{"type": "text", "text": "It is sunny."}], [], None)])
        j.same("t-done values", {k: s.values[k] for k in ("note", "results", "sub_note", "count", "ratio", "flag")},
             {"note": "human said {'answer': 'yes', 'n': 1}", "results": [10, 20, 30], "sub_note": "sub:sub-ok:41", "count": 3, "ratio": 1.0, "flag": True})
        j.same("t-done ratio type", type(s.values["ratio"]).__name__, "float")
        j.same("t-done metadata", {k: s.metadata.get(k) for k in ("source", "user_id", "assistant")}, {"source": "loop", "user_id": "u-1", "assistant": "demo"})

    def paused(graph, thread):
        s = graph.get_state(cfg(thread))
        j.same(f"{thread} next", s.next, ("approve",))
        j.same(f"{thread} interrupt", values_of(s.interrupts), [{"question": "book it?", "options": ["yes", "no"]}])
        r = graph.invoke(Command(resume="yes"), cfg(thread))
        j.same(f"{thread} resumed", (r.get("note"), r.get("results"), values_of(r.get("__interrupt__", ()))), ("human said yes", [10, 20, 30], ["sub needs input"]))
        j.same(f"{thread} nodes run", sorted(CALLS), ["approve", "fan", "s1", "s2", "worker1", "worker2", "worker3"])

    def failed():
        s = g.get_state(cfg("t-failed"))
        j.same("t-failed errors", [x.error for x in s.tasks if x.error], ["RuntimeError('boom in worker 2')"])
        r = g.invoke(None, cfg("t-failed"))
        j.same("t-failed retried", (r.get("results"), values_of(r.get("__interrupt__", ()))), ([10, 20, 30], ["sub needs input"]))
        j.same("t-failed nodes run (only the failed worker again)", CALLS, ["worker2", "s1", "s2"])

    def subgraph():
        s = g.get_state(cfg("t-subgraph"), subgraphs=True)
        j.same("t-subgraph next", s.next, ("sub",))
        j.same("t-subgraph inner next", [x.state.next for x in s.tasks if hasattr(x.state, "next")], [("s2",)])
        r = g.invoke(Command(resume="RESUMED"), cfg("t-subgraph"))
        j.same("t-subgraph resumed", (r.get("sub_note"), r.get("note"), "__interrupt__" in r), ("sub:RESUMED:41", "human said go", False))
        j.same("t-subgraph nodes run (s1 not again)", CALLS, ["s2"])

    def types_():
        s = t.get_state(cfg("t-types"))
        serde = JsonPlusSerializer()
        for k, v in STATE_VALUES.items():
            want = serde.loads_typed(serde.dumps_typed(v))
            got = s.values.get(f"v_{k}", "MISSING")
            if k == "float_big":                # JSONB prints 1e22 without exponent: on PostgreSQL the runtime itself reads an int
                got = float(got) if pg_was_there else got
            if k == "bytearray":                # inside the one checkpoint blob of SQLite it is msgpack bin
                want, got = (bytes(want), bytes(got)) if sqlite_was_there else (want, got)
            j.same(f"t-types {k}", (type(got).__name__, repr(got)), (type(want).__name__, repr(want)))
        r = t.invoke(Command(resume="on"), cfg("t-types"))
        j.same("t-types resumed", r.get("note"), "answer on")

    def sealed():
        q = b.rows("select type from checkpoint_writes where thread_id='t-encrypted' union select type from checkpoint_blobs where thread_id='t-encrypted'" if b.pg else
                "select type from checkpoints where thread_id='t-encrypted' union select type from writes where thread_id='t-encrypted'")
        j.same("t-encrypted rows still encrypted", sorted(x[0] for x in q), ["msgpack+aes", "null+aes"])
        paused(e, "t-encrypted")

    def delta():
        s = d.get_state(cfg("t-delta"))
        want = [x for i in range(5) for x in (f"in {i}", f"turn {i + 1}")]
        j.same("t-delta log", s.values.get("log"), want)
        j.same("t-delta log2", s.values.get("log2"), [x for i in range(5) for x in (-i, i + 1)])
        j.same("t-delta next turn", d.invoke({"log": ["x"], "log2": [9]}, cfg("t-delta"))["log"], want + ["x", "turn 6"])

    def func():
        r = f.invoke(Command(resume="second"), cfg("t-func"))
        j.same("t-func", r, {"ok": "second", "got": [100, 200], "previous": {"ok": "first", "got": [100, 200], "previous": None}})
        j.same("t-func calls (finished tasks not again)", CALLS, ["flow"])

    def store():
        for ns, k, v, ttl in ITEMS:
            it = b.store.get(ns, k)
            j.same(f"store {ns}/{k}", repr(it and dict(sorted(it.value.items()))), repr(dict(sorted(v.items()))))
        j.same("store namespaces", sorted(b.store.list_namespaces()), sorted({x[0] for x in ITEMS}))
        for q, want in [("prefers °C", "mem-1"), ("lives in Zürich 🌤", "mem-2"), ("likes trains", "mem-3")]:
            hit = b.store.search(("users", "u-1"), query=q, limit=1)[0]
            j.same(f"vector search {q}", (hit.key, round(hit.score, 6)), (want, 1.0))

    for name, fn in [("t-done", finished), ("t-interrupt", lambda: paused(g, "t-interrupt")), ("t-failed", failed), ("t-subgraph", subgraph), ("t-types", types_),
                     ("t-encrypted", sealed), ("t-delta", delta), ("t-func", func), ("store", store)]:
        CALLS.clear()
        j.step(name, fn)
