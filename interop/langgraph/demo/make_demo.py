"""Makes the demo store: one SQLite file, no WAL beside it.

  python make_demo.py FILE"""
import pathlib, sys

from demo_app import *

C17, C23, SHOP = ("customers", "c-17", "memories"), ("customers", "c-23", "memories"), ("shop", "procedures")
YEARS5, YEARS10 = 2628000, 5256000    # minutes
MEMORIES = [    # namespace, key, value, minutes to live
    (C17, "language", {"text": "Prefers answers in English, short and without jargon.", "kind": "preference"}, None),
    (C17, "delivery", {"text": "Parcels should be left with the neighbour, the door bell is broken.", "kind": "preference"}, None),
    (C17, "size", {"text": "Wears jackets in size M and boots in size 42.", "kind": "fact", "importance": 0.6}, None),
    (C17, "trip", {"text": "Plans a week of camping with a tent in the Harz in spring.", "kind": "episode"}, YEARS5),
    (C17, "last-contact", {"text": "Asked about order A-1041 on the web chat.", "kind": "episode", "order_id": "A-1041"}, YEARS10),
    (C23, "allergy", {"text": "Is allergic to wool; offer down or synthetic filling.", "kind": "fact", "importance": 0.9}, None),
    (C23, "contact", {"text": "Wants to be reached by email, never by phone.", "kind": "preference"}, None),
    (C23, "payment", {"text": "Pays by invoice, 30 days.", "kind": "fact"}, None),
    (C23, "refunds", {"text": "Had one refund in 2025: wrong colour, returned within a week.", "kind": "episode", "amount": 59.9}, YEARS10),
    (SHOP, "refund-limit", {"text": "A refund above 100 EUR needs the approval of a person.", "kind": "procedure", "limit": 100}, None),
    (SHOP, "late-parcel", {"text": "If a parcel is three days late, open a search with the carrier.", "kind": "procedure"}, None),
    (SHOP, "returns", {"text": "Returned goods are checked within two working days.", "kind": "procedure"}, None),
]


def make(path):
    saver, store, close = open_file(path)
    g = graph(saver, store)
    for ns, key, value, ttl in MEMORIES:
        store.put(ns, key, value, ttl=ttl)

    def ask(n, text, thread, user):
        g.invoke({"messages": [SystemMessage(SYSTEM, id="system"), HumanMessage(text, id=f"question-{n}")]}, cfg(thread, user))

    ask(1, "Hello, where is my order A-1041?", "chat-1001", "c-17")
    ask(2, "The zip of the jacket from order A-1043 is broken. I would like a refund.", "chat-1002", "c-23")
    CARRIER["down"] = True
    try:
        g.invoke({"messages": [SystemMessage(SYSTEM, id="system")], "parcels": ["NP-7701", "NP-7702", "NP-7703"]}, cfg("parcel-check-0311", "system"))
        raise SystemExit("the branch that should fail did not")
    except ConnectionError as e:
        print("failed as planned:", e)
    for t in ("chat-1001", "chat-1002", "parcel-check-0311"):
        s = g.get_state(cfg(t, "-"))
        print(t, "next", s.next, "interrupts", [(i.id, i.value) for i in s.interrupts], "errors", [x.error for x in s.tasks if x.error])
    close()


if __name__ == "__main__":
    out = sys.argv[1]
    for end in ("", "-wal", "-shm"):
        pathlib.Path(out + end).unlink(missing_ok=True)
    make(out)
    c = sqlite_module().connect(out, isolation_level=None)
    for sql in ("PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA journal_mode=DELETE", "VACUUM"):
        c.execute(sql)
    c.close()
    print(out, pathlib.Path(out).stat().st_size, "bytes")
