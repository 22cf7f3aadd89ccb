package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// PredicateType is the type of the statement that a signature makes: what cosign's --type asks for.
const PredicateType = "https://github.com/exitramp/exitramp/archive/v1"

const (
	statementType = "https://in-toto.io/Statement/v1"
	payloadType   = "application/vnd.in-toto+json"
	bundleType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

// bundle is one signature: a Sigstore bundle with a DSSE envelope with a statement. It has one
// legal spelling, the one of marshal, so that nobody without the key can make another file of it.
type bundle struct {
	keyID   string // hexadecimal SHA-256 of the public key: which one of the trusted to try
	payload []byte // a statement
	sig     []byte
	stamp   []byte // RFC 3161 time stamp over sig, a TimeStampResp in DER; empty: none
}

// marshal is the only spelling of b.
func (b *bundle) marshal() []byte {
	e := base64.StdEncoding
	stamp := ""
	if len(b.stamp) > 0 {
		stamp = fmt.Sprintf(`,"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":%q}]}`, e.EncodeToString(b.stamp))
	}
	return fmt.Appendf(nil, `{"mediaType":%q,"verificationMaterial":{"publicKey":{"hint":%q}%s},`+
		`"dsseEnvelope":{"payload":%q,"payloadType":%q,"signatures":[{"sig":%q}]}}`+"\n",
		bundleType, b.keyID, stamp, e.EncodeToString(b.payload), payloadType, e.EncodeToString(b.sig))
}

// signed is what the signature is over: DSSE's pre-authentication encoding.
func (b *bundle) signed() []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(b.payload), b.payload)
}

// maxClaim is the size of the statement about an archive, in base64.
const maxClaim = 4096

// parseBundle takes a bundle about an archive apart, makes it again and compares. It does not look
// into the payload.
func parseBundle(raw []byte) (*bundle, error) { return parseBundleOf(raw, maxClaim) }

// parseBundleOf is parseBundle for payloads of at most max bytes of base64.
func parseBundleOf(raw []byte, max int) (*bundle, error) {
	o, err := parseJSON(raw)
	if err != nil {
		return nil, err
	}
	o.constant("mediaType", bundleType)
	m := o.object("verificationMaterial")
	k := m.object("publicKey")
	b := &bundle{keyID: k.hex("hint", 64)}
	k.end()
	if _, ok := m.m["timestampVerificationData"]; ok {
		d := m.object("timestampVerificationData")
		s := d.single("rfc3161Timestamps")
		b.stamp = s.bytes("signedTimestamp", maxTimestamp)
		s.end()
		d.end()
	}
	m.end()
	env := o.object("dsseEnvelope")
	b.payload = env.base64("payload", max)
	env.constant("payloadType", payloadType)
	sig := env.single("signatures")
	b.sig = sig.base64("sig", maxClaim)
	sig.end()
	env.end()
	o.end()
	if *o.err != nil {
		return nil, *o.err
	}
	if !bytes.Equal(b.marshal(), raw) {
		return nil, errors.New("not spelled as the format spells it")
	}
	return b, nil
}

// claim is a statement: it says what is signed: this manifest.json, of this archive.
type claim struct {
	manifest  [32]byte // SHA-256 of manifest.json
	archiveID string
}

func newClaim(manifest []byte, archiveID string) claim {
	return claim{sha256.Sum256(manifest), archiveID}
}

// marshal is the only spelling of c.
func (c claim) marshal() []byte {
	return fmt.Appendf(nil, `{"_type":%q,"subject":[{"name":%q,"digest":{"sha256":"%x"}}],"predicateType":%q,"predicate":{"archive_id":%q}}`,
		statementType, nameManifest, c.manifest, PredicateType, c.archiveID)
}

// parseClaim reads the payload of a bundle.
func parseClaim(raw []byte) (c claim, err error) {
	o, err := parseJSON(raw)
	if err != nil {
		return c, err
	}
	o.constant("_type", statementType)
	sub := o.single("subject")
	sub.constant("name", nameManifest)
	d := sub.object("digest")
	sum := d.hex("sha256", 64)
	d.end()
	sub.end()
	o.constant("predicateType", PredicateType)
	p := o.object("predicate")
	c.archiveID = p.text("archive_id")
	if _, ok := parseID(c.archiveID); !ok {
		p.fail("archive_id", "not 26 lower-case base32 characters")
	}
	p.end()
	o.end()
	if *o.err != nil {
		return c, *o.err
	}
	hex.Decode(c.manifest[:], []byte(sum)) // checked by hex
	if !bytes.Equal(c.marshal(), raw) {
		return c, errors.New("not spelled as the format spells it")
	}
	return c, nil
}

// constant takes a string that has one value.
func (o *object) constant(key, want string) {
	if got := o.text(key); got != want {
		o.fail(key, fmt.Sprintf("want %q, got %.200q", want, got))
	}
}

// single takes a list of one object.
func (o *object) single(key string) *object {
	l := o.list(key)
	var m map[string]any
	if len(l) == 1 {
		m, _ = l[0].(map[string]any)
	} else {
		o.fail(key, fmt.Sprintf("want one, got %d", len(l)))
	}
	if m == nil {
		o.fail(key, "not a list of objects")
	}
	return &object{m: m, path: o.path + key + "[0].", err: o.err}
}

// base64 takes bytes that are at most max as they are spelled.
func (o *object) base64(key string, max int) []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(o.textOf(key, max))
	if err != nil {
		o.fail(key, "not base64")
	}
	return b
}
