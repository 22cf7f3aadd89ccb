package formattest_test

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"testing/cryptotest"

	"github.com/klauspost/compress/zstd"

	"github.com/exitramp/exitramp/format/formattest"
)

// fault is a vector in the making.
type fault struct {
	name, expect, comment, member string
	released, records             int
	level                         string
	archive                       func(t *testing.T) []byte
	more                          func(v *formattest.Vector) // sets the rest of the header
}

// freed is f with another number of records that may leave the reader.
func (f fault) freed(n int) fault {
	f.released = n
	return f
}

// base is the small archive, ready for a fault.
func base(t *testing.T) *forge {
	t.Helper()
	return newForge(t, write(t, plain(), small()...))
}

// vectors makes all of them.
func vectors(t *testing.T) map[string][]byte {
	out := map[string][]byte{}
	for prefix, fs := range map[string][]fault{
		"container": containerFaults(), "manifest": manifestFaults(), "payload": slices.Concat(frameFaults(), shardFaults(), rootFaults(), indexFaults()),
		"coverage": coverageFaults(), "crypto": cryptoFaults(), "accept": slices.Concat(accepted(), signedAccepted()), "trust": trustFaults(),
	} {
		for _, f := range fs {
			name := prefix + "-" + f.name
			t.Run(name, func(t *testing.T) {
				cryptotest.SetGlobalRandom(t, 1)
				v := &formattest.Vector{
					Expect: f.expect, Comment: f.comment, Member: f.member, Released: f.released, Records: f.records, Level: f.level,
				}
				v.Archive = f.archive(t)
				if f.more != nil {
					f.more(v)
				}
				if out[name] != nil {
					t.Error("made twice")
				}
				out[name] = v.Marshal()
			})
		}
	}
	return out
}

// pack is vectors.tar.zst and vectors.txt.
func pack(t *testing.T, vs map[string][]byte) (packed, list []byte) {
	t.Helper()
	var b, l bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(vs)) {
		body := vs[name]
		h := &tar.Header{Name: name + ".vector", Mode: 0o644, Size: int64(len(body)), ModTime: instant(), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		v, err := formattest.Parse(body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fmt.Fprintf(&l, "%-14s %-44s %s\n", v.Expect, name, v.Comment)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(b.Bytes(), nil), l.Bytes()
}

// The files are what this release makes.
func TestVectorsAreCurrent(t *testing.T) {
	packed, list := pack(t, vectors(t))
	for name, want := range map[string][]byte{"testdata/vectors.tar.zst": packed, "testdata/vectors.txt": list} {
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is made now (%v): go test ./format/formattest -update", name, err)
		}
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// What is written is read again.
func TestParse(t *testing.T) {
	v := &formattest.Vector{
		Expect: "digest", Comment: "c: d", Member: "m", Released: 3, Records: 4, Identities: []string{"a", "b"}, Passphrase: "p q", Keys: map[string][]byte{"0/1.age": {4}, "1/1.age": {5}},
		NoPolicy: true, Trust: [][]byte{{1}, {2}}, Threshold: 2, Bundles: [][]byte{{3}}, MinSequence: 7, Lineage: "l", AcceptSchema: true, Level: "stored", Archive: []byte("\n\nx\n\n"),
	}
	b := v.Marshal()
	got, err := formattest.Parse(append([]byte("later-name: passed over\n"), b...))
	if err != nil || !bytes.Equal(got.Marshal(), b) {
		t.Errorf("%v\n%q\n%q", err, got.Marshal(), b)
	}
	for _, s := range []string{"", "expect: digest", "comment: x\n\nbody", "expect digest\n\n", "expect: digest\nreleased: many\n\n", "expect: accept\ntrust: ?\n\n"} {
		if v, err := formattest.Parse([]byte(s)); err == nil {
			t.Errorf("%q: %+v", s, v)
		}
	}
}
