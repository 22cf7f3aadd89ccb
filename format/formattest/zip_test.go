package formattest_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// zipEntry is a member as a zip writer that is not ours might write it. What changes the
// headers gets them as the format wants them.
type zipEntry struct {
	name           string
	body           []byte
	before         []byte // bytes in front of the local header
	after          []byte // bytes behind the body
	local, central func(h []byte) []byte
	listed         bool // in the directory
}

// Offsets in headers, as PKWARE's APPNOTE has them.
const (
	localFlags, localMethod, localSize = 6, 8, 18
	centralFlags, centralMethod        = 8, 10
	centralSize, centralExtraLen       = 20, 30
	centralCommentLen, centralMode     = 32, 38
	centralOffset                      = 42
	localFixed, centralFixed           = 30, 46
)

// entries are the members of f.
func (f *forge) entries() []*zipEntry {
	var out []*zipEntry
	for _, p := range f.members {
		out = append(out, &zipEntry{name: f.prefix + p.name, body: p.body, listed: true})
	}
	return out
}

func le16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }
func le32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }
func le64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

func put16(b []byte, at int, v uint16) []byte {
	binary.LittleEndian.PutUint16(b[at:], v)
	return b
}

func put32(b []byte, at int, v uint32) []byte {
	binary.LittleEndian.PutUint32(b[at:], v)
	return b
}

// zipOf writes a zip of es.
func zipOf(es []*zipEntry, trailer func(b []byte) []byte) []byte {
	var b, dir []byte
	n := uint64(0)
	for _, e := range es {
		b = append(b, e.before...)
		at := uint32(len(b))
		crc, size := crc32.ChecksumIEEE(e.body), uint32(len(e.body))
		common := le32(le32(le32(le16(le16(le16(le16(le16(nil, 45), 0), 0), 0), 0x21), crc), size), size)
		h := append(le32(nil, 0x04034b50), common...)
		h = append(le16(le16(h, uint16(len(e.name))), 0), e.name...)
		if e.local != nil {
			h = e.local(h)
		}
		b = append(append(append(b, h...), e.body...), e.after...)
		if !e.listed {
			continue
		}
		n++
		c := append(le16(le32(nil, 0x02014b50), 3<<8|45), common...)
		c = le16(le16(le16(le16(le16(c, uint16(len(e.name))), 0), 0), 0), 0)
		c = append(le32(le32(c, 0o100644<<16), at), e.name...)
		if e.central != nil {
			c = e.central(c)
		}
		dir = append(dir, c...)
	}
	at, size := uint64(len(b)), uint64(len(dir))
	t := le64(le32(nil, 0x06064b50), 44)
	t = le64(le64(le32(le32(le16(le16(t, 3<<8|45), 45), 0), 0), n), n)
	t = le64(le64(t, size), at)
	t = le32(le64(le32(le32(t, 0x07064b50), 0), at+size), 1)
	t = le16(le16(le32(t, 0x06054b50), 0), 0)
	t = le16(le32(le32(le16(le16(t, uint16(n)), uint16(n)), uint32(size)), uint32(at)), 0)
	if trailer != nil {
		t = trailer(t)
	}
	return append(append(b, dir...), t...)
}

// Without a fault, this second writer of the container writes what the first one does.
func TestSecondWriter(t *testing.T) {
	f := base(t)
	if !bytes.Equal(zipOf(f.entries(), nil), f.bytes()) {
		t.Error("other bytes")
	}
}
