package format

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tsa is a time stamp authority that can be told to lie.
type tsa struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	at   time.Time

	status  int
	edit    func(in *tsInfo)
	attr    func(as []cmsAttr) []cmsAttr
	twist   func(s *cmsSigner)
	without bool // no certificate in the token
}

func newTSA(t *testing.T, usage x509.ExtKeyUsage) *tsa {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "a time stamp authority"}, NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(1_900_000_000, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tsa{t: t, key: key, cert: cert, at: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
}

func (a *tsa) der(v any) []byte {
	a.t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// context puts b into [n], constructed.
func (a *tsa) context(n int, b []byte) asn1.RawValue {
	return asn1.RawValue{FullBytes: a.der(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: n, IsCompound: true, Bytes: b})}
}

// stamp answers a request, as SignOptions.Timestamp does.
func (a *tsa) stamp(_ context.Context, req []byte) ([]byte, error) {
	var q tsRequest
	if err := whole(asn1.Unmarshal(req, &q)); err != nil {
		return nil, err
	}
	in := tsInfo{
		Version: 1, Policy: oid(1, 2, 3), Imprint: q.Imprint, Serial: big.NewInt(1), Nonce: q.Nonce,
		Time: asn1.RawValue{Tag: asn1.TagGeneralizedTime, Bytes: []byte(a.at.Format("20060102150405Z"))},
	}
	if a.edit != nil {
		a.edit(&in)
	}
	inner := a.der(in)
	sum, of := sha256.Sum256(inner), sha256.Sum256(a.cert.Raw)
	attrs := []cmsAttr{
		{oidAttrType(), asn1.RawValue{FullBytes: a.der(asn1.RawValue{Tag: 17, IsCompound: true, Bytes: a.der(oidTSTInfo())})}},
		{oidAttrDigest(), asn1.RawValue{FullBytes: a.der(asn1.RawValue{Tag: 17, IsCompound: true, Bytes: a.der(sum[:])})}},
		{oidAttrCert2(), asn1.RawValue{FullBytes: a.der(asn1.RawValue{Tag: 17, IsCompound: true, Bytes: a.der(essCerts{Certs: []essCert{{Hash: of[:]}}})})}},
	}
	if a.attr != nil {
		attrs = a.attr(attrs)
	}
	var body []byte
	for _, at := range attrs {
		body = append(body, a.der(at)...)
	}
	digest := sha256.Sum256(a.der(asn1.RawValue{Tag: 17, IsCompound: true, Bytes: body}))
	sig, err := a.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	s := cmsSigner{Version: 1, Digest: pkix.AlgorithmIdentifier{Algorithm: oidSHA256()}, Attrs: a.context(0, body), Alg: pkix.AlgorithmIdentifier{Algorithm: oid(1, 2, 840, 10045, 4, 3, 2)}, Signature: sig}
	s.By.Issuer, s.By.Serial = asn1.RawValue{FullBytes: a.cert.RawIssuer}, a.cert.SerialNumber
	if a.twist != nil {
		a.twist(&s)
	}
	signed := cmsSigned{Version: 3, Digests: asn1.RawValue{Tag: 17, IsCompound: true, Bytes: a.der(pkix.AlgorithmIdentifier{Algorithm: oidSHA256()})}, Signers: []cmsSigner{s}}
	signed.Inner.Type, signed.Inner.Content = oidTSTInfo(), inner
	if !a.without {
		signed.Certs = a.context(0, a.cert.Raw)
	}
	var resp tsResponse
	resp.Status.Status = a.status
	resp.Token = asn1.RawValue{FullBytes: a.der(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{oidSigned(), a.context(0, a.der(signed))})}
	return a.der(resp), nil
}

// A signature is stamped, and the policy that asks for time stamps says when; one without a
// stamp is good enough for a policy that does not ask.
func TestTimestamp(t *testing.T) {
	signer, key := signingPair(t, false, "acme")
	ed, edKey := signingPair(t, true, "audit")
	a := newTSA(t, x509.ExtKeyUsageTimeStamping)
	path := archiveFile(t)
	sign(t, path, signer, &SignOptions{Timestamp: a.stamp, TSA: []*x509.Certificate{a.cert}})
	sign(t, path, ed, &SignOptions{Timestamp: a.stamp})
	v, err := trusted(read(t, path), &Trust{Keys: []TrustedKey{key, edKey}, Threshold: 2, TSA: []*x509.Certificate{a.cert}})
	if err != nil {
		t.Fatal(err)
	}
	if !v.SignedBy[0].Time.Equal(a.at) || !strings.HasPrefix(v.Authenticity, "AUTHENTIC: signed by acme") || !strings.Contains(v.Authenticity, " at 2026-03-04T05:06:07Z") {
		t.Errorf("%s, %v", v.Authenticity, v.SignedBy[0].Time)
	}
	if v, err = trusted(read(t, path), &Trust{Keys: []TrustedKey{key}}); err != nil || !v.SignedBy[0].Time.IsZero() {
		t.Errorf("no time stamp asked for: %v", err)
	}
	a.without = true
	path = archiveFile(t)
	sign(t, path, signer, &SignOptions{Timestamp: a.stamp, TSA: []*x509.Certificate{a.cert}})
	if _, err := trusted(read(t, path), &Trust{Keys: []TrustedKey{key}, TSA: []*x509.Certificate{a.cert}}); err != nil {
		t.Errorf("certificate from the policy: %v", err)
	}
}

// A stamp that says something else, or by somebody else, is refused as timestamp; and a signer
// notices at once.
func TestTimestampRefused(t *testing.T) {
	signer, key := signingPair(t, false, "acme")
	stranger := newTSA(t, x509.ExtKeyUsageTimeStamping)
	for what, change := range map[string]func(a *tsa){
		"another signature": func(a *tsa) { a.edit = func(in *tsInfo) { in.Imprint.Hash[0] ^= 1 } },
		"another hash":      func(a *tsa) { a.edit = func(in *tsInfo) { in.Imprint.Alg.Algorithm = oid(1, 3, 14, 3, 2, 26) } },
		"before its time":   func(a *tsa) { a.at = time.Unix(1_600_000_000, 0).UTC() },
		"after its time":    func(a *tsa) { a.at = time.Unix(1_950_000_000, 0).UTC() },
		"no time": func(a *tsa) {
			a.edit = func(in *tsInfo) { in.Time = asn1.RawValue{Tag: asn1.TagUTCTime, Bytes: []byte("260304050607Z")} }
		},
		"refused":            func(a *tsa) { a.status = 2 },
		"not for time":       func(a *tsa) { *a = *newTSA(a.t, x509.ExtKeyUsageCodeSigning) },
		"signature flipped":  func(a *tsa) { a.twist = func(s *cmsSigner) { s.Signature[len(s.Signature)-1] ^= 1 } },
		"by another serial":  func(a *tsa) { a.twist = func(s *cmsSigner) { s.By.Serial = big.NewInt(8) } },
		"over SHA-1":         func(a *tsa) { a.twist = func(s *cmsSigner) { s.Digest.Algorithm = oid(1, 3, 14, 3, 2, 26) } },
		"attribute changed":  func(a *tsa) { a.twist = func(s *cmsSigner) { s.Attrs.FullBytes[len(s.Attrs.FullBytes)-1] ^= 1 } },
		"no digest":          func(a *tsa) { a.attr = func(as []cmsAttr) []cmsAttr { return append(as[:1:1], as[2]) } },
		"digest twice":       func(a *tsa) { a.attr = func(as []cmsAttr) []cmsAttr { return append(as, as[1]) } },
		"no certificate":     func(a *tsa) { a.attr = func(as []cmsAttr) []cmsAttr { return as[:2] } },
		"type of another":    func(a *tsa) { a.attr = func(as []cmsAttr) []cmsAttr { as[0].Values = as[1].Values; return as } },
		"names another cert": func(a *tsa) { a.attr = func(as []cmsAttr) []cmsAttr { as[2].Values = as[0].Values; return as } },
	} {
		a := newTSA(t, x509.ExtKeyUsageTimeStamping)
		change(a)
		path := archiveFile(t)
		before := read(t, path)
		if _, err := Sign(t.Context(), path, signer, &SignOptions{Timestamp: a.stamp}); err == nil || !bytes.Equal(read(t, path), before) {
			t.Errorf("%s: signed: %v", what, err)
		}
		// What a careless signer puts into an archive.
		sig := sign(t, path, signer, &SignOptions{Detached: true})
		b, err := parseBundle(sig.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		req, _, err := timestampRequest(b.sig)
		if err != nil {
			t.Fatal(err)
		}
		if b.stamp, err = a.stamp(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		refusedStamp(t, what, before, key, b.marshal(), a.cert)
	}
	a := newTSA(t, x509.ExtKeyUsageTimeStamping)
	path := archiveFile(t)
	sig := sign(t, path, signer, &SignOptions{Detached: true})
	refusedStamp(t, "no stamp", read(t, path), key, sig.Bundle, a.cert)
	sig = sign(t, path, signer, &SignOptions{Detached: true, Timestamp: a.stamp})
	refusedStamp(t, "a stranger's", read(t, path), key, sig.Bundle, stranger.cert)
	b, err := parseBundle(sig.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	for _, garbage := range [][]byte{{0}, []byte("garbage"), b.stamp[:len(b.stamp)-1], append(bytes.Clone(b.stamp), 0)} {
		c := *b
		c.stamp = garbage
		refusedStamp(t, "garbage", read(t, path), key, c.marshal(), a.cert)
	}
	// Of another signature: ECDSA signs anew each time.
	other, err := parseBundle(sign(t, path, signer, &SignOptions{Detached: true}).Bundle)
	if err != nil {
		t.Fatal(err)
	}
	other.stamp = b.stamp
	refusedStamp(t, "of another signature", read(t, path), key, other.marshal(), a.cert)
	b.stamp = make([]byte, maxTimestamp+1)
	if _, err := trusted(read(t, path), &Trust{Keys: []TrustedKey{key}, Bundles: [][]byte{b.marshal()}}); !errors.Is(err, ErrBundle) {
		t.Errorf("too long: %v", err)
	}
}

func refusedStamp(t *testing.T, what string, archive []byte, key TrustedKey, bundle []byte, root *x509.Certificate) {
	t.Helper()
	_, err := trusted(archive, &Trust{Keys: []TrustedKey{key}, Bundles: [][]byte{bundle}, TSA: []*x509.Certificate{root}})
	if !errors.Is(err, ErrTimestamp) || Class(err) != "timestamp" {
		t.Errorf("%s: %v", what, err)
	}
	if _, err := trusted(archive, &Trust{Keys: []TrustedKey{key}, Bundles: [][]byte{bundle}}); err != nil {
		t.Errorf("%s: a policy without time stamps: %v", what, err)
	}
}

// A real authority: openssl ts.
func TestTimestampOpenssl(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	conf := `[req]
distinguished_name = dn
prompt = no
[dn]
CN = unit test
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[stamp]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 3
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-config", "conf", "-extensions", "ca", "-days", "30")
	run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-config", "conf", "-subj", "/CN=stamps")
	run("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tsa.pem", "-days", "30", "-extfile", "conf", "-extensions", "stamp")
	if err := os.WriteFile(filepath.Join(dir, "serial"), []byte("01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stamp := func(_ context.Context, req []byte) ([]byte, error) {
		if err := os.WriteFile(filepath.Join(dir, "req"), req, 0o600); err != nil {
			return nil, err
		}
		run("ts", "-reply", "-config", "conf", "-queryfile", "req", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "resp")
		run("ts", "-verify", "-queryfile", "req", "-in", "resp", "-CAfile", "ca.pem", "-untrusted", "tsa.pem")
		return os.ReadFile(filepath.Join(dir, "resp"))
	}
	certs := func(name string) []*x509.Certificate {
		t.Helper()
		cs, err := ParseTSA(bytes.NewReader(read(t, filepath.Join(dir, name))))
		if err != nil {
			t.Fatal(err)
		}
		return cs
	}
	signer, key := signingPair(t, false, "acme")
	path := archiveFile(t)
	sign(t, path, signer, &SignOptions{Timestamp: stamp, TSA: certs("ca.pem")})
	for _, name := range []string{"ca.pem", "tsa.pem"} {
		v, err := trusted(read(t, path), &Trust{Keys: []TrustedKey{key}, TSA: certs(name)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if since := time.Since(v.SignedBy[0].Time); since < -time.Hour || since > time.Hour {
			t.Errorf("%s: signed at %s", name, v.SignedBy[0].Time)
		}
	}
	stranger := newTSA(t, x509.ExtKeyUsageTimeStamping)
	if _, err := trusted(read(t, path), &Trust{Keys: []TrustedKey{key}, TSA: []*x509.Certificate{stranger.cert}}); !errors.Is(err, ErrTimestamp) {
		t.Error(err)
	}
	for what, text := range map[string]string{
		"nothing": "", "a key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}})), "garbage": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})),
	} {
		if cs, err := ParseTSA(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %d certificates", what, len(cs))
		}
	}
}

// Whatever an authority answers: an error or a token, and no panic.
func FuzzTimestamp(f *testing.F) {
	t := &testing.T{}
	a := newTSA(t, x509.ExtKeyUsageTimeStamping)
	req, _, err := timestampRequest([]byte("signature"))
	if err != nil {
		f.Fatal(err)
	}
	good, err := a.stamp(context.Background(), req)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := parseTimestamp(b)
		if err != nil {
			return
		}
		if err := tok.check([]byte("signature"), []*x509.Certificate{a.cert}); err == nil && !tok.at.Equal(a.at) {
			t.Fatalf("another time, %s, in the name of the authority", tok.at)
		}
	})
}
