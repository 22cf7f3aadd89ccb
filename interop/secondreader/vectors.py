"""Runs the vectors of the format: python3 vectors.py vectors.tar.zst [NAME…]

Exit code 0: every one was accepted or refused as its header says. --schema DIGEST names a
published schema; may come several times."""

import argparse
import base64
import io
import sys
import tarfile

import reader
import zstandard
from base import Refused
from trust import Key


def parse(raw):
    head, body = raw.split(b"\n\n", 1)
    o, h = reader.Options(), {}
    o.keys, o.bundles, o.identities, o.key_files = [], [], [], {}
    for line in head.decode().split("\n"):
        name, _, value = line.partition(": ")
        if name == "trust":
            o.keys.append(Key(base64.b64decode(value)))
        elif name == "bundle":
            o.bundles.append(base64.b64decode(value))
        elif name == "key":
            o.key_files[value.split(" ")[0]] = base64.b64decode(value.split(" ")[1])
        elif name == "identity":
            o.identities.append(value)
        else:
            h[name] = value
    o.policy = h.get("policy") != "none"
    o.threshold = int(h.get("threshold", 1))
    o.passphrase = h.get("passphrase")
    o.lineage = h.get("lineage")
    o.min_sequence = int(h.get("min-sequence", 0))
    o.accept_schema = h.get("accept-schema") == "yes"
    return o, h, body


def main():
    p = argparse.ArgumentParser()
    p.add_argument("file")
    p.add_argument("names", nargs="*")
    p.add_argument("--schema", action="append", default=[])
    p.add_argument("--list", action="store_true", help="a line for each: class, name")
    args = p.parse_args()
    with open(args.file, "rb") as f:
        tar = tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().stream_reader(f).read()))
    bad = accepted = refused = member = named = 0
    for entry in tar:
        name = entry.name.removesuffix(".vector")
        if args.names and name not in args.names:
            continue
        o, h, body = parse(tar.extractfile(entry).read())
        o.published = args.schema
        want, why, at = h["expect"], "", ""
        try:
            level, records = reader.verify(body, o)
            got = "accept"
            if want == "accept" and (level, records) != (h.get("level", "deep"), int(h.get("records", 0))):
                got, why = "accept otherwise", f"{level}, {records} records, want {h}"
        except Refused as e:
            got, why, at = e.cls, str(e), e.member
        accepted += got == "accept"
        refused += got != "accept"
        named += "member" in h
        member += "member" in h and at == h["member"]
        if args.list and h.get("member", at) != at:
            print(f"member: {name}: names {at!r}, the header {h['member']!r}: {why}")
        if args.list:
            print(f"{got:14} {name}")
        if got != want:
            bad += 1
            print(f"{name}: want {want}, got {got}: {why}", file=sys.stderr)
    print(f"second reader: {accepted} accepted, {refused} refused, {bad} otherwise than the header says; the member of the header named in {member} of {named} refusals")
    sys.exit(bad > 0 or accepted == 0)


if __name__ == "__main__":
    main()
