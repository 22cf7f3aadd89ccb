"""What all parts of the second reader share: refusals, limits, numbers."""

import re

MIB = 1 << 20

MEMBERS = 1_000_000
STORED = 64 * MIB
RAW = 64 * MIB
RECORD = 16 * MIB
DEPTH = 64
COMPARTMENTS = 64
WRAPS = 16
ATTESTATIONS = 16
ATTESTATION = 256 << 10
MANIFEST = MIB
SCRYPT = 18
CHUNK = 8 * MIB
PAGE = MIB


class Refused(Exception):
    """An archive that is refused: by class (SPEC §16), with the member that is at fault."""

    def __init__(self, cls, member, why):
        super().__init__(f"{cls}: {member + ': ' if member else ''}{why}")
        self.cls = cls
        self.member = member


def is_hex(s):
    return isinstance(s, str) and re.fullmatch("[0-9a-f]{64}", s) is not None


def be64(n):
    return n.to_bytes(8, "big")
