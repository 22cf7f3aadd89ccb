"""Protobuf by descriptor: what protoc reads, from the FileDescriptorSet of the archive itself."""

from base import DEPTH

SIGNED = {3, 5, 15, 16}  # int64, int32, sfixed32, sfixed64
FIXED = {1: 8, 2: 4, 6: 8, 7: 4, 15: 4, 16: 8}
STRING, GROUP, MESSAGE, BYTES = 9, 10, 11, 12


def varint(b, at):
    n = 0
    for i in range(10):
        if at + i >= len(b):
            raise ValueError("cut in a number")
        c = b[at + i]
        n |= (c & 127) << 7 * i
        if c < 128:
            if n >= 1 << 64:
                raise ValueError("a number of more than 64 bits")
            return n, at + i + 1
    raise ValueError("a number of more than 10 bytes")


def tag(b, at):
    n, at = varint(b, at)
    if not 1 <= n >> 3 < 1 << 29:
        raise ValueError(f"field number {n >> 3}")
    return n >> 3, n & 7, at


def value(b, at, wire, num, depth):
    """One value of any wire type: (number or bytes, where it ends)."""
    if wire == 0:
        return varint(b, at)
    if wire == 2:
        n, at = varint(b, at)
    elif wire == 3:
        if depth >= DEPTH:
            raise ValueError("groups nested too deep")
        start = at
        while True:
            inner, w, after = tag(b, at)
            if w == 4:
                if inner != num:
                    raise ValueError("end of another group")
                return b[start:at], after
            _, at = value(b, after, w, inner, depth + 1)
    elif wire in (1, 5):
        n = 8 if wire == 1 else 4
    else:
        raise ValueError(f"wire type {wire}")
    if n > len(b) - at:
        raise ValueError("cut in a field")
    return b[at : at + n], at + n


class Field:
    def __init__(self, f):
        self.name, self.number, self.type = f[1][0].decode(), f[3][0], f[5][0]
        self.list = f.get(4, [1])[0] == 3
        self.message = f[6][0].decode().lstrip(".") if 6 in f else ""
        self.wire = 2 if self.type in (STRING, MESSAGE, BYTES) else {8: 1, 4: 5}.get(FIXED.get(self.type), 0)


def raw(b):
    """The fields of a message without a descriptor, by number."""
    out, at = {}, 0
    while at < len(b):
        num, wire, at = tag(b, at)
        v, at = value(b, at, wire, num, 0)
        out.setdefault(num, []).append(v)
    return out


class Schema:
    def __init__(self, file_descriptor_set):
        self.messages = {}
        for f in raw(file_descriptor_set)[1]:
            f = raw(f)
            for m in f.get(4, []):
                self.add(f[2][0].decode() + ".", m)
        self.package = "exitramp.v1."
        shards = [n[len(self.package) :] for n in self.messages if n.endswith("Shard") and n != self.package + "Shard"]
        self.kinds = {n[:-5].lower(): n[:-5] for n in shards if n != "UnknownShard"}

    def add(self, prefix, m):
        m = raw(m)
        name = prefix + m[1][0].decode()
        self.messages[name] = {f.number: f for f in (Field(raw(x)) for x in m.get(2, []))}
        for inner in m.get(3, []):
            self.add(name + ".", inner)

    def decode(self, message, b, see=lambda message, d: None):
        """A message as a dict by field name, absent fields left out. see is called for each
        message inside, the whole last. ValueError for what protobuf does not take."""
        return self.into({}, self.package + message, b, 1, see)

    def into(self, out, message, b, depth, see):
        if depth > DEPTH:
            raise ValueError("nested too deep")
        fields = self.messages[message]
        at = 0
        while at < len(b):
            num, wire, at = tag(b, at)
            v, at = value(b, at, wire, num, depth)
            f = fields.get(num)
            if f is None:
                continue
            if f.list and f.wire != 2 and wire == 2:  # packed
                out.setdefault(f.name, []).extend(self.packed(f, v))
            elif wire == f.wire:
                self.put(out, f, v, depth, see)
        see(message[len(self.package) :], out)
        return out

    def put(self, out, f, v, depth, see):
        if f.type == STRING:
            v = v.decode("utf-8")
        elif f.type == MESSAGE:
            v = self.into({} if f.list else out.get(f.name, {}), f.message, v, depth + 1, see)
        elif f.type != BYTES:
            v = scalar(f, v)
        if f.list:
            out.setdefault(f.name, []).append(v)
        else:
            out[f.name] = v

    def packed(self, f, b):
        out, at = [], 0
        while at < len(b):
            v, at = value(b, at, f.wire, 0, 0)
            out.append(scalar(f, v))
        return out


def scalar(f, v):
    if isinstance(v, bytes):
        return v if f.type < 3 else int.from_bytes(v, "little", signed=f.type in SIGNED)
    if f.type == 13:
        return v & 0xFFFFFFFF
    if f.type == 8:
        return v != 0
    return v
