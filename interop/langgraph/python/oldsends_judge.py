"""What must work on a copy of the state that oldsends.py speaks of."""
from oldsends import CALLS, FIELDS, cfg, graph


def judge(b, j, facts):
    g = graph(b.saver)
    j.same("tasks that wait at the source", facts["notes"], {"paused": 3, "failed": 3})

    def paused():
        j.same("paused next", g.get_state(cfg("paused")).next, ("worker",) * 3)
        j.same("paused history", [len(h.next) for h in g.get_state_history(cfg("paused"))], [3, 1, 1])
        j.same("paused goes on", g.invoke(None, cfg("paused"))["log"], ["in", "fan", "w1", "w2", "w3", "end"])
        j.same("paused tasks run", sorted(CALLS), [1, 2, 3])

    def failed():
        s = g.get_state(cfg("failed"))
        j.same("failed", [(x.name, x.error) for x in s.tasks], [("worker", None), ("worker", "ValueError('boom')"), ("worker", None)])
        j.same("failed goes on", g.invoke(None, cfg("failed"))["log"], ["in", "fan", "w1", "w2", "w3", "end"])
        j.same("failed tasks run (only the one that failed)", CALLS, [2])

    for name, f in [("paused goes on", paused), ("failed goes on", failed)]:
        CALLS.clear()
        j.step(name, f)
