package container

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Read reads the directory of the size bytes of ra: members in the order of the file. It
// requires that the file is exactly what Writer writes for these names, sizes and CRCs: headers
// equal to the byte, members that tile the file up to the directory, the trailer at the end.
func Read(ra io.ReaderAt, size int64, lim Limits) ([]Entry, error) {
	tr := make([]byte, TrailerSize)
	if size < TrailerSize {
		return nil, &Error{Class: "truncated", Want: fmt.Sprintf("at least %d bytes", TrailerSize), Got: fmt.Sprint(size)}
	}
	if err := readFull(ra, tr, size-TrailerSize); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	members, dirSize, dirAt := le.Uint64(tr[32:]), le.Uint64(tr[40:]), le.Uint64(tr[48:])
	if le.Uint32(tr) != 0x06064b50 && le.Uint32(tr[76:]) == 0x06054b50 {
		return nil, &Error{Class: "short-trailer", Want: "a trailer with ZIP64 records", Got: "the short one of another writer"}
	}
	if le.Uint32(tr) != 0x06064b50 {
		return nil, &Error{Class: "truncated", Want: "the trailer at the end of the file", Got: "other bytes"}
	}
	if members > uint64(lim.Members) {
		return nil, &Error{Class: "limit", Want: fmt.Sprintf("at most %d members", lim.Members), Got: fmt.Sprint(members)}
	}
	if dirAt > uint64(size) || dirSize > uint64(size) || dirAt+dirSize != uint64(size-TrailerSize) {
		return nil, &Error{Class: "container", Want: "a directory that ends at the trailer", Got: fmt.Sprintf("%d bytes at %d of %d", dirSize, dirAt, size)}
	}
	if !bytes.Equal(tr, appendTrailer(nil, int(members), int64(dirAt), int64(dirSize))) {
		return nil, &Error{Class: "container", Want: "the one legal trailer", Got: "another"}
	}
	if dirSize > members*(centralSize+maxName+12) {
		return nil, &Error{Class: "container", Want: "a directory of its members' size", Got: fmt.Sprintf("%d bytes for %d members", dirSize, members)}
	}
	d := &dir{ra: ra, r: io.NewSectionReader(ra, int64(dirAt), int64(dirSize)), lim: lim, end: int64(dirAt)}
	return d.read(int(members))
}

type dir struct {
	ra   io.ReaderAt
	r    *io.SectionReader
	lim  Limits
	end  int64 // of the members
	want []byte
}

func (d *dir) read(members int) ([]Entry, error) {
	out := make([]Entry, 0, min(members, 4096))
	seen := make(map[string]bool, min(members, 4096)+8) // names and the folders above them
	br := newReader(d.r)
	at := int64(0)
	for range members {
		e, err := d.one(br, at)
		if err != nil {
			return nil, err
		}
		if err := claim(seen, e.Name); err != nil {
			return nil, err
		}
		at = e.end()
		out = append(out, e)
	}
	if at != d.end {
		return nil, &Error{Class: "container", Want: fmt.Sprintf("members up to the directory at %d", d.end), Got: fmt.Sprintf("an end at %d", at)}
	}
	if br.left() != 0 {
		return nil, &Error{Class: "container", Want: "a directory of its members alone", Got: fmt.Sprintf("%d more bytes", br.left())}
	}
	return out, nil
}

// one reads a directory entry and compares it, and the local header at at, with the only legal ones.
func (d *dir) one(br *reader, at int64) (Entry, error) {
	h, err := br.next(centralSize)
	if err != nil {
		return Entry{}, err
	}
	le := binary.LittleEndian
	e := Entry{CRC: le.Uint32(h[16:]), Size: int64(le.Uint32(h[24:])), Offset: at}
	n := int(le.Uint16(h[28:]))
	if n == 0 || n > maxName {
		return Entry{}, &Error{Class: "name", Want: "1 to 132 bytes", Got: fmt.Sprint(n)}
	}
	got := bytes.Clone(h)
	name, err := br.next(n)
	if err != nil {
		return Entry{}, err
	}
	e.Name = string(name)
	got = append(got, name...)
	if err := checkName(e.Name); err != nil {
		return Entry{}, err
	}
	if e.Size > d.lim.Stored {
		return Entry{}, &Error{Class: "limit", Member: e.Name, Want: fmt.Sprintf("at most %d bytes", d.lim.Stored), Got: fmt.Sprint(e.Size)}
	}
	d.want = appendCentral(d.want[:0], e)
	if x := len(d.want) - len(got); x > 0 {
		extra, err := br.next(x)
		if err != nil {
			return Entry{}, err
		}
		got = append(got, extra...)
	}
	if !bytes.Equal(got, d.want) {
		return Entry{}, &Error{Class: "container", Member: e.Name, Want: "the one legal directory entry", Got: "another"}
	}
	if e.end() > d.end {
		return Entry{}, &Error{Class: "container", Member: e.Name, Want: fmt.Sprintf("an end before %d", d.end), Got: fmt.Sprint(e.end())}
	}
	return e, nil
}

// ReadMember reads the bytes of e and compares its local header in the same read.
func ReadMember(ra io.ReaderAt, e Entry) ([]byte, error) {
	var buf []byte
	return ReadMemberIn(&buf, ra, e)
}

// ReadMemberIn is ReadMember into the room of *buf, which it replaces where that is too small.
// What it returns is valid until buf is used again.
func ReadMemberIn(buf *[]byte, ra io.ReaderAt, e Entry) ([]byte, error) {
	head := localSize + len(e.Name)
	if n := int64(head) + e.Size; int64(cap(*buf)) < n {
		*buf = make([]byte, n)
	} else {
		*buf = (*buf)[:n]
	}
	b := *buf
	if err := readFull(ra, b, e.Offset); err != nil {
		return nil, err
	}
	if want := appendLocal(make([]byte, 0, localSize+maxName), e); !bytes.Equal(b[:head], want) {
		return nil, &Error{Class: "container", Member: e.Name, Want: "the one legal local header", Got: "another"}
	}
	return b[head:], nil
}

// claim takes name, and refuses it where it is taken, or is a folder of another, or another is
// a folder of it.
func claim(seen map[string]bool, name string) error {
	if _, ok := seen[name]; ok {
		return &Error{Class: "container", Member: name, Want: "each name once, and no file that is a folder", Got: "it again"}
	}
	seen[name] = true
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		if file, ok := seen[name[:i]]; ok {
			if file {
				return &Error{Class: "container", Member: name[:i], Want: "no file that is also a folder", Got: "both"}
			}
			return nil // and so are the folders above it
		}
		seen[name[:i]] = false
	}
	return nil
}

func readFull(ra io.ReaderAt, b []byte, at int64) error {
	n, err := ra.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		return &Error{Class: "truncated", Want: fmt.Sprintf("%d bytes at %d", len(b), at), Got: fmt.Sprint(n)}
	}
	return err
}

// reader reads a section in pieces of 64 KiB.
type reader struct {
	r    *io.SectionReader
	at   int64
	buf  []byte
	have []byte
}

func newReader(r *io.SectionReader) *reader { return &reader{r: r, buf: make([]byte, 1<<16)} }

func (r *reader) left() int64 { return r.r.Size() - r.at + int64(len(r.have)) }

// next is the next n bytes, at most 64 KiB, valid until the next call.
func (r *reader) next(n int) ([]byte, error) {
	if len(r.have) < n {
		k := copy(r.buf, r.have)
		m := int(min(int64(len(r.buf)-k), r.r.Size()-r.at))
		if k+m < n {
			return nil, &Error{Class: "container", Want: "a whole directory entry", Got: "the end of the directory"}
		}
		if err := readFull(r.r, r.buf[k:k+m], r.at); err != nil {
			return nil, err
		}
		r.at += int64(m)
		r.have = r.buf[:k+m]
	}
	b := r.have[:n]
	r.have = r.have[n:]
	return b, nil
}
