package format

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/container"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// small is an archive with something of everything: records, vectors, a blob, an index.
func small(t testing.TB, o *WriterOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	recs := state(3)
	g := &filler{rand.New(rand.NewPCG(3, 3))}
	recs = append(recs, &pb.Embedding{Meta: &pb.Meta{Key: "embedding/1"}, Element: pb.Embedding_ELEMENT_FLOAT32, Vector: g.vector(64)}, putBlob(t, w, 1, []byte("blob content")))
	for _, r := range recs {
		if err := w.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tryVerify(b []byte, ids ...age.Identity) error {
	o := &VerifyOptions{ReaderOptions: ReaderOptions{Policy: IntegrityOnly(), Identities: ids}}
	v, err := Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	if err == nil && v.Level != LevelDeep {
		return errors.New("not deep")
	}
	return err
}

// A flip of any byte of a small archive is refused, and named with a class. One byte in some is tried,
// each of the plain one with EXITRAMP_LOAD=1; of the schema few.
func TestEveryByteFlip(t *testing.T) {
	id, rec := keyPair(t, true)
	for name, o := range map[string]*WriterOptions{"plain": {}, "encrypted": {Recipients: []age.Recipient{rec}}} {
		t.Run(name, func(t *testing.T) {
			b := small(t, o)
			if err := tryVerify(b, id); err != nil {
				t.Fatal(err)
			}
			set, _, err := Schema()
			if err != nil {
				t.Fatal(err)
			}
			schema := bytes.Index(b, set)
			step := 11
			switch {
			case name == "encrypted" && load():
				step = 11
			case name == "encrypted" || testing.Short():
				step = 53
			case load():
				step = 1
			}
			for i := 0; i < len(b); i += step {
				if i > schema && i < schema+len(set)-200 {
					i += 199
				}
				b[i] ^= 1 << (i % 8)
				err := tryVerify(b, id)
				if err == nil {
					t.Fatalf("byte %d flipped: not noticed", i)
				}
				if Class(err) == "" && err.Error() != "not deep" {
					t.Fatalf("byte %d flipped: no class: %v", i, err)
				}
				b[i] ^= 1 << (i % 8)
			}
		})
	}
}

// Bits flipped at random in a large archive are noticed as those of a small one are. The stored bytes
// alone are read: no flip gets past them, so none needs a key to be found.
func TestRandomFlips(t *testing.T) {
	flips, records := 300, 2_000
	if load() {
		flips, records = 10_000, 20_000
	}
	_, rec := keyPair(t, true)
	g := &filler{newRand()}
	var recs []agentstate.Record
	for i := range records {
		recs = append(recs, memory(g, i))
	}
	b := sealed(t, &WriterOptions{Recipients: []age.Recipient{rec}}, recs...)
	o := &VerifyOptions{ReaderOptions: ReaderOptions{Policy: IntegrityOnly()}, StoredOnly: true}
	try := func() error {
		_, err := Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o)
		return err
	}
	if err := try(); err != nil {
		t.Fatal(err)
	}
	named := map[string]int{}
	for range flips {
		at, bit := g.IntN(len(b)), byte(1)<<g.IntN(8)
		b[at] ^= bit
		err := try()
		if err == nil || Class(err) == "" {
			t.Fatalf("byte %d, bit %#x: %v", at, bit, err)
		}
		var e *Error
		if errors.As(err, &e) && e.Member != "" {
			named["with its member"]++
		}
		named[Class(err)]++
		b[at] ^= bit
	}
	t.Logf("%d flips in %d bytes: all noticed, %v", flips, len(b), named)
}

func TestTruncated(t *testing.T) {
	b := small(t, nil)
	cuts := []int{0, 1, 4, 30, 97, 98, len(b) - 1}
	es, err := container.Read(bytes.NewReader(b), int64(len(b)), container.Limits{Members: 100, Stored: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		cuts = append(cuts, int(e.Offset), int(e.DataOffset()), int(e.DataOffset()+e.Size))
	}
	g := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		cuts = append(cuts, g.IntN(len(b)))
	}
	for _, n := range cuts {
		err := tryVerify(slices.Clone(b[:n]))
		want := ErrTruncated
		if n < 4 {
			want = ErrNotArchive
		}
		if !errors.Is(err, want) {
			t.Errorf("cut at %d of %d: %v", n, len(b), err)
		}
	}
	if err := tryVerify(append(slices.Clone(b), "tail"...)); !errors.Is(err, ErrContainer) {
		t.Errorf("trailing bytes: %v", err)
	}
	for _, other := range []string{"", "hello, world", "PK\x03\x04 some other zip" + strings.Repeat("x", 200), strings.Repeat("\x00", 1000)} {
		if err := tryVerify([]byte(other)); !errors.Is(err, ErrNotArchive) {
			t.Errorf("%.20q: %v", other, err)
		}
	}
}

// rebuild writes the members of b again, changed by f, as a container without fault. A nil body
// leaves a member out.
func rebuild(t *testing.T, b []byte, f func(name string, body []byte) []byte) []byte {
	t.Helper()
	es, err := container.Read(bytes.NewReader(b), int64(len(b)), container.Limits{Members: 1000, Stored: 1 << 26})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := container.NewWriter(&out)
	for _, e := range es {
		body, err := container.ReadMember(bytes.NewReader(b), e)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(e.Name, "/")
		if body = f(name, bytes.Clone(body)); body == nil {
			continue
		}
		if _, err := w.Add(e.Name, body, crc32.ChecksumIEEE(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestMembersThatChange(t *testing.T) {
	b := small(t, nil)
	for _, c := range []struct {
		name  string
		class string
		f     func(name string, body []byte) []byte
	}{
		{"shard swapped", "digest", func(n string, body []byte) []byte {
			if strings.HasPrefix(n, "data/r/memory/") {
				body[20] ^= 1
			}
			return body
		}},
		{"shard dropped", "digest", func(n string, body []byte) []byte {
			if strings.HasPrefix(n, "data/r/memory/") {
				return nil
			}
			return body
		}},
		{"list without its last line", "digest", func(n string, body []byte) []byte {
			if n == nameList {
				return body[:bytes.LastIndexByte(body[:len(body)-1], '\n')+1]
			}
			return body
		}},
		{"README a byte off", "manifest", func(n string, body []byte) []byte {
			if n == nameReadme {
				body[0] ^= 1
			}
			return body
		}},
		{"bagit a byte off", "manifest", func(n string, body []byte) []byte {
			if n == nameBagit {
				body[0] ^= 1
			}
			return body
		}},
		{"coverage raised", "manifest", func(n string, body []byte) []byte {
			if n == nameManifest {
				return bytes.Replace(body, []byte(`"UNKNOWN"`), []byte(`"RECONCILED"`), 1)
			}
			return body
		}},
		{"unknown requires", "version", func(n string, body []byte) []byte {
			if n == nameManifest {
				return bytes.Replace(body, []byte(`"requires": []`), []byte(`"requires": ["columns"]`), 1)
			}
			return body
		}},
		{"newer format", "version", func(n string, body []byte) []byte {
			if n == nameManifest {
				return bytes.Replace(body, []byte(`"ctxa/1"`), []byte(`"ctxa/2"`), 1)
			}
			return body
		}},
		{"no manifest", "container", func(n string, body []byte) []byte {
			if n == nameManifest {
				return nil
			}
			return body
		}},
		{"no schema", "digest", func(n string, body []byte) []byte {
			if strings.HasPrefix(n, "data/schema/") {
				return nil
			}
			return body
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := tryVerify(rebuild(t, b, c.f))
			var e *Error
			if !errors.As(err, &e) || Class(err) != c.class {
				t.Errorf("class %q, want %q: %v", Class(err), c.class, err)
			}
			t.Log(err)
		})
	}
}

func TestPolicy(t *testing.T) {
	b := small(t, nil)
	if _, err := NewReader(bytes.NewReader(b), int64(len(b)), &ReaderOptions{}); !errors.Is(err, ErrNoPolicy) {
		t.Error(err)
	}
	if _, err := NewReader(bytes.NewReader(b), int64(len(b)), nil); !errors.Is(err, ErrNoPolicy) {
		t.Error(err)
	}
	untrusted := errors.New("no bundle")
	p := policyFunc(func([]byte, [][]byte) ([]TrustedKey, error) { return nil, untrusted })
	if _, err := NewReader(bytes.NewReader(b), int64(len(b)), &ReaderOptions{Policy: p}); !errors.Is(err, ErrUntrusted) || !errors.Is(err, untrusted) {
		t.Error(err)
	}
	p = func([]byte, [][]byte) ([]TrustedKey, error) { return []TrustedKey{{ID: "9f3a"}}, nil }
	v := verify(t, b, &VerifyOptions{ReaderOptions: ReaderOptions{Policy: p, MinSequence: 1}})
	if v.Authenticity != "AUTHENTIC: signed by 9f3a" || !strings.HasPrefix(v.Freshness, "checked") {
		t.Errorf("%+v", v)
	}
	for _, o := range []*ReaderOptions{{MinSequence: 2}, {Lineage: "other"}} {
		o.Policy = IntegrityOnly()
		if _, err := NewReader(bytes.NewReader(b), int64(len(b)), o); !errors.Is(err, ErrStale) {
			t.Error(err)
		}
	}
}

type policyFunc func([]byte, [][]byte) ([]TrustedKey, error)

func (f policyFunc) Check(m []byte, b [][]byte) ([]TrustedKey, error) { return f(m, b) }

func TestReaderLimits(t *testing.T) {
	b := small(t, nil)
	for _, l := range []Limits{{Members: 3}, {Stored: 10}, {Raw: 10}, {Record: 10}, {Gaps: -1}} {
		o := &ReaderOptions{Policy: IntegrityOnly(), Limits: &l}
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), o)
		if err == nil {
			for _, err = range r.Records(context.Background(), nil) {
			}
		}
		if l.Gaps == 0 && !errors.Is(err, ErrLimit) && Class(err) != "payload" {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestReaderBreakAndCancel(t *testing.T) {
	b := sealed(t, &WriterOptions{ShardSize: 2000}, state(500)...)
	r := open(t, b, &ReaderOptions{Workers: 3})
	n := 0
	for _, err := range r.Records(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 7 {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n = 0
	var last error
	for _, err := range r.Records(ctx, nil) {
		if n++; n == 7 {
			cancel()
		}
		last = err
	}
	if n != 8 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d, %v", n, last)
	}
	if _, err := r.Get(context.Background(), "memory/none"); !errors.Is(err, agentstate.ErrNotFound) {
		t.Error(err)
	}
	kinds := map[string]bool{}
	for _, rec := range collect(t, r.Records(context.Background(), &agentstate.ReadOptions{Kinds: []string{"memoryspace"}})) {
		kinds[agentstate.KindOf(rec)] = true
	}
	if kinds["memory"] || !kinds["memoryspace"] || !kinds["completeness"] {
		t.Errorf("%v", kinds)
	}
	for _, err := range r.Records(context.Background(), &agentstate.ReadOptions{Cursor: []byte("x")}) {
		if !errors.Is(err, agentstate.ErrCursor) {
			t.Error(err)
		}
	}
}

// What the scanner accepts, Unmarshal accepts, and they agree about the key. What the quick
// decoder takes, the scanner accepts, and they agree about key and blobs.
func FuzzScanner(f *testing.F) {
	kinds := append(agentstate.Kinds(), "hologram")
	for _, r := range everyKind(2, 1) {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(slices.Index(kinds, agentstate.KindOf(r)), b)
	}
	deep := []byte{}
	for range 70 {
		deep = protowire.AppendTag(deep, 77, protowire.StartGroupType)
	}
	f.Add(3, deep)
	for _, num := range []protowire.Number{protowire.MaxValidNumber, protowire.MaxValidNumber + 1, math.MaxInt32} {
		for _, typ := range []protowire.Type{protowire.VarintType, protowire.BytesType} {
			b, err := proto.Marshal(agentstate.New("memory"))
			if err != nil {
				f.Fatal(err)
			}
			b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), "\x0a\x08memory/1")
			f.Add(slices.Index(kinds, "memory"), protowire.AppendVarint(protowire.AppendTag(b, num, typ), 0))
		}
	}
	f.Fuzz(func(t *testing.T, k int, b []byte) {
		if k < 0 || k >= len(kinds) {
			return
		}
		s := newScanner(64)
		s.refs = func([]byte) {}
		err := s.record(kinds[k], b)
		d := &decoder{c: &contents{a: &archive{lim: Limits{Depth: 64}}}}
		if r, _ := d.canonical(kinds[k], b); r != nil {
			if err != nil || r.GetMeta().GetKey() != string(s.key) || len(d.fast.Blobs) != len(s.blobs) {
				t.Fatalf("decoded: %q with %d blobs; scanned: %q with %d, %v", r.GetMeta().GetKey(), len(d.fast.Blobs), s.key, len(s.blobs), err)
			}
			for i, b := range d.fast.Blobs {
				if c := s.blobs[i]; b.Id != string(c.id) || !bytes.Equal(b.Sha256, c.sum) || b.Size != c.size {
					t.Fatalf("blob %d: decoded %v, scanned %q %x %d", i, b, c.id, c.sum, c.size)
				}
			}
		}
		if err != nil {
			return
		}
		r := agentstate.New(kinds[k])
		if err := (proto.UnmarshalOptions{RecursionLimit: 64}).Unmarshal(b, r); err != nil {
			t.Fatalf("scanner accepts, Unmarshal says %v", err)
		}
		if r.GetMeta().GetKey() != string(s.key) {
			t.Fatalf("key %q, scanner %q", r.GetMeta().GetKey(), s.key)
		}
		if s.view != (len(r.GetMeta().GetViewOfKeys()) > 0) {
			t.Fatalf("view %v", s.view)
		}
	})
}

// Bytes of a whole archive that are replaced or cut: refused with a class, or, where nothing has
// changed, read. The input is the edit alone, since a whole archive is too long to mutate.
func FuzzReader(f *testing.F) {
	base := small(f, nil)
	f.Add(0, []byte("PK"), 0)
	f.Add(len(base)-98, []byte("PK\x06\x06"), 0)
	f.Add(len(base)-22, []byte{}, 22)
	f.Fuzz(func(t *testing.T, at int, patch []byte, cut int) {
		if at < 0 || at > len(base) || cut < 0 || cut > len(base) {
			return
		}
		b := slices.Clone(base[:len(base)-cut])
		b = append(b[:min(at, len(b))], append(patch, b[min(at+len(patch), len(b)):]...)...)
		err := tryVerify(b)
		if err == nil && !bytes.Equal(b, base) {
			t.Fatal("other bytes, and not noticed")
		}
		if err != nil && Class(err) == "" {
			t.Fatalf("no class: %v", err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	rebuildSeed := small(f, nil)
	at := bytes.Index(rebuildSeed, []byte("{\n  \"format\""))
	end := bytes.Index(rebuildSeed[at:], []byte("\n}\n"))
	seed := rebuildSeed[at : at+end+3]
	lim := (*Limits)(nil).orDefault()
	if _, err := parseManifest(seed, &lim); err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(bytes.Replace(seed, []byte(`"ext": {}`), []byte(`"ext": {"later": [1, {"deep": null}]}`), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b, &lim)
		if err != nil {
			if Class(err) == "" {
				t.Fatalf("no class: %v", err)
			}
			return
		}
		out, err := m.marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseManifest(out, &lim)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		readme(again)
	})
}
