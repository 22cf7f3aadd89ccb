package drill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/internal/filelock"
	"github.com/exitramp/exitramp/internal/plainjson"
)

// ErrLedger: the file is no ledger, or was changed.
var ErrLedger = errors.New("drill: ledger")

// ErrLedgerLocked: another drill writes to the ledger.
var ErrLedgerLocked = errors.New("drill: another drill writes to this ledger")

// Entry is one drill in a ledger: a line of JSON, which names the digest of the line before.
type Entry struct {
	N          uint64             `json:"entry"` // from 0
	Prev       string             `json:"prev"`  // SHA-256 of the line before, without its end; empty: the first
	Drill      string             `json:"drill"`
	Name       string             `json:"name"`
	Statement  string             `json:"statement"` // SHA-256 of the statement
	Archive    string             `json:"archive"`   // SHA-256 of its manifest.json; empty: none could be read
	Lineage    string             `json:"lineage"`
	Sequence   uint64             `json:"sequence"`
	Records    uint64             `json:"records"`
	Mode       evidence.Mode      `json:"mode"`
	Level      evidence.Level     `json:"level"`
	Verdict    evidence.Verdict   `json:"verdict"`
	Held       int                `json:"gates_held"`
	Gates      int                `json:"gates"`
	Beside     string             `json:"failed_by,omitempty"` // what is no gate, where all of those held
	RTOSeconds float64            `json:"rto_seconds"`
	RTOTarget  uint64             `json:"rto_target_seconds"`
	RPOSeconds uint64             `json:"rpo_seconds"` // of the worst kind
	Due        uint64             `json:"due"`         // records that were to arrive
	Arrived    uint64             `json:"arrived"`     // that did
	Lost       uint64             `json:"lost"`
	Source     string             `json:"source,omitempty"`      // what was read: its product and flavor
	Schema     string             `json:"schema,omitempty"`      // of the source
	Register   string             `json:"register_id,omitempty"` // of the arrangement that was rehearsed
	Target     string             `json:"target,omitempty"`      // what was written to: its product and flavor
	Recall     *float64           `json:"recall,omitempty"`      // of searches by vector, after; absent: not measured
	Started    time.Time          `json:"started"`
	Ended      time.Time          `json:"ended"`
	Findings   []evidence.Finding `json:"findings,omitempty"` // open ones
}

// Passed tells whether the drill showed that the exit works.
func (e *Entry) Passed() bool {
	return e.Verdict == evidence.VerdictPass || e.Verdict == evidence.VerdictPassWithLoss
}

const (
	maxLedger     = 64 << 20
	maxLedgerLine = 1 << 20
)

// ReadLedger reads a ledger and checks its chain. An error names the line that is not as it was
// written. A last line that stops in its middle is no entry: torn is its number, else 0; a crash leaves one,
// and so does whoever cuts it. Entries that were cut off at the end leave no trace in the file; the statement of
// drill N holds the digest of entry N-1.
func ReadLedger(r io.Reader) (entries []Entry, torn int, err error) {
	c, err := parseLedger(r)
	return c.entries, c.torn, err
}

// chain is what a ledger holds.
type chain struct {
	entries []Entry
	last    string // digest of the last line
	end     int64  // where the next one begins
	torn    int    // line that stops in its middle; 0: none does
	unended bool   // the last line lacks no more than its end
}

// parseLedger reads a ledger.
func parseLedger(r io.Reader) (c chain, err error) {
	b, err := io.ReadAll(io.LimitReader(r, maxLedger+1))
	if err != nil {
		return chain{}, fmt.Errorf("drill: ledger: %w", err)
	}
	if len(b) > maxLedger {
		return chain{}, fmt.Errorf("%w: more than %d bytes", ErrLedger, maxLedger)
	}
	by := map[string]int{} // lines by their statements
	for n := 1; len(b) > 0; n++ {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		e, err := parseEntry(line)
		if err != nil && !whole && c.begins(line) {
			c.torn = n
			return c, nil
		}
		if err != nil {
			return chain{}, fmt.Errorf("%w: line %d: %w", ErrLedger, n, err)
		}
		switch {
		case e.N != uint64(n-1):
			return chain{}, fmt.Errorf("%w: line %d: want entry %d, got %d: a line was taken out, or put in", ErrLedger, n, n-1, e.N)
		case e.Prev != c.last && n == 1:
			return chain{}, fmt.Errorf("%w: line 1: the first entry names one before it: lines were taken out", ErrLedger)
		case e.Prev != c.last:
			return chain{}, fmt.Errorf("%w: line %d was changed: want sha256 %s by line %d, got %s", ErrLedger, n-1, e.Prev, n, c.last)
		case e.Statement != "" && by[e.Statement] > 0: // a statement says which entry it is
			return chain{}, fmt.Errorf("%w: line %d: the drill of line %d again: a drill is entered once", ErrLedger, n, by[e.Statement])
		}
		by[e.Statement] = n
		c.last, c.unended = lineDigest(line), !whole
		c.entries, b, c.end = append(c.entries, *e), rest, c.end+int64(len(line))
		if whole {
			c.end++
		}
	}
	return c, nil
}

// begins tells whether line is the beginning of the next entry, and not of a file of something else, which nobody may cut.
func (c *chain) begins(line []byte) bool {
	want := fmt.Appendf(nil, `{"entry":%d,"prev":"%s","drill":"`, len(c.entries), c.last)
	n := min(len(want), len(line))
	return bytes.Equal(line[:n], want[:n])
}

// parseEntry reads a line, which has one legal spelling.
func parseEntry(line []byte) (*Entry, error) {
	if len(line) > maxLedgerLine {
		return nil, fmt.Errorf("%d bytes, at most %d", len(line), maxLedgerLine)
	}
	e := &Entry{}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(e); err != nil {
		return nil, fmt.Errorf("no entry: %w", plainjson.Words(err))
	}
	again, err := json.Marshal(e)
	if err != nil || !bytes.Equal(again, line) {
		return nil, errors.New("not spelled as a ledger spells it")
	}
	switch e.Verdict {
	case evidence.VerdictPass, evidence.VerdictPassWithLoss, evidence.VerdictPartial, evidence.VerdictFail, evidence.VerdictInvalid:
	default:
		return nil, fmt.Errorf("%.40q is no verdict", e.Verdict)
	}
	if e.Held > e.Gates || e.Ended.Before(e.Started) {
		return nil, errors.New("more gates held than there are, or the drill ended before it began")
	}
	return e, nil
}

func lineDigest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Ledger is the list of all drills: a file of JSON lines that only grows, each of which names the
// digest of the one before. It is for one goroutine.
type Ledger struct {
	chain
	f    *os.File
	path string
}

// OpenLedger opens the ledger at path to append to it, and locks it; a file that is not there is an
// empty one. ErrLedger: it was changed. ErrLedgerLocked: another drill has it. Close it.
func OpenLedger(path string) (*Ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("drill: ledger: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("drill: ledger: %w", err)
	}
	l := &Ledger{f: f, path: path}
	if !filelock.Try(f) {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrLedgerLocked, f.Name()), f.Close())
	}
	if l.chain, err = parseLedger(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), l.Close())
	}
	return l, nil
}

// How long a drill waits for the ledger, and how often it asks: another one has it for as long as it takes to sign.
const ledgerWait, ledgerStep = 15 * time.Second, 100 * time.Millisecond

// waitForLedger is OpenLedger for who has a drill to enter that took hours.
func waitForLedger(ctx context.Context, path string) (*Ledger, error) {
	for until := time.Now().Add(ledgerWait); ; {
		l, err := OpenLedger(path)
		if !errors.Is(err, ErrLedgerLocked) || time.Now().After(until) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(ledgerStep):
		}
	}
}

// Next is the number of the next entry, and the digest that it will name.
func (l *Ledger) Next() (uint64, evidence.Digest) {
	return uint64(len(l.entries)), evidence.Digest{SHA256: l.last}
}

// takes tells whether e, as it was judged, is the next entry, or the last.
func (l *Ledger) takes(e *Entry) bool {
	n := len(l.entries)
	return e.N == uint64(n) && e.Prev == l.last || n > 0 && l.entries[n-1].Drill == e.Drill
}

// Append enters a drill. Its number and the digest of the entry before are the ledger's. A drill that
// is the last entry already is not entered again. A last line that stops in its middle, which is no entry, is cut
// off first; one without its end gets it.
func (l *Ledger) Append(e Entry) error {
	if n := len(l.entries); n > 0 && l.entries[n-1].Drill == e.Drill {
		return nil
	}
	e.N, e.Prev = uint64(len(l.entries)), l.last
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("drill: ledger: %w", err)
	}
	if l.torn > 0 {
		if err := l.f.Truncate(l.end); err != nil {
			return fmt.Errorf("drill: ledger: %w", err)
		}
	}
	add := append(line, '\n')
	if l.unended {
		add = append([]byte{'\n'}, add...)
	}
	if _, err := l.f.WriteAt(add, l.end); err != nil {
		return fmt.Errorf("drill: ledger: %w", err)
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("drill: ledger: %w", err)
	}
	l.chain = chain{entries: append(l.entries, e), last: lineDigest(line), end: l.end + int64(len(add))}
	return nil
}

// Close releases the ledger. Closed twice, it does nothing.
func (l *Ledger) Close() error {
	f := l.f
	if l.f = nil; f == nil {
		return nil
	}
	return filelock.Close(f)
}
