package container

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// checkName refuses a name outside of the grammar: [a-z0-9._/-] and, as last segment, README.md;
// at most 132 bytes, no empty segment and none that starts with '.' or '-'.
func checkName(name string) error {
	bad := func(want string) error {
		return &Error{Class: "name", Member: name, Want: want, Got: fmt.Sprintf("%d bytes", len(name))}
	}
	if name == "" || len(name) > maxName {
		return bad("1 to 132 bytes")
	}
	lower := strings.TrimSuffix(name, "/README.md")
	for i := range len(lower) {
		c := lower[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' || c == '/') {
			return bad("[a-z0-9._/-]")
		}
	}
	for s := range strings.SplitSeq(name, "/") {
		if s == "" || s[0] == '.' || s[0] == '-' {
			return bad("segments that start with a letter, a digit or '_'")
		}
	}
	return nil
}

// A Writer writes members one after another. It never seeks.
type Writer struct {
	Stream
	entries []Entry
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{Stream: Stream{w: w}} }

// Add writes a member. crc is the CRC-32 (IEEE) of body.
func (w *Writer) Add(name string, body []byte, crc uint32) (Entry, error) {
	e, err := w.Stream.Add(name, body, crc)
	if err == nil {
		w.entries = append(w.entries, e)
	}
	return e, err
}

// Close writes the directory and the trailer.
func (w *Writer) Close() error { return w.Stream.Close(slices.Values(w.entries)) }

// A Stream is a Writer that remembers no member: for who knows them all in less room.
type Stream struct {
	w   io.Writer
	at  int64
	buf []byte
}

// NewStream writes to w, of which start bytes are there already.
func NewStream(w io.Writer, start int64) *Stream { return &Stream{w: w, at: start} }

// Offset is the number of bytes written so far.
func (w *Stream) Offset() int64 { return w.at }

// Add writes a member. crc is the CRC-32 (IEEE) of body.
func (w *Stream) Add(name string, body []byte, crc uint32) (Entry, error) {
	if err := checkName(name); err != nil {
		return Entry{}, err
	}
	if int64(len(body)) >= max32 {
		return Entry{}, &Error{Class: "limit", Member: name, Want: "below 4 GiB", Got: fmt.Sprint(len(body))}
	}
	e := Entry{Name: name, Size: int64(len(body)), CRC: crc, Offset: w.at}
	w.buf = appendLocal(w.buf[:0], e)
	for _, b := range [][]byte{w.buf, body} {
		n, err := w.w.Write(b)
		w.at += int64(n)
		if err != nil {
			return Entry{}, err
		}
	}
	return e, nil
}

// Close writes the directory of members, which are all in the order of the file, and the trailer.
func (w *Stream) Close(members iter.Seq[Entry]) error {
	dirAt := w.at
	flush := func() error {
		n, err := w.w.Write(w.buf)
		w.at += int64(n)
		w.buf = w.buf[:0]
		return err
	}
	w.buf = w.buf[:0]
	n := 0
	for e := range members {
		n++
		w.buf = appendCentral(w.buf, e)
		if len(w.buf) > 1<<16 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	w.buf = appendTrailer(w.buf, n, dirAt, w.at-dirAt)
	return flush()
}
