package drill

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
)

// failing is a source of which err is all that is read.
type failing struct{ err error }

func (f failing) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) { yield(nil, f.err) }
}

// TestEchoesUnanswered: a target that gives no answer while it is looked at is not one in which nobody says so.
func TestEchoesUnanswered(t *testing.T) {
	r := &run{p: &Plan{Canaries: []Canary{{Injection: true, Contains: "x"}}}}
	busy := agentstate.Unanswered("busy")
	for err, want := range map[error]error{busy: busy, errors.New("no such table"): nil} {
		if _, got := r.echoes(t.Context(), failing{err}); !errors.Is(got, want) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestStateOfAnEarlierRelease: a drill that was broken off before an update goes on after it, and knows how many records said
// a planted instruction in its target before, and after.
func TestStateOfAnEarlierRelease(t *testing.T) {
	p := &Plan{Name: "q"}
	path := filepath.Join(t.TempDir(), "q.drill.json")
	if err := os.WriteFile(path, []byte(`{"plan":"`+p.Digest()+`","id":"drill-1","echoes":[1,1,2],"back":{"seen":{"kinds":{},"canaries":[0,0,0],"commands":[0,0,0],"echoes":[1,2,1]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := loadState(path, p, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // as it was read, and as it is written and read again
		if len(s.Echoes) != 3 || len(s.Back.Seen.Echoes) != 3 || s.ID != "drill-1" {
			t.Fatalf("%+v", s)
		}
		for i, want := range []bool{false, true, false} {
			if got := s.Back.Seen.Echoes[i].newTo(s.Echoes[i]); got != want {
				t.Errorf("instruction %d: %t, want %t", i, got, want)
			}
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		s = &state{}
		if err := json.Unmarshal(b, s); err != nil {
			t.Fatal(err)
		}
	}
}
