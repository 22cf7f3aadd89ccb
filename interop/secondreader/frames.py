"""SPEC §4 and §5: one zstd frame a member, its headers walked before it is decoded; planes."""

import zstandard

from base import RAW, Refused


def content_size(b, member):
    """Walks the block headers of the frame to the end of the member. RFC 8878 §3.1.1."""

    def bad(why):
        return Refused("payload", member, why)

    if len(b) < 6 or b[:4] != b"\x28\xb5\x2f\xfd":
        raise bad("no zstd frame")
    d = b[4]
    if d & 3 or d & 8 or not d & 4:
        raise bad("a dictionary, the reserved bit, or no checksum")
    single = d & 0x20
    at = 5 if single else 6
    width = (1 if single else 0, 2, 4, 8)[d >> 6]
    if width == 0 or len(b) < at + width:
        raise bad("no content size")
    size = int.from_bytes(b[at : at + width], "little") + (256 if width == 2 else 0)
    at += width
    last = False
    while not last:
        if len(b) < at + 3:
            raise bad("ends in its blocks")
        h = int.from_bytes(b[at : at + 3], "little")
        last, kind, n = h & 1, h >> 1 & 3, h >> 3
        if kind == 3:
            raise bad("reserved block type")
        at += 3 + (1 if kind == 1 else n)
    if at + 4 != len(b):
        raise bad("not one whole frame")
    return size


def decode(b, member, declared=None):
    n = content_size(b, member)
    if declared is not None and n != declared:
        raise Refused("payload", member, f"content size {n}, declared {declared}")
    if n > RAW:
        raise Refused("limit", member, f"content of {n} bytes")
    try:
        d = zstandard.ZstdDecompressor(max_window_size=128 << 20).decompressobj()
        out = bytearray()
        for i in range(0, len(b), 1 << 16):
            out += d.decompress(b[i : i + (1 << 16)])
            if len(out) > n:
                raise Refused("payload", member, "more content than the frame says")
    except zstandard.ZstdError as e:
        raise Refused("payload", member, str(e)) from None
    if len(out) != n or not d.eof:
        raise Refused("payload", member, "less content than the frame says")
    return bytes(out)


def unplane(p):
    n = len(p) // 4
    words = (p[i] | p[n + i] << 8 | p[2 * n + i] << 16 | p[3 * n + i] << 24 for i in range(n))
    return b"".join((w >> 1 | (w & 1) << 31).to_bytes(4, "little") for w in words)
