"""What must work on a copy of the state that half.py made."""
from langgraph.types import Command

from half import BROKEN, CALLS, DURABILITY, FIELDS, cfg, clerk, flow, helpers, jump, loop, poll


def judge(b, j, facts):
    def votes(thread):
        g = poll(b.saver)
        for _ in range(2):
            r = g.invoke(Command(resume={i.id: f"[{i.value}]" for i in g.get_state(cfg(thread)).interrupts}), cfg(thread))
        j.same(thread, sorted(r["log"]), ["0 <0> <0>", "1 <1> [1]", "2 [2] [2]", "3 <3> [3]", "4 [4] [4]", "sum"])
        j.same(thread + " runs no other", sorted(set(CALLS)), ["sum", "vote 1", "vote 2", "vote 3", "vote 4"])

    def booked(thread):
        r = clerk(b.saver).invoke(Command(resume="last"), cfg(thread))
        j.same(thread, ([m.content for m in r["messages"]], CALLS), (["go", "", "Rom last", "Bern <Bern>", "done"], ["Rom"]))

    def one(f, thread, x, want):
        j.same(thread, f(b.saver).invoke(x, cfg(thread))["log"], want)

    def failed(thread):
        g, said = flow(b.saver), {"got": [[i, i * i] for i in range(4)], "said": "ok", "previous": None}
        j.same(thread + " asks again", [i.value for i in g.invoke(None, cfg(thread))["__interrupt__"]], [4])
        j.same(thread, g.invoke(Command(resume="ok"), cfg(thread)), said)
        j.same(thread + " runs the third alone", CALLS, ["square 2"])
        g.invoke(1, cfg(thread))
        j.same(thread + " remembers", g.invoke(Command(resume="ok"), cfg(thread))["previous"], 4)

    BROKEN[0] = False
    for d in DURABILITY:
        for name, f in [("poll", votes), ("clerk", booked),
                        ("jump", lambda t: one(jump, t, Command(resume="B"), ["put in", "a A", "c", "b B", "c"])),
                        ("loop", lambda t: one(loop, t, Command(resume="stop"), [1, {"two": 2}, False])),
                        ("helpers", lambda t: one(helpers, t, Command(resume="B"), ["one 1 A", "two 1 B"])), ("flow", failed)]:
            CALLS.clear()
            j.step(f"{name} {d}", lambda: f(f"{name} {d}"))
