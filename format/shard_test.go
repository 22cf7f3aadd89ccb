package format

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/exitramp/exitramp/format/formattest"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/frame"
)

// vectorShards are the raw shards in the vectors, sound ones and others.
func vectorShards(f *testing.F) (out [][]byte) {
	f.Helper()
	vs, err := formattest.All()
	if err != nil {
		f.Fatal(err)
	}
	dec, err := frame.NewDecoder(1 << 20)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vs {
		ra := bytes.NewReader(v.Archive)
		es, err := container.Read(ra, ra.Size(), container.Limits{Members: 100, Stored: 1 << 20})
		if err != nil {
			continue
		}
		for _, e := range es {
			if !strings.Contains(e.Name, "/data/r/memory/") {
				continue
			}
			if b, err := container.ReadMember(ra, e); err == nil {
				if raw, err := dec.Decode(nil, b, -1); err == nil {
					out = append(out, raw)
				}
			}
		}
	}
	if len(out) == 0 {
		f.Fatal("no shards in the vectors")
	}
	return out
}

// A shard that the walker takes is the one spelling of its header and records.
func FuzzShard(f *testing.F) {
	for _, raw := range vectorShards(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var again []byte
		take := func(n protowire.Number, b []byte) error {
			again = protowire.AppendBytes(protowire.AppendTag(again, n, protowire.BytesType), b)
			return nil
		}
		err := walkShard(raw, func(b []byte) error { return take(shardHeader, b) }, func(_ int, rec []byte) error { return take(shardRecords, rec) })
		if err == nil && !bytes.Equal(again, raw) {
			t.Errorf("taken: %x\nspelled: %x", raw, again)
		}
	})
}
