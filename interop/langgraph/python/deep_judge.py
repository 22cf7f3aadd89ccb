"""What must work on a copy of the state that deep.py made."""
from langgraph.types import Command

from deep import BROKEN, CALLS, FIELDS, agent, bare_graph, caller_graph, cfg, dig_graph, fan_graph, flow, innermost, retried_graph, sums_graph, waits


def judge(b, j, facts):
    BROKEN["now"] = False

    def agents():
        a = agent(b.saver, b.store)
        j.same("asks", [[i.value for i in a.get_state(cfg(t)).interrupts] for t in ("agent", "agent half", "agent done")], [[{"q": "sure?"}], [{"q": "really?"}], []])
        j.same("half", waits(a.invoke(Command(resume="yes"), cfg("agent"))), [{"q": "really?"}])
        for t in ("agent", "agent half"):
            r = a.invoke(Command(resume="ok"), cfg(t))
            j.same(t, ([(m.type, m.id if m.type != "tool" else m.tool_call_id, m.status if m.type == "tool" else None) for m in r["messages"]], r["basket"], r["structured_response"].good),
                   ([("human", "h-1", None), ("ai", "ai-0", None), ("tool", "c0-1", "success"), ("tool", "c0-2", "success"), ("tool", "c0-3", "error"), ("ai", "ai-1", None)], ["tea"], True))
        j.same("tools that ran", CALLS, ["ask", "ask", "ask"])
        j.same("an artifact", a.get_state(cfg("agent done")).values["messages"][2].artifact, {"n": 2, "raw": b"\x00\xff"})

    def caller():
        r = caller_graph(b.saver).invoke(Command(resume="B"), cfg("caller"))
        j.same("caller", (r["log"], CALLS), (["pre 1", "1: A", "pre 2", "2: B"], ["call", "inner 2"]))

    def fan():
        f = fan_graph(b.saver)
        asks = f.get_state(cfg("fan")).interrupts
        j.same("fan asks", sorted(i.value for i in asks), [0, 1, 2, 3])
        for i in asks:
            r = f.invoke(Command(resume={i.id: f"said {i.value}"}), cfg("fan"))
        want = [x for i in range(4) for x in (f"pre {i}", f"{i}: said {i}")] + ["end"]
        j.same("fan", r["log"], want)
        CALLS.clear()
        asks = f.get_state(cfg("fan in part")).interrupts
        j.same("fan in part asks", sorted(i.value for i in asks if i.value % 2 == 0), [0, 2])
        r = f.invoke(Command(resume={i.id: f"said {i.value}" for i in asks}), cfg("fan in part"))
        j.same("fan in part", (r["log"], sorted(CALLS)), (want, ["inner 0", "inner 2"]))

    def flows():
        j.same("flow", (flow(b.saver).invoke(None, cfg("flow")), CALLS), ([[3]], ["sub_task 3"]))
        f = flow(b.saver)
        asks = f.get_state(cfg("flow asks")).interrupts
        j.same("flow asks", f.invoke(Command(resume={i.id: i.value for i in asks}), cfg("flow asks")).__class__.__name__, "list" if len(asks) == 2 else "dict")

    def sums():
        for d in ("sync", "exit"):
            r = sums_graph(b.saver).invoke(None, cfg(f"sums {d}"))
            j.same(f"sums {d}", (str(r["total"]), r["vec"].tolist(), r["frozen"], sorted(map(str, r["seen"])), list(r["queue"])),
                   ("1.70", [2.0, 2.0, 2.0], frozenset({"y"}), ["0", "1", "3", "x"], [9, 1, 1]))

    def dig():
        g = dig_graph(b.saver)
        j.same("dig", g.invoke(Command(resume="R"), cfg("dig"))["log"][-2:], ["7: R", "after 7"])
        j.same("dig edited", g.invoke(Command(resume="R"), cfg("dig edited"))["log"][-2:], ["8: R", "after 7"])
        j.same("dig travelled", innermost(g, "dig travelled").values["log"], ["pre 7", "asked by hand"])

    def retried():
        for thread, g in retried_graph(b.saver).items():
            r = g.invoke(Command(resume="yes"), cfg(thread))
            j.same(thread, (r["log"], CALLS), {"retried": (["yes", "went well"], []), "retried alone": (["then yes"], ["then asks"])}[thread])
        j.same("bare", (bare_graph(b.saver).get_state(cfg("bare")).next, bare_graph(b.saver).invoke(None, cfg("bare"))), (("two",), {"c": "xx!"}))

    def store():
        found = b.store.search(("lib",), query="p2", limit=1)[0]
        j.same("found by a part of a list", (found.key, round(found.score, 6)), ("k", 1.0))
        j.same("over", b.store.get(("lib", "gone"), "gone").value, {"title": "over"})

    for name, fn in [("retried", retried), ("store", store), ("agents", agents), ("caller", caller), ("fan", fan), ("flows", flows), ("sums", sums), ("dig", dig)]:
        CALLS.clear()
        j.step(name, fn)
