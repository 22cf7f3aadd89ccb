package drill

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// A statement has the numbers of the drills before it, the newest last, and not of too many.
func TestTrend(t *testing.T) {
	l, err := OpenLedger(filepath.Join(t.TempDir(), "drills.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if p := l.trend(); len(p) != 0 {
		t.Errorf("an empty ledger has a past: %v", p)
	}
	for i := range maxTrend + 3 {
		if err := l.Append(Entry{Drill: fmt.Sprint(i), Source: "langgraph python", Schema: "9", Level: evidence.L3, Verdict: evidence.VerdictPass, RTOSeconds: float64(i), Arrived: 9, Due: 10}); err != nil {
			t.Fatal(err)
		}
	}
	p := l.trend()
	if len(p) != maxTrend {
		t.Fatalf("%d drills, want %d", len(p), maxTrend)
	}
	if got := p[len(p)-1]; got.LedgerIndex != maxTrend+2 || got.RTOSeconds != maxTrend+2 || got.Arrived != 9 || got.Due != 10 || got.Verdict != evidence.VerdictPass || got.Source != "langgraph python" || got.Schema != "langgraph python 9" {
		t.Errorf("the newest is %+v", got)
	}
}
