"""Signatures on P-256 and Ed25519, checked with whole numbers: FIPS 186-5, RFC 8032. For public
data alone: nothing here takes the same time for all inputs."""

import hashlib

# P-256: y² = x³ - 3x + B over the field of P, of order N.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def on_p256(x, y):
    return x < P and y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def p256_add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        k = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        k = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (k * k - a[0] - b[0]) % P
    return x, (k * (a[0] - x) - a[1]) % P


def multiply(add, n, point, zero):
    out = zero
    while n:
        if n & 1:
            out = add(out, point)
        point = add(point, point)
        n >>= 1
    return out


def der_int(n):
    b = n.to_bytes(n.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(b)]) + b


def der_pair(sig):
    """r and s of an ECDSA signature in DER; None for any other bytes."""
    try:
        n = sig[3]
        r, s = int.from_bytes(sig[4 : 4 + n], "big"), int.from_bytes(sig[6 + n :], "big")
    except IndexError:
        return None
    body = der_int(r) + der_int(s)
    return (r, s) if sig == b"\x30" + bytes([len(body) & 127]) + body else None


def ecdsa(public, message, sig):
    """public is x, y. The signature has to be the one of its two forms with the smaller s."""
    pair = der_pair(sig)
    if pair is None or not 0 < pair[0] < N or not 0 < pair[1] <= N // 2:
        return False
    r, s = pair
    e = int.from_bytes(hashlib.sha256(message).digest(), "big")
    w = pow(s, -1, N)
    at = p256_add(multiply(p256_add, e * w % N, G, None), multiply(p256_add, r * w % N, public, None))
    return at is not None and at[0] % N == r


# Ed25519: -x² + y² = 1 + D x² y² over the field of Q, of order L. Points are x, y, z, x·y.
Q = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, Q) % Q
ROOT = pow(2, (Q - 1) // 4, Q)


def ed_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % Q, (p[1] + p[0]) * (q[1] + q[0]) % Q
    c, d = 2 * p[3] * q[3] * D % Q, 2 * p[2] * q[2] % Q
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % Q, g * h % Q, f * g % Q, e * h % Q


def ed_point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= Q:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(xx, (Q + 3) // 8, Q)
    if (x * x - xx) % Q:
        x = x * ROOT % Q
    if (x * x - xx) % Q or x == 0 and sign:
        return None
    if x & 1 != sign:
        x = Q - x
    return x, y, 1, x * y % Q


ED_G = ed_point((4 * pow(5, -1, Q) % Q).to_bytes(32, "little"))


def ed25519(public, message, sig):
    a = ed_point(public)
    if len(sig) != 64 or a is None or (r := ed_point(sig[:32])) is None:
        return False
    s = int.from_bytes(sig[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(sig[:32] + public + message).digest(), "little") % L
    zero = (0, 1, 1, 0)
    p, q = multiply(ed_add, s, ED_G, zero), ed_add(r, multiply(ed_add, h, a, zero))
    return (p[0] * q[2] - q[0] * p[2]) % Q == 0 and (p[1] * q[2] - q[1] * p[2]) % Q == 0
