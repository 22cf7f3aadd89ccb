"""SPEC §10, §11 and annex A: strict JSON, the manifest, and README.md as it follows from it."""

import json
import os
import re
from datetime import datetime

from base import COMPARTMENTS, MANIFEST, Refused, is_hex
from container import canonical_id

SPEC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../format/SPEC.md")
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
COVERAGES = ("RECONCILED", "LISTED", "GAPS", "UNKNOWN")
OLDEST_AGE = {"pq": "1.3", "classic": "1.0", "passphrase": "1.0"}


class Other:
    """A JSON number that is no whole number."""


def strict_json(raw):
    """One JSON object, no key twice in any letter case, at most 32 deep. ValueError otherwise."""

    def pairs(items):
        if len({k.lower() for k, _ in items}) != len(items):
            raise ValueError("a key twice")
        return dict(items)

    def constant(s):
        raise ValueError(s)

    try:
        v = json.loads(raw.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant, parse_float=lambda s: Other())
    except RecursionError:
        raise ValueError("nested too deep") from None

    def depth(v):
        inner = v.values() if isinstance(v, dict) else v if isinstance(v, list) else ()
        return 1 + max(map(depth, inner), default=0)

    if not isinstance(v, dict) or depth(v) > 33:
        raise ValueError("no object, or nested too deep")
    return v


def keys(o, *want):
    if not isinstance(o, dict) or set(o) != set(want):
        raise ValueError(f"keys {list(o) if isinstance(o, dict) else o!r}, want {want}")
    return [o[k] for k in want]


def whole(v):
    if type(v) is not int or not 0 <= v < 1 << 64:
        raise ValueError("not a whole number of 64 bits")
    return v


def text(v):
    if not isinstance(v, str) or len(v.encode("utf-8", "surrogatepass")) > 4096:
        raise ValueError("not text of at most 4,096 bytes")
    return v


def digest(v):
    if not is_hex(v):
        raise ValueError("not a digest")
    return v


def utc(s):
    m = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{0,8}[1-9])?Z", s)
    if not m:
        raise ValueError("created_at")
    datetime.fromisoformat(m[1])
    return s


def parse(raw):
    """The manifest as a dict, checked."""
    if len(raw) > MANIFEST:
        raise Refused("limit", "manifest.json", f"{len(raw)} bytes")
    try:
        m = strict_json(raw)
        if m.get("format") != "ctxa/1":
            text(m["format"])
            raise Refused("version", "manifest.json", m["format"])
        for r in m["requires"]:
            text(r)
        if m["requires"]:
            raise Refused("version", "manifest.json", "requires")
        fields(m)
        return m
    except (ValueError, KeyError, TypeError) as e:
        raise Refused("manifest", "manifest.json", repr(e)) from None


def fields(m):
    _, requires, aid, lineage, sequence, base, created, tool, encryption, comps, payload, records, schema, coverage, ext = keys(
        m, "format", "requires", "archive_id", "lineage", "sequence", "base", "created_at", "tool", "encryption", "compartments",
        "payload", "records", "schema_sha256", "coverage", "ext",
    )  # fmt: skip
    if not isinstance(requires, list) or not isinstance(comps, list) or not isinstance(ext, dict):
        raise ValueError("not a list, or no object")
    if not re.fullmatch("[a-z2-7]{26}", text(aid)) or not canonical_id(aid):
        raise ValueError("archive_id")
    text(lineage), text(tool), whole(sequence), utc(text(created)), digest(schema)
    if base is not None:
        digest(base)
    if encryption not in ("none", "age") or (encryption == "age") != bool(comps) or len(comps) > COMPARTMENTS:
        raise ValueError("encryption or compartments")
    for i, c in enumerate(comps):
        n, recipient, weakest = keys(c, "n", "recipient_sha256", "weakest")
        if whole(n) != i or weakest not in OLDEST_AGE:
            raise ValueError("compartments")
        digest(recipient)
    sum_, members, size = keys(payload, "manifest_sha256", "members", "bytes")
    digest(sum_), whole(members), whole(size)
    root, shards = keys(records, "root", "shards")
    digest(root), whole(shards)
    if coverage not in COVERAGES:
        raise ValueError("coverage")


def readme(m):
    """README.md: annex A of SPEC.md with the manifest's values."""
    with open(SPEC, encoding="utf-8") as f:
        annex = f.read().split("````\n")[1]
    out = []
    for line in annex.splitlines(keepends=True):
        mark, rest = line[0], line[1:].removeprefix(" ")
        if mark not in "?!%*":
            out.append(line)
        elif mark == ("?" if m["encryption"] == "none" else "!") or mark == "%" and m["ext"].get("shreddable") is True:
            out.append(rest)
        elif mark == "*":
            for c in m["compartments"]:
                out.append(
                    rest.replace("<n>", str(c["n"])).replace("<weakest>", c["weakest"]).replace("<version of §9>", OLDEST_AGE[c["weakest"]])
                )
    s = "".join(out)
    for name in ("archive_id", "created_at", "coverage", "schema_sha256"):
        s = s.replace(f"<{name}>", m[name])
    for name in ("members", "bytes", "manifest_sha256"):
        s = s.replace(f"<payload.{name}>", str(m["payload"][name]))
    return s.encode()
