// Makes calls to the real mem0 and prints what it answers: the JavaScript side of ../python/mem.py, with the same input and output.
import fs from "node:fs";
process.env.MEM0_TELEMETRY = "false"; // is read at import
const { Memory } = await import("mem0ai/oss");

function opened(s, model) {
  const n = s.dims || 8;
  const vectorStore = s.pg
    ? { provider: "pgvector", config: { collectionName: s.collection, embeddingModelDims: n, dimension: n, connectionString: s.pg, hnsw: true } }
    : { provider: "memory", config: { collectionName: s.collection, dimension: n, dbPath: `${s.dir}/${s.collection === "mem0" ? "vector_store" : s.collection}.db` } };
  const config = { apiKey: "none", baseURL: model };
  return new Memory({
    version: "v1.1", vectorStore, historyStore: { provider: "sqlite", config: { historyDbPath: s.history || `${s.dir}/history.db` } },
    embedder: { provider: "openai", config: { ...config, model: "text-embedding-3-small", embeddingDims: n } },
    llm: { provider: "openai", config: { ...config, model: "none" } },
  });
}

const sorted = (f) => `{${Object.entries(f).sort().map(([k, v]) => `"${k}": "${v}"`).join(", ")}}`;
const round = (n) => Math.round(n * 1e6) / 1e6;

const rows = async (store) => (await store.list(undefined, 100000))[0].map((r) => [r.id, r.payload]);

// show: all that the API shows.
async function show(m, c, ids) {
  const out = { all: {}, visible: {}, get: {}, history: {}, search: {}, messages: {}, entities: [] };
  const known = new Set(c.ids ?? Object.values(ids));
  for (const f of c.filters) {
    const k = sorted(f);
    out.all[k] = (await m.getAll({ filters: { ...f }, topK: 100000, showExpired: true })).results;
    out.visible[k] = (await m.getAll({ filters: { ...f }, topK: 100000 })).results.map((x) => x.id);
    for (const x of out.all[k]) known.add(x.id);
    for (const q of c.queries) {
      const found = (await m.search(q, { filters: { ...f }, topK: 1000, threshold: 0, showExpired: true })).results;
      for (const x of found) x.score = round(x.score);
      out.search[k + q] = found.map((x) => [-x.score, x.id, x]).sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
    }
    out.messages[k] = await m.db.getLastMessages(m.buildSessionScope(f));
  }
  for (const i of known) {
    out.get[i] = await m.get(i);
    out.history[i] = await m.history(i);
  }
  out.entities = await rows(await m.getEntityStore());
  return out;
}

const calls = {
  show,
  rows: (m) => rows(m.vectorStore),
  add: async (m, c) => {
    const scope = { userId: c.user_id, agentId: c.agent_id, runId: c.run_id };
    return (await m.add(c.messages, { ...scope, metadata: c.metadata, expirationDate: c.expires, infer: c.infer ?? false })).results.map((r) => r.id);
  },
  update: (m, c, ids) => m.update(ids[c.of] ?? c.of, { text: c.text, metadata: c.metadata }),
  delete: (m, c, ids) => m.delete(ids[c.of] ?? c.of),
};

const work = JSON.parse(fs.readFileSync(0, "utf8"));
const answers = [];
for (const s of work.stores) {
  fs.mkdirSync(s.dir, { recursive: true });
  const m = opened(s, work.model), ids = {}, got = [];
  for (const c of s.calls) {
    let answer;
    try {
      answer = await calls[c.do](m, c, ids);
    } catch (e) {
      if (!c.may) throw e;
      got.push({ refused: `${e}`.slice(0, 200) });
      continue;
    }
    if (c.do === "add" && c.as) answer.forEach((id, n) => (ids[n ? `${c.as}/${n}` : c.as] = id));
    got.push(answer ?? null);
  }
  answers.push(got);
  for (const v of [m.vectorStore, await m.getEntityStore()]) await v.close?.();
}
fs.writeFileSync(process.argv[2], JSON.stringify(answers));
process.exit(0);
