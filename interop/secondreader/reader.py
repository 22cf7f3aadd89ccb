"""The second reader: verifies an archive by the steps of SPEC §12. Written from format/SPEC.md."""

import hashlib
import hmac
import re
import zlib

import coverage
import frames
import manifest
import pb
import sealed
import trust
from base import ATTESTATION, ATTESTATIONS, CHUNK, DEPTH, MANIFEST, PAGE, RAW, RECORD, WRAPS, Refused, be64, is_hex
from container import Container, id_bytes


def sha256(b):
    return hashlib.sha256(b).digest()


def tree(leaves):
    """RFC 6962 §2.1."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"")
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + tree(leaves[:k]) + tree(leaves[k:]))


def record_leaf(kind, nonce, record):
    return sha256(b"\x00exitramp record v1\x00" + kind.encode() + b"\x00" + nonce + record)


def shard_leaf(kind, ordinal, count, root):
    return sha256(b"\x00exitramp shard v1\x00" + kind.encode() + b"\x00" + be64(ordinal) + be64(count) + root)


def fingerprint(key):
    return int.from_bytes(sha256(key.encode())[:5], "big")


class Options:
    policy = True  # False: none was given
    keys = ()  # trusted; none: integrity alone
    threshold = 1
    bundles = ()
    identities = ()
    passphrase = None
    key_files = {}  # beside the archive, by name: 0/1.age
    lineage = None
    min_sequence = 0
    accept_schema = False
    published = ()  # digests of schemas


class Archive:
    def __init__(self, data, options):
        self.options = options
        if not options.policy:
            raise Refused("no-policy", "", "say whom to trust")
        self.box = Container(data)  # step 1
        self.signed = self.check_policy()  # step 2
        self.man = manifest.parse(self.raw_manifest)  # step 3
        if self.man["archive_id"] != self.box.archive_id:
            raise Refused("manifest", "manifest.json", "archive_id")
        self.id = id_bytes(self.man["archive_id"])
        if options.lineage is not None and self.man["lineage"] != options.lineage or self.man["sequence"] < options.min_sequence:
            raise Refused("stale", "manifest.json", "lineage or sequence")
        self.encrypted = self.man["encryption"] == "age"
        bagit = self.box.members["bagit.txt"]
        if bagit.size != len(manifest.BAGIT) or bagit.crc != zlib.crc32(manifest.BAGIT):
            raise Refused("manifest", "bagit.txt", "other than it has to be")
        for name, want in (("README.md", manifest.readme(self.man)), ("bagit.txt", manifest.BAGIT)):  # step 4
            if self.box.stored(name) != want:
                raise Refused("manifest", name, "other than it has to be")
        self.check_list()  # step 5
        self.check_keys()
        self.bytes = {name: self.stored(name) for name in self.box.members}  # step 6

    def check_policy(self):
        if self.box.members["manifest.json"].size > MANIFEST:
            raise Refused("limit", "manifest.json", "size")
        self.raw_manifest = self.box.stored("manifest.json")
        inside = self.box.group(9)
        for i, name in enumerate(inside):
            if i == ATTESTATIONS or self.box.members[name].size > ATTESTATION:
                raise Refused("limit", name, "attestations")
        inside = [(name, self.box.stored(name)) for name in self.box.numbered(inside)]
        if not self.options.keys:
            return set()
        return trust.check(self.options.keys, self.options.threshold, self.raw_manifest, inside + [("", b) for b in self.options.bundles])

    def check_list(self):
        b = self.box.stored("manifest-sha256.txt")
        if sha256(b).hex() != self.man["payload"]["manifest_sha256"]:
            raise Refused("digest", "manifest-sha256.txt", "sha256")
        self.sums, last = {}, ""
        lines = b.decode("latin-1").split("\n")
        if lines.pop() != "":
            raise Refused("manifest", "manifest-sha256.txt", "the last line does not end")
        data = {n for n in self.box.members if n.startswith("data/")}
        for line in lines:
            digest, gap, name = line[:64], line[64:66], line[66:]
            if not is_hex(digest) or gap != "  " or name <= last:
                raise Refused("manifest", "manifest-sha256.txt", f"line {line!r}")
            if name not in data:
                raise Refused("digest", "manifest-sha256.txt", f"{name} is no member")
            self.sums[name] = digest
            last = name
        for name in sorted(data - set(self.sums)):
            raise Refused("digest", name, "not listed")
        size = sum(self.box.members[n].size for n in data)
        if (len(data), size) != (self.man["payload"]["members"], self.man["payload"]["bytes"]):
            raise Refused("manifest", "manifest.json", "payload")
        schema = f"data/schema/{self.man['schema_sha256']}.binpb"
        if self.box.group(2) != [schema] or self.sums[schema] != self.man["schema_sha256"]:
            raise Refused("schema", schema, "missing, or another one")
        if not self.options.accept_schema and self.man["schema_sha256"] not in self.options.published:
            raise Refused("schema", schema, "not published")

    def check_keys(self):
        self.wraps = [[] for _ in self.man["compartments"]]
        for name in self.box.group(5):
            c = int(name.split("/")[1])
            if c >= len(self.wraps):
                raise Refused("manifest", name, "key of no compartment")
            self.wraps[c].append(name)
        for names in self.wraps:
            if len(names) > WRAPS:
                raise Refused("limit", names[WRAPS], "key files")
            self.box.numbered(names)
        if self.man["ext"].get("shreddable") is True and any(self.wraps):
            raise Refused("manifest", "manifest.json", "shreddable, and keys are inside")

    def wraps_of(self, c):
        """The key files of a compartment: those inside, or else those beside the archive."""
        if self.wraps[c]:
            return [(n, self.bytes[n]) for n in self.wraps[c]]
        out = []
        while (name := f"{c}/{len(out) + 1}.age") in self.options.key_files:
            if len(out) == WRAPS:
                raise Refused("limit", "keys/" + name, "key files")
            out.append(("keys/" + name, self.options.key_files[name]))
        return out

    def stored(self, name):
        b = self.box.stored(name)
        if name in self.sums and sha256(b).hex() != self.sums[name]:
            raise Refused("digest", name, "sha256")
        return b


class Contents:
    """Steps 7 to 9: keys, roots, and every member that they open."""

    def __init__(self, a):
        self.a = a
        self.schema = pb.Schema(a.bytes[f"data/schema/{a.man['schema_sha256']}.binpb"])
        self.keys = []
        for i, c in enumerate(a.man["compartments"]):
            self.keys.append(sealed.unwrap(a.wraps_of(i), a.options.identities, a.options.passphrase, c["weakest"], c["recipient_sha256"]))
        self.n = max(1, len(self.keys))
        self.used, self.shards, self.vectors, self.blobs, self.pages, self.roots = set(), {}, {}, {}, [], {}
        for c in range(self.n):
            self.enter_root(c)
        self.closed = [c for c in range(self.n) if c not in self.roots]
        self.tile()
        self.check_leaves()
        self.check_coverage()
        self.check_records()

    def root_name(self, c):
        return "data/root" + (f"-{c}" if c else "") + ".pb.zst" + (".age" if self.a.encrypted else "")

    def content(self, name, c, declared=None):
        b = self.a.bytes[name]
        if self.a.encrypted:
            b = sealed.open_member(self.keys[c], b, name)
        return frames.decode(b, name, declared)

    def message(self, member, message, b, see=lambda m, d: None):
        try:
            return self.schema.decode(message, b, see)
        except ValueError as e:
            raise Refused("payload", member, repr(e)) from None

    def enter_root(self, c):
        name = self.root_name(c)
        if name not in self.a.box.members:
            raise Refused("container", name, "missing")
        self.used.add(name)
        if self.a.encrypted and self.keys[c] is None:
            return
        r = self.roots[c] = self.message(name, "Root", self.content(name, c))
        ok = r.get("archive_id") == self.a.id and r.get("compartment", 0) == c and ("summary" in r) == (c == 0)
        if not ok:
            raise Refused("payload", name, "root of another archive or compartment")
        for s in r.get("shards", []):
            kind, n, count, raw = s.get("kind", ""), s.get("ordinal", 0), s.get("count", 0), s.get("raw_size", 0)
            if not re.fullmatch("[a-z][a-z0-9]{0,39}", kind) or n == 0 or n in self.shards or len(s.get("root", b"")) != 32 or s.get("encoding", 0) != 1:
                raise Refused("payload", name, f"shard {n}")
            if count == 0 or raw > RAW:
                raise Refused("payload", name, f"shard {n}: sizes")
            self.claim(name, s, f"data/r/{kind}/{n:08d}.pb.zst")
            self.shards[n] = (c, s)
        for v in r.get("vectors", []):
            n, count, size = v.get("ordinal", 0), v.get("count", 0), v.get("vector_size", 0)
            if n == 0 or n in self.vectors or v.get("encoding", 0) != 2 or size == 0 or size % 4 or count == 0:
                raise Refused("payload", name, f"vector member {n}")
            if count * size != v.get("raw_size", 0) or count * size > RAW:
                raise Refused("payload", name, f"vector member {n}: sizes")
            self.claim(name, v, f"data/v/{n:08d}.zst")
            self.vectors[n] = {"c": c, "row": v, "seen": set(), "raw": None}
        for b in r.get("blobs", []):
            n, size, chunks = b.get("number", 0), b.get("size", 0), b.get("chunks", 0)
            if n == 0 or n in self.blobs or len(b.get("sha256", b"")) != 32 or chunks != max(1, -(-size // CHUNK)) or chunks > len(self.a.box.members):
                raise Refused("payload", name, f"blob {n}")
            names = [f"data/b/{n:08d}/{i:06d}.zst" + (".age" if self.a.encrypted else "") for i in range(1, chunks + 1)]
            for m in names:
                if m not in self.a.box.members or m in self.used:
                    raise Refused("payload", name, f"{m} is missing or twice")
                self.used.add(m)
            self.blobs[n] = {"c": c, "row": b, "names": names, "seen": False}
        for run in r.get("index", []):
            last = 0
            for p in run.get("pages", []):
                first, end, count, raw = (p.get(f, 0) for f in ("first", "last", "count", "raw_size"))
                if first < last or end < first or end >= 1 << 40 or count == 0 or raw > PAGE:
                    raise Refused("payload", name, "fences")
                last = end
                self.claim(name, p, None)
                self.pages.append((c, p))

    def claim(self, root, row, plain):
        """Takes the member of a row: there once, of the declared size, under the right name."""
        m = row.get("member", "")
        if m not in self.a.box.members or m in self.used:
            raise Refused("payload", root, f"{m!r} is missing or twice")
        if self.a.box.members[m].size != row.get("stored_size", 0):
            raise Refused("payload", root, f"{m}: stored size")
        if self.a.encrypted:
            right = m.startswith("data/x/")
        else:
            right = m == plain if plain else m.startswith("data/i/")
        if not right:
            raise Refused("payload", root, f"{m} is no name for it")
        self.used.add(m)

    def tile(self):
        for m in self.a.box.members:
            if not m.startswith("data/") or m.startswith("data/schema/") or m in self.used:
                continue
            if not self.closed or self.a.box.members[m].rank == 4 or m.endswith(".age") != self.a.encrypted:
                raise Refused("payload", m, "no root speaks of it")

    def check_leaves(self):
        n = self.a.man["records"]["shards"]
        if n > len(self.a.box.members) or not self.closed and len(self.shards) != n:
            raise Refused("payload", "manifest.json", "record shards")
        if not self.roots:
            return
        given = {r.get("shard_leaves", b"") for r in self.roots.values()}
        want = 32 * n if self.n > 1 else 0
        if len(given) != 1 or len(next(iter(given))) != want:
            raise Refused("payload", self.root_name(min(self.roots)), "shard leaves")
        given = given.pop()
        leaves = []
        for i in range(n):
            leaf = given[32 * i : 32 * i + 32]
            if i + 1 in self.shards:
                _, s = self.shards[i + 1]
                own = shard_leaf(s["kind"], i + 1, s["count"], s["root"])
                if leaf and own != leaf:
                    raise Refused("payload", s["member"], "shard leaf")
                leaf = own
            elif not leaf:
                raise Refused("payload", "manifest.json", f"shard {i + 1} is missing")
            leaves.append(leaf)
        if tree(leaves).hex() != self.a.man["records"]["root"]:
            raise Refused("payload", "manifest.json", "records.root")

    def check_coverage(self):
        """The summary's own coverage, and the manifest's, follow from the facts in the summary."""
        if 0 not in self.roots:
            return
        self.summary = self.roots[0]["summary"]
        name = self.root_name(0)
        if len(self.summary.get("compartments", [])) != self.n:
            raise Refused("payload", name, "compartments")
        known = set(self.summary.get("known_kinds", []))
        must = set() if self.a.man["schema_sha256"] not in self.a.options.published else set(self.schema.kinds) - coverage.CONTROL
        if not must <= known:
            raise Refused("coverage", name, f"known kinds lack {sorted(must - known)}")
        counts = {k.get("kind", ""): k for k in self.summary.get("kinds", [])}
        self.total, self.judged = coverage.judge(known, counts, self.summary.get("statements", []), counts.get("origin", {}).get("records", 0))
        if self.total != self.a.man["coverage"]:
            raise Refused("coverage", "manifest.json", f"says {self.a.man['coverage']}, the facts {self.total}")
        for k in self.summary.get("kinds", []):
            if k.get("coverage", "") != self.judged.get(k.get("kind", ""), ""):
                raise Refused("coverage", name, f"{k} says another coverage than {self.judged.get(k.get('kind', ''), '')}")

    # Step 9.

    def check_records(self):
        self.places = {}
        for c, p in self.pages:
            self.page(c, p)
        self.seen, self.counts, self.statements, self.records = set(), {}, [], 0
        for n in sorted(self.shards):
            self.shard(*self.shards[n])
        if self.places:
            raise Refused("payload", "", f"{len(self.places)} entries of the index lead to no record")
        for v in self.vectors.values():
            if len(v["seen"]) != v["row"]["count"]:
                raise Refused("payload", v["row"]["member"], "a vector that no record names")
        for n, b in self.blobs.items():
            if not b["seen"]:
                raise Refused("payload", f"data/b/{n:08d}", "no record names it")
            self.blob(b)
        if not self.closed:
            self.check_summary()

    def page(self, c, p):
        m = p["member"]
        page = self.message(m, "IndexPage", self.content(m, c, p.get("raw_size", 0)))
        deltas, shards, positions = (page.get(f, []) for f in ("fingerprint_deltas", "shards", "positions"))
        if page.get("archive_id") != self.a.id or page.get("compartment", 0) != c or not len(deltas) == len(shards) == len(positions) == p["count"]:
            raise Refused("payload", m, "page of another archive, or columns of unequal length")
        if not self.a.encrypted and m != f"data/i/{page.get('number', 0):08d}.pb.zst":
            raise Refused("payload", m, "number")
        at = 0
        for i, (d, s, pos) in enumerate(zip(deltas, shards, positions)):
            at += d
            if at >= 1 << 64 or (i == 0 and at != p.get("first", 0)):
                raise Refused("payload", m, "fence")
            if s not in self.shards or self.shards[s][0] != c or (at, s, pos) in self.places:
                raise Refused("payload", m, f"entry {i}")
            self.places[at, s, pos] = True
        if at != p.get("last", 0):
            raise Refused("payload", m, "fence")

    def split(self, m, raw):
        """The header and the records of a shard's message."""
        at, parts = 0, []
        while at < len(raw):
            want = 1 if parts else 15
            if raw[at] != want << 3 | 2:
                raise Refused("payload", m, f"field {raw[at] >> 3}, want {want}")
            try:
                n, end = pb.varint(raw, at + 1)
            except ValueError as e:
                raise Refused("payload", m, str(e)) from None
            if end - at - 1 != max(1, -(-n.bit_length() // 7)) or n > len(raw) - end:
                raise Refused("payload", m, "length")
            parts.append(raw[end : end + n])
            at = end + n
        if not parts:
            raise Refused("payload", m, "no header")
        return parts[0], parts[1:]

    def shard(self, c, s):
        m, kind = s["member"], s["kind"]
        head, records = self.split(m, self.content(m, c, s.get("raw_size", 0)))
        h = self.message(m, "ShardHeader", head)
        want = (self.a.id, kind, s["ordinal"], c)
        if (h.get("archive_id"), h.get("kind"), h.get("ordinal"), h.get("compartment", 0)) != want or len(h.get("salt", b"")) != 32:
            raise Refused("payload", m, "header of another shard")
        if len(records) != s["count"]:
            raise Refused("payload", m, f"{len(records)} records, the root says {s['count']}")
        leaves = []
        for i, rec in enumerate(records):
            if len(rec) > RECORD:
                raise Refused("limit", m, f"record {i}")
            leaves.append(record_leaf(kind, hmac.digest(h["salt"], be64(i), "sha256"), rec))
        if tree(leaves) != s["root"]:
            raise Refused("payload", m, "Merkle root")
        for i, rec in enumerate(records):
            self.record(c, s, i, rec)

    def record(self, c, s, i, rec):
        m, kind = s["member"], s["kind"]
        blobs = []
        r = self.message(m, self.schema.kinds.get(kind, "Unknown"), rec, lambda name, d: blobs.append(d) if name == "Blob" else None)
        meta = r.get("meta", {})
        key = meta.get("key", "")
        if not key or key.split("/")[0] != kind or key in self.seen:
            raise Refused("payload", m, f"record {i}: key {key!r}")
        self.seen.add(key)
        if not self.places.pop((fingerprint(key), s["ordinal"], i), False):
            raise Refused("payload", m, f"{key}: not in the index at its place")
        for b in blobs:
            self.named(c, m, b)
        if kind == "embedding":
            self.embedding(c, m, key, r)
        self.records += 1
        n = self.counts.setdefault(kind, dict.fromkeys(("records", "views", "gaps", "missing", "uncounted"), 0))
        n["records"] += 1
        n["views"] += bool(meta.get("view_of_keys"))
        if kind == "gap":
            g = self.counts.setdefault(r.get("kind", ""), dict.fromkeys(("records", "views", "gaps", "missing", "uncounted"), 0))
            g["gaps"] += 1
            g["missing"] += r.get("count", 0)
            g["uncounted"] += r.get("count", 0) == 0
        if kind == "completeness":
            self.statements.append(r)

    def named(self, c, m, b):
        t = re.fullmatch("data/b/([0-9]{8,})", b.get("id", ""))
        t = self.blobs.get(int(t[1])) if t else None
        if t is None or t["c"] != c or t["row"].get("size", 0) != b.get("size", 0) or t["row"]["sha256"] != b.get("sha256"):
            raise Refused("payload", m, f"blob {b}")
        t["seen"] = True

    def blob(self, b):
        h, size = hashlib.sha256(), b["row"].get("size", 0)
        for i, name in enumerate(b["names"]):
            h.update(self.content(name, b["c"], min(CHUNK, size - i * CHUNK)))
        if h.digest() != b["row"]["sha256"]:
            raise Refused("payload", b["names"][-1], "digest of the blob")

    def embedding(self, c, m, key, r):
        n, at, digest = r.get("vector_member", 0), r.get("vector_index", 0), r.get("vector_sha256", b"")
        if not n and not at and not digest:
            return
        v = self.vectors.get(n)
        if v is None or v["c"] != c or at >= v["row"]["count"] or r.get("vector"):
            raise Refused("payload", m, f"{key}: vector {at} of member {n}")
        if v["raw"] is None:
            v["raw"] = frames.unplane(self.content(v["row"]["member"], c, v["row"]["raw_size"]))
        size = v["row"]["vector_size"]
        if sha256(v["raw"][at * size : at * size + size]) != digest:
            raise Refused("payload", m, f"{key}: digest of the vector")
        v["seen"].add(at)

    def check_summary(self):
        """What the summary counts is what was counted."""
        name = self.root_name(0)
        zero = dict.fromkeys(("records", "views", "gaps", "missing", "uncounted"), 0)
        want = {k: self.counts.get(k, zero) for k in set(self.counts) | set(self.judged)}
        got = {k.get("kind", ""): {f: k.get(f, 0) for f in zero} for k in self.summary.get("kinds", [])}
        if got != want or [k.get("kind", "") for k in self.summary.get("kinds", [])] != sorted(want, key=str.encode):
            raise Refused("coverage", name, "counts are not those of the records")

        def facts(statements):
            return sorted(repr(sorted(map(repr, (sorted(k.items()) for k in s.get("kinds", []))))) for s in statements)

        if facts(self.summary.get("statements", [])) != facts(self.statements):
            raise Refused("coverage", name, "facts are not those of the Completeness records")


def verify(data, options):
    """The level, and the number of records that were read."""
    c = Contents(Archive(data, options))
    return "stored" if c.closed else "deep", c.records


def read(data, options):
    """What a drill compares: the manifest, and how many records of each kind were read."""
    c = Contents(Archive(data, options))
    if c.closed:
        raise Refused("no-identity", "", "a compartment that no key at hand opens")
    kinds = {}
    for _, s in c.shards.values():
        kinds[s["kind"]] = kinds.get(s["kind"], 0) + s["count"]
    return {"name": "interop/secondreader (Python)", "manifest_sha256": sha256(c.a.raw_manifest).hex(), "kinds": kinds}


assert DEPTH == 64
