package openaiagents

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// An export says as its preflight that items are encrypted: they read as empty under another session id, and nothing fails.
func TestSealedIsSaid(t *testing.T) {
	const sessions, items = `INSERT INTO agent_sessions (session_id) VALUES ('s')`, `INSERT INTO agent_messages (session_id, message_data) VALUES ('s', '{"__enc__":1,"v":1,"kid":"k","payload":"x"}'), ('s', '{"role":"user","content":"{\"__enc__\""}')`
	want := sealedNotes(1)
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		change(t, filepath.Join(dir, "s.db"), append(createPair(plainSQLite, ownNames()), sessions, items)...)
		saysBoth(t, Open(dir), want)
	})
	t.Run("postgres", func(t *testing.T) {
		saysBoth(t, postgres(t, pgtest.Database(t, tables(ownNames()), `INSERT INTO agent_sessions VALUES ('s', now(), now())`, items)), want)
	})
}

// saysBoth compares what a preflight and an export of src say with want.
func saysBoth(t *testing.T, src interface {
	agentstate.Source
	agentstate.Preflighter
}, want []string) {
	t.Helper()
	p, err := src.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(want, p.Notes[max(0, len(p.Notes)-len(want)):]) { // behind how the file is read
		t.Errorf("preflight says %q, want %q", p.Notes, want)
	}
	if d := cmp.Diff(want, drivertest.Notes(t, src)); d != "" {
		t.Errorf("export: %s", d)
	}
}
