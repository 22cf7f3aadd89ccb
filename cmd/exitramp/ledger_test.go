package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/exitramp/exitramp/internal/filelock"
)

// TestLedgerTogether: archives that are verified at the same time are all in the ledger afterwards. One that was
// forgotten could be given out again in an older state.
func TestLedgerTogether(t *testing.T) {
	if !filelock.Works {
		t.Skip("the system has no such locks")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) {
		t.Helper()
		var out bytes.Buffer
		if code := newApp(&out, &out).run(t.Context(), args); code != 0 {
			t.Errorf("%v: exit code %d\n%s", args, code, &out)
		}
	}
	if err := os.WriteFile(at("s.sqlite"), supportStore, 0o600); err != nil {
		t.Fatal(err)
	}
	run("keygen", "--sign", "-o", at("k"))
	const archives = 8
	var all sync.WaitGroup
	for n := range archives {
		run("export", "langgraph+sqlite:"+at("s.sqlite"), at(fmt.Sprint(n)), "--lineage", fmt.Sprint("line-", n))
		run("sign", at(fmt.Sprint(n)), "--key", at("k"))
	}
	for n := range archives {
		all.Go(func() { run("verify", at(fmt.Sprint(n)), "--trust", at("k.pub"), "--ledger", at("ledger")) })
	}
	all.Wait()
	b, err := os.ReadFile(at("ledger"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range archives {
		if !strings.Contains(string(b), fmt.Sprintf(`"line-%d"`, n)) {
			t.Errorf("the ledger has forgotten line-%d:\n%s", n, b)
		}
	}
}

// TestLedgerStops: a ledger of drills whose last line stops in its middle may lack the newest archive, and says so.
func TestLedgerStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drills.jsonl")
	for text, says := range map[string]bool{"": false, `{"entry":0,"prev":"","dri`: true} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var warned strings.Builder
		if _, note, err := (&trustFlags{ledger: path}).readLedger(&warned); err != nil || note == says || strings.Contains(warned.String(), "line 1 stops in its middle") != says {
			t.Errorf("%q: %v, noted %v, said %q", text, err, note, warned.String())
		}
	}
}
