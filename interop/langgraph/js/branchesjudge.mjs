// Goes on from the ends of the branches of each thread, in the order that its name says, and then from its newest checkpoint; each time tells what all ends hold.
import { FIELDS, answer, graph } from "./branches.mjs";
import { open, scratchCopy } from "./backend.mjs";

export { FIELDS };

async function ends(g, thread) {
  const all = [];
  for await (const s of g.getStateHistory({ configurable: { thread_id: thread } })) all.push(s);
  const followed = new Set(all.map((s) => s.parentConfig?.configurable.checkpoint_id));
  return all.filter((s) => !followed.has(s.config.configurable.checkpoint_id)).reverse();
}

async function tells(b, thread) {
  const g = graph(b.saver), told = [], were = await ends(g, thread);
  const say = async (what) => told.push([what, (await ends(g, thread)).map((s) => [s.values, s.next, s.tasks.map((t) => [t.name, (t.interrupts ?? []).map((i) => i.value)])])]);
  await say("at first");
  for (const [k, which] of [...thread.split(" ")[0], "newest"].entries()) {
    const { thread_id, checkpoint_id } = were[which]?.config.configurable ?? { thread_id: thread };
    await g.invoke(answer(`go${k}`), { configurable: { thread_id, checkpoint_id } });
    await say(`after ${which}`);
  }
  return JSON.parse(JSON.stringify(told));
}

async function all(b) {
  const out = {};
  for (const { thread_id: t } of await b.rows("select distinct thread_id from checkpoints order by thread_id")) out[t] = await tells(b, t);
  return out;
}

export async function notes(b) {
  return scratchCopy(b.url, async (copy) => {
    const c = await open(copy, FIELDS);
    try { return await all(c); } finally { await c.close(); }
  });
}

export async function judge(b, { same }, facts) {
  const got = await all(b);
  for (const [thread, told] of Object.entries(facts.notes)) {
    for (const [i, [what, ends]] of told.entries()) same(`${thread} ${what}`, got[thread]?.[i]?.[1], ends);
  }
}
