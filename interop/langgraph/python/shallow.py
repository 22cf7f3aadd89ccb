"""A ShallowPostgresSaver, deprecated and in use, keeps the newest checkpoint of a thread alone.

  python shallow.py make URL      threads that wait, failed, and are done
  python shallow.py judge URL     a copy of them under the usual saver; prints PASS n checks, or a line a difference"""
import contextlib, logging, sys, warnings

import odd_graphs as odd
from langchain_core.messages import HumanMessage
from langgraph.types import Command

from backend import Backend, scratch_copy

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")


def cfg(thread):
    return {"configurable": {"thread_id": thread}}


def make(url):
    from langgraph.checkpoint.postgres.shallow import ShallowPostgresSaver
    with ShallowPostgresSaver.from_conn_string(url) as saver:
        saver.setup()
        odd.desk_graph(saver).invoke({"dialogue": [HumanMessage("hello", id="h-1")]}, cfg("desk"))
        odd.poll_graph(saver).invoke({"who": ["ann", "bob"]}, cfg("poll"))
        odd.count_graph(saver).invoke({"n": 1}, cfg("count"))
        odd.FAIL["now"] = True
        with contextlib.suppress(ValueError):
            odd.assemble(saver).invoke(3, cfg("tasks"))


def judge(url):
    bad, n = [], 0

    def same(what, got, want):
        nonlocal n
        n += 1
        if got != want:
            bad.append(f"{what}: got {got!r:.300} want {want!r:.300}")

    with scratch_copy(url) as copy:
        b = Backend(copy, odd)
        desk, poll, count = odd.desk_graph(b.saver), odd.poll_graph(b.saver), odd.count_graph(b.saver)
        same("history", [len(list(g.get_state_history(cfg(t)))) for g, t in ((desk, "desk"), (poll, "poll"), (count, "count"))], [1, 1, 1])
        same("desk asks", [i.value["ask"] for i in desk.get_state(cfg("desk")).interrupts], ["first?"])
        same("desk asks again", [i.value for i in desk.invoke(Command(resume="1"), cfg("desk"))["__interrupt__"]], [{"level": 3, "ask": "second?", "after": "1"}])
        same("desk ends", desk.invoke(Command(resume="2"), cfg("desk"))["Prüf spur"][-1], "inner 1 2")
        asked = poll.get_state(cfg("poll")).interrupts
        same("poll", poll.invoke(Command(resume={i.id: i.value["voter"] for i in asked}), cfg("poll"))["votes"], {"ann": "ann", "bob": "bob"})
        same("count", (count.get_state(cfg("count")).values, count.invoke({"n": 5}, cfg("count"))["n"]), ({"n": 20, "trail": ["one 1", "two 2"]}, 60))
        odd.CALLS.clear()
        same("tasks", (odd.assemble(b.saver).invoke(None, cfg("tasks")), odd.CALLS), (14, ["assemble", "part 3"]))
        b.close()
    for line in bad:
        print("DIFF", line)
    print(f"FAIL {len(bad)} differences in {n} checks" if bad else f"PASS {n} checks")
    sys.exit(bool(bad))


if __name__ == "__main__":
    {"make": make, "judge": judge}[sys.argv[1]](sys.argv[2])
