package sqlitefile

import (
	"runtime"
	"testing"
)

// The mark of a row is in journals of before: it stays. It takes no copy of bytes, and none but one of
// text.
func TestDigest(t *testing.T) {
	const want = "43c77a005347e3e0304d73cc460d2850"
	if got := Digest(nil, "text", "", []byte("text"), []byte{}, int64(7), -1.5, true); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	long := make([]byte, 8<<20)
	text := string(long)
	var from, to runtime.MemStats
	runtime.ReadMemStats(&from)
	Digest(long, text)
	runtime.ReadMemStats(&to)
	if n := to.TotalAlloc - from.TotalAlloc; n > uint64(len(text))*5/4 {
		t.Errorf("%d bytes were taken for %d", n, len(long)+len(text))
	}
}
