// Package container is the zip of an archive: stored members, no data descriptors, one legal
// spelling. Writer and Reader share the functions that build headers: the reader takes a
// directory entry's name, size, CRC and offset, builds the only legal headers from them and
// requires equal bytes.
package container

import (
	"encoding/binary"
	"fmt"
)

// Limits bound what is written and read.
type Limits struct {
	Members int   // at most
	Stored  int64 // bytes a member
}

// Entry is one member.
type Entry struct {
	Name   string
	Size   int64
	CRC    uint32
	Offset int64 // of the local header
}

const (
	localSize   = 30
	centralSize = 46
	// TrailerSize is the length of the ZIP64 end of central directory record, its locator and
	// the end of central directory record.
	TrailerSize = 56 + 20 + 22

	version = 45     // ZIP64
	date    = 0x0021 // 1980-01-01
	mode    = 0o100644 << 16
	max32   = 0xffffffff
	maxName = 132 // 100 behind the folder of an archive, whose name has 32
)

// DataOffset is where the bytes of the member start.
func (e Entry) DataOffset() int64 { return e.Offset + localSize + int64(len(e.Name)) }

// end is the offset of what follows the member.
func (e Entry) end() int64 { return e.DataOffset() + e.Size }

// Error is a refusal: the class of the fault, the member, and what was wanted and found.
type Error struct {
	Class  string
	Member string // empty: the container as a whole
	Want   string
	Got    string
}

// Error says it in a line.
func (e *Error) Error() string {
	s := "container: " + e.Class
	if e.Member != "" {
		s += fmt.Sprintf(" %q", e.Member)
	}
	return fmt.Sprintf("%s: want %s, got %s", s, e.Want, e.Got)
}

func appendLocal(b []byte, e Entry) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x04034b50)
	b = le.AppendUint16(b, version)
	b = le.AppendUint16(b, 0) // flags
	b = le.AppendUint16(b, 0) // stored
	b = le.AppendUint16(b, 0) // time
	b = le.AppendUint16(b, date)
	b = le.AppendUint32(b, e.CRC)
	b = le.AppendUint32(b, uint32(e.Size))
	b = le.AppendUint32(b, uint32(e.Size))
	b = le.AppendUint16(b, uint16(len(e.Name)))
	b = le.AppendUint16(b, 0) // no extra
	return append(b, e.Name...)
}

func appendCentral(b []byte, e Entry) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x02014b50)
	b = le.AppendUint16(b, 3<<8|version) // made by Unix, so that the mode is one
	b = le.AppendUint16(b, version)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, date)
	b = le.AppendUint32(b, e.CRC)
	b = le.AppendUint32(b, uint32(e.Size))
	b = le.AppendUint32(b, uint32(e.Size))
	b = le.AppendUint16(b, uint16(len(e.Name)))
	far := e.Offset >= max32
	if far {
		b = le.AppendUint16(b, 12)
	} else {
		b = le.AppendUint16(b, 0)
	}
	b = le.AppendUint16(b, 0) // no comment
	b = le.AppendUint16(b, 0) // disk
	b = le.AppendUint16(b, 0) // internal
	b = le.AppendUint32(b, mode)
	if far {
		b = le.AppendUint32(b, max32)
	} else {
		b = le.AppendUint32(b, uint32(e.Offset))
	}
	b = append(b, e.Name...)
	if far {
		b = le.AppendUint16(b, 1)
		b = le.AppendUint16(b, 8)
		b = le.AppendUint64(b, uint64(e.Offset))
	}
	return b
}

// appendTrailer always has the ZIP64 records, also where 32 bits would do: one spelling.
func appendTrailer(b []byte, members int, dirAt, dirSize int64) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x06064b50)
	b = le.AppendUint64(b, 44)
	b = le.AppendUint16(b, 3<<8|version)
	b = le.AppendUint16(b, version)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(members))
	b = le.AppendUint64(b, uint64(members))
	b = le.AppendUint64(b, uint64(dirSize))
	b = le.AppendUint64(b, uint64(dirAt))
	b = le.AppendUint32(b, 0x07064b50)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(dirAt+dirSize))
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, 0x06054b50)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, uint16(min(members, 0xffff)))
	b = le.AppendUint16(b, uint16(min(members, 0xffff)))
	b = le.AppendUint32(b, uint32(min(dirSize, max32)))
	b = le.AppendUint32(b, uint32(min(dirAt, max32)))
	return le.AppendUint16(b, 0)
}
