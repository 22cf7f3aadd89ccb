"""What must work on a copy of the state that wide.py made."""
from langgraph.types import Command

from wide import CALLS, DURABILITY, FIELDS, cfg, flow, handled_graph, join_graph, jump_graph, line_graph, nest_graph


def judge(b, j, facts):
    def go(thread, graph, answers, log, calls, next=None):
        def f():
            g = graph(b.saver)
            s = g.get_state(cfg(thread))
            if next:
                j.same(f"{thread} next", s.next, next)
            for a in answers:
                r = g.invoke(a and Command(resume=a), cfg(thread))
            j.same(f"{thread} log", r["log"], log)
            j.same(f"{thread} nodes run", CALLS, calls)
        CALLS.clear()
        j.step(thread, f)

    go("join", join_graph, ["R"], ["in", "a", "b", "c R", "b2", "join", "last"], ["c", "b2", "join", "last"], ("c",))
    go("asked by a join", lambda s: join_graph(s, ask="join"), ["R"], ["in", "a", "b", "c", "b2", "join R", "last"], ["join", "last"], ("join",))
    go("before a join", lambda s: join_graph(s, ask="", defer=False), [None], ["in", "a", "b", "c", "b2", "join", "last"], ["join", "last"], ("join",))
    go("handled", handled_graph, ["R"], ["in", "bad handled R", "sibling", "end"], ["handler", "end"])
    for d in DURABILITY:
        go(f"jump {d}", jump_graph, ["R", "T"], ["jumped", "w1", "w2 R T"], ["w2", "w2"])
        go(f"line {d}", line_graph, [None], ["in", "one", "two"], ["two"], ("two",))
        go(f"nest {d}", nest_graph, ["R"], ["in", "in", "in", "pre", "in", "pre", "ask R"], ["ask"])

    def nested():
        r = nest_graph(b.saver).invoke(Command(resume="R"), cfg("nest"))
        j.same("nest nodes run", CALLS, ["ask"])
        j.same("nest: each graph remembers", (r["log"].count("pre"), r["log"].count("ask first"), r["log"][-1]), (21, 10, "ask R"))

    def functional():
        r = flow(b.saver).invoke(Command(resume="D"), cfg("flow"))
        j.same("flow", r, {"got": [0, 2, 4], "said": ["C", "D"], "previous": {"n": 1, "said": {"A", "B"}}})
        j.same("flow tasks run", CALLS, ["wf", "ask two"])

    def by_hand():
        g = line_graph(b.saver)
        j.same("by hand", (g.get_state(cfg("by hand")).values["log"], g.get_state(cfg("by hand")).next), (["one", "two"], ()))
        j.same("in bulk", g.invoke(None, cfg("in bulk"))["log"], ["1", "two"])
        j.same("travelled", g.get_state(cfg("travelled")).values["log"], facts["notes"]["travelled"])
        j.same("travelled on", g.invoke({"log": ["more"]}, cfg("travelled"))["log"][-3:], ["more", "one", "two"])
        j.same("deleted", g.get_state(cfg("deleted")).values, {})
        j.same("asynchronous", "by hand" in join_graph(b.saver).get_state(cfg("asynchronous")).values["log"], True)

    def store():
        b.store.put(("new",), "k", {"text": "found by its vector"})
        j.same("the store has its index", [x.key for x in b.store.search(("new",), query="found by its vector")], ["k"])

    for name, f in [("nest", nested), ("flow", functional), ("hand", by_hand), ("store", store)]:
        CALLS.clear()
        j.step(name, f)
