package langgraph

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestRows proves the schema: every row of the real stores comes out of the records again, to the
// byte and the storage class.
func TestRows(t *testing.T) {
	for _, name := range []string{"js.sqlite", "python.sqlite"} {
		t.Run(name, func(t *testing.T) {
			s := SQLite(sample(t, name))
			want := tableRows(t, s)
			mem, rep := drivertest.Export(t, s)
			got := recordRows(t, mem)
			n := 0
			for table, rows := range want {
				n += len(rows)
				if len(rows) == 0 {
					delete(want, table)
				}
			}
			if n < 100 {
				t.Fatalf("only %d rows in the sample", n)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("rows differ (-store +records):\n%.2000s", d)
			}
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("coverage %v: %v", rep.Verdict.Coverage, rep.Verdict.Kinds)
			}
			if len(rep.Gaps) > 0 {
				t.Errorf("gaps in a healthy store: %v", rep.Gaps)
			}
			t.Log(n, "rows;", rep.Records)
		})
	}
}
