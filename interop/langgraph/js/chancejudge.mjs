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

// What 'list' may say: the library leaves the error of a task that ran again and asks.
function stands(s) {
  const failed = s.tasks.some((t) => t.error), asks = s.tasks.some((t) => t.interrupts?.length), again = s.tasks.some((t) => t.error && t.interrupts?.length);
  const out = [...(failed ? ["failed"] : []), ...(asks && (again || !failed) ? ["waiting"] : [])];
  return out.length ? out : [s.next.length ? "unfinished" : "finished"];
}

// What is said of a thread, and what somebody sees who goes on with it, in the words of a database of the same kind, and of the other.
async function tells(b, seed) {
  const rng = new Chance(`${seed} judge`), config = cfg(seed), told = { same: {}, cross: {} }, g = program(seed, b.saver);
  const say = async (name, f, form) => {
    try {
      const v = await f();
      for (const x of ["same", "cross"]) told[x][name] = JSON.parse(JSON.stringify(form(v, x === "cross")) ?? "null");
    } catch (e) { told.same[name] = told.cross[name] = `${e.name}: ${e.message}`.slice(0, 200); }
  };
  const state = () => g.getState(config, { subgraphs: true });
  await say("stands", state, stands);
  await say("state", state, said);
  await say("history", async () => { const all = []; for await (const s of g.getStateHistory(config)) all.push(s); return all; }, (v, cross) => v.map((s) => said(s, cross)));
  for (let k = 0; k < 4; k++) {
    WORLD.broken = rng.real() < 0.3;
    await say(`goes on ${k}`, () => act(g, rng, config, k !== 3), (v, cross) => brief(v, cross, true));
    await say(`then ${k}`, state, (v, cross) => said(v, cross, false));
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
  for (const seed of WORLD.mixed) for (const x of Object.values(told[seed])) delete x.stands;
  for (const [seed, t] of Object.entries(told)) for (const [form, x] of Object.entries(t)) for (const k of Object.keys(x)) if (!util.isDeepStrictEqual(x[k], again[seed][form][k])) delete x[k];
  return { told, threads: Object.fromEntries(SEEDS.map((s) => [s, threadOf(s)])) };
}

// What differs is looked at again: a copy must be able to go on as the source did.
export async function judge(b, { same, skip }, facts, cross) {
  const form = cross ? "cross" : "same", { told } = facts.notes;
  let odd = Object.keys(told).filter((s) => !skip.includes(threadOf(s)));
  for (const again of [2, 1, 0]) {
    const got = await onACopy(b, odd), now = [];
    for (const seed of odd) {
      const all = Object.entries(told[seed][form]);
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
