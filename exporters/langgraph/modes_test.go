package langgraph

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestModes: however the program asks the server, as poolers want it, a run, the same again and its undo come to the same.
func TestModes(t *testing.T) {
	for _, from := range []string{"python.sqlite", "python.pg.sql"} {
		var want []map[string]int
		for _, mode := range []string{"", "simple_protocol", "cache_describe", "describe_exec", "cache_statement"} {
			t.Run(from+" "+mode, func(t *testing.T) {
				m, _ := drivertest.Export(t, storeNamed(t, from).load(t))
				u := pgtest.Database(t)
				if mode != "" {
					u += "?default_query_exec_mode=" + mode
				}
				dst, src := postgres(t, u), drivertest.InOrder{State: m}
				var got []map[string]int
				var first *replay.Journal
				for _, again := range []bool{false, true} {
					j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
					if err != nil {
						t.Fatal(err)
					}
					defer j.Close()
					if !again {
						first = j
					}
					if _, err := replay.Plan(t.Context(), dst, src, nil); err != nil {
						t.Fatal(err)
					}
					var rcs []replay.Receipt
					if _, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j, OnReceipt: func(rc replay.Receipt) { rcs = append(rcs, rc) }}); err != nil {
						t.Fatal(err)
					}
					got = append(got, actions(rcs))
				}
				un, err := replay.Undo(t.Context(), dst, first)
				if err != nil || un.LeftN > 0 || un.Gone > 0 || got[0]["create"] == 0 || got[1]["create"] > 0 {
					t.Fatalf("%v, %+v, %v", err, un, got)
				}
				if want == nil {
					want = got
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		}
	}
}
