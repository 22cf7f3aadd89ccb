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
