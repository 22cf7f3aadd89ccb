// What must work on a copy of the state that odd.mjs made.
import { Command } from "@langchain/langgraph";
import { CALLS, FIELDS, MANY, NAMES, ODD_IDS, assemble, cfg, countGraph, deskGraph, ledgerGraph, noise, pollGraph } from "./odd.mjs";

export { FIELDS };

export async function judge(b, { same, step, skip }, facts) {
  const g = deskGraph(b.saver), c = countGraph(b.saver), d = ledgerGraph(b.saver), f = assemble(b.saver), p = pollGraph(b.saver);
  const run = (thread, fn) => step(thread, async () => { CALLS.length = 0; await fn(); });
  const plain = (v) => JSON.parse(JSON.stringify(v));

  await run("desk deep", async () => {
    const s = await g.getState(cfg("desk deep"), { subgraphs: true });
    const inner = s.tasks[0].state.tasks[0].state;
    same("desk next", [s.next, inner.tasks.map((t) => t.name)], [["mid level"], ["ask"]]);
    same("desk second question", inner.tasks[0].interrupts.map((i) => i.value), [{ level: 3, ask: "second?", after: "one" }]);
    same("desk messages", s.values.dialogue.map((m) => m.id), ["h-2", "r-1", "t-1"]);
    same("desk message inside a value", s.values["a:b/c %41"].kept[0].getType(), "human");
    const r = await g.invoke(new Command({ resume: "two" }), cfg("desk deep"));
    same("desk resumed", [r["Prüf spur"].at(-1), r["größe"]], ["inner one two", 7]);
    same("desk nodes run (only the asking one)", CALLS, ["ask"]);
  });
  await run("poll", async () => {
    const s = await p.getState(cfg("poll"));
    const by = Object.fromEntries(s.tasks.flatMap((t) => t.interrupts.map((i) => [i.value.voter, i.id])));
    same("poll questions", Object.keys(by).sort(), ["ann", "bob", "cy"]);
    await p.invoke(new Command({ resume: { [by.bob]: "no" } }), cfg("poll"));
    const r = await p.invoke(new Command({ resume: { [by.ann]: "yes", [by.cy]: "yes" } }), cfg("poll"));
    same("poll votes by id", plain(r.votes), { ann: "yes", bob: "no", cy: "yes" });
  });
  await run("fork", async () => {
    const s = await c.getState(cfg("fork"));
    same("fork head", [s.values.trail, s.values.n, s.next], [facts.notes.forked, facts.notes.n, ["two"]]);
    const sources = [];
    for await (const h of c.getStateHistory(cfg("fork"))) sources.push(h.metadata.source);
    same("fork history", sources.filter((x) => x === "update" || x === "fork").length, 2);
    const r = await c.invoke(null, cfg("fork"));
    same("fork goes on", [r.trail.at(-1), CALLS], [`two ${facts.notes.n}`, ["two"]]);
  });
  await run("breakpoint", async () => {
    const r = await c.invoke(null, cfg("breakpoint"));
    same("breakpoint goes on", [r.n, CALLS], [60, ["two"]]);
  });
  await run("big", async () => {
    const v = (await c.getState(cfg("big"))).values;
    same("big text", v.text === Buffer.from(noise(1_600_000, 1)).toString("hex"), true);
    same("big bytes", Buffer.compare(Buffer.from(v.raw), Buffer.from(noise(100_000, 2))), 0);
  });
  await run("ids", async () => {
    for (const t of ODD_IDS.filter((t) => !skip.includes(t))) {
      const v = (await c.getState(cfg(t))).values;
      same(`thread ${JSON.stringify(t).slice(0, 60)}`, [v.n, v.trail, v.text], [(t.length + 1) * 10, [`one ${t.length}`, `two ${t.length + 1}`], t]);
    }
    const rows = await b.rows("select distinct thread_id from checkpoints");
    same("threads", rows.filter((r) => !skip.includes(r.thread_id)).length, ODD_IDS.length + MANY + 8 - skip.length);
    same("a new turn", (await c.invoke({ n: 0 }, cfg("many 0007"))).trail, ["one 7", "two 8", "one 0", "two 1"]);
  });
  await run("ledger", async () => {
    same("ledger book", plain((await d.getState(cfg("ledger"))).values.book), facts.notes.book);
    const r = await d.invoke({ book: { late: 9 } }, cfg("ledger"));
    same("ledger goes on", Object.fromEntries([...Object.keys(facts.notes.book), "late"].map((k) => [k, r.book[k]])), { ...facts.notes.book, late: 9 });
  });
  await run("parts", async () => {
    same("parts result", await f.invoke(null, cfg("parts")), 1 + 4 + 9 + 16);
    same("parts run (only the failed task)", CALLS, ["assemble", "part 3"]);
  });
  if (!b.store || !facts.pg) return;
  await run("store", async () => {
    for (const [i, ns] of NAMES.entries()) {
      const it = await b.store.get(ns, "k/1 %");
      same(`item ${ns}`, [it?.value.n, it?.value.text], [[1, 2.5, null, true, 9007199254740991], `space ${i}`]);
    }
    const [hit] = await b.store.search(["tenant a", "user x"], { query: "in 1", limit: 1 });
    same("search in a nested field", [hit?.namespace, hit?.key, Math.round(hit?.score * 1e5) / 1e5], [["tenant a", "user x", "mem/ories"], "k/1 %", 1]);
    same("deleted item", await b.store.get(["bulk", "g1"], "deleted"), null);
    same("large item", (await b.store.get(["bulk", "g0"], "large")).value.text.length, 200_000);
    same("bulk by filter", (await b.store.search(["bulk"], { filter: { i: 250 } })).map((x) => x.key), ["item-250"]);
  });
}
