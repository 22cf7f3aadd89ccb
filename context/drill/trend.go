package drill

import (
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

// maxTrend is of how many drills before it a statement has the numbers.
const maxTrend = 11

// trend is the newest drills of the ledger, as a report draws them beside the next one.
func (l *Ledger) trend() []evidence.Past {
	var out []evidence.Past
	for _, e := range l.entries[max(0, len(l.entries)-maxTrend):] {
		schema := ""
		if e.Schema != "" {
			schema = strings.TrimSpace(e.Source + " " + e.Schema)
		}
		out = append(out, evidence.Past{
			LedgerIndex: e.N, EndedAt: e.Ended, Level: e.Level, Mode: e.Mode, Verdict: e.Verdict, RTOSeconds: e.RTOSeconds, Arrived: e.Arrived, Due: e.Due,
			Target: e.Target, Recall: e.Recall, Source: e.Source, Schema: schema,
		})
	}
	return out
}
