"""Judges a demo store with the real library, on a scratch copy: what was paused still waits, what failed can be tried again, memories are found.

  python judge_demo.py FILE [--interrupt ID]     prints PASS n checks, or one line a difference and exit code 1

--interrupt names the id that the pending approval had at the source; without it any id passes."""
import json, os, sqlite3, sys, tempfile

from demo_app import *
from make_demo import C17, C23, MEMORIES, SHOP

bad, n = [], 0


def same(what, got, want):
    global n
    n += 1
    if got != want:
        bad.append(f"{what}: got {got!r:.300} want {want!r:.300}")


def step(f, *args):
    """One failing step must not hide the others."""
    RUNS.clear()
    try:
        f(*args)
    except Exception as e:
        bad.append(f"{f.__name__}: {type(e).__name__}: {e}")


def finished(g):
    s = g.get_state(cfg("chat-1001", "-"))
    same("chat-1001 next", s.next, ())
    same("chat-1001 messages", [(m.type, m.id if m.type != "tool" else m.tool_call_id) for m in s.values["messages"]],
         [("system", "system"), ("human", "question-1"), ("ai", "answer-2"), ("tool", "call_A-1041"), ("ai", "answer-4")])
    same("chat-1001 system prompt", s.values["messages"][0].content, SYSTEM)
    same("chat-1001 tool call", s.values["messages"][2].tool_calls[0]["args"], {"order_id": "A-1041"})
    same("chat-1001 tool result", json.loads(s.values["messages"][3].content), {"order_id": "A-1041", **ORDERS["A-1041"]})
    same("chat-1001 answer", "should arrive on 25 November" in s.values["messages"][4].content, True)
    same("chat-1001 tokens", s.values["messages"][4].usage_metadata["total_tokens"], 224)
    same("chat-1001 metadata", {k: s.metadata.get(k) for k in ("user_id", "assistant", "channel")},
         {"user_id": "c-17", "assistant": "lindenhof-support", "channel": "web-chat"})
    same("chat-1001 history", len(list(g.get_state_history(cfg("chat-1001", "-")))), 5)


def paused(g, want_id):
    s = g.get_state(cfg("chat-1002", "-"))
    same("chat-1002 next", s.next, ("ask_person",))
    same("chat-1002 question", [(i.value["question"], i.value["options"]) for i in s.interrupts],
         [("Approve the refund of 129.00 EUR for order A-1043?", ["approve", "reject"])])
    if want_id:
        same("chat-1002 interrupt id", [i.id for i in s.interrupts], [want_id])
    r = g.invoke(Command(resume={s.interrupts[0].id: "approve"}), cfg("chat-1002", "c-23"))
    same("chat-1002 resumed by its id", (r["decision"], r["messages"][-1].content), ("approve", "Your refund of 129.00 EUR is on its way."))
    same("chat-1002 nodes run (no second look-up)", RUNS, ["ask_person", "settle"])


def failed(g):
    s = g.get_state(cfg("parcel-check-0311", "-"))
    same("parcel-check error", [t.error for t in s.tasks if t.error], ["ConnectionError('Nordpost did not answer for parcel NP-7702 within 10 s')"])
    r = g.invoke(None, cfg("parcel-check-0311", "system"))
    same("parcel-check nodes run (only the failed one again)", RUNS, ["scan NP-7702", "report"])
    same("parcel-check result", [x["parcel"] for x in r["scans"]], ["NP-7701", "NP-7702", "NP-7703"])


def memories(store, db):
    for ns, key, value, ttl in MEMORIES:
        it = store.get(ns, key)
        same(f"memory {ns[1]}/{key}", it and it.value, value)
    same("namespaces", sorted(store.list_namespaces()), sorted([C17, C23, SHOP]))
    same("ttl", sorted(db.execute("select key, ttl_minutes, expires_at is not null from store where ttl_minutes is not null")),
         sorted((k, float(t), 1) for _, k, _, t in MEMORIES if t))
    same("vectors", db.execute("select count(*) from store_vectors").fetchone()[0], len(MEMORIES))
    for ns, query, want in [(C17, "where to leave the parcel, the door is closed", "delivery"), (C23, "may we call by phone or email", "contact"),
                            (SHOP, "the parcel was not delivered", "late-parcel"), (C17, "boots size", "size")]:
        same(f"search {query!r}", [h.key for h in store.search(ns, query=query, limit=1)], [want])
    same("search by filter", [h.key for h in store.search(C23, filter={"kind": "fact", "importance": 0.9})], ["allergy"])


def judge(path, want_id):
    saver, store, close = open_file(path)
    g, db = graph(saver, store), sqlite3.connect(path)
    ids = {r for r in db.execute("select thread_id, checkpoint_ns, checkpoint_id from checkpoints")}
    same("threads", sorted({r[0] for r in ids}), ["chat-1001", "chat-1002", "parcel-check-0311"])
    same("missing parents", [r for r in db.execute("select thread_id, checkpoint_ns, parent_checkpoint_id from checkpoints where parent_checkpoint_id is not null") if r not in ids], [])
    step(finished, g), step(paused, g, want_id), step(failed, g), step(memories, store, db)
    db.close(), close()


if __name__ == "__main__":
    path, want_id = sys.argv[1], sys.argv[sys.argv.index("--interrupt") + 1] if "--interrupt" in sys.argv else None
    if not os.path.isfile(path):
        raise SystemExit(f"FAIL no such file: {path}")
    with tempfile.TemporaryDirectory() as tmp:
        src, dst = sqlite3.connect(f"file:{path}?mode=ro", uri=True), sqlite3.connect(f"{tmp}/copy.sqlite")
        src.backup(dst)    # sees a WAL, which a copy of the main file alone would lose
        src.close(), dst.close()
        judge(f"{tmp}/copy.sqlite", want_id)
    for line in bad:
        print("DIFF", line)
    print(f"FAIL {len(bad)} differences in {n} checks" if bad else f"PASS {n} checks")
    sys.exit(bool(bad))
