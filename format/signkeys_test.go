package format

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// signingPair is a signer and the trust in it.
func signingPair(t testing.TB, ed bool, name string) (crypto.Signer, TrustedKey) {
	t.Helper()
	private, public, err := GenerateSigningKey(ed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSigningKey(strings.NewReader(private))
	if err != nil {
		t.Fatal(err)
	}
	ks, err := ParseTrust(strings.NewReader("# " + name + "\n" + public))
	if err != nil || len(ks) != 1 {
		t.Fatal(err, ks)
	}
	return s, ks[0]
}

// archiveFile is a small archive on disk.
func archiveFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.ctxa")
	if err := os.WriteFile(path, sealed(t, nil, state(5)...), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sign(t testing.TB, path string, s crypto.Signer, o *SignOptions) *Signature {
	t.Helper()
	sig, err := Sign(context.Background(), path, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func trusted(b []byte, p Policy) (*Verification, error) {
	return Verify(context.Background(), bytes.NewReader(b), int64(len(b)), &VerifyOptions{ReaderOptions: ReaderOptions{Policy: p}})
}

func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range es {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

func mustSigner(t testing.TB) crypto.Signer { s, _ := signingPair(t, false, ""); return s }
