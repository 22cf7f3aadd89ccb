// What must work on a copy of the state that trip.mjs made.
import { Command } from "@langchain/langgraph";
import { CALLS, FIELDS, ITEMS, agentGraph, cfg, deltaGraph, flow } from "./trip.mjs";

export { FIELDS };

export async function judge(b, { same, step }, facts) {
  const g = agentGraph(b.saver, b.store), asked = (r) => (r.__interrupt__ ?? []).map((i) => i.value);
  const run = (thread, f) => step(thread, async () => { CALLS.length = 0; await f(); });
  const history = async (t) => { let n = 0; for await (const _ of g.getStateHistory(cfg(t))) n++; return n; };

  await run("t-done", async () => {
    const s = await g.getState(cfg("t-done"));
    same("t-done next", s.next, []);
    same("t-done note", s.values.note, "manually edited");
    same("t-done messages", s.values.messages.map((m) => [m.getType(), m.id ?? m.tool_call_id]).map(([t, i]) => (t === "tool" ? [t] : [t, i])),
      [["system", "s-3"], ["human", "h-3"], ["ai", "ai-2"], ["tool"], ["ai", "ai-4"]]);
    same("t-done tool call and result", [s.values.messages[2].tool_calls[0].id, s.values.messages[3].tool_call_id, s.values.messages[3].content], ["call_2", "call_2", "Sunny in Zürich, 21.5°C"]);
    same("t-done results", s.values.results, [10, 20, 30]);
    same("t-done types", [s.values.tags, s.values.scores, [...s.values.raw]], [new Set(["weather", "ü"]), new Map([["a", 1], ["b", 2.5]]), [0, 1, 254, 255]]);
    same("t-done big", [s.values.big.large, s.values.big.small, s.values.big.zero, s.values.big.re], [1e22, 1e-7, "a\u0000b", /a+b/gi]);
    same("t-done metadata", [s.metadata.source, s.metadata.step], ["update", 8]);
    same("t-done history", await history("t-done"), 10);
  });
  await run("t-interrupt", async () => {
    const s = await g.getState(cfg("t-interrupt"));
    same("t-interrupt next", s.next, ["approve"]);
    same("t-interrupt id", s.tasks[0].interrupts.map((i) => [i.id, i.value]), [[facts.notes.interrupt, { question: "book it?", options: ["yes", "no"] }]]);
    const r = await g.invoke(new Command({ resume: { [facts.notes.interrupt]: "yes" } }), cfg("t-interrupt"));
    same("t-interrupt resumed by its id", [r.note, r.results, asked(r)], ['human said "yes"', [10, 20, 30], ["sub needs input"]]);
    same("t-interrupt nodes run", [...CALLS].sort(), ["approve", "fan", "s1", "s2", "worker1", "worker2", "worker3"]);
  });
  await run("t-failed", async () => {
    const s = await g.getState(cfg("t-failed"));
    same("t-failed errors", s.tasks.map((t) => t.error?.message).filter((m) => m === "boom in worker 2"), ["boom in worker 2"]);
    const r = await g.invoke(null, cfg("t-failed"));
    same("t-failed retried", [r.results, asked(r)], [[10, 20, 30], ["sub needs input"]]);
    same("t-failed nodes run (only the failed worker again)", CALLS, ["worker2", "s1", "s2"]);
  });
  await run("t-subgraph", async () => {
    const s = await g.getState(cfg("t-subgraph"), { subgraphs: true });
    same("t-subgraph next", [s.next, s.tasks[0].state.tasks.map((t) => t.name)], [["sub"], ["s2"]]);
    const r = await g.invoke(new Command({ resume: "RESUMED" }), cfg("t-subgraph"));
    same("t-subgraph resumed", [r.note, asked(r)], ['human said "go"|sub:RESUMED', []]);
    same("t-subgraph nodes run (s1 not again)", CALLS, ["s2"]);
  });
  await run("t-delta", async () => {
    const d = deltaGraph(b.saver), s = await d.getState(cfg("t-delta"));
    const want = [0, 1, 2, 3, 4].flatMap((i) => [`in ${i}`, `turn ${i + 1}`]);
    same("t-delta log", s.values.log, want);
    same("t-delta log2", s.values.log2, [0, 1, 2, 3, 4].flatMap((i) => [100 - i, i + 1]));
    same("t-delta next turn", (await d.invoke({ log: ["x"], log2: [9] }, cfg("t-delta"))).log, [...want, "x", "turn 6"]);
  });
  await run("t-func", async () => {
    const r = await flow(b.saver).invoke(new Command({ resume: "second" }), cfg("t-func"));
    same("t-func", r, { ok: "second", got: [100, 200] });
    same("t-func calls (finished tasks not again)", CALLS, ["flow"]);
  });
  if (!b.store || !facts.pg) return;
  await run("store", async () => {
    for (const [ns, k, v] of ITEMS) same(`store ${ns}/${k}`, (await b.store.get(ns, k))?.value, v);
    same("store ttl", (await b.rows("select key from store where expires_at is not null")).map((r) => r.key), ["short"]);
    for (const [q, want] of [["prefers °C", "mem-1"], ["lives in Zürich 🌤", "mem-2"], ["likes trains", "mem-3"]]) {
      const [hit] = await b.store.search(["users", "u-1"], { query: q, limit: 1 });
      same(`vector search ${q}`, [hit?.key, Math.round(hit?.score * 1e5) / 1e5], [want, 1]);
    }
  });
}
