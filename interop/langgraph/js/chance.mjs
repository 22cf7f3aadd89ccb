// Programs by chance: each seed is a graph (nodes that ask, fail, send, jump, hold graphs, call graphs and tasks, keep things in the store, take messages out; joins, loops, handlers of errors), and what
// somebody did with its thread (answered, edited, also in bulk, copied, went back, another program, a process that died). The environment's CHANCE is FROM:TO, of seeds.
import crypto from "node:crypto";
import { Annotation, Command, DeltaChannel, END, Overwrite, START, Send, StateGraph, UntrackedValue, entrypoint, getPreviousState, interrupt, messagesStateReducer, task } from "@langchain/langgraph";
import { AIMessage, HumanMessage, RemoveMessage } from "@langchain/core/messages";

export const FIELDS = ["text"];
const [FROM, TO] = (process.env.CHANCE ?? "0:12").split(":").map(Number);
export const SEEDS = Array.from({ length: TO - FROM }, (_, i) => FROM + i);
export const WORLD = { broken: true, calls: [], mixed: new Set() }; // mixed: threads of two programs
const NAMES = ["", "a/b %41:|c", "ünï 🌤", "\u2028", "'; drop table x; --", "t".repeat(200), "..", "~", " ", "A|B:c", "\\x00", "ns:1|2"];
const ODD = [null, undefined, true, 0, -0.5, 1e22, 9007199254740991, NaN, "", "Zürich 🌤", "a\u0000b", [], {}, [[{ deep: [1] }]], new Map([["a", new Set([1])]]), new Set(["x"]), new Date("2026-01-02T03:04:05Z"), /a+b/gi,
  new Error("kept"), { __interrupt__: 1 }, { lc: 1, n: 2 }, "x".repeat(5000), new AIMessage({ id: "m", content: "inside" }), { raw: new Uint8Array([1, 255]) }, { __proto__: null, constructor: "c" }, "\ud83c\udf24"];
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

// Numbers that the seed alone decides.
export class Chance {
  constructor(seed) { this.state = crypto.createHash("sha256").update(seed).digest().readUInt32LE(); }
  real() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  int(n) { return Math.floor(this.real() * n); }
  of(list) { return list[this.int(list.length)]; }
  some(list, n) { const l = [...list]; return Array.from({ length: Math.min(n, l.length) }, () => l.splice(this.int(l.length), 1)[0]); }
}

const list = () => Annotation({ reducer: (a, b) => a.concat(b), default: () => [] });
const fold = (state, writes) => (state ?? []).concat(...writes);
const CHANNELS = {
  log: list(), any: Annotation({ reducer: (_, b) => b }), most: Annotation({ reducer: (a, b) => Math.max(a ?? 0, b) }), seen: Annotation({ reducer: (a, b) => new Set([...(a ?? []), ...b]), default: () => new Set() }),
  facts: Annotation({ reducer: (a, b) => ({ ...a, ...b }), default: () => ({}) }), delta: () => new DeltaChannel(fold, () => []), folded: () => new DeltaChannel(fold, { snapshotFrequency: 2 }),
  messages: Annotation({ reducer: messagesStateReducer, default: () => [] }), one: Annotation(), "a:b/c %": list(),
};
const State = Annotation.Root(CHANNELS);

// What a node writes, drawn before it runs.
function update(rng, name) {
  const out = { log: [name] };
  for (const c of rng.some(Object.keys(CHANNELS).slice(1), rng.int(4))) {
    out[c] = { most: rng.int(9), seen: new Set([name, rng.int(3)]), facts: { [name]: rng.of(ODD), odd: 1 }, delta: [name], folded: [name, rng.of(ODD)], "a:b/c %": [rng.of(ODD)],
      messages: [new (rng.of([HumanMessage, AIMessage]))({ id: `${name}-${rng.int(3)}`, content: name })] }[c] ?? rng.of(ODD);
  }
  if (rng.real() < 0.05) out.log = new Overwrite([`over ${name}`]);
  return out;
}

// What a node does in the store beside what it returns; nothing, most often. On SQLite there is none.
function keeps(rng, seed, n) {
  if (rng.real() >= 0.15) return () => {};
  const space = [seed.split(" ")[0], ...rng.some(NAMES.slice(1), rng.int(3)), n].map((x) => x.replace(/[.:%_\\]/g, "") || "x"), index = rng.of([undefined, false, ["n[*]"]]), gone = rng.real() < 0.3;
  return async (store) => {
    if (!store) return;
    if (gone && (await store.get(space, "k"))) await store.delete(space, "k");
    else await store.put(space, "k", { text: n, n: ["a", null, { b: 1.5 }] }, index);
  };
}

// Takes messages out of the state; most often it does not.
function less(rng, s, out) {
  const there = (s?.messages ?? []).map((m) => m.id);
  if (there.length && rng.real() < 0.3) out.messages = [new RemoveMessage({ id: rng.of(["__remove_all__", ...there]) })];
}

const job = task("job", async (name, how) => {
  WORLD.calls.push(`job ${name}`);
  if (how === "asks") return interrupt(`job ${name}?`);
  if (how === "fails" && WORLD.broken) { await pause(30); throw new Error(`job ${name}`); }
  return name;
});

// A loop in a loop in a loop ends, and one around a graph inside, which returns the log that it got with its own: that doubles it each time.
function enough(call, s) {
  WORLD.calls.push(call);
  if (WORLD.calls.length > 60 || s?.log?.length > 200) throw new Error("enough");
}

// A graph by chance; its nodes are drawn when it is made, so that the same seed is the same program.
class Graph {
  constructor(seed, depth = 0, inside = false, around = []) { // around: who can be sent to in the graph around it
    const rng = new Chance(seed);
    Object.assign(this, { seed, depth, inside, around, rng, b: new StateGraph(State) });
    this.names = Array.from({ length: 1 + rng.int(5) }, (_, i) => `${rng.of(["n", "a b", "ü", "x.y", "N-1"])}${i}`);
    this.workers = Array.from({ length: rng.int(3) }, (_, i) => `w${i}`);
    const kinds = ["step", "asks", "asks", "asks twice", "fails", "goes", "tasks", "calls", "fails then asks", ...(depth < 2 ? ["graph", "graph", "graph"] : []), ...(inside ? ["jumps", "jumps"] : [])];
    const left = [];
    this.names.forEach((n, i) => {
      const kind = rng.of(kinds), more = rng.real() < 0.1 ? { defer: true } : {};
      if (kind === "fails" && rng.real() < 0.3) more.errorHandler = this.handler(n);
      if (kind === "goes") more.ends = [...this.later(i), ...this.workers];
      this.b.addNode(n, this.node(kind, n, i), more);
      left.push([n, i, kind]);
    });
    for (const n of this.workers) this.b.addNode(n, this.node(rng.of(kinds.filter((k) => k !== "goes" && k !== "jumps")), n, this.names.length));
    for (const l of left) this.leave(...l);
    const first = rng.some(this.names, rng.of([1, 1, 2, 3]));
    this.b.addConditionalEdges(START, () => first, [...this.names, ...this.workers]); // the library refuses a node that nothing can reach
  }

  later(i) { const l = this.names.slice(i + 1); return l.length ? l : [END]; }

  // How it goes on behind a node.
  leave(n, i, kind) {
    const { rng, b } = this, later = this.later(i), how = rng.of(["edge", "edge", "two", "if", "sends", "join", "loop", "end"]);
    if (kind === "goes" || how === "end") return;
    if (how === "sends" && this.workers.length) {
      const count = rng.int(4), over = rng.of(ODD), w = rng.of(this.workers);
      b.addConditionalEdges(n, () => (count ? Array.from({ length: count }, (_, k) => new Send(w, { log: [`sent ${k}`], any: over })) : later[0]), [w, later[0]]);
    } else if (how === "if") b.addConditionalEdges(n, (s) => later[s.log.length % later.length], later);
    else if (how === "loop") {
      const back = rng.of(this.names.slice(0, i + 1)), last = later.at(-1);
      b.addConditionalEdges(n, (s) => (s.log.length < 5 ? back : last), [back, last]);
    } else if (how === "join" && i > 0 && later[0] !== END) b.addEdge([rng.of(this.names.slice(0, i)), n], later[0]);
    else for (const to of rng.some(later, how === "two" ? 2 : 1)) b.addEdge(n, to);
  }

  handler(n) {
    const asks = this.rng.real() < 0.5;
    return async () => { enough(`handler ${n}`); return { log: [`handled ${asks ? interrupt("how?") : 0}`] }; };
  }

  node(kind, n, i) {
    const { rng, depth, seed } = this, up = update(rng, n);
    if (kind === "graph") return new Graph(`${seed} ${n}`, depth + 1, true, this.workers).compile(rng.of([undefined, undefined, true, false]));
    const odd = rng.of(ODD), later = this.later(i), ways = Array.from({ length: 1 + rng.int(3) }, () => rng.of(["works", "asks", "fails"])), times = 1 + rng.int(2);
    const inner = kind === "calls" && depth < 2 ? new Graph(`${seed} ${n}`, depth + 1).compile(rng.of([undefined, undefined, true])) : null;
    const sends = kind === "goes" && this.workers.length ? Array.from({ length: 1 + rng.int(2) }, () => new Send(rng.of(this.workers), { log: ["gone"], one: odd })) : [];
    const keep = keeps(new Chance(`${seed} ${n} keeps`), seed, n);
    const away = kind === "jumps" ? this.around.map((w) => new Send(w, { log: ["from inside"], one: odd })) : [];
    return async (s, config) => {
      enough(`${depth} ${n}`, s);
      const out = { ...up };
      less(new Chance(`${seed} ${n} less`), s, out);
      if (kind.startsWith("fails") && WORLD.broken) { await pause(30); throw new Error(`${n} is broken`); }
      await keep(config?.store);
      if (kind.includes("asks")) out.log = [`${n} ${typeof interrupt({ q: `${n}?`, odd })}`];
      if (kind === "asks twice") out.log = [...out.log, `${n} ${typeof interrupt("again?")}`];
      if (kind === "tasks") out.log = (await Promise.all(ways.map((w, k) => job(`${n} ${k}`, w)))).map((x) => typeof x);
      for (let k = 0; inner && k < times; k++) out.log = [`${n} ${JSON.stringify((await inner.invoke({ log: [`called ${k}`] }))?.log)}`];
      if (kind === "goes") return new Command({ update: out, goto: [later[s.log.length % later.length], ...sends].filter((x) => x !== END) });
      if (kind === "jumps") return new Command({ graph: Command.PARENT, update: { log: out.log }, goto: away });
      return out;
    };
  }

  compile(checkpointer, store) {
    const more = {};
    for (const stop of ["interruptBefore", "interruptAfter"]) if (!this.inside && this.depth === 0 && this.rng.real() < 0.12) more[stop] = [this.rng.of(this.names)];
    return this.b.compile({ checkpointer, store, ...more });
  }
}

export function program(seed, checkpointer, store) {
  const rng = new Chance(`${seed} program`);
  if (rng.real() >= 0.15) return new Graph(String(seed)).compile(checkpointer, store);
  const ways = Array.from({ length: 1 + rng.int(4) }, () => rng.of(["works", "asks", "fails"])), inner = rng.real() < 0.5 ? new Graph(`${seed} flow`, 1).compile() : null;
  return entrypoint({ name: "flow", checkpointer, store }, async () => {
    WORLD.calls.push("flow");
    const got = (await Promise.all(ways.map((w, k) => job(String(k), w)))).map((x) => typeof x);
    if (inner) got.push(JSON.stringify((await inner.invoke({ log: ["flow"] }))?.log));
    return entrypoint.final({ value: { log: got }, save: (getPreviousState() ?? 0) + 1 });
  });
}

export const threadOf = (seed) => `${new Chance(`${seed} name`).of(NAMES)}${seed}`;
export const cfg = (seed) => ({ configurable: { thread_id: threadOf(seed) } });

// A saver whose process may die: after left.n writes nothing is kept.
function mortal(saver, left) {
  return new Proxy(saver, { get(o, name) {
    const f = o[name];
    if (name === "put") return async (config, checkpoint, ...rest) => (--left.n >= 0 ? o.put(config, checkpoint, ...rest)
      : { configurable: { thread_id: config.configurable.thread_id, checkpoint_ns: config.configurable.checkpoint_ns ?? "", checkpoint_id: checkpoint.id } });
    if (name === "putWrites") return async (...args) => (--left.n >= 0 ? o.putWrites(...args) : undefined);
    return typeof f === "function" ? f.bind(o) : f;
  } });
}

export async function tried(f) {
  WORLD.calls = [];
  let out;
  try { out = await f(); out = out && typeof out === "object" ? out.log : typeof out; } catch (e) { out = `${e.name} ${e.name === "Error" ? e.message.slice(0, 60) : ""}`; }
  return [[...WORLD.calls].sort(), out];
}

function innermost(s) {
  for (const t of s.tasks) if (t.state?.config && t.state.values) return innermost(t.state);
  return s;
}

// One thing that somebody does with a thread.
export async function act(g, rng, config, known) {
  const s = await g.getState(config, { subgraphs: true }), asked = s.tasks.flatMap((t) => t.interrupts ?? []).map((i) => i.id), with_ = (c) => ({ ...c, recursionLimit: 15, durability: d });
  const d = rng.of(["sync", "async", "exit"]), word = rng.of(ODD), part = rng.real() < 0.5, back = rng.real(), x = { log: [`in ${rng.int(9)}`] };
  let how = known ? rng.of(["on", "on", "on", "on", "on", "in", "edit", "edit as", "deep edit", "back", "back in", "back edit", "bulk", "copy"]) : "in";
  const nodes = Object.keys(g.nodes).filter((n) => n !== "__start__"), node = rng.of(nodes), then = rng.of(nodes), edit = rng.of([null, { log: ["edited"] }]);
  if (how === "on" && asked.length) {
    const few = Object.fromEntries(asked.filter((_, k) => !part || k % 2 === 0).map((i) => [i, word ?? "none"]));
    return tried(() => g.invoke(new Command({ resume: asked.length === 1 && part ? word : few }), with_(config)));
  }
  if (how === "on") return tried(() => g.invoke(s.next.length ? null : x, with_(config)));
  if (how === "in") return tried(() => g.invoke(x, with_(config)));
  if (how.startsWith("back") || (["bulk", "copy"].includes(how) && part)) {
    const past = [];
    for await (const p of g.getStateHistory(config)) past.push(p);
    config = past[Math.floor(back * past.length)]?.config ?? config;
    if (how === "back" || how === "back in") return tried(() => g.invoke(how === "back" ? null : x, with_(config)));
  }
  const as = (asNode, log) => ({ values: { log: [log] }, asNode });
  if (how === "bulk") return tried(() => g.bulkUpdateState(config, [{ updates: [as(node, "first")] }, { updates: [...new Set([node, then])].map((n) => as(n, n)) }]));
  if (how === "copy") return tried(() => g.updateState(config, null, "__copy__"));
  if (how === "deep edit") return tried(() => g.updateState(innermost(s).config, { log: ["deep"] }));
  return tried(() => g.updateState(config, edit, how === "edit" ? undefined : node));
}

async function drive(b, seed) {
  const rng = new Chance(`${seed} drive`), config = cfg(seed), left = { n: Infinity }, saver = mortal(b.saver, left), g = program(seed, saver, b.store);
  let other;
  for (let k = 0, n = 1 + rng.int(7); k < n; k++) {
    WORLD.broken = rng.real() < 0.6;
    left.n = rng.real() < 0.15 ? 1 + rng.int(11) : Infinity;
    if (rng.real() < 0.07) { other ??= program(`${seed} other`, saver, b.store); WORLD.mixed.add(seed); }
    await tried(() => act(rng.of([g, other ?? g]), rng, config, k > 0));
    if (rng.real() < 0.1) await b.store?.put([String(seed), rng.of(NAMES.slice(1)).replace(/[.%_\\]/g, "") || "x"], rng.of(NAMES) || "k", { text: rng.of(NAMES), n: [1, null] });
    if (rng.real() < 0.02) await saver.deleteThread(config.configurable.thread_id);
  }
}

export async function make(b) {
  for (const seed of SEEDS) await drive(b, seed);
  const { notes } = await import("./chancejudge.mjs");
  return notes(b);
}
