package langgraph

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestEncoding: a database that cannot hold most characters is read like any other, and refused as a
// target by the plan already; a run would break off at the first row with one of them.
func TestEncoding(t *testing.T) {
	latin := pgtest.Latin1(t)
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	for _, dry := range []bool{true, false} {
		if _, err := tryApply(t, postgres(t, latin), m, dry); err == nil || !strings.Contains(err.Error(), "LATIN1") || !strings.Contains(err.Error(), "ENCODING 'UTF8'") {
			t.Errorf("dry %v: %v", dry, err)
		}
	}
	pgtest.Exec(t, latin, "CREATE TABLE store (prefix text NOT NULL, key text NOT NULL, value jsonb NOT NULL, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), PRIMARY KEY (prefix, key))",
		"CREATE TABLE store_migrations (v int PRIMARY KEY)", "INSERT INTO store_migrations VALUES (0)", `INSERT INTO store SELECT 'z' || chr(252) || 'rich', 'k', '{}'`)
	m, _ = drivertest.Export(t, postgres(t, latin))
	want, found := agentstate.Key("memory", "zürich", "k"), false
	for _, r := range records(t, m) {
		found = found || r.GetMeta().GetKey() == want
	}
	if !found {
		t.Errorf("no %s", want)
	}
	// What comes from there goes back there, and what a run made there is undone.
	pgtest.Exec(t, latin, "TRUNCATE store")
	apply(t, postgres(t, latin), m, true)
	done := apply(t, postgres(t, latin), m, false)
	if n := actions(done); n["create"] != 1 {
		t.Errorf("back: %v", n)
	}
	if left, err := drivertest.Undo(t.Context(), postgres(t, latin), &replay.Run{}, created(done)); err != nil || len(left) > 0 {
		t.Errorf("undo: %v %v", left, err)
	}
	if rows := pgtest.Rows(t, latin, "SELECT key FROM store"); len(rows) > 0 {
		t.Errorf("after the undo: %v", rows)
	}
}
