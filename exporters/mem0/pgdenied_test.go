package mem0

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestPostgresDenied: tables that the role may not read are gaps that name the permission, and the rest is carried; where it may read
// none, and where they are a target, that is an error that names it.
func TestPostgresDenied(t *testing.T) {
	raw := database(t, "pgvector-python.sql")
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	name := "reader_of_" + strings.TrimPrefix(u.Path, "/")
	pgtest.Exec(t, raw, `CREATE ROLE "`+name+`" LOGIN`, `GRANT SELECT ON mem0 TO "`+name+`"`)
	t.Cleanup(func() { pgtest.Exec(t, raw, `DROP OWNED BY "`+name+`"`, `DROP ROLE "`+name+`"`) })
	u.User = url.User(name)
	s := store(t, u.String(), "testdata/python/history.db")
	pre, err := s.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gaps := map[string]string{}
	for _, g := range pre.Gaps {
		gaps[g.Kind] = g.Permission
	}
	if gaps["entity"] != "SELECT on mem0_entities" || gaps["memory"] != "" || pre.Counts["memory"] == 0 {
		t.Errorf("%v, %v", gaps, pre.Counts)
	}
	mem, rep := drivertest.Export(t, s)
	if rep.Verdict.Coverage != agentstate.Gaps || len(recordsOf[*pb.Memory](t, mem)) == 0 {
		t.Errorf("%v", rep.Verdict)
	}
	if _, err := replay.Plan(t.Context(), s, mem, nil); !errors.Is(err, pgsnapshot.ErrForbidden) || !strings.Contains(err.Error(), "SELECT on mem0_entities") {
		t.Errorf("as a target: %v", err)
	}
	pgtest.Exec(t, raw, `REVOKE SELECT ON mem0 FROM "`+name+`"`)
	if _, err := store(t, u.String(), filepath.Join("testdata", "python", "history.db")).Preflight(t.Context()); !errors.Is(err, pgsnapshot.ErrForbidden) || !strings.Contains(err.Error(), "SELECT on mem0") {
		t.Errorf("of none: %v", err)
	}
}
