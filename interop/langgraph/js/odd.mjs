// Second shape: nothing is called what one expects. Message channels with other names, subgraphs three deep, several questions at once, a breakpoint
// without an interrupt, forks, values of megabytes, delta channels, functional tasks of which one failed, thread ids of every kind.
import crypto from "node:crypto";
import { Annotation, Command, DeltaChannel, END, START, Send, StateGraph, entrypoint, interrupt, messagesStateReducer, task } from "@langchain/langgraph";
import { AIMessage, HumanMessage, RemoveMessage, ToolMessage } from "@langchain/core/messages";

export const FIELDS = ["text", "deep.inner"];
export const CALLS = [];
export const FAIL = { now: false };
const list = () => Annotation({ reducer: (a, b) => a.concat(b), default: () => [] });
export const cfg = (thread, extra = {}) => ({ configurable: { thread_id: thread, ...extra }, metadata: { tenant: "t/1", tags: ["α", "β"], nested: { x: [1, null] } } });

// Three levels; the innermost asks twice. A channel name may hold anything.
const Desk = Annotation.Root({ dialogue: Annotation({ reducer: messagesStateReducer, default: () => [] }), "Prüf spur": list(), "a:b/c %41": Annotation(), "größe": Annotation(), "": Annotation() });
const node = (name, f) => async (s) => { CALLS.push(name); return f(s); };
const inner = new StateGraph(Desk)
  .addNode("begin", node("begin", () => ({ "Prüf spur": ["begin"], "größe": 7 })))
  .addNode("ask", node("ask", () => { const a = interrupt({ level: 3, ask: "first?" }), c = interrupt({ level: 3, ask: "second?", after: a }); return { "Prüf spur": [`inner ${a} ${c}`] }; }))
  .addEdge(START, "begin").addEdge("begin", "ask").addEdge("ask", END).compile();
const mid = new StateGraph(Desk).addNode("mid", node("mid", () => ({ "Prüf spur": ["mid"] }))).addNode("inner", inner)
  .addEdge(START, "mid").addEdge("mid", "inner").addEdge("inner", END).compile();
export const deskGraph = (checkpointer) => new StateGraph(Desk)
  .addNode("reply", node("reply", () => ({ dialogue: [new AIMessage({ id: "r-1", content: [{ type: "reasoning", reasoning: "hm" }, { type: "text", text: "done 🧾" }] }),
    new ToolMessage({ id: "t-1", tool_call_id: "c-1", content: "no such table", status: "error" })],
    "a:b/c %41": { kept: [new HumanMessage({ id: "n-1", content: "a message inside another value" })], map: new Map([[{ k: 1 }, new Set([1])]]) } })))
  .addNode("forget", node("forget", () => ({ dialogue: [new RemoveMessage({ id: "h-1" })] }))).addNode("mid level", mid)
  .addEdge(START, "reply").addEdge("reply", "forget").addEdge("forget", "mid level").addEdge("mid level", END).compile({ checkpointer });

// Parallel questions: several interrupts of one step, answered by id.
const Poll = Annotation.Root({ who: Annotation(), votes: Annotation({ reducer: (a, b) => ({ ...a, ...b }), default: () => ({}) }) });
export const pollGraph = (checkpointer) => new StateGraph(Poll).addNode("open", async () => ({}))
  .addNode("vote", async (s) => { CALLS.push(`vote ${s.who}`); return { votes: { [s.who]: interrupt({ voter: s.who }) } }; })
  .addEdge(START, "open").addConditionalEdges("open", (s) => s.who.map((who) => new Send("vote", { who })), ["vote"]).addEdge("vote", END).compile({ checkpointer });

const Count = Annotation.Root({ n: Annotation(), trail: list(), text: Annotation(), raw: Annotation() });
export const countGraph = (checkpointer, more = {}) => new StateGraph(Count)
  .addNode("one", node("one", (s) => ({ n: (s.n ?? 0) + 1, trail: [`one ${s.n ?? 0}`] }))).addNode("two", node("two", (s) => ({ n: s.n * 10, trail: [`two ${s.n}`] })))
  .addEdge(START, "one").addEdge("one", "two").addEdge("two", END).compile({ checkpointer, ...more });
export function noise(n, seed) {
  const c = crypto.createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  return new Uint8Array(c.update(Buffer.alloc(n)));
}

const merge = (state, writes) => Object.assign({}, state, ...writes);
const Ledger = Annotation.Root({ book: () => new DeltaChannel(merge, () => ({})), sums: () => new DeltaChannel(merge, { snapshotFrequency: 2, initialValueFactory: () => ({}) }) });
export const ledgerGraph = (checkpointer) => new StateGraph(Ledger)
  .addNode("book in", node("book", (s) => { const k = `auto ${Object.keys(s.book ?? {}).length}`; return { book: { [k]: k.toUpperCase() }, sums: { [k]: k.length } }; }))
  .addEdge(START, "book in").addEdge("book in", END).compile({ checkpointer });

const part = task("part", async (i) => {
  CALLS.push(`part ${i}`);
  if (i === 3 && FAIL.now) { await new Promise((r) => setTimeout(r, 200)); throw new Error("part 3 is broken"); } // the others finish first
  return { part: i, sq: i * i };
});
export const assemble = (checkpointer) => entrypoint({ name: "assemble", checkpointer }, async (n) => {
  CALLS.push("assemble");
  const got = await Promise.all(Array.from({ length: n }, (_, i) => part(i + 1)));
  return entrypoint.final({ value: got.reduce((a, x) => a + x.sq, 0), save: { got } });
});

// Pairs that a careless escaping would make equal stand side by side.
export const ODD_IDS = ["a/b", "a%2Fb", "a%252Fb", "a:b", "a b", "a+b", "A/B", ".", "..", "%", "100%", "~", "~a", "ü/ö", "u\u0308", "\u00fc", "🌤 thread", "'quoted\"", "back\\slash",
  "tab\there", "line\nbreak", "trailing ", " leading", "null", "0", "-1", "x".repeat(1500), "x".repeat(1499) + "y", "{\"json\":1}", "<b>&amp;", "\u202ertl", "a|b", "?q=1#f", "--flag"];
export const MANY = 120;
export const NAMES = [["tenant a", "user+x", "mem/ories"], ["tenant a", "user x", "mem/ories"], ["Ünï", "🌤"], ["a:b", "c"], ["deep", ...Array(11).fill("deep")], ["UPPER"], ["upper"]];

export async function make(b) {
  const g = deskGraph(b.saver), c = countGraph(b.saver), d = ledgerGraph(b.saver), f = assemble(b.saver);
  await g.invoke({ dialogue: [new HumanMessage({ id: "h-1", content: [{ type: "text", text: "see" }, { type: "image_url", image_url: { url: "data:image/png;base64,AAEC" } }] }),
    new HumanMessage({ id: "h-2", content: "stay" })] }, cfg("desk deep"));
  await g.invoke(new Command({ resume: "one" }), cfg("desk deep")); // answers the first of two questions of one node
  await pollGraph(b.saver).invoke({ who: ["ann", "bob", "cy"] }, cfg("poll"));

  await c.invoke({ n: 1 }, cfg("fork"));
  let past;
  for await (const s of c.getStateHistory(cfg("fork"))) if (s.next[0] === "two") past = s;
  await c.invoke(null, await c.updateState(past.config, { n: 50, trail: ["edited"] }));
  await c.updateState(cfg("fork"), { trail: ["by hand"] }, "one"); // waits before "two" now
  await countGraph(b.saver, { interruptBefore: ["two"] }).invoke({ n: 5 }, cfg("breakpoint"));
  await c.invoke({ n: 3, text: Buffer.from(noise(1_600_000, 1)).toString("hex"), raw: noise(100_000, 2) }, cfg("big"));
  await c.invoke({ n: 4 }, { ...cfg("exit only"), durability: "exit" });
  for (const t of ODD_IDS) await c.invoke({ n: t.length, text: t }, cfg(t));
  for (let i = 0; i < MANY; i++) await c.invoke({ n: i }, cfg(`many ${String(i).padStart(4, "0")}`));

  for (let i = 0; i < 4; i++) await d.invoke({ book: { [`in ${i}`]: i }, sums: { [`in ${i}`]: i } }, cfg("ledger"));
  await f.invoke(2, cfg("parts"));
  FAIL.now = true;
  if (!(await f.invoke(4, cfg("parts")).then(() => false, () => true))) throw new Error("the task that should fail did not");
  FAIL.now = false;
  if (b.store) {
    for (const [i, ns] of NAMES.entries()) await b.store.put(ns, "k/1 %", { text: `space ${i}`, deep: { inner: `in ${i}` }, n: [1, 2.5, null, true, 9007199254740991] });
    for (let i = 0; i < 300; i++) await b.store.put(["bulk", `g${i % 7}`], `item-${i}`, { text: `bulk item ${i}`, i }, undefined, i % 10 === 0 ? { ttl: 1000000 } : undefined);
    await b.store.put(["bulk", "g0"], "large", { text: "L".repeat(200_000) });
    await b.store.put(["bulk", "g1"], "deleted", { text: "must not come back" });
    await b.store.delete(["bulk", "g1"], "deleted");
  }
  const state = (await c.getState(cfg("fork"))).values;
  return { forked: state.trail, n: state.n, book: (await d.getState(cfg("ledger"))).values.book };
}
