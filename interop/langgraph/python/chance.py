"""Programs by chance: each seed is a graph (nodes that ask, fail, send, jump, hold graphs, call graphs and tasks, keep things in the store, take messages
out; joins, loops, handlers of errors; states that are models),
and what somebody did with its thread (answered, edited, also in bulk, copied, cut down, went back, another program, a process that died). The environment's CHANCE is FROM:TO, of seeds."""
import operator, os, random, time
from typing import Annotated, Any, TypedDict

import pydantic
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.channels import AnyValue, EphemeralValue, Topic, UntrackedValue
from langgraph.channels.delta import DeltaChannel
from langgraph.config import get_store
from langgraph.errors import NodeError
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages
from langgraph.types import Command, Overwrite, RetryPolicy, Send, StateUpdate, interrupt

import values

FIELDS = ["text"]
SEEDS = range(*(int(x) for x in os.environ.get("CHANCE", "0:12").split(":")))
CALLS = []
MIXED = set()   # threads of two programs
BROKEN = {"now": True}
NAMES = ["", "a/b %41:|c", "ünï 🌤", "\u2028", "'; drop table x; --", "t" * 200, "..", "~", " ", "A|B:c", "\\x00", "ns:1|2"]
ODD = [values.STATE_VALUES[k] for k in sorted(values.STATE_VALUES) if k not in ("none", "bytearray", "float_1")] + [[], {}, "", 0, False, [[{"deep": (1,)}]], {"__interrupt__": 1}, "\ud83c\udf24"]


def fold(old, writes):
    out = list(old or [])
    for w in writes:
        out = out + list(w)
    return out


CHANNELS = {
    "any": Annotated[Any, AnyValue(Any)], "once": Annotated[Any, EphemeralValue(Any, guard=False)], "topic": Annotated[list, Topic(str)],
    "kept": Annotated[list, Topic(str, accumulate=True)], "unsaved": Annotated[Any, UntrackedValue(Any, guard=False)], "most": Annotated[int, lambda a, b: max(a, b)], "seen": Annotated[set, lambda a, b: a | b],
    "facts": Annotated[dict, lambda a, b: {**a, **b}], "delta": Annotated[list, DeltaChannel(fold)], "folded": Annotated[list, DeltaChannel(fold, snapshot_frequency=2)],
    "messages": Annotated[list, add_messages], "one": Any,
}


def plain(seed):
    """Whether the programs of a seed have no delta channels: the library cuts down no thread that has one."""
    return random.Random(f"{str(seed).split(' ')[0]} plain").random() < .3


def update(rng, name, channels):
    """What a node writes, drawn before it runs."""
    out = {"log": [name]}
    for c in rng.sample(sorted(channels), rng.randrange(4)):
        out[c] = {"topic": [name], "kept": [name], "most": rng.randrange(9), "seen": {name, rng.randrange(3)}, "facts": {name: rng.choice(ODD), "odd": 1}, "delta": [name], "folded": [name, rng.choice(ODD)],
                  "messages": [rng.choice([HumanMessage, AIMessage])(name, id=f"{name}-{rng.randrange(3)}")], "unsaved": object() if rng.random() < .1 else 1}.get(c) or rng.choice(ODD)
    if rng.random() < .05:
        out["log"] = Overwrite([f"over {name}"])
    return out


def fields(s):
    """What a node gets, of a state that is a model, too."""
    return s if isinstance(s, dict) else {k: getattr(s, k) for k in s.model_fields_set}


def keeps(rng, seed, n):
    """What a node does in the store beside what it returns; nothing, most often."""
    if rng.random() >= .15:
        return lambda: None
    space = tuple(x.replace(".", "") or "x" for x in (seed.split(" ")[0], *rng.sample(NAMES[1:], rng.randrange(3)), n))
    ttl, index, gone = rng.choice([None, .5, 90]), rng.choice([None, False, ["n[*]"]]), rng.random() < .3
    def keep():
        store = get_store()
        if gone and store.get(space, "k"):
            return store.delete(space, "k")
        store.put(space, "k", {"text": n, "n": ["a", None, {"b": 1.5}], "times": len(store.search(space)) + 1}, index=index, ttl=ttl)
    return keep


def less(rng, s, out):
    """Takes messages out of the state; most often it does not."""
    there = [m.id for m in s.get("messages") or []]
    if there and rng.random() < .3:
        out["messages"] = [RemoveMessage(id=rng.choice([REMOVE_ALL_MESSAGES, *there]))]


@task
def job(name, how):
    CALLS.append(f"job {name}")
    if how == "asks":
        return interrupt(f"job {name}?")
    if how == "fails" and BROKEN["now"]:
        time.sleep(.03)
        raise ValueError(f"job {name}")
    return name


class Graph:
    """A graph by chance; its nodes are drawn when it is made, so that the same seed is the same program."""
    def __init__(self, seed, depth=0, inside=False, around=()):
        self.rng, self.depth, self.inside, self.seed, self.around = random.Random(seed), depth, inside, seed, around     # around: who can be sent to in the graph around it
        rng = self.rng
        self.channels = {k: c for k, c in CHANNELS.items() if not plain(seed) or k not in ("delta", "folded")}
        log, model = Annotated[list, operator.add], random.Random(f"{seed} model").random() < .15
        self.b = StateGraph(pydantic.create_model("S", log=(log, []), **{k: (t, None) for k, t in self.channels.items()}) if model else TypedDict("S", {"log": log, **self.channels}, total=False))
        self.names = [f"{rng.choice(['n', 'a b', 'ü', 'x.y', 'N-1'])}{i}" for i in range(rng.randrange(1, 6))]
        self.workers = [f"w{i}" for i in range(rng.randrange(3))]
        kinds = ["step", "asks", "asks", "asks twice", "fails", "goes", "tasks", "calls", "fails then asks"] + ["graph"] * 3 * (depth < 2) + ["jumps"] * 2 * inside
        left = []
        for i, n in enumerate(self.names):
            kw = {"defer": True} if rng.random() < .1 else {}
            kind = rng.choice(kinds)
            if kind == "fails" and rng.random() < .3:
                kw["error_handler"] = self.handler(n)
            if kind == "fails" and rng.random() < .2:
                kw["retry_policy"] = RetryPolicy(max_attempts=2, initial_interval=.001, jitter=False, retry_on=ValueError)
            self.b.add_node(n, self.node(kind, n, i), **kw)
            left.append((n, i, kind))
        for n in self.workers:
            self.b.add_node(n, self.node(rng.choice([k for k in kinds if k not in ("goes", "jumps")]), n, len(self.names)))
        for n in left:
            self.leave(*n)
        for n in rng.sample(self.names, min(len(self.names), rng.choice([1, 1, 2, 3]))):
            self.b.add_edge(START, n)

    def later(self, i):
        return self.names[i + 1:] or [END]

    def leave(self, n, i, kind):
        """How it goes on behind a node."""
        rng, later = self.rng, self.later(i)
        if kind == "goes":
            return
        how = rng.choice(["edge", "edge", "two", "if", "sends", "join", "loop", "end"])
        if how == "sends" and self.workers:
            n_sends, over, w = rng.randrange(4), rng.choice(ODD), rng.choice(self.workers)
            self.b.add_conditional_edges(n, lambda s: [Send(w, {"log": [f"sent {k}"], "any": over}) for k in range(n_sends)] or later[0], [w, later[0]])
        elif how == "if":
            self.b.add_conditional_edges(n, lambda s: later[len(fields(s).get("log", [])) % len(later)], later)
        elif how == "loop":
            back = rng.choice(self.names[:i + 1])
            self.b.add_conditional_edges(n, lambda s: back if len(fields(s).get("log", [])) < 5 else later[-1], [back, later[-1]])
        elif how == "join" and i > 0 and later != [END]:
            self.b.add_edge([rng.choice(self.names[:i]), n], later[0])
        elif how != "end":
            for to in rng.sample(later, min(len(later), 2 if how == "two" else 1)):
                self.b.add_edge(n, to)

    def handler(self, n):
        up, asks = update(self.rng, f"handled {n}", self.channels), self.rng.random() < .5
        def handle(s, error: NodeError):
            CALLS.append(f"handler {n}")
            return {**up, "log": [f"handled {interrupt('how?') if asks else 0}"]}
        return handle

    def node(self, kind, n, i):
        rng, up, depth = self.rng, update(self.rng, n, self.channels), self.depth
        if kind == "graph":
            return Graph(f"{self.seed} {n}", depth + 1, True, self.workers).compile(rng.choice([None, None, True, False]))
        odd, later, ways, times = rng.choice(ODD), self.later(i), [rng.choice(["works", "asks", "fails"]) for _ in range(rng.randrange(1, 4))], rng.randrange(1, 3)
        inner = Graph(f"{self.seed} {n}", depth + 1).compile(rng.choice([None, None, True])) if kind == "calls" and depth < 2 else None
        sends = [Send(rng.choice(self.workers), {"log": ["gone"], "one": odd}) for _ in range(rng.randrange(1, 3))] if kind == "goes" and self.workers else []

        away = [Send(w, {"log": ["from inside"], "one": odd}) for w in self.around] if kind == "jumps" else []
        keep = keeps(random.Random(f"{self.seed} {n} keeps"), self.seed, n)

        def f(s):
            CALLS.append(f"{depth} {n}")
            s = fields(s)
            if len(CALLS) > 60 or len(s.get("log", [])) > 200:     # a loop in a loop in a loop; one around a graph inside doubles the log each time
                raise ValueError("enough")
            out = dict(up)
            less(random.Random(f"{self.seed} {n} less"), s, out)
            if kind.startswith("fails") and BROKEN["now"]:
                time.sleep(.03)     # those beside it are through by then
                raise ValueError(f"{n} is broken")
            keep()
            if "asks" in kind:
                out["log"] = [f"{n} {interrupt({'q': f'{n}?', 'odd': odd})!r}"]
            if kind == "asks twice":
                out["log"] += [f"{n} {interrupt('again?')!r}"]
            if kind == "tasks":
                jobs = [job(f"{n} {k}", w) for k, w in enumerate(ways)]
                out["log"] = [str(j.result()) for j in jobs]
            if inner is not None:
                for k in range(times):
                    out["log"] = out["log"] + [str(inner.invoke({"log": [f"called {k}"]}).get("log"))] if isinstance(out["log"], list) else out["log"]
            if kind == "goes":
                return Command(update=out, goto=[later[len(s.get("log", [])) % len(later)], *sends])
            if kind == "jumps":
                return Command(graph=Command.PARENT, update={"log": out["log"]}, goto=away)
            return out
        return f

    def compile(self, saver, store=None):
        kw = {}
        for stop in ("interrupt_before", "interrupt_after"):
            if not self.inside and self.depth == 0 and self.rng.random() < .12:
                kw[stop] = [self.rng.choice(self.names)]
        return self.b.compile(checkpointer=saver, store=store, **kw)


def program(seed, saver, store):
    saver.lock = store.lock     # nodes write to the store beside the saver, and two libraries of SQLite in one process do not see each other's locks
    rng = random.Random(f"{seed} program")
    if rng.random() < .15:
        ways = [rng.choice(["works", "asks", "fails"]) for _ in range(rng.randrange(1, 5))]
        inner = Graph(f"{seed} flow", 1).compile(None) if rng.random() < .5 else None

        @entrypoint(checkpointer=saver, store=store)
        def flow(s, *, previous: Any = None):
            CALLS.append("flow")
            got = [f.result() for f in [job(str(k), w) for k, w in enumerate(ways)]]
            if inner is not None:
                got.append(inner.invoke({"log": ["flow"]}).get("log"))
            return entrypoint.final(value={"log": got}, save=(previous or 0) + 1)
        return flow
    return Graph(str(seed)).compile(saver, store)


def thread_of(seed):
    return f"{random.Random(f'{seed} name').choice(NAMES)}{seed}"


def mortal(b):
    """A saver of the store whose process may die: after `left` writes nothing is kept."""
    class Mortal(type(b.saver)):
        left = 1e9

        def put(self, config, checkpoint, metadata, new_versions):
            self.left -= 1
            if self.left >= 0:
                return super().put(config, checkpoint, metadata, new_versions)
            return {"configurable": {**{k: v for k, v in config["configurable"].items() if k in ("thread_id", "checkpoint_ns")}, "checkpoint_id": checkpoint["id"]}}

        def put_writes(self, config, writes, task_id, task_path=""):
            self.left -= 1
            if self.left >= 0:
                super().put_writes(config, writes, task_id, task_path)
    return Mortal(b.conns[0])


def tried(f):
    CALLS.clear()
    try:
        out = f()
        out = out.get("log") if isinstance(out, dict) else type(out).__name__
    except Exception as e:
        out = f"{type(e).__name__} {str(e)[:60] if isinstance(e, ValueError) else ''}"
    return [sorted(CALLS), out]


def innermost(s):
    for t in s.tasks:
        if getattr(t.state, "config", None):
            return innermost(t.state)
    return s


def act(g, rng, config, known):
    """One thing that somebody does with a thread."""
    s, g = g.get_state(config, subgraphs=True), g.with_config(recursion_limit=15)
    asked = [i.id for i in s.interrupts]
    d = rng.choice(["sync", "async", "exit"])
    if d == "exit" and "unsaved" in getattr(g, "channels", ()):
        d = "async"     # "exit" saves what was written to such a channel, in PostgreSQL without a row of its version: nobody can tell that from a lost row
    word, part, back, x = rng.choice(ODD), rng.random() < .5, rng.random(), {"log": [f"in {rng.randrange(9)}"]}
    how = rng.choice(["on", "on", "on", "on", "on", "in", "edit", "edit as", "deep edit", "back", "back in", "back edit", "bulk", "copy"]) if known else "in"
    if how == "on" and asked:
        few = {i: word for k, i in enumerate(asked) if not part or k % 2 == 0}
        return tried(lambda: g.invoke(Command(resume=word if len(asked) == 1 and part else few), config, durability=d))
    if how == "on":
        return tried(lambda: g.invoke(None if s.next else x, config, durability=d))
    if how == "in":
        return tried(lambda: g.invoke(x, config, durability=d))
    as_node, then = (rng.choice(sorted(n for n in g.nodes if n != "__start__") or [None]) for _ in range(2))
    if how.startswith("back") or how in ("bulk", "copy") and part:
        past = list(g.get_state_history(config))
        config = past[int(back * len(past))].config if past else config
        if how in ("back", "back in"):
            return tried(lambda: g.invoke(None if how == "back" else x, config, durability=d))
    if how == "bulk":
        return tried(lambda: g.bulk_update_state(config, [[StateUpdate({"log": ["first"]}, as_node)], [StateUpdate({"log": [n]}, n) for n in dict.fromkeys((as_node, then))]]))
    if how == "copy":
        return tried(lambda: g.update_state(config, None, as_node="__copy__"))
    if how == "deep edit":
        return tried(lambda: g.update_state(innermost(s).config, {"log": ["deep"]}))
    return tried(lambda: g.update_state(config, rng.choice([None, {"log": ["edited"]}]), as_node=as_node if how != "edit" else None))


def drive(b, seed):
    rng, config, saver = random.Random(f"{seed} drive"), {"configurable": {"thread_id": thread_of(seed)}}, mortal(b)
    g, other = program(seed, saver, b.store), None
    for k in range(rng.randrange(1, 8)):
        BROKEN["now"] = rng.random() < .6
        saver.left = rng.randrange(1, 12) if rng.random() < .15 else 1e9
        if rng.random() < .07:
            other = other or program(f"{seed} other", saver, b.store)
            MIXED.add(seed)
        tried(lambda: act(rng.choice([g, other or g]), rng, config, k > 0))
        if rng.random() < .1:
            b.store.put((str(seed), rng.choice(NAMES[1:]).replace(".", "") or "x"), rng.choice(NAMES), {"text": rng.choice(NAMES), "n": [1, None]}, ttl=rng.choice([None, 90]))
        if rng.random() < .02:
            saver.delete_thread(config["configurable"]["thread_id"])
        if b.pg and plain(seed) and rng.random() < .25:
            saver.prune([config["configurable"]["thread_id"]])


def make(b):
    from chance_judge import notes
    for seed in SEEDS:
        drive(b, seed)
    return notes(b)
