// drive.mjs FILE CALLS: starts the real server on FILE, makes the tool calls that stand in a JSON list in
// the file CALLS ([tool, arguments]), and prints what it answered: the structured content, or {"error": text}.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import fs from "node:fs";
import path from "node:path";

const calls = JSON.parse(fs.readFileSync(process.argv[3], "utf8"));
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [path.join(import.meta.dirname, "node_modules/@modelcontextprotocol/server-memory/dist/index.js")],
  env: { ...process.env, MEMORY_FILE_PATH: path.resolve(process.argv[2]) },
  stderr: "ignore",
});
const client = new Client({ name: "judge", version: "1" });
await client.connect(transport);
const out = [];
for (const [name, args] of calls) {
  const r = await client.callTool({ name, arguments: args });
  out.push(r.isError ? { error: r.content?.[0]?.text ?? "" } : r.structuredContent);
}
await client.close();
console.log(JSON.stringify(out));
