"""Looks at what protoc and the others printed. Python's standard library alone: a second
implementation of what SPEC.md says of trees, vectors and blobs.

judge.py step README NEEDLE         the one command of README.md that contains NEEDLE
judge.py shards ROOT SCHEMA         member, kind, message and count of each shard in the root
judge.py keys < TEXT                the keys of the records that protoc printed
judge.py jsonkeys < NDJSON          the keys of what exitramp list --json printed
judge.py trees ROOT MANIFEST RAW    Merkle roots of the shards in folder RAW, and of all
judge.py blob ROOT NUMBER FILE      size and digest of a blob
judge.py vectors README ROOT        the members of vectors
judge.py vectorlines README         the three lines of Python in README.md
judge.py embeddings ROOT TEXT RAW   digests of the vectors that records point to
judge.py vector FILE ARCHIVE KEY    takes a vector of the format apart
judge.py tamper WHAT IN OUT [FILE]  a bundle with another signature, another verdict, or a statement about FILE
judge.py dsse BUNDLE SIGNED SIGNATURE STATEMENT  what a bundle holds: what is signed, the signature, the statement
judge.py tsa FOLDER                 a time stamp authority, by openssl ts, on a port that it prints
judge.py stamp BUNDLE OUT           the time stamp of a bundle
judge.py typed PASSPHRASE COMMAND…  runs a command on a terminal of its own and types
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import pty
import re
import subprocess
import sys


def commands(readme):
    return [line[4:].rstrip("\n") for line in open(readme, encoding="utf-8") if line.startswith("    ")]


def step(readme, needle):
    found = [c for c in commands(readme) if needle in c]
    if len(found) != 1:
        sys.exit(f"{len(found)} commands with {needle!r} in README.md")
    print(found[0])


def unescape(s):
    """The bytes of a string in protobuf's text format."""
    simple = {"n": 10, "r": 13, "t": 9, '"': 34, "'": 39, "\\": 92}
    out, i = bytearray(), 0
    while i < len(s):
        c = s[i]
        if c != "\\":
            out += c.encode()
            i += 1
        elif s[i + 1] in simple:
            out.append(simple[s[i + 1]])
            i += 2
        else:
            out.append(int(s[i + 1 : i + 4], 8))
            i += 4
    return bytes(out)


def blocks(text, name):
    """Messages at the top of a text, as lists of (indent, field, value)."""
    out, here = [], None
    for line in text.splitlines():
        if line == name + " {":
            here = []
            out.append(here)
        elif line == "}":
            here = None
        elif here is not None and (m := re.fullmatch(r"( +)(\w+): (.*)", line)):
            here.append((len(m[1]), m[2], m[3]))
    return out


def fields(block):
    return {f: v for i, f, v in block if i == 2}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def text(v):
    return unescape(v[1:-1])


def shards(root, schema):
    with open(schema, "rb") as f:
        messages = {m.decode().lower(): m.decode() for m in re.findall(rb"[A-Z][A-Za-z]*Shard", f.read())}
    for s in blocks(read(root), "shards"):
        s = fields(s)
        kind = text(s["kind"]).decode()
        print(text(s["member"]).decode(), kind, messages.get(kind + "shard", "UnknownShard"), s["count"])


def keys():
    for r in blocks(sys.stdin.read(), "records"):
        i, f, v = r[0]
        if (i, f) != (4, "key"):
            sys.exit(f"a record that starts with {f}")
        print(json.dumps(text(v).decode()))


def jsonkeys():
    for line in sys.stdin:
        print(json.dumps(json.loads(line)["key"]))


def varint(b, at):
    n = shift = 0
    while True:
        n |= (b[at] & 127) << shift
        shift += 7
        at += 1
        if b[at - 1] < 128:
            return n, at


def message(b):
    """The length-delimited fields of a message, and the numbers."""
    at = 0
    while at < len(b):
        tag, at = varint(b, at)
        n, at = varint(b, at)
        if tag & 7 == 2:
            yield tag >> 3, b[at : at + n]
            at += n
        elif tag & 7 == 0:
            yield tag >> 3, n
        else:
            sys.exit(f"wire type {tag & 7}")


def tree(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + tree(leaves[:k]) + tree(leaves[k:])).digest()


def trees(root, manifest, raw):
    with open(manifest, encoding="utf-8") as f:
        records = json.load(f)["records"]
    leaves = {}
    root = read(root)
    for s in blocks(root, "shards"):
        s = fields(s)
        member, kind, n = text(s["member"]).decode(), text(s["kind"]), int(s["ordinal"])
        with open(os.path.join(raw, member.replace("/", "_")), "rb") as f:
            parts = list(message(f.read()))
        number, header = parts[0]
        if number != 15 or any(num != 1 for num, _ in parts[1:]):
            sys.exit(f"{member}: not a header and then records")
        salt = dict(message(header))[5]
        hashes = []
        for i, (_, rec) in enumerate(parts[1:]):
            nonce = hmac.new(salt, i.to_bytes(8, "big"), hashlib.sha256).digest()
            hashes.append(hashlib.sha256(b"\x00exitramp record v1\x00" + kind + b"\x00" + nonce + rec).digest())
        if (top := tree(hashes)) != text(s["root"]):
            sys.exit(f"{member}: root {top.hex()}, the table says {text(s['root']).hex()}")
        leaf = b"\x00exitramp shard v1\x00" + kind + b"\x00" + n.to_bytes(8, "big") + len(hashes).to_bytes(8, "big") + top
        leaves[n] = hashlib.sha256(leaf).digest()
    given = re.search(r'^shard_leaves: (".*")$', root, re.M)
    if given:  # several compartments: those of the others stand in the root
        given = text(given[1])
        every = [given[i : i + 32] for i in range(0, len(given), 32)]
        if any(every[n - 1] != leaf for n, leaf in leaves.items()):
            sys.exit("a shard leaf is not that of its shard")
    else:
        every = [leaves[n] for n in sorted(leaves)]
    if len(every) != records["shards"] or tree(every).hex() != records["root"]:
        sys.exit(f"{len(every)} shards, root {tree(every).hex()}: manifest.json says {records}")


def blob(root, number, path):
    with open(path, "rb") as f:
        body = f.read()
    for b in blocks(read(root), "blobs"):
        b = fields(b)
        if int(b["number"]) == int(number):
            if hashlib.sha256(body).digest() != text(b["sha256"]) or len(body) != int(b.get("size", 0)):
                sys.exit(f"blob {number}: other bytes")
            return
    sys.exit(f"blob {number} is not in the root")


def vectors(_, root):
    for v in blocks(read(root), "vectors"):
        print(text(fields(v)["member"]).decode())


def vectorlines(readme):
    lines = commands(readme)
    at = next(i for i, c in enumerate(lines) if c.startswith("import sys"))
    print("\n".join(lines[at : at + 3]))


def embeddings(root, records, raw):
    tables = {int(fields(v)["ordinal"]): fields(v) for v in blocks(read(root), "vectors")}
    seen = dict.fromkeys(tables, 0)
    for r in blocks(read(records), "records"):
        e = fields(r)
        if "vector_sha256" not in e:
            continue
        n = int(e["vector_member"])
        t = tables[n]
        size, at = int(t["vector_size"]), int(e.get("vector_index", 0))
        with open(os.path.join(raw, text(t["member"]).decode().replace("/", "_") + ".f32"), "rb") as f:
            f.seek(at * size)
            v = f.read(size)
        if hashlib.sha256(v).digest() != text(e["vector_sha256"]):
            sys.exit(f"vector {at} of member {n}: other bytes")
        seen[n] += 1
    for n, t in tables.items():
        if seen[n] != int(t["count"]):
            sys.exit(f"vector member {n}: {seen[n]} records of {t['count']}")


def vector(path, archive, key):
    with open(path, "rb") as f:
        head, body = f.read().split(b"\n\n", 1)
    ids = [line[10:] for line in head.split(b"\n") if line.startswith(b"identity: ")]
    with open(archive, "wb") as f:
        f.write(body)
    for line in head.split(b"\n"):
        if line.startswith(b"key: "):  # lies beside the archive
            name, value = line[5:].decode().split(" ")
            os.makedirs(os.path.dirname(f"{archive}.keys/{name}"), exist_ok=True)
            with open(f"{archive}.keys/{name}", "wb") as f:
                f.write(base64.b64decode(value))
    with open(key, "wb") as f:
        f.write(b"".join(i + b"\n" for i in ids))


def tamper(what, bundle, out, manifest=None):
    b = json.loads(read(bundle))
    env = b["dsseEnvelope"]
    if what == "signature":
        raw = bytearray(base64.b64decode(env["signatures"][0]["sig"]))
        raw[-1] ^= 1
        env["signatures"][0]["sig"] = base64.b64encode(raw).decode()
    elif what == "verdict":
        statement = json.loads(base64.b64decode(env["payload"]))
        statement["predicate"]["verdict"] = "PASS"
        env["payload"] = base64.b64encode(json.dumps(statement, indent=1).encode()).decode()
    else:
        statement = json.loads(base64.b64decode(env["payload"]))
        with open(manifest, "rb") as f:
            statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(f.read()).hexdigest()
        env["payload"] = base64.b64encode(json.dumps(statement, separators=(",", ":")).encode()).decode()
    with open(out, "w", encoding="utf-8") as f:
        f.write(json.dumps(b, separators=(",", ":")) + "\n")


def dsse(bundle, signed, signature, statement):
    env = json.loads(read(bundle))["dsseEnvelope"]
    payload, typ = base64.b64decode(env["payload"]), env["payloadType"].encode()
    for path, b in [
        (signed, b"DSSEv1 %d %s %d %s" % (len(typ), typ, len(payload), payload)),
        (signature, base64.b64decode(env["signatures"][0]["sig"])),
        (statement, payload),
    ]:
        with open(path, "wb") as f:
            f.write(b)


def tsa(folder):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            with open(f"{folder}/req", "wb") as f:
                f.write(self.rfile.read(int(self.headers["Content-Length"])))
            cmd = ["openssl", "ts", "-reply", "-config", "conf", "-queryfile", "req", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "resp"]
            subprocess.run(cmd, cwd=folder, check=True, capture_output=True)
            with open(f"{folder}/resp", "rb") as f:
                body = f.read()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def stamp(bundle, out):
    stamps = json.loads(read(bundle))["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    with open(out, "wb") as f:
        f.write(base64.b64decode(stamps[0]["signedTimestamp"]))


def typed(passphrase, *command):
    """A passphrase is asked for on the terminal, so there has to be one."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    out, sent = b"", False
    while True:
        try:
            b = os.read(fd, 4096)
        except OSError:  # the other end is closed
            b = b""
        if not b:
            break
        out += b
        if not sent and b"passphrase" in out.lower():
            os.write(fd, passphrase.encode() + b"\n")
            sent = True
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
