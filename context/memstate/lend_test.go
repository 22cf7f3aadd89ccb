package memstate_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestLendLong: what is made ahead is bounded in bytes, also where records are long.
func TestLendLong(t *testing.T) {
	const size, n = 1 << 20, 300
	s, text := &memstate.State{}, strings.Repeat("x", size)
	for i := range n { // they share the text
		if err := s.Put(t.Context(), &pb.Memory{Meta: agentstate.Meta("memory", nil, strconv.Itoa(i)), Name: text}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, read := uint64(0), 0
	for w, err := range s.Lend(t.Context(), nil) {
		if err != nil || w.Wire == nil {
			t.Fatal(err)
		}
		if read++; read%50 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	if read != n || most > 32*size {
		t.Errorf("%d records, %d MiB above", read, most>>20)
	}
}

// TestLendPanics: a reader who panics leaves nothing running.
func TestLendPanics(t *testing.T) {
	s := memstate.New()
	for i := range 1000 {
		if err := s.Put(t.Context(), &pb.Memory{Meta: agentstate.Meta("memory", nil, strconv.Itoa(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	func() {
		defer func() {
			if r := recover(); r != "here" {
				t.Errorf("the panic of the reader came as %v", r)
			}
		}()
		for range s.Lend(t.Context(), nil) {
			panic("here")
		}
	}()
	ended(t, before)
}

// ended fails where more goroutines are left than were before. One that has nothing left to do may take a moment to end.
func ended(t *testing.T, before int) {
	t.Helper()
	for i := 0; runtime.NumGoroutine() > before && i < 200; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
