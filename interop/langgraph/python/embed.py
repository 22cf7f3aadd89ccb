"""embed.py: the function that the programs here search with, as a program for exitramp (docs/embedder.md)."""
import json, sys

from backend import embed

print(json.dumps({"model": "test-bytes-4", "dimensions": 4}), flush=True)
batch = []
for line in sys.stdin:
    if line.strip():
        batch.append(json.loads(line))
        continue
    for one, vector in zip(batch, embed([b["text"] for b in batch])):
        print(json.dumps({"id": one["id"], "vector": vector}))
    batch = []
    sys.stdout.flush()
