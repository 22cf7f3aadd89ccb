"""Everything that the real library shows of a store, as plain JSON: taken at the source, compared at the target."""
import hashlib, struct, warnings


def brief(v, cross):
    """A printable, comparable form of one value. Across kinds of database the runtime itself does not keep three things apart:
    1.0 and 1 at the top of a channel (JSONB), bytearray and bytes (one msgpack document on SQLite), and what becomes of a pair of surrogates: a character (JSONB) or
    two question marks (msgpack)."""
    if cross and isinstance(v, float) and v.is_integer():
        v = int(v)
    if cross and isinstance(v, bytearray):
        v = bytes(v)
    if cross and isinstance(v, str) and v in ("\ud83c\udf24", "\U0001f324"):
        v = "??"
    s = f"{type(v).__name__} {v!r}"
    return s if len(s) <= 300 else f"{s[:200]}… {len(s)} {hashlib.sha256(s.encode(errors='surrogatepass')).hexdigest()[:16]}"


def ordered(v):
    """JSONB does not keep the order of keys."""
    if isinstance(v, dict):
        return {k: ordered(v[k]) for k in sorted(v, key=str)}
    return [ordered(x) for x in v] if isinstance(v, list) else v


def checkpoints(b, cross):
    out = {}
    for (thread,) in b.rows("select distinct thread_id from checkpoints order by 1"):
        for t in b.saver_of(thread).list({"configurable": {"thread_id": thread}}):
            c, conf = dict(t.checkpoint), t.config["configurable"]
            values = c.pop("channel_values", {})
            if cross:   # SQLite shows a delta channel's snapshot at one checkpoint, PostgreSQL at all that name its version
                values = {k: v for k, v in values.items() if type(v).__name__ != "_DeltaSnapshot"}
            writes = [f"{task} {channel} {brief(v, cross)}" for task, channel, v in t.pending_writes or []]
            out[f"{thread}\0{conf['checkpoint_ns']}\0{conf['checkpoint_id']}"] = {
                "parent": t.parent_config and t.parent_config["configurable"]["checkpoint_id"], "metadata": repr(ordered(dict(t.metadata))),
                "head": repr(ordered(c)), "values": {k: brief(values[k], cross) for k in sorted(values)}, "writes": sorted(writes) if cross else writes}
    return out


def items(b):
    out = {}
    for it in b.store.search((), limit=1_000_000):
        out[repr((it.namespace, it.key))] = {"value": repr(ordered(it.value)), "created": it.created_at.timestamp(), "updated": it.updated_at.timestamp()}
    for prefix, key, ttl, ends in b.rows("select prefix, key, ttl_minutes, expires_at from store where ttl_minutes is not null or expires_at is not null"):
        out[f"ttl {prefix} {key}"] = {"minutes": float(ttl), "ends": str(ends)[:19]}
    return out


def vectors(b):
    """Only of items that exist: SQLite leaves the vectors of deleted items behind."""
    out = {}
    for prefix, key, field, v in b.rows("select v.prefix, v.key, v.field_name, v.embedding from store_vectors v join store s on s.prefix = v.prefix and s.key = v.key"):
        floats = list(struct.unpack(f"<{len(v) // 4}f", v)) if isinstance(v, bytes) else [float(x) for x in str(v).strip("[]").split(",")]
        out[f"{prefix}\0{key}\0{field}"] = [round(x, 6) for x in floats]
    return out


def view(b, cross=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"checkpoints": checkpoints(b, cross), "items": items(b), "vectors": vectors(b)}


def near(a, b, slack):
    return a == b or (a.keys() == b.keys() and a.get("value") == b.get("value") and "created" in a and
                      all(abs(a[k] - b[k]) <= slack for k in ("created", "updated")))


def compare(want, got, same, cross, skip):
    """One check for each checkpoint, item and vector. SQLite keeps whole seconds, so times may differ by one across kinds."""
    for part in ("checkpoints", "items", "vectors"):
        w = {k: v for k, v in want[part].items() if not k.startswith(tuple(s + "\0" for s in skip))}
        g = {k: v for k, v in got[part].items() if not k.startswith(tuple(s + "\0" for s in skip))}
        same(f"{part} missing", sorted(w.keys() - g.keys()), [])
        same(f"{part} added", sorted(g.keys() - w.keys()), [])
        for k in sorted(w.keys() & g.keys()):
            name = f"{part} {k!r}"
            if part == "items":
                same(name, near(g[k], w[k], 1.0 if cross else 1e-6) or g[k], True)
            elif part == "vectors":
                same(name, g[k], w[k])
            else:
                a, b = ({**x, **{f"channel {c}": v for c, v in x["values"].items()}, "values": None} for x in (g[k], w[k]))
                odd = [f for f in {**a, **b} if a.get(f) != b.get(f)]
                same(name, {f: a.get(f) for f in odd}, {f: b.get(f) for f in odd})
