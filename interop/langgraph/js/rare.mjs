// Fifth shape: what real applications put into channels and questions. Values that JSON has no form for, schemas of Zod 3 and 4, functions that ask again
// and again and remember, messages of every class, an agent whose tools ask, files that an agent keeps in its state, Sends that carry Maps and ask beside
// a task that asks inside a graph, a function inside a node, states that were written over, put together in bulk and copied.
import { Annotation, Command, MessagesAnnotation, Overwrite, START, Send, StateGraph, entrypoint, getPreviousState, interrupt, task } from "@langchain/langgraph";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { AIMessage, AIMessageChunk, ChatMessage, FunctionMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { z } from "zod";
import { z as z3 } from "zod/v3";

export const FIELDS = ["text"];
export const CALLS = [];
export const cfg = (thread) => ({ configurable: { thread_id: thread } });

// What is asked, and what is left of it when it was saved, where that is something else.
export const QUESTIONS = {
  map: [new Map([["who", "Ann"], ["options", new Set(["yes", "no"])]])], set: [new Set(["a", "b"])], error: [new TypeError("no such flight"), new Error("no such flight")],
  date: [new Date("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000Z"], regexp: [/a+b/gi], bytes: [{ raw: new Uint8Array([1, 2, 255]) }], undef: [undefined], none: [null], nan: [NaN, null],
  nested: [{ q: "which?", of: new Set([1, new Map([[{ k: 1 }, [new Error("deep")]]])]), gone: undefined }], message: [new AIMessage({ id: "q", content: "a message asks" })],
  list: [[new Map([["x", 1]]), null]], float: [new Float32Array([1.5, 2]), { 0: 1.5, 1: 2 }], url: [new URL("https://example.org/a?b=1"), "https://example.org/a?b=1"],
};
const S = Annotation.Root({ which: Annotation(), said: Annotation() });
export const askGraph = (checkpointer) => new StateGraph(S).addNode("ask", async (s) => ({ said: interrupt(QUESTIONS[s.which][0]) })).addEdge(START, "ask").compile({ checkpointer });

const helper = task("helper", async (x) => { CALLS.push(`helper ${x}`); return { x, seen: new Set([x]) }; });
export const flow = (checkpointer) => entrypoint({ name: "onboarding", checkpointer }, async (input) => {
  const prev = getPreviousState(), a = interrupt({ first: input }), b = interrupt(new Map([["second", await helper(a)]]));
  return entrypoint.final({ value: { a, b, prev }, save: { n: (prev?.n ?? 0) + 1, last: new Map([[a, b]]) } });
});

export const answerer = (checkpointer) => entrypoint({ name: "answerer", checkpointer }, async (messages) => {
  const all = [...(getPreviousState() ?? []), ...messages, new AIMessage({ id: `a${messages[0].id}`, content: `answer ${interrupt("may I?")}` })];
  return entrypoint.final({ value: all.length, save: all });
});

const Four = z.object({ count: z.number().default(0), tags: z.set(z.string()).optional(), by: z.map(z.string(), z.number()).optional(), at: z.date().optional() });
export const four = (checkpointer) => new StateGraph(Four).addNode("fill", async (s) => ({ count: s.count + 1, tags: new Set(["x"]), by: new Map([["a", 1]]), at: new Date(0) }))
  .addNode("ask", async (s) => ({ count: s.count + interrupt({ sofar: s.count, tags: s.tags }) })).addEdge(START, "fill").addEdge("fill", "ask").compile({ checkpointer });
const Three = z3.object({ count: z3.number().default(0), log: z3.array(z3.string()).optional() });
export const three = (checkpointer) => new StateGraph(Three).addNode("fill", async () => ({ log: ["fill"] }))
  .addNode("ask", async (s) => ({ log: [...s.log, interrupt("three?")] })).addEdge(START, "fill").addEdge("fill", "ask").compile({ checkpointer });

const book = tool(async ({ day }) => [`booked ${day} ${interrupt({ action: "book", day })}`, { rows: [1, 2], raw: new Uint8Array([day.length]), gone: undefined }],
  { name: "book", description: "books", schema: z.object({ day: z.string() }), responseFormat: "content_and_artifact" });
class Model extends FakeListChatModel {
  constructor() { super({ responses: [] }); }
  bindTools() { return this; }
  async _generate(messages) {
    const last = messages.at(-1), id = `ai-${messages.length}`;
    const calls = ["Mon", "Tue"].map((day) => ({ name: "book", args: { day }, id: `call ${day}` }));
    return { generations: [{ text: "", message: last.getType() === "human" ? new AIMessage({ id, content: "", tool_calls: calls }) : new AIMessage({ id, content: `ok: ${last.content}` }) }] };
  }
}
export const clerk = (checkpointer, version) => createReactAgent({ llm: new Model(), tools: [book], checkpointer, version, name: "clerk" });

export const MESSAGES = [
  new SystemMessage({ id: "1", content: "sys" }), new HumanMessage({ id: "2", name: "ann", content: [{ type: "text", text: "hi" }, { type: "image", source_type: "url", url: "https://example.org/x.png" }] }),
  new AIMessage({ id: "3", contentBlocks: [{ type: "reasoning", reasoning: "hm" }, { type: "text", text: "in blocks" }, { type: "tool_call", id: "c9", name: "look", args: { q: 1 } }], response_metadata: { output_version: "v1" } }),
  new ToolMessage({ id: "4", tool_call_id: "c9", content: "found", artifact: { table: { a: 1 } }, name: "look", status: "success" }),
  new ChatMessage({ id: "5", content: "critic says", role: "critic" }), new FunctionMessage({ id: "6", content: "fn", name: "old" }),
  new AIMessageChunk({ id: "7", content: "a chunk", tool_call_chunks: [{ name: "look", args: "{\"q\":2}", id: "c10", index: 0 }] }),
  new AIMessage({ id: "8", content: "", invalid_tool_calls: [{ name: "bad", args: "{", id: "c11", error: "not json", type: "invalid_tool_call" }] }),
];
const files = (a, b) => Object.fromEntries(Object.entries({ ...a, ...b }).filter(([, v]) => v !== null)); // null takes a file away
const Desk = Annotation.Root({ ...MessagesAnnotation.spec, files: Annotation({ reducer: files, default: () => ({}) }), todos: Annotation() });
export const desk = (checkpointer) => new StateGraph(Desk).addNode("tidy", async () => ({ messages: [new RemoveMessage({ id: "gone" })], files: { "/a b.md": null, "/c.md": { content: ["one", "two"] } }, todos: [{ content: "x", status: "pending" }] }))
  .addEdge(START, "tidy").compile({ checkpointer });

const Log = Annotation.Root({ log: Annotation({ reducer: (a, b) => a.concat(b), default: () => [] }), "a.b": Annotation(), "x,y": Annotation() });
const asks = task("asks", async (x) => { CALLS.push("asks"); return interrupt(new Map([["a task asks", x]])); });
const deep = new StateGraph(Log).addNode("s", async () => ({ log: [`s ${await asks("q")}`] })).addNode("s2", async () => ({ log: ["s2"] })).addEdge(START, "s").addEdge("s", "s2").compile();
const sends = () => [1, 2].map((n) => new Send("w", { n, of: new Map([[`k${n}`, new Set([n])]]) }));
export const fan = (checkpointer) => new StateGraph(Log)
  .addNode("fan", async () => new Command({ goto: sends(), update: { log: ["fan"], "a.b": new Date(0), "x,y": new Set(["v"]) } }), { ends: ["w", "deep"] })
  .addNode("w", async (s) => ({ log: [`${[...s.of.keys()]} ${interrupt({ of: s.of, n: s.n })}`] })).addNode("deep", deep).addEdge(START, "fan").addEdge("fan", "deep").compile({ checkpointer });
export const over = (checkpointer, more = {}) => new StateGraph(Log).addNode("o", async () => ({ log: new Overwrite(["only"]) })).addNode("p", async () => ({ log: ["p"] }))
  .addEdge(START, "o").addEdge("o", "p").compile({ checkpointer, ...more });
const inside = entrypoint("inside", async (x) => ({ got: await asks(x) }));
export const holder = (checkpointer) => new StateGraph(S).addNode("call", async () => ({ said: await inside.invoke("in") })).addEdge(START, "call").compile({ checkpointer });
export const idsOf = async (graph, thread) => (await graph.getState(cfg(thread))).tasks.flatMap((t) => t.interrupts.map((i) => i.id));

async function wire(b) {
  const f = fan(b.saver), o = over(b.saver);
  for (const thread of ["fan", "fan answered", "fan edited"]) await f.invoke({ log: ["in"] }, cfg(thread));
  await f.invoke(new Command({ resume: { [(await idsOf(f, "fan answered"))[0]]: "one" } }), cfg("fan answered"));
  const s = await f.getState(cfg("fan edited"), { subgraphs: true });
  await f.updateState(s.tasks.find((t) => t.name === "deep").state.config, { log: ["edited inside"] }, "s");
  for (const durability of ["exit", "sync", "async"]) await over(b.saver, { interruptBefore: "*" }).invoke({ log: ["in"] }, { ...cfg(`over ${durability}`), durability });
  for (const thread of ["bulk", "copied"]) await o.invoke({ log: ["in"] }, cfg(thread));
  await o.bulkUpdateState(cfg("bulk"), [{ updates: [{ values: { log: ["b1"] }, asNode: "o" }] }, { updates: [{ values: { log: ["b2"] }, asNode: "o" }, { values: { log: ["b3"] }, asNode: "p" }] }]);
  const past = [];
  for await (const h of o.getStateHistory(cfg("copied"))) past.push(h);
  await o.updateState(past.at(-2).config, null, "__copy__");
  await holder(b.saver).invoke({}, cfg("holder"));
}

export async function make(b) {
  await wire(b);
  for (const which of Object.keys(QUESTIONS)) await askGraph(b.saver).invoke({ which }, cfg(`ask ${which}`));
  for (const [thread, ...more] of [["flow 1"], ["flow 2", "A"], ["flow 3", "A", "B"]]) {
    await flow(b.saver).invoke("in", cfg(thread));
    for (const resume of more) await flow(b.saver).invoke(new Command({ resume }), cfg(thread));
  }
  await flow(b.saver).invoke("again", cfg("flow 3"));
  const asked = (id, content) => [new HumanMessage({ id, content })];
  for (const thread of ["answerer", "answerer again"]) await answerer(b.saver).invoke(asked("1", "first question"), cfg(thread));
  await answerer(b.saver).invoke(new Command({ resume: "yes" }), cfg("answerer again"));
  await answerer(b.saver).invoke(asked("2", "second question"), cfg("answerer again"));
  await four(b.saver).invoke({ count: 4 }, cfg("zod 4"));
  await three(b.saver).invoke({ count: 4 }, cfg("zod 3"));
  for (const v of ["v1", "v2"]) await clerk(b.saver, v).invoke({ messages: [new HumanMessage({ id: "h", content: "book" })] }, cfg(`clerk ${v}`));
  await desk(b.saver).invoke({ messages: [new HumanMessage({ id: "gone", content: "x" }), ...MESSAGES], files: { "/a b.md": { content: ["gone"] }, "/b.md": { content: ["kept"] } } }, cfg("desk"));
  await b.store?.put(["rare", "Ünï"], "k", { text: "an item", gone: undefined, at: new Date(0), of: [null, 1e21, -0] });
  return { messages: (await desk(b.saver).getState(cfg("desk"))).values.messages.map((m) => m.constructor.name) };
}
