"""Opens a scratch copy of a store with the real library, compares all it shows with what it showed at the source, and goes on from there.

  python judge.py SHAPE URL FACTS [--skip THREAD]…     FACTS is the file that make.py wrote

Prints 'PASS n checks', or one line a difference and exit code 1."""
import argparse, importlib, json, logging, sys

from backend import Backend, scratch_copy
from view import compare, view

logging.disable(logging.WARNING)


class Judge:
    def __init__(self, skip):
        self.bad, self.n, self.skip = [], 0, skip

    def same(self, what, got, want):
        self.n += 1
        if got != want:
            self.bad.append(f"{what}: got {got!r:.400} want {want!r:.400}")

    def step(self, name, f):
        """One failing step must not hide the others."""
        if name in self.skip:
            return
        try:
            f()
        except Exception as e:
            self.bad.append(f"{name}: {type(e).__name__}: {e}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("shape"), p.add_argument("url"), p.add_argument("facts"), p.add_argument("--skip", action="append", default=[])
    a = p.parse_args()
    with open(a.facts) as f:
        facts = json.load(f)
    shape, j = importlib.import_module(a.shape + "_judge"), Judge(a.skip)
    with scratch_copy(a.url) as url:
        b = Backend(url, shape)
        cross = b.pg != facts["pg"]
        want = facts["cross" if cross else "same"]
        j.step("view", lambda: compare(want, view(b, cross), j.same, cross, a.skip))
        shape.judge(b, j, facts)
        b.close()
    for line in j.bad:
        print("DIFF", line)
    print(f"FAIL {len(j.bad)} differences in {j.n} checks" if j.bad else f"PASS {j.n} checks")
    sys.exit(bool(j.bad))


if __name__ == "__main__":
    main()
