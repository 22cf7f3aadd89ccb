package format_test

import (
	"bytes"
	"context"
	"runtime/debug"
	"testing"

	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/heappeak"
)

// Verify, a reading of all records and Inspect take at most 128 MiB, whatever the vector is. A
// passphrase takes what its cost says, and its cost is bounded.
func TestVectorMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	var most uint64
	vs := allVectors(t)
	for _, v := range vs {
		limit := uint64(128 << 20)
		if v.Passphrase != "" {
			limit += 256 << 20 // scrypt of N = 2^18
		}
		o := readerOptions(t, &v)
		size := int64(len(v.Archive))
		grown := heappeak.Growth(func() {
			_, _ = format.Verify(context.Background(), bytes.NewReader(v.Archive), size, &format.VerifyOptions{ReaderOptions: *o})
			_, _ = released(v.Archive, o)
			_, _ = format.Inspect(bytes.NewReader(v.Archive), size, o)
		})
		if grown > limit {
			t.Errorf("%s: %d MiB, limit %d", v.Name, grown>>20, limit>>20)
		}
		if v.Passphrase == "" {
			most = max(most, grown)
		}
	}
	t.Logf("%d vectors, verified, read and inspected: at most %d MiB", len(vs), most>>20)
}
