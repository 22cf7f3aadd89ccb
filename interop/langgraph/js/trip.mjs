// First shape: a travel agent. Tool call, approval, parallel workers, subgraph, Set, Map, bytes, delta channel, functional API, vectors.
// No model: nodes are functions.
import { Annotation, Command, DeltaChannel, END, MessagesAnnotation, START, Send, StateGraph, entrypoint, interrupt, task } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { AIMessage, HumanMessage, SystemMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { z } from "zod";

export const FIELDS = ["text"];
export const CALLS = []; // every node run of this process, so a judge sees what ran again
export const FAIL = { boom: false };
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

const getWeather = tool(async ({ city }) => { CALLS.push("get_weather"); return `Sunny in ${city}, 21.5°C`; },
  { name: "get_weather", description: "weather", schema: z.object({ city: z.string() }) });

const State = Annotation.Root({
  ...MessagesAnnotation.spec,
  tags: Annotation({ reducer: (a, b) => new Set([...(a ?? []), ...(b ?? [])]), default: () => new Set() }),
  scores: Annotation(), raw: Annotation(), when: Annotation(), big: Annotation(), note: Annotation(),
  results: Annotation({ reducer: (a, b) => (a ?? []).concat(b), default: () => [] }),
});

async function agent(s) {
  CALLS.push("agent");
  const n = s.messages.length;
  if (s.messages.at(-1).getType() !== "human") return { messages: [new AIMessage({ id: `ai-${n}`, content: [{ type: "text", text: "It is sunny." }] })] };
  return { messages: [new AIMessage({ id: `ai-${n}`, content: "", tool_calls: [{ name: "get_weather", args: { city: "Zürich" }, id: `call_${n}`, type: "tool_call" }],
      usage_metadata: { input_tokens: 12, output_tokens: 7, total_tokens: 19 }, response_metadata: { model_name: "fake-1", finish_reason: "tool_calls" } })],
    tags: ["weather", "ü"], scores: new Map([["a", 1], ["b", 2.5]]), raw: new Uint8Array([0, 1, 254, 255]), when: new Date("2026-11-23T01:02:03.004Z"),
    big: { float1: 1.0, i: 9007199254740991, neg: -0.5, small: 1e-7, large: 1e22, nul: null, undef: undefined, re: /a+b/gi, zero: "a\u0000b", nested: [1, "two", { three: 3 }] } };
}

async function approve() {
  CALLS.push("approve");
  return { note: `human said ${JSON.stringify(interrupt({ question: "book it?", options: ["yes", "no"] }))}` };
}

async function worker(s) {
  CALLS.push(`worker${s.i}`);
  if (s.i === 2 && FAIL.boom) { await pause(200); throw new Error("boom in worker 2"); } // the siblings finish first
  return { results: [s.i * 10] };
}

const Sub = Annotation.Root({ note: Annotation(), subval: Annotation() });
const sub = new StateGraph(Sub)
  .addNode("s1", async () => { CALLS.push("s1"); return { subval: 1 }; })
  .addNode("s2", async (s) => { CALLS.push("s2"); return { note: `${s.note ?? ""}|sub:${interrupt("sub needs input")}` }; })
  .addEdge(START, "s1").addEdge("s1", "s2").addEdge("s2", END).compile();

export const agentGraph = (saver, store) => new StateGraph(State)
  .addNode("agent", agent).addNode("tools", new ToolNode([getWeather])).addNode("approve", approve)
  .addNode("fan", async () => { CALLS.push("fan"); return {}; }).addNode("worker", worker).addNode("sub", sub)
  .addEdge(START, "agent").addConditionalEdges("agent", (s) => (s.messages.at(-1).tool_calls?.length ? "tools" : "approve"), ["tools", "approve"])
  .addEdge("tools", "agent").addEdge("approve", "fan").addConditionalEdges("fan", () => [1, 2, 3].map((i) => new Send("worker", { i })), ["worker"])
  .addEdge("worker", "sub").addEdge("sub", END).compile({ checkpointer: saver, store });

const Delta = Annotation.Root({ log: () => new DeltaChannel((state, writes) => state.concat(...writes), () => []),
  log2: () => new DeltaChannel((state, writes) => state.concat(...writes), { snapshotFrequency: 3 }), turn: Annotation() });
export const deltaGraph = (saver) => new StateGraph(Delta)
  .addNode("step", async (s) => { const t = (s.turn ?? 0) + 1; CALLS.push("delta"); return { log: [`turn ${t}`], log2: [t], turn: t }; })
  .addEdge(START, "step").addEdge("step", END).compile({ checkpointer: saver });

const fetchPart = task("fetch", async (n) => { CALLS.push(`fetch${n}`); return n * 100; });
export const flow = (checkpointer) => entrypoint({ name: "flow", checkpointer }, async (input) => {
  CALLS.push("flow");
  const got = [await fetchPart(1), await fetchPart(2)];
  return { ok: interrupt({ sum: got[0] + got[1], input }), got };
});

export const cfg = (thread, extra = {}) => ({ configurable: { thread_id: thread, user_id: "u-1", ...extra }, metadata: { assistant: "demo" }, runName: "demo" });

export const ITEMS = [
  [["users", "u-1", "memories"], "mem-1", { text: "prefers °C", kind: "preference", weight: 1.0 }],
  [["users", "u-1", "memories"], "mem-2", { text: "lives in Zürich 🌤", tags: ["home"], nul: null }],
  [["users", "u-1", "memories", "deep"], "mem-3", { text: "likes trains", huge: 1e22 }],
  [["users", "u-2"], "mem-1", { text: "other user", z: 1, a: 2 }],
  [["org", "a:b"], "k/1", { no_text: true }],
];

export async function make(b) {
  const g = agentGraph(b.saver, b.store), hi = (i, text) => ({ messages: [new SystemMessage({ id: `s-${i}`, content: "You are helpful" }), new HumanMessage({ id: `h-${i}`, content: text })] });
  await g.invoke(hi(1, "Weather in Zürich? 🌤"), cfg("t-interrupt"));
  await g.invoke(hi(2, "again"), cfg("t-failed"));
  FAIL.boom = true;
  const failed = await g.invoke(new Command({ resume: "yes" }), cfg("t-failed")).then(() => false, (e) => e.message === "boom in worker 2");
  if (!failed) throw new Error("the failing worker did not fail");
  FAIL.boom = false;
  await g.invoke(hi(3, "third"), cfg("t-done"));
  await g.invoke(new Command({ resume: { answer: "yes", n: 1 } }), cfg("t-done"));
  await g.invoke(new Command({ resume: "sub-ok" }), cfg("t-done"));
  await g.updateState(cfg("t-done"), { note: "manually edited" }, "sub");
  await g.invoke(hi(4, "fourth"), cfg("t-subgraph"));
  await g.invoke(new Command({ resume: "go" }), cfg("t-subgraph"));
  for (let i = 0; i < 5; i++) await deltaGraph(b.saver).invoke({ log: [`in ${i}`], log2: [100 - i] }, cfg("t-delta"));
  const f = flow(b.saver);
  await f.invoke({ a: 1 }, cfg("t-func"));
  await f.invoke(new Command({ resume: "first" }), cfg("t-func"));
  await f.invoke({ a: 2 }, cfg("t-func"));
  for (const [ns, k, v] of b.store ? ITEMS : []) await b.store.put(ns, k, v);
  await b.store?.put(["users", "u-1", "memories"], "short", { text: "expires" }, undefined, { ttl: 600000 });
  return { interrupt: (await g.getState(cfg("t-interrupt"))).tasks[0].interrupts[0].id };
}
