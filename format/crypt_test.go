package format

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func keyPair(t testing.TB, classic bool) (age.Identity, age.Recipient) {
	t.Helper()
	id, rec, err := GenerateIdentity(classic)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := ParseIdentities(strings.NewReader("# comment\n" + id + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := ParseRecipients(rec)
	if err != nil {
		t.Fatal(err)
	}
	return ids[0], rs[0]
}

// passphrase is cheap scrypt, for tests.
func passphrase(t testing.TB, s string) (age.Identity, age.Recipient) {
	t.Helper()
	id, err := PassphraseIdentity(s)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.NewScryptRecipient(s)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(4)
	return id, r
}

func TestEncrypted(t *testing.T) {
	pqID, pq := keyPair(t, false)
	classicID, classic := keyPair(t, true)
	passID, pass := passphrase(t, "correct horse")
	strangerID, _ := keyPair(t, false)
	recs := everyKind(3, 1)
	for _, c := range []struct {
		name    string
		to      []age.Recipient
		by      []age.Identity
		weakest string
		oldest  string
	}{
		{"pq", []age.Recipient{pq}, []age.Identity{pqID}, "pq", "1.3"},
		{"classic", []age.Recipient{classic}, []age.Identity{classicID}, "classic", "1.0"},
		{"mixed", []age.Recipient{pq, classic}, []age.Identity{pqID, classicID}, "classic", "1.0"},
		{"passphrase beside pq", []age.Recipient{pass, pq}, []age.Identity{pqID, passID}, "passphrase", "1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := sealed(t, &WriterOptions{Recipients: c.to}, recs...)
			for _, r := range recs {
				if k := r.GetMeta().GetKey(); bytes.Contains(b, []byte(k)) {
					t.Fatalf("%s is in the clear", k)
				}
			}
			for _, id := range c.by {
				o := ReaderOptions{Identities: []age.Identity{strangerID, id}}
				sameRecords(t, recs, collect(t, open(t, b, &o).Records(context.Background(), nil)))
				if v := verify(t, b, &VerifyOptions{ReaderOptions: o}); v.Level != LevelDeep || len(v.NotVerified) > 0 {
					t.Errorf("%+v", v)
				}
			}
			o := &ReaderOptions{Policy: IntegrityOnly()}
			info, err := Inspect(bytes.NewReader(b), int64(len(b)), o)
			if err != nil || info.Weakest != c.weakest || info.OpensWith != c.oldest || info.Open {
				t.Errorf("%+v, %v", info, err)
			}
			o.Identities = []age.Identity{strangerID}
			if _, err := NewReader(bytes.NewReader(b), int64(len(b)), o); !errors.Is(err, ErrNoIdentity) || Class(err) != "no-identity" {
				t.Errorf("stranger: %v", err)
			}
			if _, err := Verify(context.Background(), bytes.NewReader(b), int64(len(b)), &VerifyOptions{ReaderOptions: *o}); !errors.Is(err, ErrNoIdentity) {
				t.Errorf("stranger: %v", err) // who gave a key asked for the records
			}
			o.Identities = nil
			v := verify(t, b, &VerifyOptions{ReaderOptions: *o})
			if v.Level != LevelStored || len(v.NotVerified) != 1 || v.NotVerified[0] != "compartment 0" {
				t.Errorf("nobody: %+v", v)
			}
		})
	}
}

func TestCompartments(t *testing.T) {
	opsID, ops := keyPair(t, false)
	hrID, hr := keyPair(t, true)
	opts := &WriterOptions{Recipients: []age.Recipient{ops}, ShardSize: 2000, Compartments: []Compartment{{
		Name: "people-zq", Recipients: []age.Recipient{hr},
		Match: func(r agentstate.Record) bool { _, ok := r.(*pb.Principal); return ok },
	}}}
	recs := everyKind(loadtest.Of(6, 20), 2)
	b := sealed(t, opts, recs...)
	if bytes.Contains(b, []byte("people-zq")) {
		t.Error("name of a compartment in the clear")
	}
	var people, others []agentstate.Record
	for _, r := range recs {
		if _, ok := r.(*pb.Principal); ok {
			people = append(people, r)
		} else {
			others = append(others, r)
		}
	}
	for _, c := range []struct {
		ids  []age.Identity
		want []agentstate.Record
		shut string
	}{
		{[]age.Identity{opsID}, others, "compartment 1"},
		{[]age.Identity{hrID}, people, "compartment 0"},
		{[]age.Identity{opsID, hrID}, recs, ""},
	} {
		o := &ReaderOptions{Identities: c.ids, Partial: true}
		r := open(t, b, o)
		sameRecords(t, c.want, collect(t, r.Records(context.Background(), nil)))
		for _, w := range recs {
			_, err := r.Get(context.Background(), w.GetMeta().GetKey())
			if _, in := byKey(t, c.want)[w.GetMeta().GetKey()]; in != (err == nil) || !in && !errors.Is(err, agentstate.ErrNotFound) {
				t.Fatalf("%s: %v", w.GetMeta().GetKey(), err)
			}
		}
		v := verify(t, b, &VerifyOptions{ReaderOptions: *o})
		if c.shut == "" && v.Level != LevelDeep || c.shut != "" && (v.Level != LevelStored || v.NotVerified[0] != c.shut) {
			t.Errorf("%+v", v)
		}
		o.Partial = false
		var last error
		for _, err := range open(t, b, o).Records(context.Background(), nil) {
			last = err
		}
		if (c.shut == "") != (last == nil) || last != nil && !errors.Is(last, ErrNoIdentity) {
			t.Errorf("not partial: %v", last)
		}
	}
	info, err := Inspect(bytes.NewReader(b), int64(len(b)), &ReaderOptions{Policy: IntegrityOnly(), Identities: []age.Identity{opsID}})
	if err != nil || len(info.Compartments) != 2 || info.Compartments[1].Name != "people-zq" || info.Compartments[1].Open || info.Roots != nil {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestRecipientsAndIdentities(t *testing.T) {
	id, rec, err := GenerateIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseRecipients("# people\n" + rec + " " + rec + "\n"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "age1x", id} {
		if _, err := ParseRecipients(bad); err == nil || strings.Contains(err.Error(), id) {
			t.Errorf("%.12q: %v", bad, err)
		}
	}
	if _, err := ParseIdentities(strings.NewReader(id[:40])); err == nil || strings.Contains(err.Error(), id[20:40]) {
		t.Errorf("cut identity: %v", err)
	}
	if _, err := PassphraseRecipient(""); err == nil {
		t.Error("empty passphrase")
	}
}

func TestOptionsThatDoNotGoTogether(t *testing.T) {
	_, rec := keyPair(t, true)
	all := func(agentstate.Record) bool { return true }
	for _, o := range []*WriterOptions{
		{Compartments: []Compartment{{Recipients: []age.Recipient{rec}, Match: all}}},
		{Recipients: []age.Recipient{rec}, Compartments: []Compartment{{Match: all}}},
		{Recipients: []age.Recipient{rec}, Compartments: []Compartment{{Recipients: []age.Recipient{rec}}}},
		{Recipients: []age.Recipient{rec}, Compartments: make([]Compartment, 64)},
		{Recipients: []age.Recipient{rec}, Compartments: slices.Repeat([]Compartment{{Recipients: []age.Recipient{rec}, Match: all}}, 256), Limits: &Limits{Compartments: 1000}},
		{Seed: []byte("x")},
		{Base: "x"},
		{ShardSize: 1 << 30},
		{Tool: strings.Repeat("x", 300)},
	} {
		if _, err := NewWriter(&bytes.Buffer{}, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
