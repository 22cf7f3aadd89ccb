package formattest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/format/internal/container"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// holes writes to a file and skips what would be long stretches of zeros.
type holes struct {
	f  *os.File
	at int64
}

func (h *holes) Write(b []byte) (int, error) {
	zero := make([]byte, 1<<14)
	for rest := b; len(rest) > 0; {
		p := rest[:min(len(zero), len(rest))]
		rest = rest[len(p):]
		if !bytes.Equal(p, zero[:len(p)]) {
			if _, err := h.f.WriteAt(p, h.at); err != nil {
				return 0, err
			}
		}
		h.at += int64(len(p))
	}
	return len(b), nil
}

// rawFrame is the frame of n zeros in raw blocks: as long as its content.
func rawFrame(n int) []byte {
	b := append(le32(nil, 0xFD2FB528), 2<<6|0x20|4)
	b = le32(b, uint32(n))
	const block = 128 << 10
	for at := 0; at < n; at += block {
		k := min(block, n-at)
		h := uint32(k) << 3
		if at+k == n {
			h |= 1
		}
		b = append(append(b, byte(h), byte(h>>8), byte(h>>16)), make([]byte, k)...)
	}
	return le32(b, uint32(xxhash.Sum64(make([]byte, n))))
}

// An archive of more than 4 GiB, in a sparse file: its blob is zeros in raw blocks. It is
// verified as stored, and what lies behind the blob is found by key.
func TestFarArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: reads 4.4 GB")
	}
	const chunk, chunks = 8 << 20, 525
	f := base(t)
	never := sha256.Sum256([]byte("the blob as a whole is not read")) // that would take as long again
	blob := &pb.Blob{Id: "data/b/00000001", Sha256: never[:], Size: chunk * chunks}
	f.editRecord("channelvalue", 0, func(rec []byte) []byte {
		v := &pb.ChannelValue{}
		if err := proto.Unmarshal(rec, v); err != nil {
			t.Fatal(err)
		}
		agentstate.Blobs(v, func(b *pb.Blob) { proto.Merge(b, blob) })
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
	r := f.root(0)
	r.Blobs[0].Size, r.Blobs[0].Sha256, r.Blobs[0].Chunks = blob.Size, blob.Sha256, chunks
	f.setRoot(0, r)
	body := rawFrame(chunk)
	sum := sha256.Sum256(body)
	at := f.index(blobChunk)
	f.remove(blobChunk)
	var many []part
	for i := range chunks {
		many = append(many, part{fmt.Sprintf("data/b/00000001/%06d.zst", i+1), body})
	}
	f.members = slices.Insert(f.members, at, many...)
	f.listWith(func(p part) [32]byte {
		if len(p.body) == len(body) {
			return sum
		}
		return sha256.Sum256(p.body)
	})
	f.relist()

	file, err := os.Create(filepath.Join(t.TempDir(), "far.ctxa"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := container.NewWriter(&holes{f: file})
	crc := crc32.ChecksumIEEE(body)
	for _, p := range f.members {
		c := crc
		if len(p.body) != len(body) {
			c = crc32.ChecksumIEEE(p.body)
		}
		if _, err := w.Add(f.prefix+p.name, p.body, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Offset() < 1<<32 {
		t.Fatal(w.Offset())
	}
	o := format.ReaderOptions{Policy: format.IntegrityOnly()}
	v, err := format.Verify(context.Background(), file, w.Offset(), &format.VerifyOptions{ReaderOptions: o, StoredOnly: true})
	if err != nil || v.Bytes < 1<<32 {
		t.Fatal(v, err)
	}
	rd, err := format.NewReader(file, w.Offset(), &o)
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := rd.Get(context.Background(), "opaque/row/1"); err != nil || agentstate.KindOf(rec) != "opaque" {
		t.Error(rec, err)
	}
}
