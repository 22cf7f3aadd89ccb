// Agents with a model that is a plain function. make.mjs and judge.mjs share it.
import { Agent, Runner, tool, setTracingDisabled } from "@openai/agents";
import { z } from "zod";

setTracingDisabled(true);
const usage = { requests: 1, inputTokens: 5, outputTokens: 3, totalTokens: 8 };
export const seen = [];
export const calls = [];
let n = 0;
const says = (text) => ({ type: "message", id: "msg_" + n, role: "assistant", status: "completed", content: [{ type: "output_text", text }] });
const asks = (name, args, id = "") => ({ type: "function_call", id: "fc_" + n + id, callId: "call_" + n + id, name, arguments: args, status: "completed" });

class Model {
  async getResponse(req) {
    n++;
    const items = Array.isArray(req.input) ? req.input : [{ type: "message", role: "user", content: req.input }];
    seen.push(items.map((i) => (i.type === "message" || !i.type ? i.role : i.type)));
    const last = items[items.length - 1];
    const text = JSON.stringify(last);
    let output = [says("Hi \u{1F324}")];
    if (last.type === "function_call_result") output = [says("Done.")];
    else if (/weather/.test(text)) output = [{ type: "reasoning", id: "rs_" + n, content: [{ type: "input_text", text: "need weather" }] }, asks("get_weather", '{"city":"Z\u00fcrich"}')];
    else if (/delete/.test(text)) output = [asks("delete_file", '{"path":"/tmp/x"}'), asks("get_weather", '{"city":"Bern"}', "b")];
    return { usage, responseId: "resp_" + n, output };
  }
  async *getStreamedResponse() {
    throw new Error("not used");
  }
}

const weather = tool({ name: "get_weather", description: "w", parameters: z.object({ city: z.string() }), execute: async ({ city }) => (calls.push("get_weather " + city), { tempC: 21.5, city }) });
const remove = tool({ name: "delete_file", description: "d", parameters: z.object({ path: z.string() }), needsApproval: true, execute: async ({ path }) => (calls.push("delete_file " + path), "deleted") });
export const agent = new Agent({ name: "assistant", instructions: "be nice", model: new Model(), tools: [weather, remove] });
export const runner = new Runner({ tracingDisabled: true });
