// Makes LangGraph state with the real library, and writes down all that the library shows of it.
//   node make.mjs SHAPE URL FACTS     SHAPE is trip or odd
//   node make.mjs setup URL SHAPE     only the empty tables, as the runtime itself makes them
import fs from "node:fs";
import { open } from "./backend.mjs";
import { view } from "./view.mjs";

const [name, url, facts] = process.argv.slice(2);
if (name === "setup") {
  await (await open(url, (await import(`./${facts}.mjs`)).FIELDS)).close();
} else {
  const shape = await import(`./${name}.mjs`);
  const b = await open(url, shape.FIELDS);
  const notes = await shape.make(b);
  const f = { pg: b.pg, notes, same: await view(b), cross: await view(b, true) };
  fs.writeFileSync(facts, JSON.stringify(f, null, 1));
  console.log(Object.keys(f.same.checkpoints).length, "checkpoints", Object.keys(f.same.items).length, "items", Object.keys(f.same.vectors).length, "vectors");
  await b.close();
}
process.exit(0);
