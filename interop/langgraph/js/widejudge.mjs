// What must work on a copy of the state that wide.mjs made.
import { Command } from "@langchain/langgraph";
import { CALLS, DURABILITY, FIELDS, cfg, chatGraph, flow, joinGraph, jumpGraph, lineGraph, nestGraph } from "./wide.mjs";

export { FIELDS };

export async function judge(b, j, facts) {
  const step = async (name, f) => { CALLS.length = 0; await j.step(name, f); };
  const go = (thread, graph, answers, log, calls, next) => step(thread, async () => {
    if (next) j.same(`${thread} next`, (await graph.getState(cfg(thread))).next, next);
    let r;
    for (const a of answers) r = await graph.invoke(a && new Command({ resume: a }), cfg(thread));
    j.same(`${thread} log`, r.log, log);
    j.same(`${thread} nodes run`, CALLS, calls);
  });
  const s = b.saver;
  await go("join", joinGraph(s), ["R"], ["in", "a", "b", "c R", "b2", "join", "last"], ["c", "b2", "join", "last"], ["c"]);
  await go("asked by a join", joinGraph(s, { ask: "join" }), ["R"], ["in", "a", "b", "c", "b2", "join R", "last"], ["join", "last"], ["join"]);
  await go("before a join", joinGraph(s, { ask: "", defer: false }), [null], ["in", "a", "b", "c", "b2", "join", "last"], ["join", "last"], ["join"]);
  for (const d of DURABILITY) {
    await go(`jump ${d}`, jumpGraph(s), ["R", "T"], ["jumped", "w1", "w2 R T"], ["w2", "w2"]);
    await go(`line ${d}`, lineGraph(s), [null], ["in", "one", "two"], ["two"], ["two"]);
    await go(`nest ${d}`, nestGraph(s), ["R"], ["in", "in", "in", "pre", "in", "pre", "ask R"], ["ask"]);
  }
  await step("nest", async () => {
    const r = await nestGraph(s).invoke(new Command({ resume: "R" }), cfg("nest")), n = (x) => r.log.filter((y) => y === x).length;
    j.same("nest: each graph remembers", [n("pre"), n("ask first"), r.log.at(-1)], [21, 10, "ask R"]);
    j.same("nest nodes run", CALLS, ["ask"]);
  });
  await step("flow", async () => {
    j.same("flow", await flow(s).invoke(new Command({ resume: "D" }), cfg("flow")), { got: [0, 2, 4], said: ["C", "D"], n: 1, before: ["A", "B"] });
    j.same("flow tasks run", CALLS, ["flow", "ask two"]);
  });
  await step("chat", async () => {
    const g = chatGraph(s), ids = async () => (await g.getState(cfg("chat"))).values.messages.map((m) => m.id);
    j.same("chat", await ids(), facts.notes.chat);
    j.same("chat sums", (await g.invoke(new Command({ resume: 10 }), cfg("chat"))).n, 14);
    j.same("chat after it", await ids(), facts.notes.chat);
  });
  await step("hand", async () => {
    const g = lineGraph(s);
    j.same("by hand", (await g.getState(cfg("by hand"))).values.log, ["one", "two"]);
    j.same("deleted", (await g.getState(cfg("deleted"))).values, {});
  });
  if (b.store && facts.pg) await step("store", async () => {
    await b.store.put(["new"], "k", { text: "found by its vector" });
    j.same("the store has its index", (await b.store.search(["new"], { query: "found by its vector" })).map((x) => x.key), ["k"]);
  });
}
