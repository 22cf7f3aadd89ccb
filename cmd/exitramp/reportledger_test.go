package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
)

// TestReportLedger: the last line of a ledger, which its chain does not bind, is held against the statement of its drill.
func TestReportLedger(t *testing.T) {
	const dir = "../../docs/drill-example/"
	whole, err := os.ReadFile(dir + "drills.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(bytes.TrimSpace(whole), '\n') + 1
	path := filepath.Join(t.TempDir(), "drills.jsonl")
	report := func(ledger []byte) (int, string) {
		put(t, path, ledger)
		var out, msgs bytes.Buffer
		code := newApp(&out, &msgs).run(context.Background(), []string{"report", dir + "q4-stressed-js.evidence.zip", "--trust", dir + "ops.key.pub", "--ledger", path})
		return code, out.String() + msgs.String()
	}
	edit := func(old, now string) []byte {
		if !bytes.Contains(whole[last:], []byte(old)) {
			t.Fatalf("no %s in the last line", old)
		}
		return append(bytes.Clone(whole[:last]), bytes.Replace(whole[last:], []byte(old), []byte(now), 1)...)
	}
	entries, _, err := drill.ReadLedger(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	ledgerOf := func(name string, ended drill.Entry) []byte {
		path := filepath.Join(t.TempDir(), name)
		l, err := drill.OpenLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, e := range []drill.Entry{{Drill: "a", Verdict: evidence.VerdictPass}, {Drill: "b", Verdict: evidence.VerdictPass}, {Drill: "c", Verdict: evidence.VerdictPass}, ended} {
			if err := l.Append(e); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	others, anew := ledgerOf("others.jsonl", drill.Entry{Drill: "d", Verdict: evidence.VerdictPass}), ledgerOf("anew.jsonl", entries[3])
	for _, tc := range []struct {
		name   string
		ledger []byte
		code   int
		want   string
	}{
		{"as it is", whole, 0, "LEDGER        entry 3 of 4, as the statement says\n"},
		{"verdict", edit(`"verdict":"PASS_WITH_LOSS"`, `"verdict":"PASS"`), exitRefused, "entry 3 was changed: verdict: want PASS_WITH_LOSS as its statement says, got PASS"},
		{"level", edit(`"level":"L3"`, `"level":"L5"`), exitRefused, "level: want L3"},
		{"arrangement", edit(`"register_id":"`, `"register_id":"X`), exitRefused, "register_id: want"},
		{"time", edit(`"started":"2026`, `"started":"2025`), exitRefused, "started: want 2026"},
		{"lost", edit(`"lost":`, `"lost":7`), exitRefused, "lost: want"},
		{"statement", edit(`"statement":"9a`, `"statement":"9b`), exitRefused, "entry 3 is about another statement"},
		{"cut off", whole[:last], exitRefused, "the drill is entry 3, and the ledger ends before it, with 3"},
		{"of others", others, exitRefused, "another drill took its place, or it is another ledger"},
		{"put behind others", anew, exitRefused, "lines before it were written anew"},
		{"torn before it", whole[:last+40], exitRefused, "the ledger ends before it"},
	} {
		if code, out := report(tc.ledger); code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", tc.name, code, tc.code, tc.want, out)
		}
	}
}

func TestAhead(t *testing.T) {
	if s := ahead(time.Now().Add(30 * time.Minute)); s != "" {
		t.Error(s)
	}
	if s := ahead(time.Now().Add(48 * time.Hour)); !strings.Contains(s, "IN THE FUTURE") {
		t.Error(s)
	}
}
