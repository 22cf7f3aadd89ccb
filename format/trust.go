package format

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// TrustedKey is a public key that signatures are checked with: ECDSA on P-256, or Ed25519.
type TrustedKey struct {
	ID   string // SHA-256 of the key in DER (SubjectPublicKeyInfo), hexadecimal
	Name string // what whoever trusts it calls it; may be empty

	// Time is when it signed, of a key that signed an archive, where the policy asks for time
	// stamps; else zero.
	Time time.Time

	public crypto.PublicKey
}

// NewTrustedKey makes a TrustedKey of a key at hand, an *ecdsa.PublicKey or an ed25519.PublicKey.
func NewTrustedKey(public crypto.PublicKey, name string) (TrustedKey, error) {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return TrustedKey{}, fmt.Errorf("format: ECDSA key on %s: want P-256", p.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return TrustedKey{}, fmt.Errorf("format: public key of type %T: want ECDSA P-256 or Ed25519", public)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return TrustedKey{}, errors.New("format: public key is not valid")
	}
	sum := sha256.Sum256(der)
	return TrustedKey{ID: hex.EncodeToString(sum[:]), Name: name, public: public}, nil
}

// String is the name and the first digits of the id: acme-exit-2026 (9f3a5c01d2e4b678).
func (k TrustedKey) String() string {
	if id := k.ID[:min(16, len(k.ID))]; k.Name == "" {
		return id
	} else {
		return k.Name + " (" + id + ")"
	}
}

// PEM is the public key as openssl and cosign read it, SubjectPublicKeyInfo.
func (k TrustedKey) PEM() string {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil { // of the zero value
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Ed25519 tells whether it is such a key; else it is ECDSA on P-256.
func (k TrustedKey) Ed25519() bool {
	_, ok := k.public.(ed25519.PublicKey)
	return ok
}

// verify tells whether sig is of k over message, in the one spelling that it has.
func (k TrustedKey) verify(message, sig []byte) bool {
	switch p := k.public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(p, message, sig)
	case *ecdsa.PublicKey:
		low, err := lowS(sig)
		if err != nil || !bytes.Equal(low, sig) {
			return false
		}
		sum := sha256.Sum256(message)
		return ecdsa.VerifyASN1(p, sum[:], sig)
	}
	return false
}

// lowS turns an ECDSA signature into the one of its two forms with the smaller s: from each of
// them anybody can make the other, and there has to be one.
func lowS(sig []byte) ([]byte, error) {
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &v); err != nil || len(rest) > 0 || v.R.Sign() <= 0 || v.S.Sign() <= 0 {
		return nil, errors.New("not an ECDSA signature")
	}
	n := elliptic.P256().Params().N
	if v.S.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		v.S.Sub(n, v.S)
	}
	return asn1.Marshal(v)
}

// Trust is the policy that asks for signatures by known keys. A bundle says which key it is
// signed with; that is looked up in Keys and nowhere else, and is no reason to trust it.
type Trust struct {
	Keys      []TrustedKey // at least one; ParseTrust reads them
	Threshold int          // by how many different keys an archive has to be signed; 0: by one
	Bundles   [][]byte     // signatures that lie beside the archive, each a bundle as Sign makes it

	// TSA are certificates of time stamp authorities, or of who certifies them; ParseTSA reads
	// them. With one or more, a signature by a trusted key needs an RFC 3161 time stamp by one.
	TSA []*x509.Certificate
}

// Check finds the keys that signed manifest. Bundles by keys that are not trusted are passed
// over; one that names a trusted key has to be by it and about this manifest.
func (t *Trust) Check(manifest []byte, bundles [][]byte) ([]TrustedKey, error) {
	need := max(1, t.Threshold)
	if len(t.Keys) < need {
		return nil, fmt.Errorf("%w: %d trusted keys, and signatures by %d are asked for", ErrOptions, len(t.Keys), need)
	}
	all := slices.Concat(bundles, t.Bundles)
	if len(all) == 0 {
		return nil, refuse(ErrUnsigned, nameManifest, "no signature in the archive, and none given beside it")
	}
	var good []TrustedKey
	var others []string
	for i, raw := range all {
		at := func(e *Error) error {
			if e.Member = attestationName(i + 1); i >= len(bundles) {
				e.Member, e.Err = "", fmt.Errorf("bundle %d of those beside the archive: %w", i-len(bundles)+1, e.Err)
			}
			return e
		}
		if len(raw) > maxAttestation {
			return nil, at(refuse(ErrLimit, "", fmt.Sprintf("%d bytes, at most %d", len(raw), maxAttestation)))
		}
		b, err := parseBundle(raw)
		if err != nil {
			return nil, at(refuse(ErrBundle, "", err.Error()))
		}
		n := slices.IndexFunc(t.Keys, func(k TrustedKey) bool { return k.ID == b.keyID })
		if n < 0 {
			others = append(others, b.keyID[:16])
			continue
		}
		k := t.Keys[n]
		if !k.verify(b.signed(), b.sig) {
			return nil, at(refuse(ErrUntrusted, "", "the signature is not by "+k.String()+", whom it names"))
		}
		if err := about(b.payload, manifest); err != nil {
			return nil, at(err)
		}
		if len(t.TSA) > 0 {
			if k.Time, err = stamped(b, t.TSA); err != nil {
				return nil, at(refuse(ErrTimestamp, "", err.Error()))
			}
		}
		if !slices.ContainsFunc(good, func(g TrustedKey) bool { return g.ID == k.ID }) {
			good = append(good, k)
		}
	}
	switch {
	case len(good) == 0:
		return nil, mismatch(ErrUntrusted, nameManifest, "signatures", "by a key of the trust file", "by "+strings.Join(others, ", "))
	case len(good) < need:
		return nil, mismatch(ErrThreshold, nameManifest, "signatures by trusted keys", fmt.Sprint(need), fmt.Sprintf("%d: %s", len(good), join(good)))
	}
	return good, nil
}

// stamped is the time that an authority says a bundle's signature was there.
func stamped(b *bundle, roots []*x509.Certificate) (time.Time, error) {
	if len(b.stamp) == 0 {
		return time.Time{}, errors.New("no time stamp, and the policy asks for one")
	}
	t, err := parseTimestamp(b.stamp)
	if err != nil {
		return time.Time{}, err
	}
	return t.at, t.check(b.sig, roots)
}

// about tells whether a payload, whose signature is good, is the statement about this manifest.
func about(payload, manifest []byte) *Error {
	c, err := parseClaim(payload)
	if err != nil {
		return refuse(ErrStatement, "", err.Error())
	}
	if sum := sha256.Sum256(manifest); c.manifest != sum {
		return mismatch(ErrStatement, "", "sha256 of manifest.json", hex.EncodeToString(c.manifest[:]), hex.EncodeToString(sum[:]))
	}
	// What does not parse here is refused by the reader, right after.
	if o, err := parseJSON(manifest); err == nil {
		if id := o.text("archive_id"); *o.err == nil && id != c.archiveID {
			return mismatch(ErrStatement, "", "archive_id", fmt.Sprintf("%.100q", id), c.archiveID)
		}
	}
	return nil
}

// join lists keys.
func join(ks []TrustedKey) string {
	var out []string
	for _, k := range ks {
		s := k.String()
		if !k.Time.IsZero() {
			s += " at " + k.Time.Format(time.RFC3339)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
