"""Judges a copy that was taken while the application was writing.

  python judge_busy.py SOURCE TARGET      SOURCE has been written to since, TARGET has not

Every checkpoint of the copy must be the source's, whole, with an unbroken chain of parents; what was written before the copy must be in it; threads go on.

The library puts checkpoints and writes by threads of its own: within one run a write may come after the checkpoint that follows it. A run ends when all of
its writes are there, and the writer runs one after another: so in what came before the newest run every write of a step must be there."""
import logging, sys, warnings

from backend import Backend, scratch_copy
from judge import Judge
import odd_graphs
from view import view

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")


def main(source, target):
    j = Judge([])
    a = Backend(source, odd_graphs)
    want = view(a)
    a.close()
    with scratch_copy(target) as url:
        b = Backend(url, odd_graphs)
        got = view(b)
        w, g = want["checkpoints"], got["checkpoints"]
        j.same("checkpoints that the source does not have", sorted(g.keys() - w.keys()), [])
        newest = max(k.split("\0")[2] for k, c in g.items() if "'source': 'input'" in c["metadata"])   # ids go by time
        parents = {c["parent"] for c in g.values()}
        whole = 0
        for k in g.keys() & w.keys():
            thread, ns, id = k.split("\0")
            for part in ("parent", "metadata", "head", "values"):
                j.same(f"{k!r} {part}", g[k][part], w[k][part])
            j.same(f"{k!r} writes", [x for x in g[k]["writes"] if x not in w[k]["writes"]], [])
            j.same(f"{k!r} parent is there", g[k]["parent"] is None or f"{thread}\0{ns}\0{g[k]['parent']}" in g, True)
            if id in parents and id < newest:     # a finished step of a finished run: its writes cannot have grown since
                whole += 1
                j.same(f"{k!r} writes of a finished step", g[k]["writes"], w[k]["writes"])
        j.same("most steps are finished", whole > len(g) // 2, True)
        first = [f"busy {n}" for n in range(4)]     # begun before the writer said that it writes
        threads = {k.split("\0")[0] for k in g}
        j.same("threads that were there before", [t for t in first if t not in threads], [])
        j.same("items that the source does not have", sorted(x for x in got["items"].keys() - want["items"].keys()), [])
        j.same("items", len(got["items"]) >= 20, True)
        c = odd_graphs.count_graph(b.saver)
        for t in sorted(threads):
            cfg = {"configurable": {"thread_id": t}}
            if c.get_state(cfg).next:
                c.invoke(None, cfg)
            j.same(f"{t} goes on", c.invoke({"n": 1, "text": "after"}, cfg)["trail"][-2:], ["one 1", "two 2"])
        b.close()
    for line in j.bad[:50]:
        print("DIFF", line)
    print(f"FAIL {len(j.bad)} differences in {j.n} checks" if j.bad else f"PASS {j.n} checks")
    sys.exit(bool(j.bad))


if __name__ == "__main__":
    main(*sys.argv[1:3])
