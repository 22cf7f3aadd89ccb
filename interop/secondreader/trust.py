"""SPEC §17: bundles, statements, and the policy that asks for them."""

import base64
import hashlib

import curves
from base import ATTESTATION, Refused, is_hex
from manifest import keys, strict_json, text

PAYLOAD = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://github.com/exitramp/exitramp/archive/v1"

# SubjectPublicKeyInfo up to the key itself.
SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")


def b64(b):
    return base64.b64encode(b).decode()


def unb64(s):
    b = base64.b64decode(s, validate=True)
    if b64(b) != s:
        raise ValueError("base64 in another spelling")
    return b


class Key:
    def __init__(self, der):
        self.id = hashlib.sha256(der).hexdigest()
        if der.startswith(SPKI_P256) and len(der) == 91 and der[26] == 4:
            x, y = int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big")
            if not curves.on_p256(x, y):
                raise ValueError("not a point of the curve")
            self.verify = lambda message, sig: curves.ecdsa((x, y), message, sig)
        elif der.startswith(SPKI_ED25519) and len(der) == 44:
            self.verify = lambda message, sig: curves.ed25519(der[12:], message, sig)
        else:
            raise ValueError("not a key of P-256 or Ed25519")


def statement(manifest_sha256, archive_id):
    return (
        f'{{"_type":"{STATEMENT}","subject":[{{"name":"manifest.json","digest":{{"sha256":"{manifest_sha256}"}}}}],'
        f'"predicateType":"{PREDICATE}","predicate":{{"archive_id":"{archive_id}"}}}}'
    ).encode()


def parse_bundle(raw):
    """Key id, statement, signature. ValueError: not in the one spelling."""
    material, env, media = keys(strict_json(raw), "verificationMaterial", "dsseEnvelope", "mediaType")
    stamp = None
    if "timestampVerificationData" in material:
        (stamps,) = keys(material.pop("timestampVerificationData"), "rfc3161Timestamps")
        (stamp,) = keys(stamps[0], "signedTimestamp")
        stamp = unb64(stamp)
        if not 0 < len(stamp) <= 32 << 10:
            raise ValueError("time stamp")
    (public,) = keys(material, "publicKey")
    (hint,) = keys(public, "hint")
    payload, kind, sigs = keys(env, "payload", "payloadType", "signatures")
    (sig,) = keys(sigs[0], "sig")
    if not is_hex(hint):
        raise ValueError("hint")
    s, signature = unb64(text(payload)), unb64(text(sig))
    stamp = "" if stamp is None else f',"timestampVerificationData":{{"rfc3161Timestamps":[{{"signedTimestamp":"{b64(stamp)}"}}]}}'
    again = (
        f'{{"mediaType":"{BUNDLE}","verificationMaterial":{{"publicKey":{{"hint":"{hint}"}}{stamp}}},'
        f'"dsseEnvelope":{{"payload":"{b64(s)}","payloadType":"{PAYLOAD}","signatures":[{{"sig":"{b64(signature)}"}}]}}}}\n'
    )
    if again.encode() != raw:
        raise ValueError("another spelling")
    return hint, s, signature


def check(keyring, threshold, manifest, bundles):
    """The ids of the trusted keys that signed manifest; bundles are (member, bytes)."""
    if not bundles:
        raise Refused("unsigned", "manifest.json", "no signature")
    good = set()
    for member, raw in bundles:
        if len(raw) > ATTESTATION:
            raise Refused("limit", member, f"{len(raw)} bytes")
        try:
            hint, s, sig = parse_bundle(raw)
        except (ValueError, TypeError, KeyError, IndexError) as e:
            raise Refused("bundle", member, repr(e)) from None
        key = next((k for k in keyring if k.id == hint), None)
        if key is None:
            continue
        if not key.verify(b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(s), s), sig):
            raise Refused("untrusted", member, "not by the key that it names")
        about(member, s, manifest)
        good.add(key.id)
    if not good:
        raise Refused("untrusted", "manifest.json", "signed by strangers")
    if len(good) < threshold:
        raise Refused("threshold", "manifest.json", f"{len(good)} keys of {threshold}")
    return good


def about(member, s, manifest):
    """The statement has to be about this manifest: its digest, and its archive_id."""
    try:
        archive_id = strict_json(manifest)["archive_id"]
    except (ValueError, KeyError):
        archive_id = None  # the manifest is refused after the signature
    try:
        if archive_id is None:
            archive_id = strict_json(s)["predicate"]["archive_id"]
    except (ValueError, KeyError, TypeError):
        archive_id = ""
    if s != statement(hashlib.sha256(manifest).hexdigest(), archive_id):
        raise Refused("statement", member, "about something else, or in another spelling")
