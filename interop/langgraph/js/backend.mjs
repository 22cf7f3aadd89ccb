// Opens a store by URL with the real library: 'sqlite:PATH' or 'postgresql://…[?schema=NAME]'. LangGraph.js has no store on SQLite.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { PostgresStore } from "@langchain/langgraph-checkpoint-postgres/store";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";
import { Embeddings } from "@langchain/core/embeddings";
import Database from "better-sqlite3";
import pg from "pg";

// Deterministic, 4 dimensions; every component is a multiple of 1/64, so float32 and text forms are exact.
class Embedder extends Embeddings {
  constructor() { super({}); }
  async embedQuery(text) {
    const v = [0, 0, 0, 0];
    Buffer.from(text).forEach((b, i) => { v[i % 4] += b; });
    return v.map((x) => ((x % 97) + 1) / 64);
  }
  async embedDocuments(texts) { return Promise.all(texts.map((t) => this.embedQuery(t))); }
}

export async function open(url, fields) {
  if (!url.startsWith("postgres")) {
    const db = new Database(url.replace(/^sqlite:/, ""));
    const saver = new SqliteSaver(db);
    saver.setup();
    return { url, pg: false, saver, rows: async (sql) => db.prepare(sql).all(), close: async () => { db.close(); } };
  }
  const u = new URL(url), schema = u.searchParams.get("schema") ?? "public";
  u.searchParams.delete("schema");
  const saver = PostgresSaver.fromConnString(u.href, { schema });
  await saver.setup();
  const store = PostgresStore.fromConnString(u.href, { schema, index: { dims: 4, embed: new Embedder(), fields } });
  await store.setup();
  const pool = new pg.Pool({ connectionString: u.href, options: `-c search_path=${schema},public`, max: 1 });
  for (const p of [pool, saver.pool, store.core?.pool]) p?.on?.("error", () => {}); // a scratch database is dropped under idle connections
  return { url, pg: true, saver, store, rows: async (sql, args) => (await pool.query(sql, args)).rows,
    close: async () => { await pool.end(); await saver.end(); await store.stop?.(); } };
}

// A judge goes on from the state, so it works on a copy: by SQLite's backup call (which sees the WAL), by CREATE DATABASE … TEMPLATE.
export async function scratchCopy(url, use) {
  if (!url.startsWith("postgres")) {
    const file = url.replace(/^sqlite:/, "");
    if (!fs.existsSync(file)) throw new Error(`no such file: ${file}`);
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "judge-"));
    try {
      const db = new Database(file, { readonly: true });
      await db.backup(path.join(dir, "copy.sqlite"));
      db.close();
      return await use(`sqlite:${path.join(dir, "copy.sqlite")}`);
    } finally { fs.rmSync(dir, { recursive: true }); }
  }
  const u = new URL(url), from = u.pathname.slice(1), to = `judge_${process.pid}_${process.hrtime.bigint()}`;
  const admin = async (sql) => {
    const c = new pg.Client({ connectionString: Object.assign(new URL(url), { pathname: "/postgres", search: "" }).href });
    await c.connect();
    await c.query(sql);
    await c.end();
  };
  await admin(`CREATE DATABASE "${to}" TEMPLATE "${from}"`);
  try { u.pathname = "/" + to; return await use(u.href); } finally { await admin(`DROP DATABASE "${to}" WITH (FORCE)`); }
}
