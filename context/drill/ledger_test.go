package drill_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
)

// ledger makes one with n entries, and returns its path.
func ledger(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "drills.jsonl")
	for i := range n {
		add(t, path, fmt.Sprintf("d%d", i))
	}
	return path
}

func add(t testing.TB, path, id string) {
	t.Helper()
	l, err := drill.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Append(drill.Entry{Drill: id, Name: "q", Verdict: evidence.VerdictPass, Findings: []evidence.Finding{{ID: "F-1", Text: "a <b> & c", State: "open"}}}); err != nil {
		t.Fatal(err)
	}
}

func bytesOf(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLedger(t *testing.T) {
	path := ledger(t, 4)
	es, torn, err := drill.ReadLedger(bytes.NewReader(bytesOf(t, path)))
	if err != nil || torn != 0 || len(es) != 4 || es[0].Prev != "" || es[3].N != 3 || es[3].Prev == es[2].Prev || !es[1].Passed() {
		t.Fatalf("%+v, %d, %v", es, torn, err)
	}
	l, err := drill.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n, prev := l.Next()
	if n != 4 || len(prev.SHA256) != 64 {
		t.Error(n, prev)
	}
	if _, err := drill.OpenLedger(path); !errors.Is(err, drill.ErrLedgerLocked) {
		t.Errorf("opened twice: %v", err)
	}
	// The same drill again is no new entry: it was broken off after it was entered.
	if err := l.Append(es[3]); err != nil {
		t.Fatal(err)
	}
	if n, _ := l.Next(); n != 4 {
		t.Errorf("%d entries", n)
	}
}

// TestLedgerChanged: every byte that is changed, every line that is taken out, put in or exchanged is
// found, but for what was cut off at the end.
func TestLedgerChanged(t *testing.T) {
	b := bytesOf(t, ledger(t, 4))
	last := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	for i := range b[:last] { // nothing follows the last line that would hold its digest
		c := bytes.Clone(b)
		c[i] ^= 1
		if _, _, err := drill.ReadLedger(bytes.NewReader(c)); !errors.Is(err, drill.ErrLedger) || !strings.Contains(err.Error(), "line") {
			t.Fatalf("byte %d of %d: %v", i, len(b), err)
		}
	}
	lines := bytes.SplitAfter(b, []byte("\n"))[:4]
	for name, order := range map[string][]int{"first gone": {1, 2, 3}, "one gone": {0, 2, 3}, "exchanged": {0, 2, 1, 3}, "twice": {0, 1, 1, 2, 3}} {
		var c []byte
		for _, i := range order {
			c = append(c, lines[i]...)
		}
		if _, _, err := drill.ReadLedger(bytes.NewReader(c)); !errors.Is(err, drill.ErrLedger) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := drill.ReadLedger(bytes.NewReader(bytes.Replace(b, []byte(`"name":"q"`), []byte(`"name":"r"`), 1)))
	if err == nil || !strings.Contains(err.Error(), "line 1 was changed") {
		t.Error(err)
	}
}

// TestLedgerUnended: who takes no more than its end from the last line takes no drill out of the ledger.
func TestLedgerUnended(t *testing.T) {
	path := ledger(t, 3)
	whole := bytesOf(t, path)
	if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if es, torn, err := drill.ReadLedger(bytes.NewReader(bytesOf(t, path))); err != nil || torn != 0 || len(es) != 3 {
		t.Fatalf("%d entries, torn %d, %v", len(es), torn, err)
	}
	add(t, path, "next")
	if es, torn, err := drill.ReadLedger(bytes.NewReader(bytesOf(t, path))); err != nil || torn != 0 || len(es) != 4 || !bytes.HasPrefix(bytesOf(t, path), whole) {
		t.Fatalf("%d entries, torn %d, %v", len(es), torn, err)
	}
}

// TestLedgerIsAnotherFile: a file of something else, of one line without an end, is no ledger whose last line a drill may cut off.
func TestLedgerIsAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	for _, text := range []string{"x", `{"name":"q4"}`, `{"entry":1,`, `{"entry":0,"prev":"a`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := drill.OpenLedger(path); !errors.Is(err, drill.ErrLedger) {
			t.Errorf("%s: %v", text, err)
			l.Close()
		}
		if b := bytesOf(t, path); string(b) != text {
			t.Errorf("%s became %s", text, b)
		}
	}
}

// TestLedgerTorn: a line that stops in its middle is said, and the next drill takes its place.
func TestLedgerTorn(t *testing.T) {
	path := ledger(t, 3)
	whole := bytesOf(t, path)
	at := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := at + 1; cut < len(whole)-1; cut += 29 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		es, torn, err := drill.ReadLedger(bytes.NewReader(bytesOf(t, path)))
		if err != nil || torn != 3 || len(es) != 2 {
			t.Fatalf("cut at %d: %d entries, torn %d, %v", cut, len(es), torn, err)
		}
		add(t, path, "next")
		if es, torn, err = drill.ReadLedger(bytes.NewReader(bytesOf(t, path))); err != nil || torn != 0 || len(es) != 3 || es[2].Drill != "next" {
			t.Fatalf("cut at %d, and then: %+v, %d, %v", cut, es, torn, err)
		}
	}
}

// FuzzReadLedger: what is read as a ledger is one, to the byte.
func FuzzReadLedger(f *testing.F) {
	b := bytesOf(f, ledger(f, 2))
	f.Add(b)
	f.Add(b[:len(b)/3])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		es, torn, err := drill.ReadLedger(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, drill.ErrLedger) {
				t.Fatal(err)
			}
			return
		}
		path := filepath.Join(t.TempDir(), "l")
		for i, e := range es {
			if e.N != uint64(i) {
				t.Fatalf("entry %d is %d", i, e.N)
			}
			l, err := drill.OpenLedger(path)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 && es[i-1].Drill == e.Drill {
				l.Close()
				return // the same drill twice is not appended
			}
			if err := errors.Join(l.Append(e), l.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if len(es) > 0 && torn == 0 && !bytes.Equal(bytes.TrimSuffix(bytesOf(t, path), []byte("\n")), bytes.TrimSuffix(b, []byte("\n"))) {
			t.Fatalf("another ledger: %q", b)
		}
	})
}

func TestLedgerClosedTwice(t *testing.T) {
	l, err := drill.OpenLedger(filepath.Join(t.TempDir(), "l"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := l.Close(), l.Close(); a != nil || b != nil {
		t.Error(a, b)
	}
	if err := l.Append(drill.Entry{}); err == nil {
		t.Error("a closed ledger took an entry")
	}
}

// TestLedgerImpossible: the last line, which no line after it binds, says at least what a drill can say.
func TestLedgerImpossible(t *testing.T) {
	whole := bytesOf(t, ledger(t, 1))
	for _, tc := range []struct{ name, old, now string }{
		{"verdict", `"verdict":"PASS"`, `"verdict":"GREAT"`},
		{"gates", `"gates_held":0`, `"gates_held":1`},
		{"time", `"started":"0001`, `"started":"2026`},
	} {
		b := bytes.Replace(whole, []byte(tc.old), []byte(tc.now), 1)
		if _, _, err := drill.ReadLedger(bytes.NewReader(b)); bytes.Equal(b, whole) || !errors.Is(err, drill.ErrLedger) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestLedgerTwice: who enters a drill a second time has a quarter more than were drilled, with a chain that holds.
func TestLedgerTwice(t *testing.T) {
	path := ledger(t, 1)
	l, err := drill.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, id := range []string{"a", "b"} {
		if err := l.Append(drill.Entry{Drill: id, Statement: "ab", Verdict: evidence.VerdictPass}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := drill.ReadLedger(bytes.NewReader(bytesOf(t, path))); !errors.Is(err, drill.ErrLedger) || !strings.Contains(err.Error(), "line 3: the drill of line 2 again") {
		t.Error(err)
	}
}
