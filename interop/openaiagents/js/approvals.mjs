// approvals.mjs make|judge FOLDER: run states that wait for calls of every kind of tool that can wait, each as it is (open) and with every
// answer that a person can give. judge goes on in a copy of them: exit 0, or 1 with what differs.
import { Agent, RunState, applyPatchTool, hostedMcpTool, shellTool, tool, toolNamespace } from "@openai/agents";
import { z } from "zod";
import fs from "node:fs";
import path from "node:path";
import { runner } from "./app.mjs";

const answers = {
  open: () => {}, once: (s, i) => s.approve(i), always: (s, i) => s.approve(i, { alwaysApprove: true }),
  no: (s, i) => s.reject(i, { message: "not this" }), never: (s, i) => s.reject(i, { alwaysReject: true, message: "never" }),
};
const usage = { requests: 1, inputTokens: 5, outputTokens: 3, totalTokens: 8 };
const ran = [];
// one makes its calls, then says what came of it.
const one = (...calls) => ({
  async getResponse(req) {
    const last = Array.isArray(req.input) ? req.input.at(-1) : {};
    const done = /_(result|output)$/.test(last.type ?? "") || last.name === "mcp_approval_response";
    return { usage, responseId: "resp_1", output: done ? [{ type: "message", id: "msg_1", role: "assistant", status: "completed", content: [{ type: "output_text", text: "after" }] }] : calls };
  },
  async *getStreamedResponse() {
    throw new Error("not used");
  },
});
const wipe = tool({ name: "delete_file", description: "d", parameters: z.object({ path: z.string() }), needsApproval: true, execute: async ({ path }) => (ran.push("delete_file " + path), "deleted") });
const asks = (more) => ({ type: "function_call", id: "fc_1", callId: "call_1", name: "delete_file", arguments: '{"path":"/x"}', status: "completed", ...more });
const hosted = { type: "mcp_approval_request", id: "mcpr_1", server_label: "wiki", name: "ask", arguments: '{"q":1}' };
const shell = { async run(action) { ran.push("shell " + action.commands.join(" ")); return { output: [{ stdout: "ran", stderr: "", outcome: { type: "exit", exitCode: 0 } }] }; } };
const editor = { async createFile() {}, async updateFile() {}, async deleteFile(o) { ran.push("patch " + o.path); return { status: "completed" }; } };
const agent = (name, call, tools) => new Agent({ name, instructions: "i", model: one(call), tools });
const agents = {
  function: agent("function", asks(), [wipe]),
  namespaced: agent("namespaced", asks({ namespace: "crm" }), toolNamespace({ name: "crm", description: "customers", tools: [wipe] })),
  shell: agent("shell", { type: "shell_call", id: "sh_1", callId: "call_sh", status: "completed", action: { commands: ["rm -rf \u00e9"] } }, [shellTool({ shell, needsApproval: true })]),
  patch: agent("patch", { type: "apply_patch_call", id: "ap_1", callId: "call_ap", status: "completed", operation: { type: "delete_file", path: "a.txt" } }, [applyPatchTool({ editor, needsApproval: true })]),
  hosted: agent("hosted", { type: "hosted_tool_call", id: "mcpr_1", name: "ask", arguments: hosted.arguments, status: "in_progress", providerData: hosted }, [hostedMcpTool({ serverLabel: "wiki", serverUrl: "https://wiki.invalid", requireApproval: "always" })]),
};
// Two agents, each a tool of one, make a call of one id: what is said of one call is not said of the other.
const twin = (name) => agent(name, { type: "shell_call", id: "sh_1", callId: "call_same", status: "completed", action: { commands: ["echo " + name] } }, [shellTool({ shell, needsApproval: true })]);
const ask = (of) => ({ type: "function_call", id: "fc_" + of, callId: "call_" + of, name: "ask_" + of, arguments: '{"input":"go"}', status: "completed" });
const twins = new Agent({ name: "twins", instructions: "i", model: one(ask("alpha"), ask("beta")), tools: ["alpha", "beta"].map((n) => twin(n).asTool({ toolName: "ask_" + n, toolDescription: n })) });
const runs = { function: "delete_file /x", namespaced: "delete_file /x", shell: "shell rm -rf \u00e9", patch: "patch a.txt" };

const [, , command, folder] = process.argv;
const bad = [];
for (const [name, a] of Object.entries(agents))
  for (const [how, say] of Object.entries(answers)) {
    const file = path.join(folder, `${name}.${how}.json`);
    if (command === "make") {
      const { state } = await runner.run(a, "go");
      say(state, state.getInterruptions()[0]);
      fs.writeFileSync(file, state.toString());
      continue;
    }
    ran.length = 0;
    const r = await runner.run(a, await RunState.fromString(a, fs.readFileSync(file, "utf8")));
    const want = [how === "once" || how === "always" ? [runs[name]].filter(Boolean) : [], how === "open" ? 1 : 0];
    const got = [ran, r.interruptions.length];
    if (JSON.stringify(got) !== JSON.stringify(want)) bad.push(`${name}, ${how}: got ${JSON.stringify(got)} want ${JSON.stringify(want)}`);
  }
const file = path.join(folder, "twins.json");
if (command === "make") {
  const { state } = await runner.run(twins, "go");
  state.approve(state.getInterruptions()[0]);
  fs.writeFileSync(file, state.toString());
} else {
  ran.length = 0;
  const r = await runner.run(twins, await RunState.fromString(twins, fs.readFileSync(file, "utf8")));
  const got = JSON.stringify([ran, r.interruptions.map((i) => i.agent.name)]);
  if (got !== '[["shell echo alpha"],["beta"]]') bad.push("twins: " + got);
}
for (const b of bad) console.log("DIFF", b);
process.exit(bad.length ? 1 : 0);
