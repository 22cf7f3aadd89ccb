"""SPEC §9: age, a file a member. The real age command opens it; its header is looked at first."""

import hashlib
import os
import pty
import shutil
import subprocess
import tempfile

from base import SCRYPT, Refused

CLASSES = ("pq", "classic", "passphrase")
AGE = os.environ.get("AGE", "age")


def header(b, member):
    """The weakest recipient of a key file. A passphrase may not cost more than the limit."""
    lines = b.split(b"\n---", 1)[0].split(b"\n")
    if lines[0] != b"age-encryption.org/v1" or b"\n---" not in b:
        raise Refused("key", member, "not an age file")
    found = []
    for line in lines[1:]:
        word = line.decode("latin-1").split()
        if word[:1] != ["->"]:
            continue
        if len(word) > 1 and word[1] == "mlkem768x25519":
            found.append("pq")
        elif len(word) > 1 and word[1] == "scrypt":
            found.append("passphrase")
            if len(word) != 4 or not word[3].isdigit():
                raise Refused("key", member, "scrypt without its cost")
            if int(word[3]) > SCRYPT:
                raise Refused("limit", member, f"scrypt with 2^{word[3]}")
        elif len(word) > 1 and not word[1].endswith("-grease"):
            found.append("classic")
    if not found:
        raise Refused("key", member, "no recipient")
    return max(found, key=CLASSES.index)


class NoMatch(Exception):
    """Sealed to another key."""


def run(identities, b):
    """What age makes of b. NoMatch: to another key; ValueError: anything else."""
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("\n".join(identities) + "\n")
        f.flush()
        p = subprocess.run([AGE, "-d", "-i", f.name], input=b, capture_output=True, check=False)
    if p.returncode == 0:
        return p.stdout
    if b"no identity matched" in p.stderr:
        raise NoMatch
    raise ValueError(p.stderr.decode(errors="replace"))


def typed(passphrase, b):
    """age asks for a passphrase on a terminal, so it gets one."""
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/in", "wb") as f:
            f.write(b)
        pid, fd = pty.fork()
        if pid == 0:
            os.execvp(AGE, [AGE, "-d", "-o", d + "/out", d + "/in"])
        out, sent = b"", False
        while True:
            try:
                got = os.read(fd, 4096)
            except OSError:
                break
            if not got:
                break
            out += got
            if not sent and b"passphrase" in out.lower():
                os.write(fd, passphrase.encode() + b"\n")
                sent = True
        os.close(fd)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            raise NoMatch
        with open(d + "/out", "rb") as f:
            return f.read()


def recipient(identity):
    """age1…, of an identity."""
    keygen = os.environ.get("AGE_KEYGEN") or shutil.which("age-keygen") or os.path.join(os.path.dirname(AGE), "age-keygen")
    p = subprocess.run([keygen, "-y"], input=identity.encode() + b"\n", capture_output=True, check=False)
    if p.returncode != 0:
        raise ValueError("no identity")
    return p.stdout.decode().strip()


def unwrap(files, identities, passphrase, weakest, recipient_sha256):
    """The identity of a compartment, or None where nothing at hand opens it."""
    folder = files[0][0].rpartition("/")[0] if files else ""
    kinds = []
    for member, b in files:
        kinds.append(header(b, member))
        if CLASSES.index(kinds[-1]) > CLASSES.index(weakest):
            raise Refused("key", member, f"{kinds[-1]}, and the manifest says {weakest}")
    for (_, b), kind in zip(files, kinds):
        try:
            if kind == "passphrase":
                if passphrase is None:
                    continue
                text = typed(passphrase, b)
            elif identities:
                text = run(identities, b)
            else:
                continue
        except NoMatch:
            continue
        except ValueError as e:
            raise Refused("key", folder, str(e)) from None
        try:
            identity = text.decode("ascii").strip()
            to = recipient(identity)
        except ValueError:
            raise Refused("key", folder, "the key file holds no identity") from None
        if hashlib.sha256(to.encode()).hexdigest() != recipient_sha256:
            raise Refused("key", folder, "recipient_sha256")
        return identity
    return None


def open_member(identity, b, member):
    try:
        return run([identity], b)
    except NoMatch:
        raise Refused("key", member, "sealed to another key") from None
    except ValueError as e:
        raise Refused("payload", member, str(e)) from None
