package format

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

const drillType = "https://example.org/drill/v1"

// aStatement is a statement of some 100 KB.
func aStatement() []byte {
	return fmt.Appendf(nil, `{"_type":%q,"subject":[{"name":"manifest.json","digest":{"sha256":"%064x"}}],"predicateType":%q,"predicate":{"why":%q}}`,
		statementType, 7, drillType, strings.Repeat("x", 100_000))
}

func TestStatement(t *testing.T) {
	for _, ed := range []bool{false, true} {
		signer, key := signingPair(t, ed, "ops")
		_, other := signingPair(t, ed, "other")
		want := aStatement()
		raw, err := SignStatement(t.Context(), want, signer, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, signed, err := CheckStatement(raw, &Trust{Keys: []TrustedKey{other, key}}, drillType)
		if err != nil || !bytes.Equal(got, want) || len(signed) != 1 || signed[0].Name != "ops" {
			t.Fatal(signed, err)
		}
		for name, tt := range map[string]struct {
			raw  []byte
			t    *Trust
			typ  string
			want error
		}{
			"other key":   {raw, &Trust{Keys: []TrustedKey{other}}, drillType, ErrUntrusted},
			"threshold":   {raw, &Trust{Keys: []TrustedKey{key, other}, Threshold: 2}, drillType, ErrThreshold},
			"other type":  {raw, &Trust{Keys: []TrustedKey{key}}, PredicateType, ErrStatement},
			"no trust":    {raw, &Trust{}, drillType, ErrOptions},
			"cut":         {raw[:len(raw)-2], &Trust{Keys: []TrustedKey{key}}, drillType, ErrBundle},
			"spelled":     {append(raw, ' '), &Trust{Keys: []TrustedKey{key}}, drillType, ErrBundle},
			"other bytes": {bytes.Replace(raw, []byte(`"payload":"e`), []byte(`"payload":"f`), 1), &Trust{Keys: []TrustedKey{key}}, drillType, ErrUntrusted},
			"no stamp":    {raw, &Trust{Keys: []TrustedKey{key}, TSA: []*x509.Certificate{newTSA(t, x509.ExtKeyUsageTimeStamping).cert}}, drillType, ErrTimestamp},
		} {
			if _, _, err := CheckStatement(tt.raw, tt.t, tt.typ); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		if _, err := (&Trust{Keys: []TrustedKey{key}}).Check([]byte(`{"archive_id":"x"}`), [][]byte{raw[:200]}); err == nil {
			t.Error("a bundle about a drill passes for one about an archive")
		}
	}
}

func TestStatementRefuses(t *testing.T) {
	signer, _ := signingPair(t, false, "ops")
	for name, s := range map[string]string{
		"not JSON":    `{`,
		"no type":     `{"subject":[{}],"predicateType":"x"}`,
		"no subject":  `{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x"}`,
		"a key twice": `{"_type":"https://in-toto.io/Statement/v1","subject":[{}],"predicateType":"x","predicatetype":"y"}`,
	} {
		if _, err := SignStatement(t.Context(), []byte(s), signer, nil); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// TestUnsigned: without its signatures an archive is what it was before it was signed.
func TestUnsigned(t *testing.T) {
	path := archiveFile(t)
	before := read(t, path)
	signer, key := signingPair(t, false, "ops")
	sign(t, path, signer, nil)
	second, _ := signingPair(t, true, "two")
	sign(t, path, second, nil)
	signed := read(t, path)
	ra, size, err := Unsigned(bytes.NewReader(signed), int64(len(signed)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(ra, 0, size))
	if err != nil || !bytes.Equal(got, before) {
		t.Fatalf("%d bytes, want %d: %v", len(got), len(before), err)
	}
	if _, err := Verify(t.Context(), ra, size, &VerifyOptions{ReaderOptions: ReaderOptions{Policy: &Trust{Keys: []TrustedKey{key}}}}); Class(err) != "unsigned" {
		t.Errorf("%v, want unsigned", err)
	}
	if ra, size, err = Unsigned(bytes.NewReader(before), int64(len(before))); err != nil || size != int64(len(before)) || ra == nil {
		t.Error(size, err)
	}
	if _, _, err := Unsigned(bytes.NewReader(before[:100]), 100); err == nil {
		t.Error("no archive, and no error")
	}
}

// FuzzCheckStatement: whatever is given in place of a bundle is refused, or is that bundle.
func FuzzCheckStatement(f *testing.F) {
	signer, key := signingPair(f, true, "ops")
	want := []byte(`{"_type":"` + statementType + `","subject":[{"name":"a"}],"predicateType":"` + drillType + `"}`)
	raw, err := SignStatement(f.Context(), want, signer, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add(bytes.ReplaceAll(raw, []byte(`"sig"`), []byte(`"Sig"`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, _, err := CheckStatement(b, &Trust{Keys: []TrustedKey{key}}, drillType); err == nil && (!bytes.Equal(b, raw) || !bytes.Equal(got, want)) {
			t.Fatalf("%q", b)
		}
	})
}
