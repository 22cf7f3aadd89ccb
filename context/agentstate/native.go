package agentstate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// SpillSize is the number of bytes above which native bytes, channel values and other data
// go into a blob beside the record.
const SpillSize = 256 << 10

// Meta makes a record's Meta: its key from kind and parts, and its native form (nil: none).
func Meta(kind string, native *pb.Native, parts ...string) *pb.Meta {
	m := &pb.Meta{Key: Key(kind, parts...)}
	if native != nil {
		m.Native = []*pb.Native{native}
	}
	return m
}

// Document is a native form that is one document. It copies b.
func Document(typ, mediaType string, b []byte) *pb.Native {
	return &pb.Native{Type: typ, Body: &pb.Native_Data{Data: Inline(mediaType, bytes.Clone(b))}}
}

// Inline is Data that holds b itself.
func Inline(mediaType string, b []byte) *pb.Data {
	return &pb.Data{MediaType: mediaType, Body: &pb.Data_Inline{Inline: b}}
}

// UnixNano is t as records hold it: 0 for the zero time and for times that do not fit.
func UnixNano(t time.Time) int64 {
	if t.IsZero() || t.Unix() <= math.MinInt64/int64(time.Second) || t.Unix() >= math.MaxInt64/int64(time.Second) {
		return 0
	}
	return t.UnixNano()
}

// A Resolver finds the bytes that a column cites. Get and OpenBlob may be nil: then only what
// the record itself holds is found, and anything else is ErrUnsupported.
type Resolver struct {
	Get      func(ctx context.Context, key string) (Record, error)
	OpenBlob func(ctx context.Context, b *pb.Blob) (io.ReadCloser, error)
	Limit    int64 // bytes of one value; 0: 1 GiB. A few citations can claim any size
}

// ResolverOf is the Resolver of a source: its Getter and its BlobSource, where it has them.
func ResolverOf(src Source) Resolver {
	var s Resolver
	if g, ok := As[Getter](src); ok {
		s.Get = g.Get
	}
	if b, ok := As[BlobSource](src); ok {
		s.OpenBlob = b.OpenBlob
	}
	return s
}

func (s *Resolver) limit() int64 {
	if s.Limit > 0 {
		return s.Limit
	}
	return 1 << 30
}

// Column is the value of column c of r: nil for NULL alone, int64, float64, string for text, []byte for
// a blob. The text may hold any bytes.
func (s *Resolver) Column(ctx context.Context, r Record, c *pb.Column) (any, error) {
	v, err := s.column(ctx, r, c)
	if b, ok := v.([]byte); ok && b == nil {
		v = []byte{} // an empty blob; drivers of databases make a nil slice NULL
	}
	return v, err
}

func (s *Resolver) column(ctx context.Context, r Record, c *pb.Column) (any, error) {
	switch v := c.Value.(type) {
	case nil:
		if len(c.ProtoReflect().GetUnknown()) > 0 { // not NULL: a value of a later release
			break
		}
		return nil, nil
	case *pb.Column_Integer:
		return v.Integer, nil
	case *pb.Column_Real:
		return v.Real, nil
	case *pb.Column_Text:
		return string(v.Text), nil
	case *pb.Column_Blob:
		return v.Blob, nil
	case *pb.Column_At:
		return s.at(ctx, r, v.At)
	case *pb.Column_BlobRef:
		return s.blob(ctx, v.BlobRef)
	case *pb.Column_TextRef:
		b, err := s.blob(ctx, v.TextRef)
		return string(b), err
	case *pb.Column_Splice:
		b, err := s.splice(ctx, r, v.Splice)
		if v.Splice.GetText() {
			return string(b), err
		}
		return b, err
	}
	return nil, fmt.Errorf("%w: column %q of %s: %T", ErrUnsupported, c.Name, r.GetMeta().GetKey(), c.Value)
}

// Data is the bytes of d; nil for no data.
func (s *Resolver) Data(ctx context.Context, d *pb.Data) ([]byte, error) {
	if b := d.GetBlob(); b != nil {
		return s.blob(ctx, b)
	}
	if d.GetBody() == nil && d != nil && len(d.ProtoReflect().GetUnknown()) > 0 {
		return nil, fmt.Errorf("%w: data of a later release", ErrUnsupported)
	}
	return d.GetInline(), nil
}

func (s *Resolver) splice(ctx context.Context, r Record, sp *pb.Splice) ([]byte, error) {
	var out []byte
	for _, p := range sp.GetPieces() {
		var b []byte
		var err error
		switch v := p.Body.(type) {
		case *pb.Piece_Literal:
			b = v.Literal
		case *pb.Piece_Blob:
			b, err = s.blob(ctx, v.Blob)
		case *pb.Piece_At:
			var x any
			if x, err = s.at(ctx, r, v.At); err == nil {
				b, err = asBytes(x)
			}
		default:
			err = fmt.Errorf("%w: a piece of a later release in %s", ErrUnsupported, r.GetMeta().GetKey())
		}
		if err == nil && int64(len(out))+int64(len(b)) > s.limit() {
			err = s.tooLarge(r.GetMeta().GetKey())
		}
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

func asBytes(x any) ([]byte, error) {
	switch x := x.(type) {
	case nil:
		return nil, nil
	case []byte:
		return x, nil
	case string:
		return []byte(x), nil
	}
	return nil, fmt.Errorf("%w: %T as bytes", ErrUnsupported, x)
}

// at reads "#field" of r, or "key#field" of another record. Text fields come as string, bytes
// and Data as []byte, absent messages as nil.
func (s *Resolver) at(ctx context.Context, r Record, at string) (any, error) {
	key, field, ok := strings.Cut(at, "#")
	if !ok {
		return nil, fmt.Errorf("%w: %q cites no field", ErrNotFound, at)
	}
	if key != "" && key != r.GetMeta().GetKey() {
		if s.Get == nil {
			return nil, fmt.Errorf("%w: %s cites %s: no access by key", ErrUnsupported, r.GetMeta().GetKey(), key)
		}
		o, err := s.Get(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("%s cites %s: %w", r.GetMeta().GetKey(), key, err)
		}
		r = o
	}
	m := r.ProtoReflect()
	fd := m.Descriptor().Fields().ByName(protoreflect.Name(field))
	if fd == nil || fd.IsList() {
		return nil, fmt.Errorf("%w: %s has no field %q", ErrNotFound, r.GetMeta().GetKey(), field)
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		return m.Get(fd).String(), nil
	case protoreflect.BytesKind:
		return m.Get(fd).Bytes(), nil
	case protoreflect.MessageKind:
		d, ok := m.Get(fd).Message().Interface().(*pb.Data)
		if !ok {
			break
		}
		if !m.Has(fd) {
			return nil, nil
		}
		b, err := s.Data(ctx, d)
		if b == nil && err == nil {
			b = []byte{}
		}
		return b, err
	}
	return nil, fmt.Errorf("%w: field %q of %s holds no bytes", ErrUnsupported, field, r.GetMeta().GetKey())
}

func (s *Resolver) blob(ctx context.Context, b *pb.Blob) ([]byte, error) {
	if s.OpenBlob == nil {
		return nil, fmt.Errorf("%w: blob %s", ErrUnsupported, b.GetId())
	}
	rc, err := s.OpenBlob(ctx, b)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	out, err := io.ReadAll(io.LimitReader(rc, s.limit()+1))
	if err == nil && int64(len(out)) > s.limit() {
		err = s.tooLarge("blob " + b.GetId())
	}
	return out, err
}

func (s *Resolver) tooLarge(what string) error {
	return fmt.Errorf("%w: %s: a value of more than %d bytes", ErrUnsupported, what, s.limit())
}
