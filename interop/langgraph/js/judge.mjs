// Opens a scratch copy of a store with the real library, compares all it shows with what it showed at the source, and goes on from there.
//   node judge.mjs SHAPE URL FACTS [--skip THREAD]… [--unseen THREAD]…     FACTS is the file that make.mjs wrote
// A thread that is unseen is not compared, but goes on like the others.
// Prints 'PASS n checks', or one line a difference and exit code 1.
import fs from "node:fs";
import util from "node:util";
import { open, scratchCopy } from "./backend.mjs";
import { compare, view } from "./view.mjs";

const [name, url, factsFile, ...rest] = process.argv.slice(2);
const facts = JSON.parse(fs.readFileSync(factsFile, "utf8"));
const skip = rest.filter((_, i) => rest[i - 1] === "--skip");
const unseen = rest.filter((_, i) => ["--skip", "--unseen"].includes(rest[i - 1]));
const shape = await import(`./${name}judge.mjs`);
const bad = [];
let n = 0;
const show = (v) => util.inspect(v, { depth: 6, breakLength: Infinity, compact: true }).slice(0, 400);

function same(what, got, want) {
  n++;
  if (!util.isDeepStrictEqual(got, want)) bad.push(`${what}: got ${show(got)} want ${show(want)}`);
}

// One failing step must not hide the others.
async function step(thread, f) {
  if (skip.includes(thread)) return;
  try { await f(); } catch (e) { bad.push(`${thread}: ${e.name}: ${e.message}`); }
}

await scratchCopy(url, async (copy) => {
  const b = await open(copy, shape.FIELDS);
  const cross = b.pg !== facts.pg;
  await step("view", async () => compare(facts[cross ? "cross" : "same"], await view(b, cross), same, cross, unseen));
  await shape.judge(b, { same, step, skip }, facts, cross);
  await b.close();
}).catch((e) => bad.push(`${e.name}: ${e.message}`));
for (const line of bad) console.log("DIFF", line);
console.log(bad.length ? `FAIL ${bad.length} differences in ${n} checks` : `PASS ${n} checks`);
process.exit(bad.length ? 1 : 0);
