package format

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
)

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
