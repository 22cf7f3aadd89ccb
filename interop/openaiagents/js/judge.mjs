// judge.mjs FOLDER: goes on in the session, approves what waits, and sees that it alone runs. Exit 0, or 1 with what differs.
import { MemorySession, RunState } from "@openai/agents";
import fs from "node:fs";
import path from "node:path";
import { agent, runner, seen, calls } from "./app.mjs";

const bad = [];
const same = (what, got, want) => JSON.stringify(got) === JSON.stringify(want) || bad.push(`${what}: got ${JSON.stringify(got)} want ${JSON.stringify(want)}`);
const read = (name) => fs.readFileSync(path.join(process.argv[2], name), "utf8");
const session = async (name) => {
  const s = new MemorySession({ sessionId: name });
  await s.addItems(JSON.parse(read(name + ".items.json")));
  return s;
};
try {
  await runner.run(agent, "and now", { session: await session("sess-1") });
  same("the model is shown the history", seen[0], ["user", "assistant", "user", "reasoning", "function_call", "function_call_result", "assistant", "user"]);
  const state = await RunState.fromString(agent, read("sess-2.runstate.json"));
  const waits = state.getInterruptions();
  same("what waits", waits.map((i) => [i.rawItem.name, i.rawItem.arguments]), [["delete_file", '{"path":"/tmp/x"}']]);
  state.approve(waits[0]);
  calls.length = 0;
  const r = await runner.run(agent, state, { session: await session("sess-2") });
  same("only the approved tool ran", calls, ["delete_file /tmp/x"]);
  same("the end", r.finalOutput, "Done.");
} catch (e) {
  bad.push("stopped: " + e.message);
}
for (const b of bad) console.log("DIFF", b);
process.exit(bad.length ? 1 : 0);
