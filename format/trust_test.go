package format

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/exitramp/exitramp/format/formattest"
)

// pems are public keys in PEM.
func pems(t testing.TB, n int) []string {
	t.Helper()
	var out []string
	for i := range n {
		_, public, err := GenerateSigningKey(i%2 == 1)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, public)
	}
	return out
}

// Names, several keys, comments, and what is refused.
func TestParseTrust(t *testing.T) {
	k := pems(t, maxTrusted+1)
	for name, c := range map[string]struct {
		text string
		want []string // names
	}{
		"one":            {k[0], []string{""}},
		"named":          {"# acme\n" + k[0], []string{"acme"}},
		"several":        {"# acme\n" + k[0] + "#bob \n" + k[1] + k[2], []string{"acme", "bob", ""}},
		"comments":       {"# of the exit team\n\n# asked for in June\n# acme\n" + k[0] + "\n\n# the end\n", []string{"acme"}},
		"a line between": {"# acme\n\n" + k[0], []string{""}},
		"other lines":    {strings.ReplaceAll("# ünïcode\n"+k[0], "\n", "\r\n"), []string{"ünïcode"}},
	} {
		ks, err := ParseTrust(strings.NewReader(c.text))
		var names []string
		for _, k := range ks {
			names = append(names, k.Name)
		}
		if err != nil || fmt.Sprintf("%q", names) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s: %q %v", name, names, err)
		}
	}
	p384 := publicPEM(t, p384Key(t).Public())
	private, _, err := GenerateSigningKey(false)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := pem.Decode([]byte(k[0]))
	noisy := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: append(der.Bytes, 0)})
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "no trust file"},
		"comment only": {"# acme\n", "no trust file"},
		"text":         {"acme\n" + k[0], "line 1"},
		"cut":          {k[0][:100], "cut off"},
		"twice":        {k[0] + k[1] + k[0], "there already"},
		"rsa":          {publicPEM(t, rsaKey(t).Public()), "want ECDSA P-256 or Ed25519"},
		"p384":         {p384, "P-384: want P-256"},
		"private":      {private, "secret"},
		"certificate":  {"-----BEGIN CERTIFICATE-----\n", "openssl x509"},
		"headers":      {strings.Replace(k[0], "-----\n", "-----\nProc-Type: 4\n\n", 1), "not base64"},
		"trailing":     {string(noisy), "line"},
		"control name": {"# a\x1b[2J\n" + k[0], "do not print"},
		"bidi name":    {"# a\u202e\n" + k[0], "do not print"},
		"long name":    {"# " + strings.Repeat("a", 101) + "\n" + k[0], "longer"},
		"not text":     {"# \xff\n" + k[0], "not text"},
		"NUL":          {k[0] + "\x00", "neither"},
		"no base64":    {"-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n", "not base64"},
		"nothing in":   {"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "not a public key"},
		"too many":     {strings.Join(k, ""), "more than 64"},
		"too large":    {strings.Repeat("# x\n", maxTrustFile/4+1), "of more than"},
	} {
		ks, err := ParseTrust(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "MIGH") {
			t.Errorf("%s: %v %v, want %q", name, ks, err, c.want)
		}
	}
}

func p384Key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func publicPEM(t testing.TB, k crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// A signing key that is none is refused, and is not shown.
func TestParseSigningKey(t *testing.T) {
	p384 := p384Key(t)
	der, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	block := func(typ string, b []byte) string { return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b})) }
	for name, c := range map[string]struct{ text, want string }{
		"empty":     {"", "no signing key"},
		"age":       {"AGE-SECRET-KEY-1QQQ\n", "no signing key"},
		"public":    {pems(t, 1)[0], "want PRIVATE KEY"},
		"curve":     {block("PRIVATE KEY", der), "P-384: want P-256"},
		"sec1":      {block("EC PRIVATE KEY", sec1), "topk8"},
		"encrypted": {block("ENCRYPTED PRIVATE KEY", der), "encrypted"},
		"cosign":    {block("ENCRYPTED SIGSTORE PRIVATE KEY", der), "encrypted"},
		"garbage":   {block("PRIVATE KEY", []byte("garbage")), "not PKCS #8"},
	} {
		if s, err := ParseSigningKey(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "QQQ") {
			t.Errorf("%s: %v %v", name, s, err)
		}
	}
}

// Whatever is accepted as a bundle has one spelling, and nobody makes a second one that is
// authentic without the key.
func FuzzBundle(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.ctxa")
	if err := os.WriteFile(path, sealed(f, nil, state(1)...), 0o600); err != nil {
		f.Fatal(err)
	}
	p, good := &Trust{}, map[string]bool{}
	for _, ed := range []bool{false, true} {
		s, k := signingPair(f, ed, "")
		det, err := Sign(context.Background(), path, s, &SignOptions{Detached: true})
		if err != nil {
			f.Fatal(err)
		}
		p.Keys, good[string(det.Bundle)] = append(p.Keys, k), true
		f.Add(det.Bundle)
		f.Add(bytes.Replace(det.Bundle, []byte(`"hint"`), []byte(`"Hint":1,"hint"`), 1))
	}
	a, err := openArchive(bytes.NewReader(read(f, path)), int64(len(read(f, path))), &ReaderOptions{Policy: IntegrityOnly()})
	if err != nil {
		f.Fatal(err)
	}
	manifest, err := a.stored(nameManifest)
	if err != nil {
		f.Fatal(err)
	}
	vs, err := formattest.All()
	if err != nil {
		f.Fatal(err)
	}
	seeds := 0
	for _, v := range vs {
		if at := bytes.Index(v.Archive, []byte(`{"mediaType"`)); at > 0 && strings.HasPrefix(v.Name, "trust-") {
			end := bytes.IndexByte(v.Archive[at:], '\n')
			f.Add(bytes.Clone(v.Archive[at : at+end+1]))
			seeds++
		}
	}
	if seeds < 20 {
		f.Fatalf("%d seeds of the vectors", seeds)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if b, err := parseBundle(raw); err == nil {
			if !bytes.Equal(b.marshal(), raw) {
				t.Fatal("two spellings of a bundle")
			}
			if c, err := parseClaim(b.payload); err == nil && !bytes.Equal(c.marshal(), b.payload) {
				t.Fatal("two spellings of a statement")
			}
		}
		if c, err := parseClaim(raw); err == nil && !bytes.Equal(c.marshal(), raw) {
			t.Fatal("two spellings of a statement")
		}
		ks, err := p.Check(manifest, [][]byte{raw})
		if err == nil && (!good[string(raw)] || len(ks) != 1) {
			t.Fatalf("authentic: %q", raw)
		}
		if err != nil && (Class(err) == "" || good[string(raw)]) {
			t.Fatalf("no class, or a good one refused: %v", err)
		}
	})
}

// What a trust file gives can be written and read again, and is the same.
func FuzzTrust(f *testing.F) {
	k := pems(f, 3)
	f.Add([]byte("# acme\n" + k[0] + "\n# bob\n" + k[1] + k[2]))
	f.Add([]byte(k[0] + k[0]))
	f.Add([]byte(publicPEM(f, rsaKey(f).Public())))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\r\nMCow\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ks, err := ParseTrust(bytes.NewReader(raw))
		if err != nil {
			if len(err.Error()) > 300 {
				t.Fatalf("a long message: %v", err)
			}
			return
		}
		var again strings.Builder
		seen := map[string]bool{}
		for _, k := range ks {
			if seen[k.ID] || len(k.Name) > maxKeyName || strings.ContainsFunc(k.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q", k)
			}
			seen[k.ID] = true
			fmt.Fprintf(&again, "\n# %s\n%s", k.Name, publicPEM(t, k.public))
		}
		ks2, err := ParseTrust(strings.NewReader(again.String()))
		if err != nil || len(ks) == 0 || len(ks) != len(ks2) {
			t.Fatalf("%v\n%s", err, again.String())
		}
		for i := range ks {
			if ks[i].ID != ks2[i].ID || ks[i].Name != ks2[i].Name {
				t.Fatalf("%v and %v", ks[i], ks2[i])
			}
		}
	})
}
