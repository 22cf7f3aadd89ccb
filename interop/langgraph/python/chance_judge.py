"""Programs by chance: what the runtime says of each thread, and what each does when it goes on, in the source and in the copy."""
import random

import chance
from chance import FIELDS
from backend import scratch_copy
from view import brief, ordered


# Of a graph inside the library rebuilds no delta channel: its state has what stands in the checkpoint. PostgreSQL keeps a snapshot by its version, so that
# later checkpoints have it, too; SQLite has it in one alone. And a thread that goes on may rebuild another list on either of them, from programs of their own alike.
SNAPSHOTS = ("delta", "folded")


def said(s, cross, ids=True, inside=False):
    """What a StateSnapshot says. What a program does later has ids of its own."""
    vals = s.values if isinstance(s.values, dict) else {"": s.values}
    vals = {k: v for k, v in vals.items() if not (cross and (inside or not ids) and k in SNAPSHOTS)}
    out = {"values": {k: brief(vals[k], cross) for k in sorted(vals) if ids or k != "__interrupt__"}, "next": list(s.next),
           "tasks": [{"name": t.name, "error": repr(t.error), "asks": sorted([i.id if ids else "", brief(i.value, cross)] for i in t.interrupts), "result": brief(t.result, cross), "path": repr(t.path)[:200] if ids else "",
                      "id": t.id if ids else "", "state": said(t.state, cross, ids, True) if hasattr(t.state, "values") and hasattr(t.state, "tasks") else ids and place(t.state)} for t in s.tasks]}
    return {**out, "config": place(s.config), "parent": place(s.parent_config), "metadata": repr(ordered(s.metadata)), "created": s.created_at} if ids else out


def place(config):
    return config and {k: v for k, v in sorted(config["configurable"].items()) if not k.startswith("__")}


def stands(b, seed):
    """What 'list' may say, by one of the programs that the thread is of; nothing where one cannot be asked. The library leaves the error of a task
    that ran again and asks. It does not show what handles an error, but starts it again, and not what failed: where that asks, the thread waits."""
    out, config = [], {"configurable": {"thread_id": chance.thread_of(seed)}}
    for p in [seed] + [f"{seed} other"] * (seed in chance.MIXED):
        try:
            s = chance.program(p, b.saver, b.store).get_state(config, subgraphs=True)
        except Exception:
            return []
        failed, asks = any(t.error for t in s.tasks), any(t.interrupts for t in s.tasks)
        again = any(t.error and t.interrupts for t in s.tasks)
        hidden = {i.id for _, channel, asked in b.saver.get_tuple(config).pending_writes or [] if channel == "__interrupt__" for i in asked} - {i.id for i in s.interrupts} if failed else set()
        if hidden and on_a_copy(b, [p], lambda c, p: asked_again(c, p, config)).popitem()[1] & hidden:
            out += ["waiting"]
            continue
        out += ["failed"] * failed + ["waiting"] * (asks and (again or not failed)) or ["unfinished" if s.tasks else "finished"]   # next leaves out tasks whose results are not taken in yet
    return out


def asked_again(b, p, config):
    """What somebody is asked who goes on while all that failed would fail again; nothing where it does."""
    chance.BROKEN["now"] = True
    try:
        out = chance.program(p, b.saver, b.store).invoke(None, config)
    except Exception:
        return set()
    return {i.id for i in out.get("__interrupt__", [])} if isinstance(out, dict) else set()


def tells(b, seed):
    """What is said of a thread, and what somebody sees who goes on with it, in the words of a database of the same kind, and of the other."""
    rng, config, told = random.Random(f"{seed} judge"), {"configurable": {"thread_id": chance.thread_of(seed)}}, []

    def say(name, f, form):
        try:
            v = f()
            told.append((name, {x: form(v, x == "cross") for x in ("same", "cross")}))
        except Exception as e:
            told.append((name, dict.fromkeys(("same", "cross"), f"{type(e).__name__}: {e}"[:200])))
    g = chance.program(seed, b.saver, b.store)
    say("state", lambda: g.get_state(config, subgraphs=True), said)
    say("history", lambda: list(g.get_state_history(config)), lambda v, cross: [said(s, cross) for s in v])
    for k in range(4):
        chance.BROKEN["now"] = rng.random() < .3
        say(f"goes on {k}", lambda: chance.act(g, rng, config, k != 3), brief)
        say(f"then {k}", lambda: g.get_state(config, subgraphs=True), lambda v, cross: said(v, cross, False))
        say(f"kept {k}", lambda: b.store.search((str(seed),), limit=1000), lambda v, cross: sorted(repr((i.namespace, i.key, ordered(i.value))) for i in v))
        say(f"found {k}", lambda: b.store.search((str(seed),), query="n", limit=1000), lambda v, cross: sorted(repr((i.namespace, i.key)) for i in v))
    return {x: {name: v[x] for name, v in told} for x in ("same", "cross")}


def on_a_copy(b, seeds, tells=tells):
    b.close()   # PostgreSQL copies what nobody has open
    with scratch_copy(b.url) as url:
        c = type(b)(url, chance)
        out = {str(seed): tells(c, seed) for seed in seeds}
        c.close()
    b.__init__(b.url, chance)
    return out


def notes(b):
    """Tasks run side by side, so a program may go on in more than one way: what two runs at the source do not agree on is left out."""
    told, again = on_a_copy(b, chance.SEEDS), on_a_copy(b, chance.SEEDS)
    for seed, t in told.items():
        for form, x in t.items():
            t[form] = {k: v for k, v in x.items() if again[seed][form][k] == v}
    return {"told": told, "stands": {str(seed): stands(b, seed) for seed in chance.SEEDS}, "threads": {str(seed): chance.thread_of(seed) for seed in chance.SEEDS}}


def judge(b, j, facts):
    """What differs is looked at again: a copy must be able to go on as the source did."""
    form, told = "cross" if b.pg != facts["pg"] else "same", {s: t for s, t in facts["notes"]["told"].items() if chance.thread_of(int(s)) not in j.skip}
    odd = list(told)
    for again in (2, 1, 0):
        got, odd_now = on_a_copy(b, odd), []
        for seed in odd:
            want = told[seed][form]
            if again and any(got[seed][form][k] != w for k, w in want.items()):
                odd_now.append(seed)
                continue
            for k, w in want.items():
                j.same(f"{seed} {chance.thread_of(int(seed))!r:.40} {k}", *differ(got[seed][form][k], w))
        odd = odd_now


def differ(a, b, at=""):
    """The first place where two documents differ."""
    if type(a) is type(b) and isinstance(a, dict) and a.keys() == b.keys():
        for k in a:
            if a[k] != b[k]:
                return differ(a[k], b[k], f"{at}/{k}")
    if type(a) is type(b) and isinstance(a, list) and len(a) == len(b):
        for k, (x, y) in enumerate(zip(a, b)):
            if x != y:
                return differ(x, y, f"{at}/{k}")
    return (f"{at} {a!r}", f"{at} {b!r}") if a != b else (0, 0)
