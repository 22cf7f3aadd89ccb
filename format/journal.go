package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The journal is beside the part, for its owner's eyes: frames of length, CRC-32C and JSON. The
// first says what was begun; each further one what has become durable. It holds recipients,
// wrapped keys, cursors (which may contain ids) and counts: no record and no private key.

// maxFrame bounds one frame.
const maxFrame = 256 << 20

type journalBegin struct {
	Format       string
	ArchiveID    []byte
	Created      int64             // Unix ns
	Options      map[string]string // option → digest of its value
	Compartments []journalKey
}

type journalKey struct {
	Recipient string
	Weakest   string
	Wraps     [][]byte
}

type journalCommit struct {
	End        int64        // bytes of the part
	Rows       []journalRow // of the ledger
	Blobs      []journalBlob
	Next       counters
	Records    map[string]uint64
	Views      map[string]uint64
	Gaps       []journalGap
	Statements [][]byte // Completeness, facts about kinds alone
	Cursor     []byte
}

type journalRow struct {
	Name           string
	Size, CRC      uint32
	Sum, Root      []byte
	Raw            uint64
	Ordinal, Count uint32
	Kind           string
	Holds          jobType
	Comp           uint8
	First, Last    uint64
}

type journalBlob struct {
	Comp         int
	Size, Chunks uint64
	Sum          []byte
}

type journalGap struct {
	Kind  string
	Count uint64
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendFrame appends v as a frame.
func appendFrame(dst []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("format: journal: %v", err)
	}
	if len(b) > maxFrame {
		return nil, fmt.Errorf("format: journal: %w: a frame of %d bytes", ErrLimit, len(b))
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(b, castagnoli()))
	return append(dst, b...), nil
}

// errTorn is the end of a journal that a crash left: what is before it counts.
var errTorn = errors.New("format: journal is torn")

// readFrame reads the next frame into v and returns its length. A frame that is not whole is
// errTorn.
func readFrame(r io.Reader, v any) (int, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, errTorn
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxFrame {
		return 0, errTorn
	}
	var b bytes.Buffer
	if got, err := io.CopyN(&b, r, int64(n)); err != nil || got != int64(n) {
		return 0, errTorn
	}
	if crc32.Checksum(b.Bytes(), castagnoli()) != binary.LittleEndian.Uint32(head[4:]) {
		return 0, errTorn
	}
	if err := json.Unmarshal(b.Bytes(), v); err != nil {
		return 0, errTorn
	}
	return len(head) + int(n), nil
}

// brokenRun is what a journal says.
type brokenRun struct {
	begin   journalBegin
	commits []journalCommit
	end     int64 // of the journal's last whole frame
}

// readJournal reads a journal up to where it is torn; nil where not one commit is in it.
func readJournal(r io.Reader) *brokenRun {
	var run brokenRun
	n, err := readFrame(r, &run.begin)
	if err != nil || run.begin.Format != formatName {
		return nil
	}
	run.end = int64(n)
	for {
		var c journalCommit
		n, err := readFrame(r, &c)
		if err != nil {
			break
		}
		run.commits = append(run.commits, c)
		run.end += int64(n)
	}
	if len(run.commits) == 0 {
		return nil
	}
	return &run
}

func (r *brokenRun) last() *journalCommit { return &r.commits[len(r.commits)-1] }
