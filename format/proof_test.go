package format

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// secrets is memories of which each has a text of its own.
func secrets(n int) []agentstate.Record {
	out := []agentstate.Record{
		&pb.Origin{Meta: agentstate.Meta("origin", nil, "test"), Product: "test", Location: "unit test"},
		&pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "s"), Path: []string{"s"}},
	}
	for i := range n {
		out = append(out, &pb.Memory{
			Meta: agentstate.Meta("memory", nil, fmt.Sprint("name-", i)), SpaceKey: "memoryspace/s", Content: &pb.Memory_Text{Text: fmt.Sprintf("door code %04d of house-%d.", i*37, i)},
		})
	}
	return out
}

func prove(t testing.TB, r *Reader, key string) []byte {
	t.Helper()
	b, err := r.Prove(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every record of an archive of several shards has a proof, which holds without the archive; so
// it does in an encrypted one of several compartments of which one alone is open.
func TestProve(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recs := secrets(60)
	for name, o := range map[string]*WriterOptions{
		"plain": {ShardSize: 200},
		"age": {ShardSize: 200, Recipients: []age.Recipient{other.Recipient()}, Compartments: []Compartment{{
			Name: "memories", Recipients: []age.Recipient{id.Recipient()}, Match: func(r agentstate.Record) bool { return agentstate.KindOf(r) == "memory" },
		}}},
	} {
		r := open(t, sealed(t, o, recs...), &ReaderOptions{Identities: []age.Identity{id}, Partial: true})
		n := 0
		for _, rec := range recs {
			if name == "age" && agentstate.KindOf(rec) != "memory" {
				continue
			}
			n++
			b := prove(t, r, rec.GetMeta().GetKey())
			got, err := CheckProof(b, &ReaderOptions{Policy: IntegrityOnly(), MinSequence: 1})
			if err != nil {
				t.Fatalf("%s: %s: %v", name, rec.GetMeta().GetKey(), err)
			}
			if !proto.Equal(got.Record, rec) || got.Key != rec.GetMeta().GetKey() || got.Kind != agentstate.KindOf(rec) {
				t.Errorf("%s: proves %s, want %s", name, got.Key, rec.GetMeta().GetKey())
			}
			if got.ManifestSHA256 != r.Info().ManifestSHA256 || got.ArchiveID != r.Info().ArchiveID || !strings.HasPrefix(got.Freshness, "checked: ") || !strings.HasPrefix(got.Authenticity, "not checked") {
				t.Errorf("%+v", got)
			}
		}
		if n < 60 || r.Info().Members < 20 {
			t.Errorf("%s: %d proofs, %d members", name, n, r.Info().Members)
		}
		if _, err := r.Prove(context.Background(), "memory/none"); !errors.Is(err, agentstate.ErrNotFound) {
			t.Error(err)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Package tlog, which others wrote, checks both levels of a proof, against the roots that Inspect tells.
func TestProofByTlog(t *testing.T) {
	raw := sealed(t, &WriterOptions{ShardSize: 300}, secrets(50)...)
	r := open(t, raw, nil)
	info, err := Inspect(bytes.NewReader(raw), int64(len(raw)), &ReaderOptions{Policy: IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	top, err := tlog.ParseHash(base64.StdEncoding.EncodeToString(unhex(t, info.RecordsRoot)))
	if err != nil || len(info.Roots["memory"]) < 5 || len(info.Roots["memoryspace"]) != 1 {
		t.Fatalf("%v, %+v", err, info)
	}
	for _, i := range []int{0, 7, 23, 49} {
		b := prove(t, r, fmt.Sprint("memory/name-", i))
		p, err := parseProof(b, &r.c.a.lim)
		if err != nil {
			t.Fatal(err)
		}
		hashes := func(in []tree.Hash) (out tlog.RecordProof) {
			for _, h := range in {
				out = append(out, tlog.Hash(h))
			}
			return out
		}
		before := 0 // shards of memories ahead of this one
		for n, s := range r.c.shards {
			if s.Kind == "memory" && n < p.ordinal {
				before++
			}
		}
		root := tlog.Hash(unhex(t, info.Roots["memory"][before]))
		leaf := tlog.RecordHash([]byte("exitramp record v1\x00memory\x00" + string(p.nonce[:]) + string(p.record)))
		if err := tlog.CheckRecord(hashes(p.path), int64(p.count), root, int64(p.position), leaf); err != nil {
			t.Error(err)
		}
		leaf = tlog.Hash(tree.ShardLeaf(p.kind, p.ordinal, p.count, tree.Hash(root)))
		if err := tlog.CheckRecord(hashes(p.shards), int64(info.Shards), top, int64(p.ordinal-1), leaf); err != nil {
			t.Error(err)
		}
	}
}

// A proof tells nothing of its neighbours: no other text, no other nonce, and no salt, from which
// nonces could be made.
func TestProofRevealsNoNeighbour(t *testing.T) {
	recs := secrets(40)
	r := open(t, sealed(t, &WriterOptions{ShardSize: 400}, recs...), nil)
	nonces, salts := map[string]string{}, map[string]bool{}
	for _, s := range r.c.shards {
		raw, err := r.loadRaw(s)
		if err != nil {
			t.Fatal(err)
		}
		h := &pb.ShardHeader{}
		err = walkShard(raw.raw, func(b []byte) error { return proto.Unmarshal(b, h) }, func(i int, rec []byte) error {
			n := tree.NewHasher("", h.Salt).Nonce(uint64(i))
			m := agentstate.New(s.Kind)
			if err := proto.Unmarshal(rec, m); err != nil {
				return err
			}
			nonces[string(n[:])] = m.GetMeta().GetKey()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		salts[string(h.Salt)] = true
	}
	if len(nonces) != len(recs) || len(salts) < 3 {
		t.Fatalf("%d nonces of %d records, %d salts", len(nonces), len(recs), len(salts))
	}
	for _, rec := range recs {
		key := rec.GetMeta().GetKey()
		b := prove(t, r, key)
		all := everything(t, b)
		own := 0
		for n, of := range nonces {
			if !strings.Contains(all, n) {
				continue
			}
			if own++; of != key {
				t.Errorf("%s: the nonce of %s is in it", key, of)
			}
		}
		if own != 1 {
			t.Errorf("%s: %d nonces in it: the test sees none, or too much", key, own)
		}
		for s := range salts {
			if strings.Contains(all, s) {
				t.Errorf("%s: a salt is in it", key)
			}
		}
		for _, o := range recs {
			m, ok := o.(*pb.Memory)
			if ok && m.Meta.Key != key && (strings.Contains(all, m.GetText()) || strings.Contains(all, m.Meta.Key+"\x12") || strings.Contains(all, m.Meta.Key+"\"")) {
				t.Errorf("%s: text or key of %s is in it", key, m.Meta.Key)
			}
		}
		if m, ok := rec.(*pb.Memory); ok && !strings.Contains(all, m.GetText()) {
			t.Errorf("%s: its own text is not in it: the test sees nothing", key)
		}
	}
}

// everything is a proof with all that is in it taken out of base64 and hexadecimal.
func everything(t *testing.T, b []byte) string {
	t.Helper()
	var out strings.Builder
	out.Write(b)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case string:
			if raw, err := hex.DecodeString(v); err == nil {
				out.Write(raw)
			}
			if raw, err := base64.StdEncoding.DecodeString(v); err == nil {
				out.Write(raw)
			}
		}
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	walk(v)
	return out.String()
}

// A signed archive's proof is authentic, with the signature inside or given beside.
func TestProofSigned(t *testing.T) {
	signer, key := signingPair(t, false, "acme")
	other, stranger := signingPair(t, true, "audit")
	path := archiveFile(t)
	sig := sign(t, path, other, &SignOptions{Detached: true})
	sign(t, path, signer, nil)
	r := open(t, read(t, path), nil)
	b, err := r.Prove(t.Context(), "memory/s/0", sig.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	got, err := CheckProof(b, &ReaderOptions{Policy: &Trust{Keys: []TrustedKey{key, stranger}, Threshold: 2}})
	if err != nil || len(got.SignedBy) != 2 || !strings.HasPrefix(got.Authenticity, "AUTHENTIC: signed by acme") {
		t.Errorf("%v, %+v", err, got)
	}
	_, third := signingPair(t, true, "third")
	for what, err := range map[string]error{
		"another key":  second(CheckProof(b, &ReaderOptions{Policy: &Trust{Keys: []TrustedKey{third}}})),
		"no signature": second(CheckProof(prove(t, open(t, sealed(t, nil, secrets(1)...), nil), "memory/name-0"), &ReaderOptions{Policy: &Trust{Keys: []TrustedKey{key}}})),
		"no policy":    second(CheckProof(b, &ReaderOptions{})),
		"no options":   second(CheckProof(b, nil)),
		"too old":      second(CheckProof(b, &ReaderOptions{Policy: IntegrityOnly(), MinSequence: 9})),
	} {
		want := map[string]error{"another key": ErrUntrusted, "no signature": ErrUnsigned, "no policy": ErrNoPolicy, "no options": ErrNoPolicy, "too old": ErrStale}[what]
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wrong := sign(t, archiveFile(t), other, &SignOptions{Detached: true})
	if _, err := r.Prove(t.Context(), "memory/s/0", wrong.Bundle); !errors.Is(err, ErrStatement) {
		t.Errorf("the signature of another archive: %v", err)
	}
	if _, err := r.Prove(t.Context(), "memory/s/0", []byte("{}")); !errors.Is(err, ErrBundle) {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// What a proof says is refused when anything in it is another: record, nonce, place, path,
// manifest, spelling.
func TestProofRefused(t *testing.T) {
	r := open(t, sealed(t, &WriterOptions{ShardSize: 300}, secrets(50)...), nil)
	foreign := open(t, sealed(t, &WriterOptions{ShardSize: 300}, secrets(50)...), nil)
	b := prove(t, r, "memory/name-20")
	for what, change := range map[string]func(p *proof){
		"record":            func(p *proof) { p.record[len(p.record)-1] ^= 1 },
		"record longer":     func(p *proof) { p.record = append(p.record, 0) },
		"nonce":             func(p *proof) { p.nonce[0] ^= 1 },
		"kind":              func(p *proof) { p.kind = "message" },
		"position":          func(p *proof) { p.position ^= 1 },
		"position outside":  func(p *proof) { p.position = p.count },
		"count":             func(p *proof) { p.count++ },
		"count large":       func(p *proof) { p.count = 1 << 63 },
		"ordinal":           func(p *proof) { p.ordinal++ },
		"ordinal zero":      func(p *proof) { p.ordinal = 0 },
		"ordinal large":     func(p *proof) { p.ordinal = 1 << 63 },
		"path shorter":      func(p *proof) { p.path = p.path[1:] },
		"path longer":       func(p *proof) { p.path = append(p.path, p.path[0]) },
		"path hash":         func(p *proof) { p.path[0][31] ^= 1 },
		"shards shorter":    func(p *proof) { p.shards = nil },
		"shards hash":       func(p *proof) { p.shards[1][0] ^= 1 },
		"another manifest":  func(p *proof) { p.manifest = second2(foreign.c.a.stored(nameManifest)) },
		"a node as a leaf":  func(p *proof) { p.record, p.path = append(p.path[0][:], p.nonce[:]...), p.path[1:] },
		"manifest not JSON": func(p *proof) { p.manifest = []byte("{") },
	} {
		p, err := parseProof(b, &r.c.a.lim)
		if err != nil {
			t.Fatal(err)
		}
		change(p)
		_, err = CheckProof(p.marshal(), &ReaderOptions{Policy: IntegrityOnly()})
		if want := map[string]string{"manifest not JSON": "manifest", "count large": "limit"}[what]; Class(err) != want && (want != "" || Class(err) != "proof") {
			t.Errorf("%s: %v", what, err)
		}
	}
	text := string(b)
	for what, s := range map[string]string{
		"empty": "", "not JSON": "x", "a list": "[]", "trailing": text + "{}", "no newline": strings.TrimSpace(text), "space": strings.Replace(text, ":", ": ", 1),
		"unknown key": strings.Replace(text, `{"format"`, `{"more":1,"format"`, 1), "key twice": strings.Replace(text, `{"format"`, `{"kind":"memory","format"`, 1),
		"other format": strings.Replace(text, "ctxa-proof/1", "ctxa-proof/2", 1), "missing": strings.Replace(text, `"bundles":[]`, `"bundle":[]`, 1),
		"nonce too long": strings.Replace(text, `"nonce":"`, `"nonce":"00`, 1), "nonce too short": strings.Replace(text, `"nonce":"`, `"nonce":"","x":"`, 1),
		"upper case": strings.Replace(text, `"nonce":"`, `"nonce":"A`, 1), "17 bundles": strings.Replace(text, `"bundles":[]`, `"bundles":["",`+strings.Repeat(`"",`, 15)+`""]`, 1),
		"control kind": strings.Replace(text, `"kind":"memory"`, `"kind":"mark"`, 1),
	} {
		if _, err := CheckProof([]byte(s), &ReaderOptions{Policy: IntegrityOnly()}); Class(err) != "proof" || !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := CheckProof(make([]byte, maxProof+1), &ReaderOptions{Policy: IntegrityOnly()}); Class(err) != "limit" {
		t.Error(err)
	}
}

func second2(b []byte, _ error) []byte { return b }

// A proof of any other bytes is refused with a class.
func FuzzProof(f *testing.F) {
	r := open(f, sealed(f, &WriterOptions{ShardSize: 300}, secrets(20)...), nil)
	good := map[string]bool{}
	for i := range 20 {
		b := prove(f, r, fmt.Sprint("memory/name-", i))
		good[string(b)] = true
		if i%5 == 0 {
			f.Add(b)
			f.Add(bytes.Replace(b, []byte(`"position":`), []byte(`"position":1`), 1))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := CheckProof(b, &ReaderOptions{Policy: IntegrityOnly()})
		if err != nil && Class(err) == "" {
			t.Fatalf("no class: %v", err)
		}
		if err != nil {
			return
		}
		// Signatures that nobody asked for are of no account, and whoever writes the whole of it
		// can state any record: under another manifest.
		p, err := parseProof(b, &r.c.a.lim)
		if err != nil {
			t.Fatal(err)
		}
		p.bundles = nil
		if got.ManifestSHA256 == r.c.a.manSum && !good[string(p.marshal())] {
			t.Fatalf("changed, and holds: %s", b)
		}
	})
}

// SPEC.md names the parts of a proof as they stand in one.
func TestSpecProof(t *testing.T) {
	_, rest, _ := strings.Cut(spec(t), `{"format":"`+proofFormat)
	text, _, ok := strings.Cut(rest, "]}")
	if !ok {
		t.Fatalf("SPEC.md does not say %s", proofFormat)
	}
	keys := func(s string) string {
		return fmt.Sprint(regexp.MustCompile(`"[a-z]+":`).FindAllString(s, -1))
	}
	b := prove(t, open(t, sealed(t, nil, secrets(1)...), nil), "memory/name-0")
	if _, got, _ := strings.Cut(string(b), proofFormat); keys(got) != keys(text) {
		t.Errorf("a proof has %s, SPEC.md %s", keys(got), keys(text))
	}
}
