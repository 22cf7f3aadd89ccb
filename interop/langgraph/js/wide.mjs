// Fourth shape: how graphs are wired. Joins and deferred nodes that wait, graphs with memories of their own three deep, jumps out of a graph with Sends,
// tasks that ask, every durability, chats that are kept as their writes, states that were put together by hand. The index of the store is set up, and
// nothing is in it.
import { Annotation, Command, MessagesDeltaValue, ReducedValue, START, Send, StateGraph, StateSchema, UntrackedValue, entrypoint, getPreviousState, interrupt, task } from "@langchain/langgraph";
import { AIMessage, HumanMessage, RemoveMessage } from "@langchain/core/messages";
import { z } from "zod";

export const FIELDS = ["text"];
export const CALLS = [];
export const DURABILITY = ["exit", "sync", "async"];
export const cfg = (thread) => ({ configurable: { thread_id: thread } });

const S = Annotation.Root({ log: Annotation({ reducer: (a, b) => a.concat(b), default: () => [] }) });
const step = (name) => async () => { CALLS.push(name); return { log: [name] }; };
const asks = (name) => async () => { CALLS.push(name); return { log: [`${name} ${interrupt(`${name}?`)}`] }; };

// The join waits for two branches of different length, the last node for all others.
export function joinGraph(checkpointer, { ask = "c", defer = true, ...more } = {}) {
  const node = (n) => (n === ask ? asks(n) : step(n));
  const g = new StateGraph(S).addNode("a", node("a")).addNode("b", node("b")).addNode("b2", node("b2")).addNode("c", node("c")).addNode("join", node("join")).addNode("last", node("last"), { defer })
    .addEdge(START, "a").addEdge("a", "b").addEdge("b", "b2").addEdge("a", "c").addEdge(["b2", "c"], "join").addEdge("join", "last");
  return (defer ? g.addEdge("a", "last") : g).compile({ checkpointer, ...more });
}

export function nestGraph(checkpointer) {
  const c = new StateGraph(S).addNode("ask", asks("ask")).addEdge(START, "ask").compile({ checkpointer: true });
  const b = new StateGraph(S).addNode("pre", step("pre")).addNode("c", c).addEdge(START, "pre").addEdge("pre", "c").compile({ checkpointer: true });
  const a = new StateGraph(S).addNode("b", b).addEdge(START, "b").compile({ checkpointer: true });
  return new StateGraph(S).addNode("a", a).addEdge(START, "a").compile({ checkpointer });
}

export function jumpGraph(checkpointer) {
  const out = new StateGraph(S).addNode("jump", async () => new Command({ graph: Command.PARENT, goto: [1, 2].map((x) => new Send("w", { x })), update: { log: ["jumped"] } })).addEdge(START, "jump").compile();
  const w = async ({ x }) => { CALLS.push(`w${x}`); return { log: [x === 2 ? `w2 ${interrupt("w?")} ${interrupt("again?")}` : "w1"] }; };
  return new StateGraph(S).addNode("out", out, { ends: ["w"] }).addNode("w", w).addEdge(START, "out").compile({ checkpointer });
}

const double = task("double", async (i) => { CALLS.push(`double ${i}`); return i * 2; });
const askOf = task("ask", async (what) => { CALLS.push(`ask ${what}`); return interrupt(what); });
export const flow = (checkpointer) => entrypoint({ name: "flow", checkpointer }, async (n) => {
  CALLS.push("flow");
  const previous = getPreviousState(), got = await Promise.all(Array.from({ length: n }, (_, i) => double(i)));
  const said = new Set([await askOf("one"), await askOf("two")]);
  return entrypoint.final({ value: { got, said: [...said], n: previous?.n, before: previous && [...previous.said] }, save: { n: (previous?.n ?? 0) + 1, said } });
});

const Chat = new StateSchema({ messages: MessagesDeltaValue, n: new ReducedValue(z.number().default(0), { reducer: (a, b) => a + b }), unsaved: new UntrackedValue(z.any()) });
export const chatGraph = (checkpointer) => new StateGraph(Chat)
  .addNode("bot", async (s) => ({ messages: [new AIMessage({ id: `a-${s.messages.length}`, content: `answer ${s.messages.length}` })], n: 1, unsaved: { f: 1 } }))
  .addNode("ask", async () => ({ n: interrupt("how many?") })).addEdge(START, "bot").addEdge("bot", "ask").compile({ checkpointer });

export const lineGraph = (checkpointer, more = {}) => new StateGraph(S).addNode("one", step("one")).addNode("two", step("two")).addEdge(START, "one").addEdge("one", "two").compile({ checkpointer, ...more });

export async function make(b) {
  const start = { log: ["in"] };
  await joinGraph(b.saver).invoke(start, cfg("join"));
  await joinGraph(b.saver, { ask: "join" }).invoke(start, cfg("asked by a join"));
  await joinGraph(b.saver, { ask: "", defer: false, interruptBefore: ["join"] }).invoke(start, cfg("before a join"));
  for (const x of [start, new Command({ resume: "first" }), { log: ["again"] }]) await nestGraph(b.saver).invoke(x, cfg("nest"));
  for (const x of [2, new Command({ resume: "A" }), new Command({ resume: "B" }), 3, new Command({ resume: "C" })]) await flow(b.saver).invoke(x, cfg("flow"));
  for (const durability of DURABILITY) {
    await jumpGraph(b.saver).invoke({ log: [] }, { ...cfg(`jump ${durability}`), durability });
    await nestGraph(b.saver).invoke(start, { ...cfg(`nest ${durability}`), durability });
    await lineGraph(b.saver, { interruptAfter: ["one"] }).invoke(start, { ...cfg(`line ${durability}`), durability });
  }
  const g = lineGraph(b.saver), c = chatGraph(b.saver);
  for (const node of ["one", "two"]) await g.updateState(cfg("by hand"), { log: [node] }, node);
  for (let i = 0; i < 3; i++) {
    await c.invoke({ messages: [new HumanMessage({ id: `h-${i}`, content: `q${i}` })] }, cfg("chat"));
    if (i < 2) await c.invoke(new Command({ resume: i }), cfg("chat"));
  }
  await c.updateState(cfg("chat"), { messages: [new RemoveMessage({ id: "h-0" })] }, "bot");
  await g.invoke(start, cfg("deleted"));
  await b.saver.deleteThread("deleted");
  await b.store?.put(["quiet"], "k", { text: "not in the index" }, false);
  return { chat: (await c.getState(cfg("chat"))).values.messages.map((m) => m.id) };
}
