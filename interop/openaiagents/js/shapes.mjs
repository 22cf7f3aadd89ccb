// shapes.mjs make|judge FOLDER: run states at other stages: decided before the move, of an agent as a tool, after a handoff, finished; and
// items of many kinds. judge goes on in a copy: exit 0, or 1 with what differs.
import { Agent, MemorySession, RunState, tool } from "@openai/agents";
import { z } from "zod";
import fs from "node:fs";
import path from "node:path";
import { agent, runner, calls } from "./app.mjs";

const usage = { requests: 1, inputTokens: 5, outputTokens: 3, totalTokens: 8 };
const [, , command, folder] = process.argv;
const at = (name) => path.join(folder, name);

// calls names a tool, then says what it got.
const asking = (name, args) => ({
  async getResponse(req) {
    const items = Array.isArray(req.input) ? req.input : [{ role: "user", content: req.input }];
    const last = items[items.length - 1];
    const output = last.callId === "call_" + name && last.type === "function_call_result"
      ? [{ type: "message", id: "msg_" + name, role: "assistant", status: "completed", content: [{ type: "output_text", text: "after " + name }] }]
      : [{ type: "function_call", id: "fc_" + name, callId: "call_" + name, name, arguments: args, status: "completed" }];
    return { usage, responseId: "resp_" + name, output };
  },
  async *getStreamedResponse() {
    throw new Error("not used");
  },
});
const wipe = tool({ name: "wipe", description: "w", parameters: z.object({ path: z.string() }), needsApproval: true, execute: async ({ path }) => (calls.push("wipe " + path), "wiped") });
const inner = new Agent({ name: "inner", instructions: "i", model: asking("wipe", '{"path":"/a \\u00fc"}'), tools: [wipe] });
const outer = new Agent({ name: "outer", instructions: "o", model: asking("ask_inner", '{"input":"go"}'), tools: [inner.asTool({ toolName: "ask_inner", toolDescription: "inner" })] });
const desk = new Agent({ name: "desk", instructions: "d", model: asking("transfer_to_inner", "{}"), handoffs: [inner] });

const items = [
  { role: "user", content: [{ type: "input_text", text: "see" }, { type: "input_image", image: "data:image/png;base64,iVBORw0KGgo=" }, { type: "input_file", file: "data:application/pdf;base64,JVBERi0=" }, { type: "audio", audio: "UklGRg==", format: "wav" }] },
  { role: "system", content: "be kind" },
  { type: "reasoning", id: "rs_1", content: [{ type: "input_text", text: "hm" }], providerData: { encrypted_content: "gAAA" } },
  { type: "hosted_tool_call", id: "ws_1", name: "web_search_call", status: "completed", providerData: { type: "web_search_call", action: { type: "search", query: "z\u00fcrich" } } },
  { type: "hosted_tool_call", id: "mcpr_1", name: "mcp_approval_request", arguments: "{}", status: "in_progress", providerData: { type: "mcp_approval_request", server_label: "wiki" } },
  { type: "computer_call", id: "cu_1", callId: "call_cu", status: "completed", action: { type: "screenshot" } },
  { type: "computer_call_result", callId: "call_cu", output: { type: "computer_screenshot", data: "https://example.org/s.png" } },
  { type: "function_call", callId: "call_bad", name: "f", arguments: "{no json", status: "completed" },
  { type: "function_call_result", callId: "call_bad", name: "f", status: "incomplete", output: [{ type: "input_text", text: "parts" }, { type: "input_image", image: "https://example.org/x.png" }] },
  { type: "message", role: "assistant", id: "msg_1", status: "completed", content: [{ type: "refusal", refusal: "no" }, { type: "output_text", text: "lone \ud83d and \u0000", providerData: { annotations: [{ type: "url_citation" }] } }] },
  { type: "unknown", id: "u_1", providerData: { type: "future", n: 1e22 } },
];

async function make() {
  fs.writeFileSync(at("rich.items.json"), JSON.stringify(items, null, 2));
  fs.writeFileSync(at("many.items.json"), JSON.stringify(Array.from({ length: 10000 }, (_, i) => ({ role: "user", content: `item ${i} \u{1F324}` }))));
  fs.mkdirSync(at("\u4f1a\u8a71 #1"));
  let r = await runner.run(agent, "delete it");
  r.state.approve(r.state.getInterruptions()[0]);
  fs.writeFileSync(at("\u4f1a\u8a71 #1/decided.runstate.json"), r.state.toString());
  fs.writeFileSync(at("nested.runstate.json"), (await runner.run(outer, "go")).state.toString());
  fs.writeFileSync(at("handoff.runstate.json"), JSON.stringify(JSON.parse((await runner.run(desk, "go")).state.toString()), null, 1));
  fs.writeFileSync(at("finished.runstate.json"), (await runner.run(agent, "hi")).state.toString());
}

const bad = [];
const same = (what, got, want) => JSON.stringify(got) === JSON.stringify(want) || bad.push(`${what}: got ${JSON.stringify(got)} want ${JSON.stringify(want)}`);

async function resume(start, name, want) {
  const state = await RunState.fromString(start, fs.readFileSync(at(name), "utf8"));
  for (const i of state.getInterruptions()) state.approve(i);
  calls.length = 0;
  const r = await runner.run(start, state);
  same(name + ": what ran", calls, want);
  return r.finalOutput;
}

async function judge() {
  const s = new MemorySession({ sessionId: "rich" });
  await s.addItems(JSON.parse(fs.readFileSync(at("rich.items.json"), "utf8")));
  same("items", await s.getItems(), items);
  same("many", JSON.parse(fs.readFileSync(at("many.items.json"), "utf8")).length, 10000);
  same("decided", await resume(agent, "\u4f1a\u8a71 #1/decided.runstate.json", ["delete_file /tmp/x"]), "Done.");
  same("nested", await resume(outer, "nested.runstate.json", ["wipe /a \u00fc"]), "after ask_inner");
  same("handoff", await resume(desk, "handoff.runstate.json", ["wipe /a \u00fc"]), "after wipe");
}

try {
  await (command === "make" ? make() : judge());
} catch (e) {
  bad.push("stopped: " + e.stack);
}
for (const b of bad) console.log("DIFF", b);
process.exit(bad.length ? 1 : 0);
