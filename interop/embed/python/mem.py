"""Makes memories with the real mem0, or searches them. usage: mem.py add|search FOLDER URL MODEL, JSON list of texts on stdin"""
import json, os, sys
os.environ["MEM0_TELEMETRY"] = "false"  # is read at import
from mem0 import Memory  # noqa: E402

do, folder, url, model = sys.argv[1:]
key = {"api_key": "none", "openai_base_url": url}
m = Memory.from_config({
    "vector_store": {"provider": "qdrant", "config": {"collection_name": "mem0", "embedding_model_dims": 384, "path": folder + "/qdrant", "on_disk": True}},
    "history_db_path": folder + "/history.db", "llm": {"provider": "openai", "config": key},
    "embedder": {"provider": "openai", "config": {**key, "model": model, "embedding_dims": 384}}})
for text in json.load(sys.stdin):
    if do == "add":
        m.add([{"role": "user", "content": text}], user_id="ada", infer=False)
    else:
        found = m.search(text, filters={"user_id": "ada"}, top_k=3, threshold=0.0)["results"]
        print(json.dumps([r["memory"] for r in found]))
m.close()
m.vector_store.client.close()
