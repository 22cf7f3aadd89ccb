// Everything that the real library shows of a store, as plain JSON: taken at the source, compared at the target.
import crypto from "node:crypto";
import util from "node:util";
import { isDeltaSnapshot } from "@langchain/langgraph-checkpoint";

const digest = (b) => crypto.createHash("sha256").update(b).digest("hex").slice(0, 16);

// plain turns any value into one with a stable, short print: keys sorted, long text and bytes as digests, classes by name.
function plain(v) {
  if (typeof v === "string") return v.length <= 300 ? v : `${v.slice(0, 100)}… ${v.length} ${digest(v)}`;
  if (v instanceof Uint8Array) return `bytes ${v.length} ${digest(v)}`;
  if (v === null || typeof v !== "object") return v;
  if (Array.isArray(v)) return v.map(plain);
  if (v instanceof Set) return ["Set", ...[...v].map(plain)];
  if (v instanceof Map) return ["Map", ...[...v].map(plain)];
  if (v instanceof RegExp || v instanceof Date || v instanceof Error) return `${v.constructor.name} ${String(v)}`;
  const o = Object.fromEntries(Object.keys(v).sort().filter((k) => !k.startsWith("lc_")).map((k) => [k, plain(v[k])]));
  return v.constructor && v.constructor !== Object ? { "": v.constructor.name, ...o } : o;
}

export function brief(v, cross, write) {
  // On SQLite the library reads bytes of a pending write as text and so spoils them; across kinds they cannot be compared.
  if (cross && write && (v instanceof Uint8Array || (typeof v === "string" && v.includes("\ufffd")))) return "bytes";
  const s = util.inspect(plain(v), { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: Infinity, compact: true });
  return s.length <= 300 ? s : `${s.slice(0, 200)}… ${s.length} ${digest(s)}`;
}

// kept tells whether both kinds of database can show a channel: PostgreSQL has no row for a default value without a version, and shows
// a delta channel's snapshot at every checkpoint that names its version, where SQLite shows it once.
const kept = (channel, v, head) => channel in head.channel_versions && !isDeltaSnapshot(v);

async function checkpoints(b, cross) {
  const out = {};
  for (const { thread_id } of await b.rows("select distinct thread_id from checkpoints order by 1")) {
    for await (const t of b.saver.list({ configurable: { thread_id } })) {
      const { channel_values = {}, ...head } = t.checkpoint, c = t.config.configurable;
      out[[thread_id, c.checkpoint_ns ?? "", c.checkpoint_id].join("\0")] = {
        parent: t.parentConfig?.configurable.checkpoint_id ?? null, metadata: brief(t.metadata, cross), head: brief(head, cross),
        values: Object.fromEntries(Object.keys(channel_values).sort().filter((k) => !cross || kept(k, channel_values[k], head)).map((k) => [k, brief(channel_values[k], cross)])),
        writes: (t.pendingWrites ?? []).map(([task, channel, v]) => `${task} ${channel} ${brief(v, cross, true)}`).sort() };
    }
  }
  return out;
}

async function items(b) {
  const out = {};
  if (!b.store) return out;
  for (const r of await b.rows("select namespace_path, key, value, created_at, updated_at, expires_at from store")) {
    const times = [r.created_at, r.updated_at, r.expires_at].map((t) => t && t.toISOString()).join(" ");
    out[`${r.namespace_path}\0${r.key}`] = `${brief(r.value, false)} ${times}`;
  }
  return out;
}

async function vectors(b) {
  const out = {};
  if (!b.store) return out;
  for (const r of await b.rows("select namespace_path, key, field_path, text_content, embedding::text as e from store_vectors")) {
    out[[r.namespace_path, r.key, r.field_path].join("\0")] = `${brief(r.text_content)} ${r.e}`;
  }
  return out;
}

export async function view(b, cross = false) {
  return { checkpoints: await checkpoints(b, cross), items: await items(b), vectors: await vectors(b) };
}

// One check for each checkpoint, item and vector. A store exists only where both ends can have one.
export function compare(want, got, same, cross, skip) {
  const keep = (o) => Object.fromEntries(Object.entries(o).filter(([k]) => !skip.some((s) => k.startsWith(s + "\0"))));
  for (const part of cross ? ["checkpoints"] : ["checkpoints", "items", "vectors"]) {
    const w = keep(want[part]), g = keep(got[part]);
    same(`${part} missing`, Object.keys(w).filter((k) => !(k in g)), []);
    same(`${part} added`, Object.keys(g).filter((k) => !(k in w)), []);
    for (const k of Object.keys(w).filter((k) => k in g)) {
      if (typeof w[k] === "string") { same(`${part} ${JSON.stringify(k)}`, g[k], w[k]); continue; }
      const [a, b] = [g[k], w[k]].map(({ values, ...rest }) => ({ ...rest, ...Object.fromEntries(Object.entries(values).map(([c, v]) => [`channel ${c}`, v])) }));
      const odd = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((f) => !util.isDeepStrictEqual(a[f], b[f]));
      const pick = (o) => Object.fromEntries(odd.map((f) => [f, o[f]]));
      same(`${part} ${JSON.stringify(k)}`, pick(a), pick(b));
    }
  }
}
