"""SPEC §2 and §3: a ZIP file with one legal spelling, and names with a grammar."""

import base64
import re
import struct
import zlib
from dataclasses import dataclass

from base import MEMBERS, STORED, Refused

TRAILER = 98
NAME = re.compile(rb"([a-z0-9_][a-z0-9._-]*/)*([a-z0-9_][a-z0-9._-]*|README\.md)")
FIXED = {"bagit.txt": 1, "README.md": 6, "manifest-sha256.txt": 7, "manifest.json": 8}


@dataclass
class Member:
    name: str  # without the archive's folder
    rank: int  # of its group in the file
    full: bytes
    at: int  # of the local header
    size: int
    crc: int


def local_header(name, size, crc):
    return struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 45, 0, 0, 0, 0x21, crc, size, size, len(name), 0) + name


def directory_entry(name, size, crc, at):
    extra = b"" if at < 0xFFFFFFFF else struct.pack("<HHQ", 1, 8, at)
    return (
        struct.pack(
            "<4sBBHHHHHIIIHHHHHII",
            b"PK\x01\x02", 45, 3, 45, 0, 0, 0, 0x21, crc, size, size, len(name), len(extra), 0, 0, 0, 0o100644 << 16, min(at, 0xFFFFFFFF),
        )
        + name
        + extra
    )


def trailer(count, size, at):
    return (
        struct.pack("<4sQBBHIIQQQQ", b"PK\x06\x06", 44, 45, 3, 45, 0, 0, count, count, size, at)
        + struct.pack("<4sIQI", b"PK\x06\x07", 0, at + size, 1)
        + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(size, 0xFFFFFFFF), min(at, 0xFFFFFFFF), 0)
    )


def begins_right(data):
    return data[:4] == b"PK\x03\x04" and data[30:35] == b"ctxa-"


def entries(data):
    """Raw names, places, sizes and CRCs, after the bytes of the directory were made again."""
    end = data[-TRAILER:]
    if len(data) < TRAILER or end[:4] != b"PK\x06\x06":
        if not begins_right(data):
            raise Refused("not-archive", "", "other content")
        if data[-22:-18] == b"PK\x05\x06" or data.rfind(b"PK\x06\x06") >= 0 and len(data) - data.rfind(b"PK\x06\x06") > TRAILER:
            raise Refused("container", "", "no trailer at the end")
        raise Refused("truncated", "", "no trailer")
    count, size, at = struct.unpack("<QQQ", end[32:56])
    if count > MEMBERS:
        raise Refused("limit", "", f"{count} members")
    if end != trailer(count, size, at) or at + size + TRAILER != len(data):
        raise Refused("container", "", "trailer")
    out, pos, here = [], at, 0
    for _ in range(count):
        head = data[pos : pos + 46]
        if pos + 46 > at + size:
            raise Refused("container", "", "directory ends early")
        crc, stored, _, name_len = struct.unpack("<IIIH", head[16:30])
        name = data[pos + 46 : pos + 46 + name_len]
        if not NAME.fullmatch(name) or len(name) > 132:  # the size of what has no name says nothing
            raise Refused("container", "", "name of a directory entry")
        if stored > STORED:
            raise Refused("limit", name.partition(b"/")[2].decode("latin-1"), f"{stored} bytes")
        want = directory_entry(name, stored, crc, here)
        if data[pos : pos + len(want)] != want:
            raise Refused("container", name.partition(b"/")[2].decode("latin-1"), "directory entry")
        out.append((name, here, stored, crc))
        pos += len(want)
        here += 30 + len(name) + stored
        if here > at:
            raise Refused("container", name.partition(b"/")[2].decode("latin-1"), "goes beyond the directory")
    if pos != at + size or here != at:
        raise Refused("container", "", "members do not tile the file")
    return out


def number(text, digits):
    """A decimal of at least so many digits, from 1, without further leading zeros; else None."""
    if re.fullmatch("[0-9]+", text) and int(text) > 0 and text == str(int(text)).zfill(digits):
        return int(text)
    return None


def rank(name):
    """The group of a name (SPEC §2); None for a name of no group."""
    if name in FIXED:
        return FIXED[name]
    part = name.split("/")
    if re.fullmatch(r"data/schema/[0-9a-f]{64}\.binpb", name):
        return 2
    if m := re.fullmatch(r"data/r/([a-z][a-z0-9]{0,39})/([0-9]+)\.pb\.zst", name):
        return 3 if number(m[2], 8) else None
    if m := re.fullmatch(r"data/(?:v/([0-9]+)\.zst|i/([0-9]+)\.pb\.zst|x/([0-9]+)\.pb\.zst\.age)", name):
        return 3 if number(m[1] or m[2] or m[3], 8) else None
    if m := re.fullmatch(r"data/b/([0-9]+)/([0-9]+)\.zst(?:\.age)?", name):
        return 3 if number(m[1], 8) and number(m[2], 6) else None
    if m := re.fullmatch(r"data/root(?:-([0-9]+))?\.pb\.zst(?:\.age)?", name):
        return 4 if m[1] is None or number(m[1], 1) else None
    if m := re.fullmatch(r"keys/([0-9]+)/([0-9]+)\.age", name):
        return 5 if (part[1] == "0" or number(m[1], 1)) and number(m[2], 1) else None
    if m := re.fullmatch(r"attestations/([0-9]+)\.sigstore\.json", name):
        return 9 if number(m[1], 1) else None
    return None


class Container:
    """The members of an archive by name, in the order of the file."""

    def __init__(self, data):
        self.data = data
        self.members = {}
        last = 0
        for i, (full, at, size, crc) in enumerate(entries(data)):
            folder, _, name = full.partition(b"/")
            if i == 0:
                if not re.fullmatch(rb"ctxa-[a-z2-7]{26}/bagit\.txt", full) or not canonical_id(folder[5:].decode()):
                    raise Refused("not-archive", "", f"first member {full!r}")
                self.folder = folder
                self.archive_id = folder[5:].decode()
            text = name.decode("latin-1")
            r = rank(text)
            if folder != self.folder or r is None or len(name) > 100:
                raise Refused("container", "", f"name {full!r}")
            if r < last or text in self.members:
                raise Refused("container", text, "out of order, or twice")
            last = r
            self.members[text] = Member(text, r, full, at, size, crc)
        if not self.members:
            raise Refused("not-archive", "", "no members")
        for name in FIXED:
            if name not in self.members:
                raise Refused("container", name, "missing")

    def stored(self, name):
        """The bytes of a member, its local header and its CRC compared."""
        m = self.members[name]
        head = local_header(m.full, m.size, m.crc)
        if self.data[m.at : m.at + len(head)] != head:
            raise Refused("container", name, "local header")
        b = self.data[m.at + len(head) : m.at + len(head) + m.size]
        if zlib.crc32(b) != m.crc:
            raise Refused("digest", name, "crc32")
        return b

    def group(self, r):
        return [m.name for m in self.members.values() if m.rank == r]

    def numbered(self, names):
        """Names whose last number has to count from 1 without a hole."""
        for i, name in enumerate(names, 1):
            if int(name.split("/")[-1].split(".")[0]) != i:
                raise Refused("container", name, "not numbered from 1")
        return names


def id_bytes(text):
    return base64.b32decode(text.upper() + "======")


def canonical_id(text):
    return base64.b32encode(id_bytes(text)).decode().rstrip("=").lower() == text
