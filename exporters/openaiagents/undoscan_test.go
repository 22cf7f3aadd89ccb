package openaiagents

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// An undo asks for each row by its table's index: of a session of 50,000 items it would else read all of them 50,000 times.
func TestUndoAsksByIndex(t *testing.T) {
	for _, made := range []dialect{plainSQLite, sqlAlchemy} {
		file := filepath.Join(t.TempDir(), "sessions.sqlite")
		p := ownNames()
		create := createPair(made, p)
		names := []string{p.Sessions, p.Messages}
		for _, extra := range []string{"message_structure", "turn_usage", "branch_reservations", "session_clear_generations"} {
			create, names = append(create, createExtra(extra, p)...), append(names, extra)
		}
		change(t, file, create...)
		d, err := sqlitefile.OpenTarget(t.Context(), file, time.Second, false)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, name := range names {
			table := tableOf(name, &p)
			q, args := table.byKey(make([]string, len(table.key)))
			plan, err := sqlitefile.Query(t.Context(), d.Conn, "EXPLAIN QUERY PLAN "+q, args...)
			if err != nil || len(plan) == 0 {
				t.Fatalf("%s of %s: %v %v", name, made, plan, err)
			}
			for _, step := range plan {
				if how := sqlitefile.Text(step[3]); !strings.HasPrefix(how, "SEARCH ") {
					t.Errorf("%s of %s: %s", name, made, how)
				}
			}
		}
	}
}
