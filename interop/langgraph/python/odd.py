"""Makes the second shape's state; see odd_graphs.py."""
from langchain_core.messages import HumanMessage
from langgraph.types import Command

from odd_graphs import CALLS, FAIL, FIELDS, assemble, count_graph, desk_graph, ledger_graph, noise, poll_graph

# Pairs that a careless escaping would make equal stand side by side.
ODD_IDS = ["a/b", "a%2Fb", "a%252Fb", "a:b", "a b", "a+b", "A/B", ".", "..", "%", "100%", "~", "~a", "ü/ö", "u\u0308", "\u00fc", "🌤 thread", "'quoted\"", "back\\slash",
           "tab\there", "line\nbreak", "trailing ", " leading", "null", "0", "-1", "x" * 1500, "x" * 1499 + "y", "{\"json\":1}", "<b>&amp;", "\u202ertl", "a|b", "?q=1#f", "--flag"]
MANY = 120
NAMES = [("tenant a", "user%20x", "mem/ories"), ("tenant a", "user x", "mem/ories"), ("Ünï", "🌤"), ("a:b", "c"), ("a", "b:c"), ("deep",) * 12, ("UPPER",), ("upper",)]


def cfg(thread, **more):
    return {"configurable": {"thread_id": thread, **more}, "metadata": {"tenant": "t/1", "tags": ["α", "β"], "nested": {"x": [1, None]}}}


def at(state):
    return {"configurable": dict(state.config["configurable"])}


def make(b):
    g = desk_graph(b.saver)
    g.invoke({"dialogue": [HumanMessage([{"type": "text", "text": "see"}, {"type": "image", "base64": "AAEC", "mime_type": "image/png"}], id="h-1"),
                           HumanMessage("stay", id="h-2")]}, cfg("desk deep"))
    g.invoke(Command(resume="one"), cfg("desk deep"))          # answers the first of two questions in one node

    poll_graph(b.saver).invoke({"who": ["ann", "bob", "cy"]}, cfg("poll"))

    c = count_graph(b.saver)
    c.invoke({"n": 1}, cfg("fork"))
    past = [s for s in c.get_state_history(cfg("fork")) if s.next == ("two",)][0]
    c.invoke(None, c.update_state(at(past), {"n": 50, "trail": ["edited"]}))
    c.update_state(cfg("fork"), {"trail": ["by hand"]}, as_node="one")          # waits before "two" now
    count_graph(b.saver, interrupt_before=["two"]).invoke({"n": 5}, cfg("breakpoint"))
    c.invoke({"n": 3, "text": noise(1_500_000, 1).hex(), "raw": noise(3_000_000, 2)}, cfg("big"))
    c.invoke({"n": 4}, cfg("exit only"), durability="exit")
    for t in ODD_IDS:
        c.invoke({"n": len(t), "text": t}, cfg(t))
    for i in range(MANY):
        c.invoke({"n": i}, cfg(f"many {i:04}"))

    d = ledger_graph(b.saver)
    for i in range(4):
        d.invoke({"book": {f"in {i}": i}, "sums": {f"in {i}": i}}, cfg("ledger"))
    old = [s for s in d.get_state_history(cfg("ledger")) if s.next == ()][2]
    d.update_state(at(old), {"book": {"fork": 1}, "sums": {"fork": 1}})
    d.invoke({"book": {"after fork": 2}}, cfg("ledger"))

    f = assemble(b.saver)
    f.invoke(2, cfg("parts"))
    FAIL["now"] = True
    try:
        f.invoke(4, cfg("parts"))
        raise SystemExit("the task that should fail did not")
    except ValueError:
        FAIL["now"] = False

    for i, ns in enumerate(NAMES):
        b.store.put(ns, "k/1 %", {"text": f"space {i}", "tags": ["red", f"t{i}"], "deep": {"inner": f"in {i}"}, "n": [1, 2.5, None, True, 10**18]})
        b.store.put(ns, "K/1 %", {"other": i}, index=False)
    for i in range(300):
        b.store.put(("bulk", f"g{i % 7}"), f"item-{i}", {"text": f"bulk item {i}", "i": i}, ttl=1000000 if i % 10 == 0 else None)
    b.store.put(("bulk", "g0"), "large", {"text": "L" * 200_000})
    b.store.put(("v1", "2", "x"), "dotted", {"text": "as a label with a dot, which older releases took, is stored"})
    b.store.put(("bulk", "g1"), "deleted", {"text": "must not come back"})
    b.store.delete(("bulk", "g1"), "deleted")      # on SQLite its vectors stay
    CALLS.clear()
    return {"forked": c.get_state(cfg("fork")).values["trail"], "book": d.get_state(cfg("ledger")).values["book"]}
