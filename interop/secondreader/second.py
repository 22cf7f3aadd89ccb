"""The second reader on files.

    second.py verify ARCHIVE [--trust PEM] [-i KEY] --schema FILE
    second.py read ARCHIVE [--trust PEM] [-i KEY] --schema FILE
    second.py check-proof FILE [--trust PEM] --schema FILE
    second.py flips ARCHIVE LIST [-i KEY] --schema FILE

read verifies and prints what it read as a JSON object, for second_reader of a drill's plan.
verify and check-proof print a line; exit code 5: refused, and the line begins with the class.
flips reads lines "<offset> <class>", changes that byte of a copy in memory, and compares what it
refuses it for. --schema is a FileDescriptorSet that was published."""

import argparse
import base64
import hashlib
import json
import re
import sys

import proof
import reader
import trust
from base import Refused


def main():
    p = argparse.ArgumentParser()
    p.add_argument("verb", choices=["verify", "read", "check-proof", "flips"])
    p.add_argument("file")
    p.add_argument("list", nargs="?")
    p.add_argument("--trust")
    p.add_argument("-i", "--identity")
    p.add_argument("--schema", required=True)
    args = p.parse_args()
    o = reader.Options()
    with open(args.schema, "rb") as f:
        schema = f.read()
    o.published = [hashlib.sha256(schema).hexdigest()]
    if args.trust:
        with open(args.trust, encoding="utf-8") as f:
            pem = re.findall("-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", f.read(), re.S)
        o.keys = [trust.Key(base64.b64decode(k)) for k in pem]
    if args.identity:
        with open(args.identity, encoding="utf-8") as f:
            o.identities = [line.strip() for line in f if line.startswith("AGE-")]
    with open(args.file, "rb") as f:
        data = f.read()
    try:
        if args.verb == "flips":
            return flips(data, o, args.list)
        if args.verb == "read":
            print(json.dumps(reader.read(data, o)))
        elif args.verb == "verify":
            level, records = reader.verify(data, o)
            print(f"{level}, {records} records, {'signed' if o.keys else 'integrity only'}")
        else:
            print(proof.check(data, o, schema))
    except Refused as e:
        print(e)
        return 5
    return 0


def flips(data, o, path):
    with open(path, encoding="utf-8") as f:
        rows = [line.split() for line in f]
    bad = 0
    for at, want in rows:
        b = bytearray(data)
        b[int(at)] ^= 1
        try:
            reader.verify(bytes(b), o)
            got = "accept"
        except Refused as e:
            got = e.cls
        if got != want:
            bad += 1
            print(f"byte {at}: {got}, exitramp says {want}", file=sys.stderr)
    print(f"second reader: {len(rows)} flips, {len(rows) - bad} refused for the same class")
    return int(bad > 0 or not rows)


if __name__ == "__main__":
    sys.exit(main())
