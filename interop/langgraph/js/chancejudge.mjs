// Programs by chance: what the runtime says of each thread, and what each does when it goes on, in the source and in the copy.
import util from "node:util";
import { Chance, FIELDS, SEEDS, WORLD, act, cfg, program, threadOf } from "./chance.mjs";
import { open, scratchCopy } from "./backend.mjs";
import { brief } from "./view.mjs";

const place = (c) => c && Object.fromEntries(Object.entries(c.configurable).filter(([k]) => !k.startsWith("__")).sort());

// What a StateSnapshot says. What a program does later has ids of its own.
function said(s, cross, ids = true) {
  const values = s.values && typeof s.values === "object" && !Array.isArray(s.values) ? s.values : { "": s.values };
  const out = { values: Object.fromEntries(Object.keys(values).sort().filter((k) => ids || k !== "__interrupt__").map((k) => [k, brief(values[k], cross)])), next: s.next,
    tasks: s.tasks.map((t) => ({ name: t.name, error: brief(t.error, cross), asks: (t.interrupts ?? []).map((i) => [ids ? i.id : "", brief(i.value, cross, true)]).sort(), result: brief(t.result, cross, true),
      path: ids && brief(t.path, cross), id: ids && t.id, state: t.state?.values ? said(t.state, cross, ids) : ids && place(t.state) })) };
  return ids ? { ...out, config: place(s.config), parent: place(s.parentConfig), metadata: brief(s.metadata, cross), created: s.createdAt } : out;
}

// What 'list' may say, by one of the programs that the thread is of; nothing where one cannot be asked. The library leaves the error of a task that ran again and asks.
async function stands(b, seed) {
  const out = [], programs = [seed, ...(WORLD.mixed.has(seed) ? [`${seed} other`] : [])];
  for (const p of programs) {
    const s = await program(p, b.saver, b.store).getState(cfg(seed), { subgraphs: true }).catch(() => null);
    if (!s) return [];
    const failed = s.tasks.some((t) => t.error), asks = s.tasks.some((t) => t.interrupts?.length), again = s.tasks.some((t) => t.error && t.interrupts?.length);
    const now = [...(failed ? ["failed"] : []), ...(asks && (again || !failed) ? ["waiting"] : [])];
    out.push(...(now.length ? now : [s.tasks.length ? "unfinished" : "finished"])); // next leaves out tasks whose results are not taken in yet
  }
  return out;
}

// PostgreSQL keeps a value by its channel and version, and the library counts versions on from each checkpoint: on a second branch it may find the place taken,
// and then it drops the value. SQLite keeps it. One to whom that happened shows nothing that the other kind could be measured by.
function dropping(b, onDrop) {
  if (!b.pg) return b.saver;
  return new Proxy(b.saver, { get(o, name) {
    const f = o[name];
    if (name !== "put") return typeof f === "function" ? f.bind(o) : f;
    return async (config, checkpoint, metadata, versions) => {
      const { thread_id, checkpoint_ns = "" } = config.configurable;
      const taken = await b.rows("select channel from checkpoint_blobs where thread_id = $1 and checkpoint_ns = $2 and (channel, version) in (select * from jsonb_each_text($3))",
        [thread_id, checkpoint_ns, JSON.stringify(versions)]);
      const put = await o.put(config, checkpoint, metadata, versions), now = taken.length && (await o.getTuple(put)).checkpoint.channel_values;
      if (taken.some(({ channel: c }) => brief(now[c]) !== brief(checkpoint.channel_values[c]))) onDrop();
      return put;
    };
  } });
}

// Which of several tasks that fail side by side fails first, and how far others come before it aborts them, is a matter of how fast a saver is: the same program,
// run on PostgreSQL and on SQLite, shows an AggregateError on the one and a ParentCommand on the other. From there on the other kind cannot be measured by it.
const RACE = /^(AggregateError|AbortError|ParentCommand) /;
const wide = (s) => s.tasks.length > 1 || s.tasks.some((t) => t.state?.tasks && wide(t.state));

// What is said of a thread, and what somebody sees who goes on with it, in the words of a database of the same kind, and of the other.
async function tells(b, seed) {
  const rng = new Chance(`${seed} judge`), config = cfg(seed), told = { same: {}, cross: {} };
  let forms = ["same", "cross"];
  const g = program(seed, dropping(b, () => { forms = ["same"]; }), b.store);
  const state = () => g.getState(config, { subgraphs: true });
  const say = async (name, f, form) => {
    try {
      const v = await f();
      if (typeof v?.[1] === "string" && (RACE.test(v[1]) || wide(await state()))) forms = ["same"];
      for (const x of forms) told[x][name] = JSON.parse(JSON.stringify(form(v, x === "cross")) ?? "null");
    } catch (e) { for (const x of forms) told[x][name] = `${e.name}: ${e.message}`.slice(0, 200); }
  };
  await say("state", state, said);
  await say("history", async () => { const all = []; for await (const s of g.getStateHistory(config)) all.push(s); return all; }, (v, cross) => v.map((s) => said(s, cross)));
  for (let k = 0; k < 4; k++) {
    WORLD.broken = rng.real() < 0.3;
    await say(`goes on ${k}`, () => act(g, rng, config, k !== 3), (v, cross) => brief(v, cross, true));
    await say(`then ${k}`, state, (v, cross) => said(v, cross, false));
    if (!b.store) continue;
    await say(`kept ${k}`, () => b.store.search([String(seed)], { limit: 1000 }), (v) => v.map((i) => JSON.stringify([i.namespace, i.key, i.value])).sort());
    await say(`found ${k}`, () => b.store.search([String(seed)], { query: "n", limit: 1000 }), (v) => v.map((i) => JSON.stringify([i.namespace, i.key])).sort());
  }
  return told;
}

async function onACopy(b, seeds) {
  await b.close(); // PostgreSQL copies what nobody has open
  const out = {};
  await scratchCopy(b.url, async (copy) => {
    const c = await open(copy, FIELDS);
    for (const seed of seeds) out[seed] = await tells(c, seed);
    await c.close();
  });
  Object.assign(b, await open(b.url, FIELDS));
  return out;
}

// Tasks run side by side, so a program may go on in more than one way: what two runs at the source do not agree on is left out.
export async function notes(b) {
  const told = await onACopy(b, SEEDS), again = await onACopy(b, SEEDS);
  for (const [seed, t] of Object.entries(told)) for (const [form, x] of Object.entries(t)) for (const k of Object.keys(x)) if (!util.isDeepStrictEqual(x[k], again[seed][form][k])) delete x[k];
  const may = {};
  for (const seed of SEEDS) may[seed] = await stands(b, seed);
  return { told, stands: may, threads: Object.fromEntries(SEEDS.map((s) => [s, threadOf(s)])) };
}

// What differs is looked at again: a copy must be able to go on as the source did.
export async function judge(b, { same, skip }, facts, cross) {
  const form = cross ? "cross" : "same", { told } = facts.notes;
  let odd = Object.keys(told).filter((s) => !skip.includes(threadOf(s)));
  for (const again of [2, 1, 0]) {
    const got = await onACopy(b, odd), now = [];
    for (const seed of odd) {
      const all = Object.entries(told[seed][form]).filter(([k]) => k in got[seed][form]);
      if (again && all.some(([k, w]) => !util.isDeepStrictEqual(got[seed][form][k], w))) { now.push(seed); continue; }
      for (const [k, w] of all) same(`${seed} ${threadOf(seed).slice(0, 40)} ${k}`, ...differ(got[seed][form][k], w));
    }
    odd = now;
  }
}

// The first place where two documents differ.
function differ(a, b, at = "") {
  if (util.isDeepStrictEqual(a, b)) return [0, 0];
  if (a && b && typeof a === "object" && typeof b === "object" && Object.keys(a).join() === Object.keys(b).join()) {
    for (const k of Object.keys(a)) if (!util.isDeepStrictEqual(a[k], b[k])) return differ(a[k], b[k], `${at}/${k}`);
  }
  return [`${at} ${JSON.stringify(a)}`, `${at} ${JSON.stringify(b)}`];
}
