package homefiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A File is a file of a home that is carried, as it was when it was found.
type File struct {
	Rel  string // slash-separated, below the home
	Path string
	Kind string // of the record that it becomes
	Info fs.FileInfo
}

// Size is how many bytes of the file are carried.
func (f *File) Size() int64 { return f.Info.Size() }

// grows tells whether a program only ever puts lines behind the file: what was there when it was
// found is whole.
func (f *File) grows() bool { return path.Ext(f.Rel) == ".jsonl" }

// as tells whether st is the file that was found, and holds what it held.
func (f *File) as(st fs.FileInfo) bool {
	if f.grows() {
		return os.SameFile(f.Info, st) && st.Size() >= f.Size()
	}
	return os.SameFile(f.Info, st) && st.Size() == f.Size() && st.ModTime().Equal(f.Info.ModTime())
}

// open opens the file that was found, and no other of its name.
func (f *File) open() (*os.File, error) {
	r, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	if st, err := r.Stat(); err != nil || !f.as(st) {
		r.Close()
		return nil, errors.Join(err, fmt.Errorf("%w: %s", ErrChanged, valid(f.Rel)))
	}
	return r, nil
}

// Open opens the bytes that are carried. Reading ends with ErrChanged when the file became another
// one meanwhile.
func (f *File) Open() (io.ReadCloser, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	return &body{file: f, in: io.LimitedReader{R: r, N: f.Size()}, r: r}, nil
}

type body struct {
	file *File
	in   io.LimitedReader
	r    *os.File
}

// Read reads, and at the end compares.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if err == io.EOF {
		if st, serr := b.r.Stat(); serr != nil || b.in.N > 0 || !b.file.as(st) {
			return n, fmt.Errorf("%w: %s", ErrChanged, valid(b.file.Rel))
		}
	}
	return n, err
}

// Close closes the file.
func (b *body) Close() error { return b.r.Close() }

// Bytes is the file read whole. A file that was replaced since it was found is read as it is now.
func (f *File) Bytes() ([]byte, error) {
	var b []byte
	var err error
	for range 3 {
		var r io.ReadCloser
		if r, err = f.Open(); err == nil {
			b, err = io.ReadAll(r)
			r.Close()
		}
		if !errors.Is(err, ErrChanged) {
			break
		}
		st, lerr := os.Lstat(f.Path)
		if lerr != nil {
			return nil, lerr
		}
		if !st.Mode().IsRegular() {
			break
		}
		f.Info = st
	}
	return b, err
}

// Data is the file's bytes: inline when they are few, else a blob with the id Rel, for Open.
func (f *File) Data(media string) (*pb.Data, error) {
	if f.Size() <= agentstate.SpillSize {
		b, err := f.Bytes()
		if err != nil {
			return nil, err
		}
		if len(b) <= agentstate.SpillSize {
			return agentstate.Inline(media, b), nil
		}
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	return &pb.Data{MediaType: media, Body: &pb.Data_Blob{Blob: &pb.Blob{Id: f.Rel}}}, r.Close()
}

// Clone is a copy of d that shares no bytes with it.
func Clone(d *pb.Data) *pb.Data {
	if b := d.GetBlob(); b != nil {
		return &pb.Data{MediaType: d.MediaType, Body: &pb.Data_Blob{Blob: &pb.Blob{Id: b.Id}}}
	}
	return agentstate.Inline(d.GetMediaType(), bytes.Clone(d.GetInline()))
}

// Body is what d, the data of the file, holds; nil: the file.
func (f *File) Body(d *pb.Data) (io.ReadCloser, error) {
	if d != nil && d.GetBlob() == nil {
		return io.NopCloser(bytes.NewReader(d.GetInline())), nil
	}
	return f.Open()
}

// Lines calls fn for every line of the file, of which d is the data; see EachLine.
func (f *File) Lines(d *pb.Data, limit int, fn func(no int, line []byte) error) error {
	r, err := f.Body(d)
	if err != nil {
		return err
	}
	defer r.Close()
	return EachLine(r, limit, fn)
}

// GapOf is the gap that a file is which cannot be read.
func GapOf(f *File, err error) *pb.Gap {
	g := &pb.Gap{Kind: f.Kind, Place: valid(f.Rel), Count: 1, Reason: pb.Gap_REASON_REFUSED, Detail: valid(err.Error())}
	switch {
	case errors.Is(err, fs.ErrPermission):
		g.Reason, g.Permission = pb.Gap_REASON_FORBIDDEN, "to read "+valid(f.Rel)
	case errors.Is(err, fs.ErrNotExist):
		g.Reason = pb.Gap_REASON_GONE
	case errors.Is(err, ErrChanged):
		g.Reason = pb.Gap_REASON_CHANGED
	}
	return g
}

// LineSet are numbers of lines, a bit each.
type LineSet struct{ bits []uint64 }

// Add puts a line in.
func (s *LineSet) Add(no int) {
	for len(s.bits) <= no/64 {
		s.bits = append(s.bits, 0)
	}
	s.bits[no/64] |= 1 << (no % 64)
}

// Has tells whether a line is in it. In no set, a nil one, all are.
func (s *LineSet) Has(no int) bool {
	return s == nil || no/64 < len(s.bits) && s.bits[no/64]&(1<<(no%64)) != 0
}

// NewMessage is an empty message with a Meta that is a view of one record: made at once, since a long
// session has many.
func NewMessage(of string) *pb.Message {
	m := &struct {
		message pb.Message
		meta    pb.Meta
		view    [1]string
	}{}
	m.view[0] = of
	m.meta.ViewOfKeys = m.view[:]
	m.message.Meta = &m.meta
	return &m.message
}

// NotePart is a text that a program wrote and nobody said: as data, which no runtime takes for anybody's words.
func NotePart(s string) *pb.Part {
	return &pb.Part{Body: &pb.Part_Data{Data: agentstate.Inline("text/plain", []byte(s))}}
}

// TextPart is a list of one text, made at once.
func TextPart(s string) []*pb.Part {
	p := &struct {
		part pb.Part
		text pb.Part_Text
		list [1]*pb.Part
	}{}
	p.text.Text = s
	p.part.Body, p.list[0] = &p.text, &p.part
	return p.list[:]
}
