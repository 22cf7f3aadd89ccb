package fidelity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// field is a path and a digest of what a record holds there.
type field struct {
	path   uint16
	cites  bool // names other records, so that other citations may stand for the same bytes
	forms  bool // holds text or JSON, of which other bytes may be the same value
	digest [16]byte
}

func (f field) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, f.path)
	c := byte(0)
	if f.cites {
		c |= 1
	}
	if f.forms {
		c |= 2
	}
	return append(append(b, c), f.digest[:]...)
}

func fieldOf(b []byte) field {
	f := field{path: binary.LittleEndian.Uint16(b), cites: b[2]&1 != 0, forms: b[2]&2 != 0}
	copy(f.digest[:], b[3:])
	return f
}

// paths numbers the paths that were met.
type paths struct {
	ids     map[step]uint16
	names   []string
	refs    []bool // by path: it names records
	numbers []bool // by path: it is a number, a time, a flag or a word of a list
	flags   []bool // by path: it is true, or not there
}

// step is a name below a path.
type step struct {
	parent uint16
	name   string
}

// root is the path of a record.
const root = 1<<16 - 1

// maxPaths bounds them: names of native columns come from outside.
const maxPaths = 60_000

func newPaths() *paths { return &paths{ids: map[step]uint16{}} }

// id is the number of name below parent.
func (p *paths) id(parent uint16, name string) uint16 {
	if id, ok := p.ids[step{parent, name}]; ok {
		return id
	}
	if len(p.names) >= maxPaths {
		parent, name = root, "native.…"
		if id, ok := p.ids[step{parent, name}]; ok {
			return id
		}
	}
	full := name
	if parent != root {
		full = p.names[parent] + "." + name
	}
	id := uint16(len(p.names))
	p.ids[step{parent, strings.Clone(name)}] = id
	p.names = append(p.names, full)
	p.refs = append(p.refs, strings.HasSuffix(name, "_key") || strings.HasSuffix(name, "_keys"))
	p.numbers, p.flags = append(p.numbers, false), append(p.flags, false)
	return id
}

func (p *paths) native(id uint16) bool {
	return p.names[id] == "native" || strings.HasPrefix(p.names[id], "native.")
}

// flattener takes records apart.
type flattener struct {
	ctx   context.Context
	src   agentstate.Resolver
	paths *paths
	key   func(string) string           // maps references; nil: they stay
	ref   func(path uint16, key string) // is told of each reference; nil: nobody asks

	text  [][]byte // by path: what is there of the present record
	used  []uint16 // paths with a text
	cites map[uint16]bool
	forms map[uint16]bool
	bare  bool   // without native forms: there is nothing to compare them with
	canon bool   // by value: text in normal form, JSON in one form
	index []byte // where in its lists a value is
	err   error
}

func newFlattener(ctx context.Context, src agentstate.Source, p *paths, key func(string) string) *flattener {
	return &flattener{ctx: ctx, src: agentstate.ResolverOf(src), paths: p, key: key, cites: map[uint16]bool{}, forms: map[uint16]bool{}}
}

// flatten is the fields of r, by path.
func (f *flattener) flatten(r agentstate.Record) ([]field, error) {
	clear(f.cites)
	clear(f.forms)
	f.used, f.index, f.err = f.used[:0], f.index[:0], nil
	f.message(r.ProtoReflect(), root)
	for i, n := range r.GetMeta().GetNative() {
		if f.bare {
			break
		}
		f.native(r, uint32(i), n)
	}
	out := make([]field, 0, len(f.used))
	slices.Sort(f.used)
	for _, id := range f.used {
		sum := sha256.Sum256(f.text[id])
		x := field{path: id, cites: f.cites[id], forms: f.forms[id]}
		copy(x.digest[:], sum[:])
		out = append(out, x)
		if cap(f.text[id]) > 1<<20 {
			f.text[id] = nil
		}
		f.text[id] = f.text[id][:0]
	}
	return out, f.err
}

// longValue is the length above which the digest of a value stands for it.
const longValue = 256

// value adds a value at path. Each has its place in its lists and its length before it, so that no
// two different contents give one text.
func (f *flattener) value(path uint16, class string, b []byte) {
	for len(f.text) <= int(path) {
		f.text = append(f.text, nil)
	}
	t := f.text[path]
	if len(t) == 0 {
		f.used = append(f.used, path)
	}
	t = append(binary.AppendUvarint(t, uint64(len(f.index))), f.index...)
	t = append(binary.AppendUvarint(t, uint64(len(class))), class...)
	t = binary.AppendUvarint(t, uint64(len(b)))
	if len(b) > longValue {
		sum := sha256.Sum256(b)
		b = sum[:]
	}
	f.text[path] = append(t, b...)
}

// alien is the name of what a later release has put into a message.
const alien = "(later release)"

func (f *flattener) message(m protoreflect.Message, path uint16) {
	if u := m.GetUnknown(); len(u) > 0 {
		f.value(f.paths.id(path, alien), "bytes", u)
	}
	meta := path != root && f.paths.names[path] == "meta"
	inOrder(m, func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(fd.Name())
		if meta && (name == "key" || name == "origin_key" || name == "native") {
			return true
		}
		if meta && name == "labels" && !f.runtimeLabels(m) { // ours are no part of the state
			return true
		}
		id := f.paths.id(path, name)
		if !fd.IsList() {
			f.single(fd, v, id)
			return f.err == nil
		}
		n, at := len(f.index), 0
		for i := range v.List().Len() {
			x := v.List().Get(i)
			if meta && name == "labels" && agentstate.IsOwnLabel(x.Message().Interface().(*pb.Label)) {
				continue
			}
			f.index = binary.AppendUvarint(f.index[:n], uint64(at))
			f.single(fd, x, id)
			at++
		}
		f.index = f.index[:n]
		return f.err == nil
	})
}

// inOrder is m.Range in the order of the schema. That of Range is another one in each build, and what is lost is listed in
// the order in which it was met.
func inOrder(m protoreflect.Message, fn func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool) {
	fds := m.Descriptor().Fields()
	for i := range fds.Len() {
		if fd := fds.Get(i); m.Has(fd) && !fn(fd, m.Get(fd)) {
			return
		}
	}
}

// runtimeLabels tells whether the Meta m has labels that are not ours.
func (f *flattener) runtimeLabels(m protoreflect.Message) bool {
	meta, ok := m.Interface().(*pb.Meta)
	return !ok || slices.ContainsFunc(meta.Labels, func(l *pb.Label) bool { return !agentstate.IsOwnLabel(l) })
}

func (f *flattener) single(fd protoreflect.FieldDescriptor, v protoreflect.Value, path uint16) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		if d, ok := v.Message().Interface().(*pb.Data); ok {
			f.data(path, d)
			return
		}
		// An empty message is another thing than none.
		if !anything(v.Message()) {
			f.value(path, "empty", nil)
		}
		f.message(v.Message(), path)
	case protoreflect.StringKind:
		s := v.String()
		switch {
		case f.paths.refs[path]:
			if f.key != nil {
				s = f.key(s)
			}
			if f.ref != nil {
				f.ref(path, s)
			}
		case !ascii(s):
			f.forms[path] = true
			if f.canon {
				s = norm.NFC.String(s)
			}
		}
		f.value(path, "text", []byte(s))
	case protoreflect.BytesKind:
		b := v.Bytes()
		if strings.HasSuffix(string(fd.Name()), "_json") {
			b = f.json(path, b)
		}
		f.value(path, "bytes", b)
	default:
		f.paths.numbers[path] = true
		f.paths.flags[path] = fd.Kind() == protoreflect.BoolKind && !fd.HasPresence()
		f.value(path, "number", number(fd, v))
	}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// json is the JSON document b, by value where that is asked for.
func (f *flattener) json(path uint16, b []byte) []byte {
	f.forms[path] = true
	if f.canon {
		if c, ok := canonical(b); ok {
			return c
		}
	}
	return b
}

func anything(m protoreflect.Message) bool {
	some := len(m.GetUnknown()) > 0
	m.Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
		some = true
		return false
	})
	return some
}

func number(fd protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protowire.AppendVarint(nil, protowire.EncodeBool(v.Bool()))
	case protoreflect.EnumKind:
		return protowire.AppendVarint(nil, uint64(v.Enum()))
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return binary.BigEndian.AppendUint64(nil, math.Float64bits(v.Float()))
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return binary.BigEndian.AppendUint64(nil, v.Uint())
	}
	return binary.BigEndian.AppendUint64(nil, uint64(v.Int()))
}

// data adds the bytes of d, wherever they are, and its media type.
func (f *flattener) data(path uint16, d *pb.Data) {
	if d.MediaType != "" {
		f.value(f.paths.id(path, "media_type"), "text", []byte(d.MediaType))
	}
	b, blob := d.GetInline(), d.GetBlob()
	if strings.Contains(d.MediaType, "json") {
		f.forms[path] = true
		if f.canon && blob != nil && blob.Size <= maxCanonical {
			if b, f.err = f.bytes(blob); f.err != nil {
				return
			}
			blob = nil
		}
		if blob == nil {
			b = f.json(path, b)
		}
	}
	sum, err := f.sum(b, blob)
	if err != nil {
		f.err = err
		return
	}
	if u := d.ProtoReflect().GetUnknown(); len(u) > 0 {
		f.value(f.paths.id(path, alien), "bytes", u)
	}
	f.value(path, "data", sum)
}

// maxCanonical is the size of a blob above which it is compared by its bytes alone.
const maxCanonical = 16 << 20

func (f *flattener) bytes(blob *pb.Blob) ([]byte, error) {
	var b bytes.Buffer
	err := f.copyBlob(&b, blob)
	return b.Bytes(), err
}

// sum is the SHA-256 of b, or of the bytes that a blob stands for.
func (f *flattener) sum(b []byte, blob *pb.Blob) ([]byte, error) {
	if blob == nil {
		s := sha256.Sum256(b)
		return s[:], nil
	}
	if len(blob.Sha256) == sha256.Size { // the sink that stored it has computed it
		return blob.Sha256, nil
	}
	h := sha256.New()
	if err := f.copyBlob(h, blob); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

func (f *flattener) copyBlob(w io.Writer, b *pb.Blob) error {
	if f.src.OpenBlob == nil {
		return fmt.Errorf("%w: blob %q: the source does not open blobs", agentstate.ErrUnsupported, b.GetId())
	}
	rc, err := f.src.OpenBlob(f.ctx, b)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, rc)
	return errors.Join(err, rc.Close())
}
