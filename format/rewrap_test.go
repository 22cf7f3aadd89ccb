package format

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
)

// opens tells whether id opens all of the archive, to the last record.
func opens(t *testing.T, path string, id age.Identity) bool {
	t.Helper()
	b := read(t, path)
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), &ReaderOptions{Policy: IntegrityOnly(), Identities: []age.Identity{id}})
	if errors.Is(err, ErrNoIdentity) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Records(context.Background(), nil) {
		if errors.Is(err, ErrNoIdentity) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return true
}

// Rewrap lets others in and those who were in out; signature, manifest and every other byte that
// was stored stay.
func TestRewrap(t *testing.T) {
	oldID, old := keyPair(t, true)
	newID, now := keyPair(t, true)
	pqID, pq := keyPair(t, false)
	secondID, second := keyPair(t, true)
	_, phrase := passphrase(t, "correct horse")
	signer, key := signingPair(t, false, "acme")
	path := filepath.Join(t.TempDir(), "a.ctxa")
	o := &WriterOptions{Recipients: []age.Recipient{old, pq}, Compartments: []Compartment{{
		Name: "memories", Recipients: []age.Recipient{second}, Match: func(r agentstate.Record) bool { return agentstate.KindOf(r) == "memory" },
	}}}
	if err := os.WriteFile(path, sealed(t, o, state(9)...), 0o640); err != nil {
		t.Fatal(err)
	}
	sign(t, path, signer, nil)
	before := read(t, path)
	for what, o := range map[string]*RewrapOptions{
		"no recipients":     {Identities: []age.Identity{oldID}},
		"a stranger's key":  {Identities: []age.Identity{newID}, Recipients: map[int][]age.Recipient{0: {now}}},
		"a weaker one":      {Identities: []age.Identity{oldID}, Recipients: map[int][]age.Recipient{0: {phrase}}},
		"no compartment 2":  {Identities: []age.Identity{oldID}, Recipients: map[int][]age.Recipient{2: {now}}},
		"not this one's":    {Identities: []age.Identity{oldID}, Recipients: map[int][]age.Recipient{1: {now}}},
		"an empty list":     {Identities: []age.Identity{oldID}, Recipients: map[int][]age.Recipient{0: {}}},
		"too many of them":  {Identities: []age.Identity{oldID}, Recipients: map[int][]age.Recipient{0: {now}}, Limits: &Limits{Wraps: 0, Members: 3}},
		"no options at all": nil,
	} {
		if err := Rewrap(t.Context(), path, o); err == nil || !bytes.Equal(read(t, path), before) {
			t.Errorf("%s: %v", what, err)
		}
		only(t, filepath.Dir(path), "a.ctxa")
	}
	if err := Rewrap(t.Context(), path, &RewrapOptions{Identities: []age.Identity{oldID, secondID}, Recipients: map[int][]age.Recipient{0: {now, pq}, 1: {now}}}); err != nil {
		t.Fatal(err)
	}
	only(t, filepath.Dir(path), "a.ctxa")
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if opens(t, path, oldID) || opens(t, path, secondID) || opens(t, path, pqID) || !opens(t, path, newID) {
		t.Error("opened by others than the list says")
	}
	after := read(t, path)
	if v, err := trusted(after, &Trust{Keys: []TrustedKey{key}}); err != nil || len(v.SignedBy) != 1 {
		t.Errorf("the signature: %v", err)
	}
	was, is := open(t, before, &ReaderOptions{Identities: []age.Identity{oldID}, Partial: true}).c.a, open(t, after, &ReaderOptions{Identities: []age.Identity{newID}}).c.a
	for name, m := range was.members {
		if m.place.typ == typeKey {
			continue
		}
		a, err := was.stored(name)
		b, err2 := is.stored(name)
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v, %v", name, err, err2)
		}
	}
	// The same list again, and back: nothing piles up.
	if err := Rewrap(t.Context(), path, &RewrapOptions{Identities: []age.Identity{newID}, Recipients: map[int][]age.Recipient{0: {old}}}); err != nil {
		t.Fatal(err)
	}
	if is := open(t, read(t, path), &ReaderOptions{Identities: []age.Identity{newID}, Partial: true}).c.a; len(is.wraps[0]) != 1 || len(is.wraps[1]) != 1 {
		t.Errorf("key files: %d, %d", len(is.wraps[0]), len(is.wraps[1]))
	}
	if err := Rewrap(t.Context(), archiveFile(t), &RewrapOptions{Recipients: map[int][]age.Recipient{0: {old}}}); !errors.Is(err, ErrOptions) {
		t.Errorf("an archive that is not encrypted: %v", err)
	}
}

// Verify says whether somebody who must be able to open an archive can; in part is not enough.
func TestRequire(t *testing.T) {
	ownID, own := keyPair(t, true)
	escrowID, escrow := keyPair(t, true)
	b := sealed(t, &WriterOptions{Recipients: []age.Recipient{own, escrow}, Compartments: []Compartment{{
		Name: "memories", Recipients: []age.Recipient{own}, Match: func(r agentstate.Record) bool { return agentstate.KindOf(r) == "memory" },
	}}}, state(3)...)
	for _, stored := range []bool{false, true} {
		for _, c := range []struct {
			ids  []age.Identity
			want error
		}{{nil, nil}, {[]age.Identity{ownID}, nil}, {[]age.Identity{ownID, escrowID}, ErrNoIdentity}} {
			o := &VerifyOptions{ReaderOptions: ReaderOptions{Policy: IntegrityOnly(), Identities: []age.Identity{ownID}}, StoredOnly: stored, Require: c.ids}
			_, err := Verify(t.Context(), bytes.NewReader(b), int64(len(b)), o)
			if !errors.Is(err, c.want) {
				t.Errorf("%d required, stored %t: %v", len(c.ids), stored, err)
			}
			var e *Error
			if c.want != nil && (!errors.As(err, &e) || e.Member != "keys/1") {
				t.Errorf("names %+v", e)
			}
		}
	}
}
