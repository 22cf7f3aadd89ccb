// make.mjs FOLDER: a session's items, and a run that waits for an approval, as programs keep them.
import { MemorySession } from "@openai/agents";
import fs from "node:fs";
import path from "node:path";
import { agent, runner } from "./app.mjs";

const at = (name) => path.join(process.argv[2], name);
const s1 = new MemorySession({ sessionId: "sess-1" });
await runner.run(agent, "hi", { session: s1 });
await runner.run(agent, "weather?", { session: s1 });
fs.writeFileSync(at("sess-1.items.json"), JSON.stringify(await s1.getItems(), null, 1));
const s2 = new MemorySession({ sessionId: "sess-2" });
const r = await runner.run(agent, "delete it", { session: s2, context: { userId: "u-1" } });
fs.writeFileSync(at("sess-2.runstate.json"), r.state.toString()); // as it is, on one line
fs.writeFileSync(at("sess-2.items.json"), JSON.stringify(await s2.getItems()));
