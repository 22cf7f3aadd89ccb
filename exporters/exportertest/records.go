package exportertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxRecord is the size of a record, in bytes, that an archive takes.
const maxRecord = 16 << 20

func recordRules() []Rule {
	return []Rule{
		{"key form", "references, resume, diff and undo go by key: agentstate.Key makes one from native ids", keyForm},
		{"keys are unique", "one record of two under one key is lost", keysUnique},
		{"keys again", "a key that differs from run to run makes every diff a rewrite and every resume a duplicate", keysAgain},
		{"order again", "a run that resumes counts on the order of the run that broke", orderAgain},
		{"content again", "a record that differs from run to run cannot be compared with what arrived", contentAgain},
		{"encodable", "an archive must hold every record: text that is not UTF-8 belongs into bytes", encodable},
		{"size", "a record above 16 MiB fits no archive: its large values go into blobs", size},
		{"spill", "values above 256 KiB go into a blob, or every reader needs the memory for all of them", spill},
		{"native once", "bytes that are held twice can differ, and cost twice", nativeOnce},
		{"views have no native", "a view that carries native bytes is written as state, beside what it is a reading of", viewsBare},
		{"blobs", "a record that points at bytes nobody can open has lost them", blobs},
		{"secrets", "an archive goes to auditors and lawyers: what opens a door must not be in it", secrets},
	}
}

// each calls f for every record of a reading.
func each(ctx context.Context, h Harness, f func(agentstate.Record) error) error {
	r, err := once(ctx, h)
	if err != nil {
		return err
	}
	for i, rec := range r.recs {
		if err := f(rec); err != nil {
			return fmt.Errorf("record %d (%s): %w", i, rec.GetMeta().GetKey(), err)
		}
	}
	return nil
}

func keyForm(ctx context.Context, h Harness) error {
	return each(ctx, h, func(r agentstate.Record) error {
		key := r.GetMeta().GetKey()
		kind, parts := agentstate.SplitKey(key)
		switch {
		case key == "":
			return errors.New("no key")
		case !slices.Contains(agentstate.Kinds(), kind):
			return fmt.Errorf("kind %q is not known", kind)
		case agentstate.New(kind).ProtoReflect().Descriptor() != r.ProtoReflect().Descriptor():
			return fmt.Errorf("the key says %s, the record is a %s", kind, r.ProtoReflect().Descriptor().Name())
		case len(parts) == 0:
			return errors.New("a kind alone is no key")
		case !strings.Contains(key, "~") && agentstate.Key(kind, parts...) != key:
			return fmt.Errorf("not escaped as agentstate.Key does it: want %s", agentstate.Key(kind, parts...))
		}
		return nil
	})
}

func keysUnique(ctx context.Context, h Harness) error {
	seen := map[string]bool{}
	return each(ctx, h, func(r agentstate.Record) error {
		k := r.GetMeta().GetKey()
		if seen[k] {
			return errors.New("a second record under this key")
		}
		seen[k] = true
		return nil
	})
}

func keysAgain(ctx context.Context, h Harness) error {
	a, b, err := twice(ctx, h)
	if err != nil {
		return err
	}
	ka, kb := a.keys(), b.keys()
	slices.Sort(ka)
	slices.Sort(kb)
	if d := first(ka, kb); d != "" {
		return fmt.Errorf("sorted keys of two readings differ %s", d)
	}
	return nil
}

func orderAgain(ctx context.Context, h Harness) error {
	a, b, err := twice(ctx, h)
	if err != nil {
		return err
	}
	ka, kb := slices.Sorted(slices.Values(a.keys())), slices.Sorted(slices.Values(b.keys()))
	if !slices.Equal(ka, kb) {
		return nil // the rule before this
	}
	if d := first(a.keys(), b.keys()); d != "" {
		return fmt.Errorf("two readings differ %s", d)
	}
	return nil
}

func contentAgain(ctx context.Context, h Harness) error {
	a, b, err := twice(ctx, h)
	if err != nil {
		return err
	}
	if !slices.Equal(a.keys(), b.keys()) {
		return nil // the rules before this
	}
	for i := range a.recs {
		if !bytes.Equal(wire(quiet(a.recs[i])), wire(quiet(b.recs[i]))) {
			return fmt.Errorf("%s differs: a time of the reading, or an order that a map made, is in it", a.recs[i].GetMeta().GetKey())
		}
	}
	return nil
}

func encodable(ctx context.Context, h Harness) error {
	return each(ctx, h, func(r agentstate.Record) error {
		_, err := proto.Marshal(r)
		return err
	})
}

func size(ctx context.Context, h Harness) error {
	return each(ctx, h, func(r agentstate.Record) error {
		if n := proto.Size(r); n > maxRecord {
			return fmt.Errorf("%d bytes, at most %d", n, maxRecord)
		}
		return nil
	})
}

func spill(ctx context.Context, h Harness) error {
	return each(ctx, h, func(r agentstate.Record) error {
		return long(r.ProtoReflect(), func(path string, b []byte) error {
			if len(b) > agentstate.SpillSize {
				return fmt.Errorf("%s holds %d bytes, at most %d", path, len(b), agentstate.SpillSize)
			}
			return nil
		})
	})
}

// long calls f for every bytes field in m. Vectors are left out: archives keep them beside records.
func long(m protoreflect.Message, f func(path string, b []byte) error) error {
	var err error
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		one := func(v protoreflect.Value) {
			switch {
			case err != nil:
			case fd.Message() != nil:
				err = long(v.Message(), func(p string, b []byte) error { return f(string(fd.Name())+"."+p, b) })
			case fd.Kind() == protoreflect.BytesKind && fd.Name() != "vector":
				err = f(string(fd.Name()), v.Bytes())
			}
		}
		if fd.IsList() {
			for i := range v.List().Len() {
				one(v.List().Get(i))
			}
		} else {
			one(v)
		}
		return err == nil
	})
	return err
}

// citeAbove is the length above which bytes of a native form that are a field of the record too are
// cited, not repeated.
const citeAbove = 64

func nativeOnce(ctx context.Context, h Harness) error {
	holder := map[[32]byte]string{}
	return each(ctx, h, func(r agentstate.Record) error {
		mapped := map[string]string{}
		r.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case fd.IsList():
			case fd.Kind() == protoreflect.StringKind:
				mapped[v.String()] = string(fd.Name())
			case fd.Kind() == protoreflect.BytesKind:
				mapped[string(v.Bytes())] = string(fd.Name())
			case fd.Message() != nil:
				if d, ok := v.Message().Interface().(*pb.Data); ok {
					mapped[string(d.GetInline())] = string(fd.Name())
				}
			}
			return true
		})
		for _, n := range r.GetMeta().GetNative() {
			b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(n)
			sum := sha256.Sum256(b)
			if was, ok := holder[sum]; ok && len(b) > citeAbove {
				return fmt.Errorf("the same native %q is at %s: one of them is a view of the other", n.Type, was)
			}
			holder[sum] = r.GetMeta().GetKey()
			inline := [][]byte{n.GetData().GetInline()}
			for _, c := range n.GetRow().GetColumns() {
				inline = append(inline, c.GetText(), c.GetBlob())
			}
			for _, b := range inline {
				if f := mapped[string(b)]; f != "" && len(b) > citeAbove {
					return fmt.Errorf("native %q repeats the %d bytes of field %s: cite them with at: \"#%s\"", n.Type, len(b), f, f)
				}
			}
		}
		return nil
	})
}

func viewsBare(ctx context.Context, h Harness) error {
	return each(ctx, h, func(r agentstate.Record) error {
		if m := r.GetMeta(); len(m.GetViewOfKeys()) > 0 && len(m.GetNative()) > 0 {
			return errors.New("has view_of_keys and native")
		}
		return nil
	})
}

// wrapper hides a source behind the plain interface, as a progress bar does.
type wrapper struct{ agentstate.Source }

func (w wrapper) Unwrap() agentstate.Source { return w.Source }

func blobs(ctx context.Context, h Harness) error {
	return with(ctx, h, func(src agentstate.Source) error {
		src = wrapper{src}
		n := 0
		for r, err := range src.Records(ctx, nil) {
			if err != nil {
				return err
			}
			var bad error
			agentstate.Blobs(r, func(b *pb.Blob) {
				n++
				if bad == nil {
					bad = openBlob(ctx, src, b, nil)
				}
			})
			if bad != nil {
				return fmt.Errorf("%s: %w", r.GetMeta().GetKey(), bad)
			}
		}
		if n == 0 {
			return errSkip
		}
		return nil
	})
}

// openBlob reads a blob to its end, into w where that is not nil.
func openBlob(ctx context.Context, src agentstate.Source, b *pb.Blob, w io.Writer) error {
	bs, ok := agentstate.As[agentstate.BlobSource](src)
	if !ok {
		return errors.New("points at a blob, and the source is no agentstate.BlobSource")
	}
	rc, err := bs.OpenBlob(ctx, b)
	if err != nil {
		return fmt.Errorf("blob %q: %w", b.Id, err)
	}
	sum := sha256.New()
	if w == nil {
		w = io.Discard
	}
	size, err := io.Copy(io.MultiWriter(sum, w), rc)
	switch err := errors.Join(err, rc.Close()); {
	case err != nil:
		return fmt.Errorf("blob %q: %w", b.Id, err)
	case b.Size > 0 && uint64(size) != b.Size:
		return fmt.Errorf("blob %q: %d bytes, want %d", b.Id, size, b.Size)
	case len(b.Sha256) > 0 && !bytes.Equal(sum.Sum(nil), b.Sha256):
		return fmt.Errorf("blob %q: its bytes are not those of its digest", b.Id)
	}
	return nil
}

func secrets(ctx context.Context, h Harness) error {
	if len(h.Secrets) == 0 {
		return errSkip
	}
	return with(ctx, h, func(src agentstate.Source) error {
		for r, err := range src.Records(ctx, nil) {
			if err != nil {
				return err
			}
			var all bytes.Buffer
			all.Write(wire(r))
			agentstate.Blobs(r, func(b *pb.Blob) { _ = openBlob(ctx, src, b, &all) })
			for i, s := range h.Secrets {
				if s != "" && bytes.Contains(all.Bytes(), []byte(s)) {
					return fmt.Errorf("%s: holds secret %d of the harness", r.GetMeta().GetKey(), i)
				}
			}
		}
		return nil
	})
}
