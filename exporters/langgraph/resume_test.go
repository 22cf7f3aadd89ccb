package langgraph

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// broken is a sink that breaks off after n records.
type broken struct {
	*memstate.State
	n int
}

var errBroken = errors.New("broken off")

func (b *broken) Put(ctx context.Context, r agentstate.Record) error {
	if b.n--; b.n < 0 {
		return errBroken
	}
	return b.State.Put(ctx, r)
}

// stateRecords are the records of m without those that hold the times of the run.
func stateRecords(t testing.TB, m *memstate.State) []agentstate.Record {
	t.Helper()
	var out []agentstate.Record
	for _, r := range records(t, m) {
		if agentstate.KindOf(r) != "completeness" {
			out = append(out, r)
		}
	}
	return out
}

// TestResume breaks the export off at many places; each time it goes on and ends with the same
// records and the same verdict.
func TestResume(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			s := at.load(t)
			whole, want := drivertest.Export(t, s)
			var all int
			for range records(t, whole) {
				all++
			}
			breaks := 12
			if s.server == nil {
				breaks = loadtest.Of(4, breaks)
			}
			for n := 1; n < all; n += all / breaks {
				m := &memstate.State{}
				if _, err := agentstate.Copy(t.Context(), &broken{m, n}, s, nil); !errors.Is(err, errBroken) {
					t.Fatalf("after %d: %v", n, err)
				}
				m.Close()
				resumed := m.Cursor() != nil
				rep, err := agentstate.Copy(t.Context(), m, s, nil)
				if err != nil {
					t.Fatalf("after %d: %v", n, err)
				}
				got, all := stateRecords(t, m), stateRecords(t, whole)
				if len(got) != len(all) {
					t.Fatalf("after %d (resumed %v): %d records, want %d", n, resumed, len(got), len(all))
				}
				for i := range all {
					if !proto.Equal(all[i], got[i]) {
						t.Fatalf("after %d (resumed %v): %.2000s", n, resumed, cmp.Diff(all[i], got[i], protocmp.Transform()))
					}
				}
				if rep.Verdict.Coverage != want.Verdict.Coverage || !cmp.Equal(rep.Records, want.Records) {
					t.Errorf("after %d: %v %v, want %v %v", n, rep.Verdict, rep.Records, want.Verdict.Coverage, want.Records)
				}
			}
		})
	}
}

// TestResumeChanged changes the store between the two runs: half of each would be a state that
// never was.
func TestResumeChanged(t *testing.T) {
	for _, at := range stores() {
		for _, q := range []string{
			"UPDATE checkpoints SET parent_checkpoint_id = 'x' WHERE thread_id = (SELECT max(thread_id) FROM checkpoints)",
			"DELETE FROM checkpoints WHERE thread_id = (SELECT max(thread_id) FROM checkpoints)",
		} {
			t.Run(at.name+" "+q[:6], func(t *testing.T) {
				s := at.load(t)
				m := &memstate.State{}
				agentstate.Copy(t.Context(), &broken{m, 150}, s, nil)
				m.Close()
				if m.Cursor() == nil {
					t.Fatal("no cursor")
				}
				change(t, s, q)
				if _, err := agentstate.Copy(t.Context(), m, s, nil); !errors.Is(err, agentstate.ErrCursor) {
					t.Errorf("resumed: %v", err)
				}
			})
		}
	}
}

// TestCursorGarbage gives cursors that are not of this store.
func TestCursorGarbage(t *testing.T) {
	s := SQLite(sample(t, "python.sqlite"))
	for _, c := range []string{"x", "{}", `{"At":{"Stage":"nowhere"}}`, `{"At":{"Store":"other","Stage":"threads"}}`} {
		var last error
		for _, err := range s.Records(t.Context(), &agentstate.ReadOptions{Cursor: []byte(c)}) {
			last = err
		}
		if !errors.Is(last, agentstate.ErrCursor) {
			t.Errorf("%s: %v", c, last)
		}
	}
}

// TestKinds reads some kinds only: the rest is stated as left out, and not read.
func TestKinds(t *testing.T) {
	s := SQLite(sample(t, "python.sqlite"))
	m := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), m, s, &agentstate.CopyOptions{Kinds: []string{"memory", "memoryspace"}})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Records["memory"] != 5 || rep.Records["checkpoint"] != 0 || rep.Verdict.Kinds["memory"].Coverage != agentstate.Reconciled || rep.Verdict.Kinds["checkpoint"].Coverage != agentstate.Unknown {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
	for _, r := range records(t, m) {
		if _, err := proto.Marshal(r); err != nil {
			t.Errorf("%s: %v", r.GetMeta().GetKey(), err)
		}
	}
}

// TestLongPlace: a key of any length is read, and so is what comes after it.
func TestLongPlace(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "UPDATE checkpoints SET thread_id = replace(hex(zeroblob(30000)), '00', 'ab') WHERE thread_id = 't-interrupt'",
		"UPDATE writes SET thread_id = replace(hex(zeroblob(30000)), '00', 'ab') WHERE thread_id = 't-interrupt'",
		"UPDATE store SET key = replace(hex(zeroblob(40000)), '00', 'cd') WHERE key = 'mem-1'")
	m, rep := drivertest.Export(t, SQLite(p))
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v: %v", rep.Verdict.Coverage, drivertest.Gaps(rep))
	}
	long := 0
	for _, r := range records(t, m) {
		switch v := r.(type) {
		case *pb.Checkpoint:
			if strings.HasPrefix(v.Meta.Key, "checkpoint/abab") {
				long++
			}
		case *pb.Memory:
			if strings.Contains(v.Meta.Key, "/cdcd") {
				long++
			}
		}
	}
	if long < 2 {
		t.Errorf("%d records of long keys", long)
	}
}
