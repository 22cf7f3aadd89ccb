// What must work on a copy of the state that rare.mjs made.
import { Command } from "@langchain/langgraph";
import { CALLS, FIELDS, MESSAGES, QUESTIONS, answerer, askGraph, cfg, clerk, desk, fan, flow, four, holder, idsOf, over, three } from "./rare.mjs";

export { FIELDS };

export async function judge(b, { same, step }, facts) {
  const g = askGraph(b.saver), f = flow(b.saver), go = (graph, thread, resume) => graph.invoke(new Command({ resume }), cfg(thread));
  for (const [which, [asked, saved = asked]] of Object.entries(QUESTIONS)) await step(`ask ${which}`, async () => {
    const s = await g.getState(cfg(`ask ${which}`));
    if (which !== "message") same(`asked ${which}`, s.tasks[0].interrupts[0].value, saved);
    else same("asked by a message", s.tasks[0].interrupts[0].value.content, asked.content);
    same(`answered ${which}`, (await go(g, `ask ${which}`, { got: which })).said, { got: which });
  });
  await step("flow 1", async () => {
    same("flow 1 asks again", (await go(f, "flow 1", "A")).__interrupt__[0].value, new Map([["second", { x: "A", seen: new Set(["A"]) }]]));
    same("flow 1 ends", await go(f, "flow 1", "B"), { a: "A", b: "B", prev: undefined });
  });
  await step("flow 2", async () => {
    CALLS.length = 0;
    same("flow 2 ends", await go(f, "flow 2", "B"), { a: "A", b: "B", prev: undefined });
    same("flow 2 runs no task again", CALLS, []);
  });
  await step("flow 3", async () => {
    await go(f, "flow 3", "C");
    same("flow 3 remembers", await go(f, "flow 3", "D"), { a: "C", b: "D", prev: { n: 1, last: new Map([["A", "B"]]) } });
  });
  for (const [thread, n] of [["answerer", 2], ["answerer again", 4]]) await step(thread, async () => same(thread, await go(answerer(b.saver), thread, "no"), n));
  await step("zod 4", async () => {
    const r = await go(four(b.saver), "zod 4", 10);
    same("zod 4", [r.count, r.tags, r.by], [15, new Set(["x"]), new Map([["a", 1]])]);
  });
  await step("zod 3", async () => same("zod 3", (await go(three(b.saver), "zod 3", "yes")).log, ["fill", "yes"]));
  for (const v of ["v1", "v2"]) await step(`clerk ${v}`, async () => {
    const a = clerk(b.saver, v), ids = await idsOf(a, `clerk ${v}`);
    let r = await go(a, `clerk ${v}`, Object.fromEntries(ids.map((id) => [id, "yes"])));
    if (r.__interrupt__) r = await go(a, `clerk ${v}`, "yes"); // v1 asks one after the other
    same(`clerk ${v} booked`, r.messages.filter((m) => m.getType() === "tool").map((m) => [m.content, m.artifact.rows, m.artifact.raw]), ["Mon", "Tue"].map((d) => [`booked ${d} yes`, [1, 2], new Uint8Array([3])]));
  });
  await step("desk", async () => {
    const { messages, files, todos } = (await desk(b.saver).getState(cfg("desk"))).values;
    same("desk messages", messages.map((m) => m.constructor.name), facts.notes.messages);
    same("desk message ids", messages.map((m) => m.id), MESSAGES.map((m) => m.id));
    same("desk artifact", messages[3].artifact, { table: { a: 1 } });
    same("desk blocks", messages[2].contentBlocks.map((x) => x.type), ["reasoning", "text", "tool_call"]);
    same("desk files", [files, todos], [{ "/b.md": { content: ["kept"] }, "/c.md": { content: ["one", "two"] } }, [{ content: "x", status: "pending" }]]);
  });
  const w = fan(b.saver), o = over(b.saver);
  for (const [thread, log, calls] of [["fan", ["s A", "s2", "k1 A", "k2 A"], ["asks"]], ["fan answered", ["s A", "s2", "k1 one", "k2 A"], ["asks"]], ["fan edited", ["edited inside", "s2", "k1 A", "k2 A"], []]]) {
    await step(thread, async () => {
      CALLS.length = 0;
      const r = await go(w, thread, Object.fromEntries((await idsOf(w, thread)).map((id) => [id, "A"])));
      same(thread, [r.log.filter((x) => x !== "in" && x !== "fan"), r["a.b"], r["x,y"], CALLS], [log, "1970-01-01T00:00:00.000Z", new Set(["v"]), calls]);
    });
  }
  for (const [thread, next, log] of [["over exit", "o", ["only", "p"]], ["over sync", "o", ["only", "p"]], ["over async", "o", ["only", "p"]], ["bulk", "p", ["only", "p", "b1", "b2", "b3", "p"]], ["copied", "o", ["only", "p"]]]) {
    await step(thread, async () => same(thread, [(await o.getState(cfg(thread))).next, (await o.invoke(null, cfg(thread))).log], [[next], log]));
  }
  await step("holder", async () => same("holder", (await go(holder(b.saver), "holder", "Z")).said, { got: "Z" }));
}
