package format

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/memstate"
)

// The keys of an archive lie beside it: it opens with the folder, and never again without.
func TestKeysBeside(t *testing.T) {
	id, to := keyPair(t, true)
	otherID, other := keyPair(t, true)
	src := memstate.New(state(5)...)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.ctxa")
	o := &WriterOptions{Recipients: []age.Recipient{to}, KeysBeside: true}
	if _, err := Export(t.Context(), path, src, o, nil); err != nil {
		t.Fatal(err)
	}
	only(t, dir, "a.ctxa", "a.ctxa.keys")
	only(t, filepath.Join(dir, "a.ctxa.keys", "0"), "1.age")
	read := func(who age.Identity) (*Info, error) {
		r, err := Open(path, &ReaderOptions{Policy: IntegrityOnly(), Identities: []age.Identity{who}})
		if err != nil {
			return nil, err
		}
		defer r.Close()
		for _, err := range r.Records(t.Context(), nil) {
			if err != nil {
				return nil, err
			}
		}
		return r.Info(), nil
	}
	if in, err := read(id); err != nil || !in.Shreddable {
		t.Errorf("%v, %+v", err, in)
	}
	if _, err := read(otherID); !errors.Is(err, ErrNoIdentity) {
		t.Error(err)
	}
	// Others take over: more key files, then fewer.
	_, phrase := passphrase(t, "x")
	if err := Rewrap(t.Context(), path, &RewrapOptions{Identities: []age.Identity{id}, Recipients: map[int][]age.Recipient{0: {phrase}}}); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
	pqID, pq := keyPair(t, false)
	if err := Rewrap(t.Context(), path, &RewrapOptions{Identities: []age.Identity{id}, Recipients: map[int][]age.Recipient{0: {other, pq}}}); err != nil {
		t.Fatal(err)
	}
	only(t, dir, "a.ctxa", "a.ctxa.keys")
	only(t, filepath.Join(dir, "a.ctxa.keys", "0"), "1.age", "2.age")
	for who, want := range map[age.Identity]error{id: ErrNoIdentity, otherID: nil, pqID: nil} {
		if _, err := read(who); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if err := Rewrap(t.Context(), path, &RewrapOptions{Identities: []age.Identity{pqID}, Recipients: map[int][]age.Recipient{0: {to}}}); err != nil {
		t.Fatal(err)
	}
	only(t, filepath.Join(dir, "a.ctxa.keys", "0"), "1.age")
	if _, err := read(id); err != nil {
		t.Error(err)
	}
	// The folder of another archive is not written over, and what was read is not lost.
	if err := os.Rename(path, filepath.Join(dir, "moved.ctxa")); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), path, src, o, nil); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if err := os.Rename(path+".keys", filepath.Join(dir, "moved.ctxa.keys")); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), path, src, o, nil); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if _, err := read(id); err != nil {
		t.Error(err)
	}
	// Destroyed.
	if err := os.RemoveAll(path + ".keys"); err != nil {
		t.Fatal(err)
	}
	if _, err := read(id); !errors.Is(err, ErrNoIdentity) {
		t.Error(err)
	}
	// The keys of one archive do not open another.
	if err := os.Rename(filepath.Join(dir, "moved.ctxa.keys"), path+".keys"); err != nil {
		t.Fatal(err)
	}
	if _, err := read(id); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	key, err := os.ReadFile(filepath.Join(path+".keys", "0", "1.age"))
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n < 18; n++ {
		if err := writeKey(filepath.Join(path+".keys", "0", fmt.Sprintf("%d.age", n)), key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read(id); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
	if _, err := Create(filepath.Join(dir, "x.ctxa"), &WriterOptions{KeysBeside: true}); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
}
