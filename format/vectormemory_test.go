package format_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/format/formattest"
	"github.com/exitramp/exitramp/internal/heappeak"
)

// Verify, a reading of all records and Inspect take at most 128 MiB, whatever the vector is. A
// passphrase takes what its cost says, and its cost is bounded.
func TestVectorMemory(t *testing.T) {
	vs := allVectors(t)
	// peak is what vs take, one after the other: the collector runs before the first of them only, which costs the most.
	peak := func(vs ...formattest.Vector) uint64 {
		return heappeak.Growth(func() {
			for _, v := range vs {
				o, size := readerOptions(t, &v), int64(len(v.Archive))
				_, _ = format.Verify(context.Background(), bytes.NewReader(v.Archive), size, &format.VerifyOptions{ReaderOptions: *o})
				_, _ = released(v.Archive, o)
				_, _ = format.Inspect(bytes.NewReader(v.Archive), size, o)
			}
		})
	}
	const limit = 128 << 20
	scrypt := slices.DeleteFunc(slices.Clone(vs), func(v formattest.Vector) bool { return v.Passphrase == "" })
	rest := slices.DeleteFunc(slices.Clone(vs), func(v formattest.Vector) bool { return v.Passphrase != "" })
	if grown := peak(scrypt...); grown > limit+(256<<20) { // scrypt of N = 2^18
		t.Errorf("%d vectors with a passphrase: %d MiB, limit %d", len(scrypt), grown>>20, limit>>20+256)
	}
	most := peak(rest...)
	if most > limit {
		t.Errorf("%d MiB, limit %d", most>>20, limit>>20)
		for _, v := range rest {
			t.Logf("%s: %d MiB", v.Name, peak(v)>>20)
		}
	}
	t.Logf("%d vectors, verified, read and inspected: at most %d MiB", len(vs), most>>20)
}
