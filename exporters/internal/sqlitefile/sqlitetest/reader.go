package sqlitetest

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// UnderAReader undoes a run of src into dst while somebody reads path, which is without a write-ahead log then: SQLite does
// not commit to it. Where it is the first file that is committed, nothing was taken out, and the run can go on; else only the
// undo can.
func UnderAReader(t *testing.T, dst replay.Target, src agentstate.Source, path string, first bool, approved ...string) {
	t.Helper()
	_, j := drivertest.Apply(t, dst, src, approved...)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, q := range []string{"PRAGMA journal_mode=DELETE", "BEGIN", "SELECT count(*) FROM sqlite_master"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, sqlitefile.ErrLocked) || errors.Is(err, replay.ErrUntouched) != first {
		t.Errorf("undo under a reader of %s: %v, want nothing taken out: %v", path, err, first)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j, Approved: approved}); (err == nil) != first {
		t.Errorf("the run goes on: %v, want that: %v", err, first)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN > 0 || first && u.Gone > 0 {
		t.Errorf("undo: %v %+v", err, u)
	}
}
