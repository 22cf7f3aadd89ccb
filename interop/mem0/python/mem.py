"""Makes calls to the real mem0 and prints what it answers.

stdin: {"model": URL, "stores": [{"dir": ..., "pg": ..., "collection": ..., "calls": [{"do": ..., ...}]}]}
The file of the first argument gets a list of answers for each store. Ids are referred to by the name that the call gave them ("as").
"""
import json, os, sys
os.environ["MEM0_TELEMETRY"] = "false"  # is read at import
from mem0 import Memory  # noqa: E402


def opened(store, model):
    key = {"api_key": "none", "openai_base_url": model}
    n = store.get("dims") or 8
    dims = {"collection_name": store["collection"], "embedding_model_dims": n}
    if store.get("pg"):
        vectors = {"provider": "pgvector", "config": {**dims, "connection_string": store["pg"]}}
    else:
        vectors = {"provider": "qdrant", "config": {**dims, "path": store["dir"] + "/qdrant", "on_disk": True}}
    return Memory.from_config({
        "vector_store": vectors, "history_db_path": store.get("history") or store["dir"] + "/history.db", "llm": {"provider": "openai", "config": key},
        "embedder": {"provider": "openai", "config": {**key, "model": "text-embedding-3-small", "embedding_dims": n}}})


def add(m, c, ids):
    scope = {k: c[k] for k in ("user_id", "agent_id", "run_id") if k in c}
    done = m.add(c["messages"], **scope, metadata=c.get("metadata"), expiration_date=c.get("expires"), infer=c.get("infer", False))
    return [r["id"] for r in done["results"]]


def show(m, c, ids):
    """All that the API shows: lists with and without the expired ones, each memory, its history, searches with scores."""
    out = {"all": {}, "visible": {}, "get": {}, "history": {}, "search": {}, "messages": {}, "entities": []}
    known = dict.fromkeys(c.get("ids") or ids.values())
    if c.get("may"):  # fail, at what it was told to keep
        refusing(m, ("get_all", "search"), {"results": []})
        refusing(m, ("get",), None)
    for f in c["filters"]:
        k = json.dumps(f, sort_keys=True, ensure_ascii=False)
        out["all"][k] = m.get_all(filters=f, top_k=100_000, show_expired=True)["results"]
        out["visible"][k] = [x["id"] for x in m.get_all(filters=f, top_k=100_000)["results"]]
        known.update(dict.fromkeys(x["id"] for x in out["all"][k]))
        for q in c["queries"]:
            found = m.search(q, filters=f, top_k=1000, threshold=0.0, show_expired=True)["results"]
            out["search"][k + q] = sorted([-round(x["score"], 6), x["id"], x] for x in found)
            for x in found:
                x["score"] = round(x["score"], 6)
        out["messages"][k] = m.db.get_last_messages("&".join(f"{a}={b}" for a, b in sorted(f.items())))
    for i in known:
        out["get"][i], out["history"][i] = m.get(i), m.history(i)
    out["entities"] = rows(m.entity_store)
    return out


def refusing(m, names, answer):
    """Lets calls answer so where they fail."""
    for name in names:
        def call(*args, real=getattr(m, name), **named):
            try:
                return real(*args, **named)
            except (ValueError, TypeError, AttributeError):
                return answer
        setattr(m, name, call)


def rows(store):
    return [[str(r.id), r.payload] for r in store.list(top_k=100_000)[0]]


def entity(m, c, ids):
    """What mem0 does for a name it finds; it finds names only where spaCy is installed."""
    m._upsert_entity(c["text"], "PROPER", ids[c["of"]], {"user_id": c["user_id"]})


calls = {
    "add": add, "show": show, "entity": entity, "rows": lambda m, c, ids: rows(m.vector_store),
    "update": lambda m, c, ids: m.update(ids.get(c["of"], c["of"]), c.get("text"), metadata=c.get("metadata")),
    "delete": lambda m, c, ids: m.delete(ids.get(c["of"], c["of"])),
}

work = json.load(sys.stdin)
answers = []
for s in work["stores"]:
    os.makedirs(s["dir"], exist_ok=True)
    m, ids = opened(s, work["model"]), {}
    got = []
    for c in s["calls"]:
        try:
            got.append(calls[c["do"]](m, c, ids))
        except Exception as e:
            if not c.get("may"):
                raise
            got.append({"refused": f"{type(e).__name__}: {e}"[:200]})
            continue
        if c["do"] == "add":
            ids.update({c.get("as", "") + ("" if n == 0 else f"/{n}"): i for n, i in enumerate(got[-1]) if "as" in c})
    answers.append(got)
    m.close()
    if not s.get("pg"):
        m.vector_store.client.close()
with open(sys.argv[1], "w") as f:
    json.dump(answers, f, default=lambda o: {"python": repr(o)})
