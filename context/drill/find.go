package drill

import (
	"fmt"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
)

// Find is the entry of the drill that st is about; raw are the bytes of st. ErrLedger: the ledger has none at the place that
// the statement names, or one that says otherwise. So a last line that was changed or cut off is found out, and the ledger of
// others, which the chain of a ledger alone does not show.
func Find(entries []Entry, st *evidence.Statement, raw []byte) (*Entry, error) {
	p := st.Predicate
	n := p.Drill.LedgerIndex
	if n >= uint64(len(entries)) {
		return nil, fmt.Errorf("%w: the drill is entry %d, and the ledger ends before it, with %d: lines were cut off, or it is another ledger", ErrLedger, n, len(entries))
	}
	e, want := &entries[n], entryOf(p, raw, nil)
	if e.Statement != want.Statement {
		return nil, fmt.Errorf("%w: entry %d is about another statement: want sha256 %s, got %.64s: another drill took its place, or it is another ledger", ErrLedger, n, want.Statement, e.Statement)
	}
	if got := p.Drill.PrevDigest.SHA256; got != e.Prev {
		return nil, fmt.Errorf("%w: the statement names sha256 %.64q as the entry before it, and entry %d names %q: lines before it were written anew", ErrLedger, got, n, e.Prev)
	}
	for _, f := range []struct {
		name      string
		want, got any
	}{
		{"drill", want.Drill, e.Drill}, {"name", want.Name, e.Name}, {"archive", want.Archive, e.Archive}, {"records", want.Records, e.Records},
		{"mode", want.Mode, e.Mode}, {"level", want.Level, e.Level}, {"verdict", want.Verdict, e.Verdict},
		{"rto_seconds", want.RTOSeconds, e.RTOSeconds}, {"rto_target_seconds", want.RTOTarget, e.RTOTarget}, {"rpo_seconds", want.RPOSeconds, e.RPOSeconds},
		{"due", want.Due, e.Due}, {"arrived", want.Arrived, e.Arrived}, {"lost", want.Lost, e.Lost},
		{"started", want.Started.UTC().Format(time.RFC3339Nano), e.Started.UTC().Format(time.RFC3339Nano)}, {"ended", want.Ended.UTC().Format(time.RFC3339Nano), e.Ended.UTC().Format(time.RFC3339Nano)},
		{"register_id", orOf(e.Register, want.Register), e.Register}, {"source", orOf(e.Source, want.Source), e.Source}, {"target", orOf(e.Target, want.Target), e.Target},
	} {
		if f.want != f.got {
			return nil, fmt.Errorf("%w: entry %d was changed: %s: want %.100v as its statement says, got %.100v", ErrLedger, n, f.name, f.want, f.got)
		}
	}
	return e, nil
}

// orOf is what the statement says of a field that an entry by an earlier release does not have.
func orOf(entry, statement string) string {
	if entry == "" {
		return ""
	}
	return statement
}
