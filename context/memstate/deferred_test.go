package memstate_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestDeferred: a writer says that nothing counts before Commit exactly where that is so.
func TestDeferred(t *testing.T) {
	for _, o := range []memstate.RuntimeOptions{{}, {Transactional: true}, {Transactional: true, Exact: true}, {Transactional: true, Flushes: true}, {Flushes: true, Exact: true}} {
		rt := memstate.NewRuntime(&o)
		w, err := rt.Begin(t.Context(), &replay.Run{ID: "r", From: &pb.Origin{}})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Write(t.Context(), &pb.Conversation{Meta: &pb.Meta{Key: "conversation/a"}}); err != nil {
			t.Fatal(err)
		}
		if f, ok := w.(replay.Flusher); ok {
			if err := f.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		d, ok := w.(replay.Deferrer)
		if deferred := ok && d.Deferred(); deferred != (rt.Len() == 0) {
			t.Errorf("%+v: deferred is %v, and it holds %d records before Commit", o, deferred, rt.Len())
		}
	}
}
