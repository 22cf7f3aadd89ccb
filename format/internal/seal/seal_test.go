package seal

import (
	"bytes"
	"errors"
	"testing"

	"filippo.io/age"
)

func passphrase(t testing.TB, s string, factor int) age.Recipient {
	r, err := age.NewScryptRecipient(s)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(factor)
	return r
}

func TestWrap(t *testing.T) {
	h, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	pw, err := age.NewScryptIdentity("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	other, _ := age.GenerateX25519Identity()
	for name, tc := range map[string]struct {
		rs    []age.Recipient
		class Class
		files int
	}{
		"pq":      {[]age.Recipient{h.Recipient()}, PQ, 1},
		"classic": {[]age.Recipient{x.Recipient()}, Classic, 1},
		"mixed":   {[]age.Recipient{h.Recipient(), x.Recipient()}, Classic, 2},
		"all":     {[]age.Recipient{passphrase(t, "correct horse", 10), h.Recipient(), x.Recipient()}, Passphrase, 3},
	} {
		if c, err := ClassOf(tc.rs); err != nil || c != tc.class || ParseClass(c.String()) != c {
			t.Errorf("%s: %v", name, c)
		}
		k, err := NewKey(tc.class)
		if err != nil {
			t.Fatal(err)
		}
		files, err := WrapFiles(k, tc.rs)
		if err != nil || len(files) != tc.files {
			t.Fatalf("%s: %d files, %v", name, len(files), err)
		}
		sealed, err := k.Seal([]byte("prefix"), []byte("plain"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range tc.rs {
			id := map[Class]age.Identity{PQ: h, Classic: x, Passphrase: pw}[classOf(r)]
			got, err := Unwrap(files, []age.Identity{id})
			if err != nil || got.RecipientSHA256() != k.RecipientSHA256() {
				t.Fatalf("%s: %v", name, err)
			}
			plain, err := got.Open(nil, sealed[len("prefix"):])
			if err != nil || string(plain) != "plain" {
				t.Fatalf("%s: %q, %v", name, plain, err)
			}
		}
		if _, err := Unwrap(files, []age.Identity{other}); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("%s: another identity: %v", name, err)
		}
		if again, err := NewSealer(k.Recipient()); err != nil || again.RecipientSHA256() != k.RecipientSHA256() {
			t.Errorf("%s: sealer: %v", name, err)
		} else if b, err := again.Seal(nil, []byte("later")); err != nil {
			t.Errorf("%s: sealer: %v", name, err)
		} else if plain, err := k.Open(nil, b); err != nil || string(plain) != "later" {
			t.Errorf("%s: sealer: %q, %v", name, plain, err)
		} else if _, err := again.Open(nil, b); !errors.Is(err, errSealOnly) {
			t.Errorf("%s: sealer opens: %v", name, err)
		}
		for i := range sealed[len("prefix"):] {
			b := bytes.Clone(sealed[len("prefix"):])
			b[i] ^= 1
			if _, err := k.Open(nil, b); err == nil {
				t.Fatalf("%s: flipped byte %d opens", name, i)
			}
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, c := range []Class{PQ, Classic} {
		b.Run(c.String(), func(b *testing.B) {
			k, err := NewKey(c)
			if err != nil {
				b.Fatal(err)
			}
			plain := make([]byte, 512<<10)
			var out []byte
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				if out, err = k.Seal(out[:0], plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, c := range []Class{PQ, Classic} {
		b.Run(c.String(), func(b *testing.B) {
			k, err := NewKey(c)
			if err != nil {
				b.Fatal(err)
			}
			sealed, err := k.Seal(nil, make([]byte, 512<<10))
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			b.SetBytes(512 << 10)
			b.ReportAllocs()
			for b.Loop() {
				if out, err = k.Open(out[:0], sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
