package format

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// A signed archive has the stored bytes of the unsigned one, is authentic by each kind of key,
// and by as many as signed it.
func TestSign(t *testing.T) {
	path := archiveFile(t)
	before := read(t, path)
	ec, ecKey := signingPair(t, false, "acme exit 2026")
	ed, edKey := signingPair(t, true, "auditor")
	_, other := signingPair(t, false, "stranger")

	first := sign(t, path, ec, nil)
	if first.Member != "attestations/1.sigstore.json" || first.Key.ID != ecKey.ID {
		t.Errorf("%+v", first)
	}
	once := read(t, path)
	second := sign(t, path, ed, nil)
	twice := read(t, path)
	only(t, filepath.Dir(path), "a.ctxa")
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o640 {
		t.Error("mode", fi.Mode(), err)
	}
	es, err := container.Read(bytes.NewReader(before), int64(len(before)), container.Limits{Members: 1000, Stored: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	last := es[len(es)-1]
	end := last.DataOffset() + last.Size
	if !bytes.Equal(before[:end], once[:end]) || !bytes.Equal(before[:end], twice[:end]) {
		t.Error("signing changed stored bytes")
	}
	if v, err := trusted(before, IntegrityOnly()); err != nil || strings.Contains(v.Authenticity, "AUTHENTIC") {
		t.Errorf("%+v %v", v, err)
	}
	for _, c := range []struct {
		b    []byte
		p    Trust
		want string // class; empty: authentic
		by   int
	}{
		{once, Trust{Keys: []TrustedKey{ecKey}}, "", 1},
		{once, Trust{Keys: []TrustedKey{other, edKey, ecKey}}, "", 1},
		{once, Trust{Keys: []TrustedKey{other}}, "untrusted", 0},
		{once, Trust{Keys: []TrustedKey{other, ecKey}, Threshold: 2}, "threshold", 0},
		{once, Trust{Keys: []TrustedKey{edKey, ecKey}, Threshold: 2, Bundles: [][]byte{second.Bundle}}, "", 2},
		{once, Trust{Keys: []TrustedKey{edKey, ecKey}, Threshold: 2, Bundles: [][]byte{first.Bundle}}, "threshold", 0}, // the same key twice is one
		{twice, Trust{Keys: []TrustedKey{ecKey}}, "", 1},
		{twice, Trust{Keys: []TrustedKey{edKey}}, "", 1},
		{twice, Trust{Keys: []TrustedKey{ecKey, edKey}, Threshold: 2}, "", 2},
		{twice, Trust{Keys: []TrustedKey{ecKey, edKey, other}, Threshold: 3}, "threshold", 0},
		{before, Trust{Keys: []TrustedKey{ecKey}}, "unsigned", 0},
		{before, Trust{Keys: []TrustedKey{ecKey}, Bundles: [][]byte{first.Bundle}}, "", 1},
	} {
		v, err := trusted(c.b, &c.p)
		if Class(err) != c.want || c.want == "" && (err != nil || len(v.SignedBy) != c.by || !strings.HasPrefix(v.Authenticity, "AUTHENTIC: signed by ")) {
			t.Errorf("threshold %d: want %q, got %+v %v", c.p.Threshold, c.want, v, err)
		}
	}
	if v, err := trusted(once, &Trust{Keys: []TrustedKey{ecKey}}); err != nil || v.Authenticity != "AUTHENTIC: signed by acme exit 2026 ("+ecKey.ID[:16]+")" {
		t.Error(v, err)
	}
	if _, err := trusted(once, &Trust{Keys: []TrustedKey{ecKey}, Threshold: 2}); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
	if _, err := trusted(once, &Trust{}); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}

	// Signing again, or by one too many, is said and changes nothing.
	if _, err := Sign(context.Background(), path, ec, nil); !errors.Is(err, ErrSigned) {
		t.Error(err)
	}
	if _, err := Sign(context.Background(), path, mustSigner(t), &SignOptions{Limits: &Limits{Attestations: 2}}); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
	if !bytes.Equal(read(t, path), twice) {
		t.Error("a refused signature changed the archive")
	}
	only(t, filepath.Dir(path), "a.ctxa")
}

// A detached signature leaves the archive as it is; its bytes can be those of a member.
func TestSignDetached(t *testing.T) {
	path := archiveFile(t)
	before := read(t, path)
	s, k := signingPair(t, true, "") // Ed25519 signs the same each time
	det := sign(t, path, s, &SignOptions{Detached: true})
	if !bytes.Equal(before, read(t, path)) || det.Member != "" {
		t.Error("changed")
	}
	only(t, filepath.Dir(path), "a.ctxa")
	if v, err := trusted(before, &Trust{Keys: []TrustedKey{k}, Bundles: [][]byte{det.Bundle}}); err != nil || len(v.SignedBy) != 1 {
		t.Error(v, err)
	}
	if in := sign(t, path, s, nil); !bytes.Equal(in.Bundle, det.Bundle) || !bytes.Contains(read(t, path), det.Bundle) {
		t.Error("other bytes inside")
	}
	// A signature of another archive.
	if _, err := trusted(sealed(t, nil, state(5)...), &Trust{Keys: []TrustedKey{k}, Bundles: [][]byte{det.Bundle}}); !errors.Is(err, ErrStatement) {
		t.Error(err)
	}
}

// Whatever byte is flipped in a signed archive, it is not authentic any more. Most are tried in its tail,
// where the signature is; every one there with EXITRAMP_LOAD=1.
func TestSignedFlips(t *testing.T) {
	path := archiveFile(t)
	s, k := signingPair(t, false, "a")
	sign(t, path, s, nil)
	b := read(t, path)
	p := &Trust{Keys: []TrustedKey{k}}
	if _, err := trusted(b, p); err != nil {
		t.Fatal(err)
	}
	classes := map[string]int{}
	step, far := loadtest.Of(11, 1), loadtest.Of(77, 7)
	for i := range b {
		if i%step != 0 || i < len(b)-6000 && i%far != 0 {
			continue
		}
		b[i] ^= 1
		v, err := trusted(b, p)
		if err == nil {
			t.Fatalf("byte %d: %+v", i, v)
		}
		classes[Class(err)]++
		b[i] ^= 1
	}
	if classes[""] > 0 || classes["digest"] == 0 {
		t.Errorf("%v", classes)
	}
	t.Log(classes)
}

// cloud is a signer that is no file, and may misbehave.
type cloud struct {
	crypto.Signer
	spoil func([]byte) []byte
	err   error
}

func (c cloud) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	b, err := c.Signer.Sign(r, digest, o)
	if err == nil && c.spoil != nil {
		b = c.spoil(b)
	}
	return b, err
}

// A signature with the larger s is turned into the other form; what does not verify is not written.
func TestSigner(t *testing.T) {
	path := archiveFile(t)
	before := read(t, path)
	ec, k := signingPair(t, false, "")
	ed, _ := signingPair(t, true, "")
	rsaLike := errors.New("the token was taken out")
	for name, s := range map[string]crypto.Signer{
		"fails":   cloud{Signer: ec, err: rsaLike},
		"garbage": cloud{Signer: ec, spoil: func([]byte) []byte { return []byte("garbage") }},
		"other":   cloud{Signer: ec, spoil: func(b []byte) []byte { return otherForm(t, b, 7) }},
		"ed":      cloud{Signer: ed, spoil: func(b []byte) []byte { b[3] ^= 1; return b }},
	} {
		if _, err := Sign(context.Background(), path, s, nil); err == nil || !strings.Contains(err.Error(), "signer") {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(before, read(t, path)) {
			t.Fatalf("%s: the archive changed", name)
		}
		only(t, filepath.Dir(path), "a.ctxa")
	}
	if _, err := Sign(context.Background(), path, cloud{Signer: ec, err: rsaLike}, nil); !errors.Is(err, rsaLike) {
		t.Error(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(context.Background(), path, p384, nil); err == nil || !strings.Contains(err.Error(), "P-384: want P-256") {
		t.Error(err)
	}

	sign(t, path, cloud{Signer: ec, spoil: func(b []byte) []byte { return otherForm(t, b, 0) }}, nil)
	if _, err := trusted(read(t, path), &Trust{Keys: []TrustedKey{k}}); err != nil {
		t.Error(err)
	}
}

// What is broken is not signed; nor is what is not there. A link stays one.
func TestSignRefuses(t *testing.T) {
	ctx, s := context.Background(), mustSigner(t)
	path := archiveFile(t)
	b := read(t, path)
	at := bytes.Index(b, []byte("data/r/memory/"))
	b[at+100] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []*SignOptions{nil, {Detached: true}} {
		if _, err := Sign(ctx, path, s, o); !errors.Is(err, ErrDigest) {
			t.Error(err)
		}
		if _, err := Sign(ctx, filepath.Join(filepath.Dir(path), "nosuch"), s, o); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	only(t, filepath.Dir(path), "a.ctxa")

	path = archiveFile(t)
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	sign(t, link, s, nil)
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is none any more", err)
	}
	if info, err := Inspect(bytes.NewReader(read(t, path)), int64(len(read(t, path))), &ReaderOptions{Policy: IntegrityOnly()}); err != nil || info.Attestations != 1 {
		t.Error(info, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Sign(cancelled, path, mustSigner(t), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	only(t, filepath.Dir(path), "a.ctxa", "link")
}
