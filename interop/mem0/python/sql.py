"""Damages a SQLite file: one statement, which must change a row. usage: sql.py FILE STATEMENT"""
import sqlite3, sys


def bend(blob):
    """A vector's first number becomes another: a float32, or in a pickle a float64 after the opcode G."""
    b = bytearray(blob)
    at = b.index(b"G", b.index(b"vector")) + 2 if b[:1] == b"\x80" else 2
    b[at] ^= 0x20
    return bytes(b)


db = sqlite3.connect(sys.argv[1])
db.create_function("bend", 1, bend)
db.create_function("swap", 3, lambda v, old, new: v.replace(old, new) if isinstance(v, str) else v.replace(old.encode(), new.encode()))
sys.exit(db.execute(sys.argv[2]).rowcount < 1 or db.commit())
