//go:build unix

package openaiagents

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile/sqlitetest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A database that was copied without its log is recognised, in the plan and in the archive.
func TestWithoutLog(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.db", sample(t, "sessions.sqlite"))
	change(t, filepath.Join(dir, "a.db"), "PRAGMA journal_mode=WAL")
	p, err := Open(dir).Preflight(t.Context())
	if err != nil || !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "no -wal lies beside it") }) {
		t.Errorf("%+v %v", p, err)
	}
	mem, _ := drivertest.Export(t, Open(dir))
	o, err := mem.Get(t.Context(), "origin/"+product)
	if err != nil || !slices.ContainsFunc(o.GetMeta().GetLabels(), func(l *pb.Label) bool {
		return l.Name == "a.db wal" && strings.HasPrefix(l.Value, "absent")
	}) {
		t.Errorf("%v %v", o, err)
	}
	c, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Exec(`INSERT INTO agent_messages (session_id, message_data) VALUES ('s-new', '{"role":"user","content":"in the log"}')`); err != nil {
		t.Fatal(err)
	}
	if got, _ := drivertest.Export(t, Open(dir)); count(t, got, "message") != count(t, mem, "message")+1 {
		t.Error("what stands in the log is not read")
	}
}

// What changes while it is read is an error or a gap, and never a mixture.
func TestChangedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	put(t, dir, "a.db", sample(t, "sessions.sqlite"))
	change(t, path, "PRAGMA journal_mode=WAL")
	put(t, dir, "big.json", []byte(`{"$schemaVersion":"1.16","note":"`+strings.Repeat("x", agentstate.SpillSize)+`"}`))
	put(t, dir, "gone.json", sample(t, "runstate.paused.json"))
	f := Open(dir)
	first, gone := true, false
	var last error
	for r, err := range f.Records(t.Context(), nil) {
		if last = err; err != nil {
			break
		}
		if first { // without a log nothing locks the file
			first = false
			put(t, dir, "big.json", []byte(`{"$schemaVersion":"1.16"}`))
			if err := os.Remove(filepath.Join(dir, "gone.json")); err != nil {
				t.Fatal(err)
			}
		}
		if g, ok := r.(*pb.Gap); ok && g.Place == "gone.json" && g.Reason == pb.Gap_REASON_CHANGED {
			gone = true
		}
	}
	if last != nil || !gone {
		t.Errorf("%v, the gap is named: %t", last, gone)
	}
	put(t, dir, "big.json", []byte(`{"$schemaVersion":"1.16","note":"`+strings.Repeat("x", agentstate.SpillSize)+`"}`))
	for r, err := range f.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := r.(*pb.State); ok && s.Value.GetBlob() != nil {
			put(t, dir, "big.json", []byte(`{"$schemaVersion":"1.16","note":"`+strings.Repeat("y", agentstate.SpillSize+1)+`"}`))
			if _, err := f.OpenBlob(t.Context(), s.Value.GetBlob()); !errors.Is(err, ErrChanged) {
				t.Errorf("other bytes than those of the record: %v", err)
			}
		}
	}
	first = true
	for _, err := range f.Records(t.Context(), nil) {
		if last = err; first {
			first = false
			change(t, path, "DELETE FROM agent_messages", "PRAGMA wal_checkpoint(TRUNCATE)")
		}
	}
	if !errors.Is(last, ErrChanged) || !strings.Contains(last.Error(), "run again") {
		t.Errorf("%v", last)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		drivertest.AsNobody(t, "^TestUnreadable$")
		return
	}
	dir := t.TempDir()
	put(t, dir, "good.db", mustRead(t, made(t).root+"/s.db"))
	put(t, dir, "shut.db", []byte("SQLite format 3\x00"))
	put(t, dir, "shut.json", []byte("{}"))
	put(t, dir, "folder/x.db", nil)
	for _, n := range []string{"shut.db", "shut.json", "folder"} {
		p := filepath.Join(dir, n)
		if err := os.Chmod(p, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(p, 0o700) })
	}
	_, rep := drivertest.Export(t, Open(dir))
	places := map[string]bool{}
	for _, g := range rep.Gaps {
		places[g.Place] = true
		if g.Reason != pb.Gap_REASON_FORBIDDEN || g.Permission != "to read "+g.Place {
			t.Error(g)
		}
	}
	if len(places) != 3 || rep.Records["conversation"] != 1 {
		t.Errorf("%v %v", rep.Gaps, rep.Records)
	}
	if err := os.Remove(filepath.Join(dir, "good.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(dir), nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("nothing can be read: %v", err)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	sample, _ := os.ReadFile("testdata/sdk/sessions.sqlite")
	p := filepath.Join(dir, "a.db")
	if err := os.WriteFile(p, sample, 0o600); err != nil {
		t.Fatal(err)
	}
	change(t, p, "PRAGMA journal_mode=DELETE")
	unlock := sqlitetest.Lock(t, p)
	f := Open(dir)
	f.wait = 10 * time.Millisecond
	if _, err := agentstate.Copy(t.Context(), &memstate.State{}, f, nil); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "stop the application") {
		t.Error(err)
	}
	unlock()
	if _, rep := drivertest.Export(t, f); rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
}
