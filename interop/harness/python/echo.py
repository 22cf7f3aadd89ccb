"""A runner that answers with what it is asked."""
import json
import sys

for line in sys.stdin:
    task = json.loads(line)
    print(json.dumps({"id": task["id"], "output": task["input"].get("text", "")}), flush=True)
