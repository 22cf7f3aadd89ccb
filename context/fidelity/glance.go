package fidelity

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// glancer sees whether two records are alike in every field, and which fields they have, three times as
// fast as a flattener: records of equal bytes have equal fields. Whatever it cannot be sure of it leaves
// to the flattener: records with something of a later release, paths that were not met yet (so that
// both number them alike), blobs of unknown content, references that are mapped.
type glancer struct {
	f     *flattener
	sums  cipher.AEAD
	wire  []byte
	sum   glance
	nonce [12]byte

	kept   []byte // what of wire counts, but for native forms
	native []byte // those
	used   []uint16
	seen   []uint64 // by path: the record that had it last
	n      uint64   // records
	refs   []reference
	blob   bool // it holds a blob
	cites  bool // it cites data of its own
	self   string

	places  map[protoreflect.MessageDescriptor]*place // of records
	last    *place
	columns uint16 // path "native"; root: not met yet
}

type reference struct {
	path uint16
	key  string
}

// glance is what of two records is equal where they are alike: digests of their fields, and of their
// native forms; zero: they have none. They are keyed, with a key that one comparison has: nobody can look for two contents of
// one digest beforehand.
type glance struct{ fields, native [16]byte }

// sealer makes the digests of one comparison: GMAC, which of all that is proven is the fastest. The
// digests never leave the sealed file, so one nonce does for all.
func sealer() (cipher.AEAD, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func newGlancer(f *flattener, sums cipher.AEAD) *glancer {
	return &glancer{f: f, sums: sums, places: map[protoreflect.MessageDescriptor]*place{}, columns: root}
}

// look looks at r; false: the flattener has to. used are the paths of r then, and its references were
// told. b are its bytes; nil: not at hand.
func (g *glancer) look(r agentstate.Record, b []byte) (out glance, ok bool) {
	v, ok := r.(agentstate.Generated)
	if !ok || g.sums == nil {
		return out, false
	}
	if m, is := r.(*pb.Memory); is && m.TtlMinutes == 0 && math.Signbit(m.TtlMinutes) {
		return out, false // the bytes do not tell −0 from 0
	}
	if b == nil {
		b = g.marshal(v)
	}
	if b == nil {
		return out, false
	}
	p := g.place(r)
	g.n++
	g.self = r.GetMeta().GetKey()
	g.used, g.refs, g.blob, g.cites = g.used[:0], g.refs[:0], false, false
	g.native, g.kept = g.native[:0], append(append(g.kept[:0], p.name...), 0, 0, 0, 0)
	if !g.record(b, p) || g.blob && g.cites {
		return out, false
	}
	g.sums.Seal(g.sum.fields[:0], g.nonce[:], nil, g.kept)
	if g.sum.native = [16]byte{}; len(g.native) > 0 {
		g.sums.Seal(g.sum.native[:0], g.nonce[:], nil, g.native)
	}
	if g.f.ref != nil {
		for _, x := range g.refs {
			g.f.ref(x.path, x.key)
		}
	}
	return g.sum, true
}

// marshal is the wire form of v, until the next one; nil: it cannot be written.
func (g *glancer) marshal(v agentstate.Generated) []byte {
	n := v.SizeVT()
	if len(g.wire) < n || len(g.wire) > max(n, mostWire) {
		g.wire = make([]byte, max(n+n/2, firstWire))
	}
	b := g.wire[:n]
	if !agentstate.MarshalInto(b, v) {
		return nil
	}
	return b
}

const firstWire, mostWire = 64 << 10, 1 << 20 // of room that is kept

func (g *glancer) use(path uint16) {
	for len(g.seen) <= int(path) {
		g.seen = append(g.seen, 0)
	}
	if g.seen[path] != g.n {
		g.seen[path] = g.n
		g.used = append(g.used, path)
	}
}

// record takes the wire form of a record apart. What is after its Meta counts whole.
func (g *glancer) record(b []byte, p *place) bool {
	start, first := len(g.kept), true
	whole := b
	for ; len(b) > 0; first = false {
		n, typ, v, rest := next(b)
		if rest == nil {
			return false
		}
		b = rest
		if n != recordMeta {
			if !g.field(p, n, typ, v) {
				return false
			}
			continue
		}
		e := g.edge(p, n)
		if e == nil || e.wire != typ || len(v) == 0 || !first || !g.meta(v, e.sub, p) {
			return false
		}
		binary.BigEndian.PutUint32(g.kept[start-4:], uint32(len(g.kept)-start)) // where it ends
		whole = rest
	}
	if len(whole) < longBody {
		g.kept = append(g.kept, whole...)
	} else { // a vector
		g.kept = g.sums.Seal(g.kept, g.nonce[:], nil, whole)
	}
	return true
}

// longBody is from where on the digest of what is after Meta costs less than a copy of it.
const longBody = 4 << 10

// meta leaves out what is no field: keys, and labels of ours.
func (g *glancer) meta(b []byte, p, of *place) bool {
	for len(b) > 0 {
		n, typ, v, rest := next(b)
		if rest == nil {
			return false
		}
		whole := b[:len(b)-len(rest)]
		b = rest
		switch n {
		case metaKey, metaOrigin:
			if typ != protowire.BytesType {
				return false
			}
			continue
		case metaNative:
			if typ != protowire.BytesType {
				return false
			}
			if !g.f.bare {
				if !g.form(v, of) {
					return false
				}
				g.native = append(g.native, whole...)
			}
			continue
		case metaLabels:
			if typ == protowire.BytesType && own(v) {
				continue
			}
		}
		if !g.field(p, n, typ, v) {
			return false
		}
		g.kept = append(g.kept, whole...)
	}
	return true
}

// own tells whether a label is one of ours.
func own(label []byte) bool {
	for len(label) > 0 {
		n, _, v, rest := next(label)
		if n == labelName {
			return bytes.HasPrefix(v, []byte("exitramp:")) && agentstate.IsOwnLabel(&pb.Label{Name: string(v)})
		}
		label = rest
	}
	return false
}

func (g *glancer) message(b []byte, p *place) bool {
	for len(b) > 0 {
		n, typ, v, rest := next(b)
		if rest == nil || !g.field(p, n, typ, v) {
			return false
		}
		b = rest
	}
	return true
}

func (g *glancer) field(p *place, n protowire.Number, typ protowire.Type, v []byte) bool {
	e := g.edge(p, n)
	if e == nil || e.wire != typ {
		return false
	}
	switch e.is {
	case isData:
		return g.data(e.path, v)
	case isMessage:
		if len(v) == 0 {
			g.use(e.path) // an empty message is another thing than none
		}
		return g.message(v, e.sub)
	case isReference:
		if string(v) != e.last { // many of one parent come together
			e.last = string(v)
		}
		return g.reference(e.path, e.last)
	}
	g.use(e.path)
	return true
}

func (g *glancer) reference(path uint16, key string) bool {
	if g.f.key != nil && g.f.key(key) != key {
		return false
	}
	g.use(path)
	g.refs = append(g.refs, reference{path, key})
	return true
}

// data is like flattener.data. The digest of a blob stands for it; where it has none, somebody has to
// read it.
func (g *glancer) data(path uint16, b []byte) bool {
	for len(b) > 0 {
		n, typ, v, rest := next(b)
		switch {
		case rest == nil || typ != protowire.BytesType:
			return false
		case n == dataMediaType:
			id, ok := g.f.paths.ids[step{path, "media_type"}]
			if !ok {
				return false
			}
			g.use(id)
		case n == dataBlob:
			if !g.summed(v) {
				return false
			}
			g.blob = true
		case n != dataInline:
			return false
		}
		b = rest
	}
	g.use(path)
	return true
}

// summed tells whether a blob says the digest of its bytes.
func (g *glancer) summed(b []byte) bool {
	for len(b) > 0 {
		n, _, v, rest := next(b)
		if n == blobSHA256 {
			return len(v) == sha256.Size
		}
		b = rest
	}
	return false
}
