package langgraph

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOldSends carries what an old release left on PostgreSQL. The library of today goes on from it, in SQLite too, where
// sends that wait stand in another place.
func TestOldSends(t *testing.T) {
	s := produce(t, python(t), "oldsends", "pg")
	for _, to := range []string{"sqlite", "pg"} {
		t.Run(to, func(t *testing.T) { s.carry(t, to, s.empty(t, to)) })
	}
}

// restore loads the dump of a store that an old release made.
func restore(t *testing.T, p place, name string) {
	t.Helper()
	f, err := os.Open(filepath.Join("../../exporters/langgraph/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.CommandContext(t.Context(), filepath.Join(env.pgbin, "psql"), env.pg+"/"+p.db, "-qX", "-v", "ON_ERROR_STOP=1")
	cmd.Stdin = f
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
