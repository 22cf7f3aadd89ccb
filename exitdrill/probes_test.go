package exitdrill_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestProbes: what only a plan can give is asked, and answered.
func TestProbes(t *testing.T) {
	t.Parallel()
	for name, tc := range loadtest.Rows(map[string]struct {
		more   string
		n      int
		result evidence.Result
		says   string
	}{
		"logs":                {"logs: {kinds: [message], days: 9000}", 15, evidence.Warn, "nothing is as old"},
		"logs since":          {"logs: {kinds: [memory], days: 9000, since: 2099-01-01}", 15, evidence.Pass, "no gaps"},
		"metadata":            {"metadata: [{kind: message, path: native_id}, {kind: memory, absent: no scores are kept}]", 16, evidence.Pass, "1 found (message.native_id"},
		"no metadata":         {"metadata: [{kind: memory, path: meta.origin_key}]", 16, evidence.Fail, "in no record: memory.meta.origin_key"},
		"register":            {"provider: {register: {url: \"https://p.example\", retrieved: 2026-11-01, file: DIR/register}}", 18, evidence.Warn, "3 stand in it; names inside of documents were not compared; not in it: "},
		"register of before":  {"provider: {register: {url: \"https://p.example\", retrieved: 2026-11-01, file: DIR/register, sha256: \"" + strings.Repeat("0", 64) + "\"}}", 18, evidence.Warn, "not the file of the drill before"},
		"second":              {"second_reader: [SELF, reader, well]", 20, evidence.Pass, "a second program read"},
		"second counts":       {"second_reader: [SELF, reader, miscount]", 20, evidence.Fail, "the same count of each kind"},
		"second refuses":      {"second_reader: [SELF, reader, refuse]", 20, evidence.Fail, "exit status 5 (digest)"},
		"second says nothing": {"second_reader: [\"true\"]", 20, evidence.Fail, "no JSON object"},
		"second hangs":        {"second_reader: [sh, -c, (sleep 5; touch DIR/late) & sleep 100; true]", 20, evidence.Fail, "ended: no answer within 2s"},
		"facets":              {"", 21, evidence.Pass, "syntax kept"},
		"erasure":             {"erasure: {asked: 1969-01-01, scope: one customer, keys: DIR/gone, confirmation: DIR/letter}", 45, evidence.Pass, "0 of them are listed any more"},
		"erasure unconfirmed": {"erasure: {asked: 1969-01-01, scope: one customer, keys: DIR/gone}", 45, evidence.Warn, "confirmed nothing"},
		"erasure in vain":     {"erasure: {asked: 1969-01-01, scope: one customer, keys: DIR/there, confirmation: DIR/letter}", 45, evidence.Fail, "1 of them are still listed"},
		"erasure of today":    {"erasure: {asked: 2099-01-01, scope: one customer, keys: DIR/gone}", 45, evidence.Untold, "not read after that day"},
	}, "logs since", "no metadata", "register", "second", "second refuses", "second hangs", "facets", "erasure", "erasure in vain") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			if name == "second hangs" {
				p.opts.ReaderPatience = 2 * time.Second
			}
			p.runtimes["source"].Set(&pb.Memory{Meta: &pb.Meta{Key: "memory/native", CreatedUnixNano: 1, Native: []*pb.Native{{Type: "rows", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "known"}, {Name: "größe"}, {Name: "unheard_of"}}}}}}}})
			p.write("register", "Table ROWS has the columns known, Größe and others.")
			p.write("letter", "we did")
			p.write("gone", "memory/ada/9999\n")
			p.write("there", "memory/ada/0002\n")
			edit := []string{"next_review", strings.NewReplacer("SELF", fmt.Sprintf("%q", os.Args[0])).Replace(tc.more) + "\nnext_review"}
			out := p.run(p.plan(edit...))
			if name == "second hangs" {
				time.Sleep(4 * time.Second)
				if _, err := os.Stat(filepath.Join(p.dir, "late")); err == nil {
					t.Error("what it had started went on")
				}
			}
			if c := check(out, tc.n); c.Result != tc.result || !strings.Contains(c.Why, tc.says) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// TestReaderUnread: a program that can be run and not be read has no digest, and the drill ends. The digest of what
// it was given to open the archive with is nowhere.
func TestReaderUnread(t *testing.T) {
	p := newPlace(t)
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	p.write("reader", string(self))
	p.write("pw.txt", "hunter2\n")
	path := filepath.Join(p.dir, "reader")
	if err := os.Chmod(path, 0o111); err != nil {
		t.Fatal(err)
	}
	out := p.run(p.plan("next_review", "second_reader: [DIR/reader, reader, well, DIR/pw.txt]\nnext_review"))
	if bytes.Contains(out.Statement, []byte("pw.txt")) {
		t.Error("the digest of the passphrase is in the statement")
	}
	if _, err := os.ReadFile(path); err == nil {
		t.Skip("whoever runs this reads every file")
	}
	if c := check(out, 20); shown(out, 20, "reader") != "" || !strings.HasSuffix(c.Why, "; no digest of reader, which could be run and not be read") {
		t.Errorf("%+v", c)
	}
}
