// What a program in JavaScript finds in a store that came from Python: the items, and what searches by vector find.
//   node arrived.mjs URL
import { open } from "./backend.mjs";

const b = await open(process.argv[2], ["text"]);
let checks = 0;
const same = (what, got, want) => {
  checks++;
  if (JSON.stringify(got) !== JSON.stringify(want)) { console.log(`FAIL ${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`); process.exit(1); }
};
const at = ["users", "u-1", "memories"];
const value = async (ns, key) => (await b.store.get(ns, key))?.value ?? null;
const sorted = (o) => o && Object.fromEntries(Object.keys(o).sort().map((k) => [k, o[k]]));
same("mem-1", sorted(await value(at, "mem-1")), { big: 2 ** 63, n: 1, text: "prefers °C" });
same("mem-2", sorted(await value(at, "mem-2")), { nul: null, tags: ["home"], text: "lives in Zürich 🌤" });
same("mem-3", sorted(await value([...at, "deep"], "mem-3")), { text: "likes trains" });
same("another user", sorted(await value(["users", "u-2"], "mem-1")), { a: 2, text: "other user", z: 1 });
same("without text", sorted(await value(["org"], "a:b/c")), { no_text: true });
same("namespaces", (await b.store.listNamespaces({ prefix: ["users"] })).map((n) => n.join("/")).sort(), ["users/u-1/memories", "users/u-1/memories/deep", "users/u-2"]);
for (const text of ["likes trains", "lives in Zürich 🌤", "prefers °C"]) {
  const found = await b.store.search(["users", "u-1"], { query: text, limit: 1 });
  same(`search for ${text}`, found.map((i) => [i.value.text, i.score > 0.999]), [[text, true]]);
}
await b.store.put(at, "mem-4", { text: "written by JavaScript" });
same("a new item", await value(at, "mem-4"), { text: "written by JavaScript" });
await b.store.delete(at, "mem-4");
await b.close();
console.log(`PASS ${checks} checks`);
process.exit(0);
