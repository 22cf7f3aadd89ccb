"""canaries.py PACK OWN RECORDS: no file of a pack holds text or an id of a record.

RECORDS are lines of exitramp cat. Every string of a record of 10 characters or more is looked for,
and the parts of every key; not the words of the schema. OWN is a report of another drill: what is in
there is the report's own word.
"""
import base64
import json
import os
import re
import sys

pack, other, records = sys.argv[1:]


def read(top):
    out = {}
    for folder, _, names in os.walk(top):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                out[os.path.relpath(os.path.join(folder, name), top)] = f.read()
    return out


files, own = read(pack), read(other)
# The statement travels inside of the bundle, too.
envelope = json.loads(files["statement.sigstore.json"])["dsseEnvelope"]
files["payload"] = base64.b64decode(envelope["payload"])

secrets = set()


def strings(v, path=()):
    if isinstance(v, dict):
        for k, e in v.items():
            yield from strings(e, path + (k,))
    elif isinstance(v, list):
        for e in v:
            yield from strings(e, path)
    elif isinstance(v, str):
        yield path, v


n = 0
for line in open(records, encoding="utf-8"):
    r = json.loads(line)
    if r["kind"] in ("origin", "completeness", "gap"):
        continue  # of the source, not of a record
    n += 1
    for path, s in strings(r):
        if path[-1] in ("type", "media_type", "name", "kind", "model", "serializer", "at"):
            continue  # tables, columns, models
        if path[-1] == "key" or path[-1].endswith("_key") or path[-1].endswith("_keys"):
            secrets.update(p for p in s.split("/")[1:] if len(p) >= 8)
        elif len(s) >= 10:
            secrets.update({s, s[:40]} | {w for w in re.split(r'["{}\\[\\],:]+', s) if len(w.strip()) >= 16})
found = 0
for s in sorted(secrets - {"messages"}):  # a channel of LangGraph's own, and a kind in the plural
    if any(s.encode() in data for data in own.values()):
        continue
    for name, data in files.items():
        if s.encode() in data:
            found += 1
            print(f"{name} holds {s[:60]!r}")
if n < 50 or len(secrets) < 100:
    sys.exit(f"only {n} records with {len(secrets)} strings were looked for")
print(f"{len(secrets)} strings of {n} records are in none of {len(files)} files" if not found else f"{found} found")
sys.exit(found > 0)
