"""SPEC §18: a proof of one record, checked without the archive."""

import hashlib

import manifest
import pb
import trust
from base import ATTESTATION, ATTESTATIONS, MANIFEST, MEMBERS, RECORD, Refused, is_hex
from manifest import keys, strict_json, whole
from reader import record_leaf, shard_leaf
from trust import b64, unb64


def climb(leaf, i, n, path):
    """The root that an inclusion proof of RFC 6962 §2.1.1 leads to. ValueError: none."""
    if not 0 <= i < n:
        raise ValueError("no such leaf")
    if n == 1:
        if path:
            raise ValueError("path too long")
        return leaf
    if not path:
        raise ValueError("path too short")
    k = 1
    while 2 * k < n:
        k *= 2
    if i < k:
        return hashlib.sha256(b"\x01" + climb(leaf, i, k, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\x01" + path[-1] + climb(leaf, i - k, n - k, path[:-1])).digest()


def parse(raw):
    form, kind, record, nonce, position, count, path, ordinal, shards, man, bundles = keys(
        strict_json(raw), "format", "kind", "record", "nonce", "position", "count", "path", "ordinal", "shards", "manifest", "bundles"
    )
    hashes = [nonce, *path, *shards]
    if form != "ctxa-proof/1" or not all(map(is_hex, hashes)) or len(path) > 64 or len(shards) > 64 or len(bundles) > ATTESTATIONS:
        raise ValueError("another format, or no hashes")
    whole(position), whole(count), whole(ordinal)
    record, man, bundles = unb64(record), unb64(man), [unb64(b) for b in bundles]
    if len(record) > RECORD or len(man) > MANIFEST or any(len(b) > ATTESTATION for b in bundles):
        raise ValueError("too long")
    quoted = [",".join(f'"{h}"' for h in hs) for hs in (path, shards, map(b64, bundles))]
    again = (
        f'{{"format":"{form}","kind":"{kind}","record":"{b64(record)}","nonce":"{nonce}","position":{position},"count":{count},"path":[{quoted[0]}],'
        f'"ordinal":{ordinal},"shards":[{quoted[1]}],"manifest":"{b64(man)}","bundles":[{quoted[2]}]}}\n'
    )
    if again.encode() != raw:
        raise ValueError("another spelling")
    path, shards = [[bytes.fromhex(h) for h in hs] for hs in (path, shards)]
    return kind, record, bytes.fromhex(nonce), position, count, path, ordinal, shards, man, bundles


def check(raw, options, schema):
    """The key of the record that is proven. schema is a FileDescriptorSet that was published."""
    if not options.policy:
        raise Refused("no-policy", "", "say whom to trust")
    if len(raw) > 32 << 20:
        raise Refused("limit", "", "size")
    try:
        kind, record, nonce, position, count, path, ordinal, shards, raw_man, bundles = parse(raw)
    except (ValueError, TypeError, KeyError) as e:
        raise Refused("proof", "", repr(e)) from None
    if options.keys:
        trust.check(options.keys, options.threshold, raw_man, [("", b) for b in bundles + list(options.bundles)])
    man = manifest.parse(raw_man)
    if options.lineage is not None and man["lineage"] != options.lineage or man["sequence"] < options.min_sequence:
        raise Refused("stale", "manifest.json", "lineage or sequence")
    if man["schema_sha256"] not in options.published:
        raise Refused("schema", "", "not published")
    if count > 1 << 25 or man["records"]["shards"] > MEMBERS:
        raise Refused("limit", "", "count")
    try:
        root = climb(record_leaf(kind, nonce, record), position, count, path)
        top = climb(shard_leaf(kind, ordinal, count, root), ordinal - 1, man["records"]["shards"], shards)
        if top.hex() != man["records"]["root"]:
            raise ValueError("records.root")
        s = pb.Schema(schema)
        key = s.decode(s.kinds.get(kind, "Unknown"), record).get("meta", {}).get("key", "")
        if not key or key.split("/")[0] != kind:
            raise ValueError(f"key {key!r}")
    except ValueError as e:
        raise Refused("proof", "", repr(e)) from None
    return key
