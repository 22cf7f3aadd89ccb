package formattest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sort"
	"testing"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// extents is a file of gigabytes in little memory: what is long is kept by reference, and here is the
// same each time.
type extents struct {
	at   []int64
	data [][]byte
	size int64
}

func (e *extents) Write(b []byte) (int, error) {
	kept := b
	if len(b) < 1<<20 {
		kept = bytes.Clone(b)
	}
	e.at, e.data, e.size = append(e.at, e.size), append(e.data, kept), e.size+int64(len(b))
	return len(b), nil
}

func (e *extents) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for i := sort.Search(len(e.at), func(i int) bool { return e.at[i] > off }) - 1; i >= 0 && i < len(e.at) && n < len(p); i++ {
		if from := off + int64(n) - e.at[i]; from < int64(len(e.data[i])) {
			n += copy(p[n:], e.data[i][from:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
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

// An archive of more than 4 GiB: its blob is zeros in raw blocks. What lies behind the blob is found by
// key, and a shorter one is verified as stored; with EXITRAMP_LOAD=1 this one too.
func TestFarArchive(t *testing.T) {
	verify := func(file *extents) {
		t.Helper()
		v, err := format.Verify(context.Background(), file, file.size, &format.VerifyOptions{ReaderOptions: format.ReaderOptions{Policy: format.IntegrityOnly()}, StoredOnly: true})
		if err != nil || v.Bytes < file.size*9/10 {
			t.Fatal(v, err)
		}
	}
	verify(far(t, 3))
	file := far(t, 525)
	if file.size < 1<<32 {
		t.Fatal(file.size)
	}
	if loadtest.Of(false, true) {
		verify(file)
	}
	rd, err := format.NewReader(file, file.size, &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := rd.Get(context.Background(), "opaque/row/1"); err != nil || agentstate.KindOf(rec) != "opaque" {
		t.Error(rec, err)
	}
}

// far is an archive whose blob has so many chunks of 8 MiB.
func far(t *testing.T, chunks int) *extents {
	const chunk = 8 << 20
	f := base(t)
	never := sha256.Sum256([]byte("the blob as a whole is not read")) // that would take as long again
	blob := &pb.Blob{Id: "data/b/00000001", Sha256: never[:], Size: uint64(chunk * chunks)}
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
	r.Blobs[0].Size, r.Blobs[0].Sha256, r.Blobs[0].Chunks = blob.Size, blob.Sha256, uint64(chunks)
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

	file := &extents{}
	w := container.NewWriter(file)
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
	return file
}
