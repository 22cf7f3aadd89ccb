package pgsnapshot

import (
	"net/url"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestChildren: rows that lead to a row are found, and are taken to be there where the role cannot see them all.
func TestChildren(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE t (id text PRIMARY KEY, up text REFERENCES t)", "INSERT INTO t VALUES ('a', 'a'), ('b', 'a')",
		"CREATE TABLE own (id text REFERENCES t)", "INSERT INTO own VALUES ('a')", `CREATE TABLE "of App" (id text REFERENCES t ON DELETE CASCADE)`, `INSERT INTO "of App" VALUES ('b')`,
		"CREATE SCHEMA closed", "CREATE SCHEMA open", "CREATE TABLE closed.x (id text REFERENCES t)", "CREATE TABLE open.y (id text REFERENCES t)", "CREATE TABLE open.z (id text REFERENCES t)",
		"ALTER TABLE open.z ENABLE ROW LEVEL SECURITY", "CREATE POLICY none ON open.z USING (false)")
	at, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	sees := at.Path[1:] + "_sees" // roles are the server's
	pgtest.Exec(t, u, "CREATE ROLE "+sees)
	t.Cleanup(func() { pgtest.Exec(t, u, "DROP OWNED BY "+sees, "DROP ROLE "+sees) })
	conn := pgtest.Connect(t, u)
	defer conn.Close(t.Context())
	for _, c := range []struct{ role, grant, drop, a, b string }{
		{"NONE", "", "", "", `"of App"`},
		{sees, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + sees + "; GRANT SELECT ON ALL TABLES IN SCHEMA closed TO " + sees, "", "closed.x", `"of App"`},
		{sees, "GRANT USAGE ON SCHEMA open TO " + sees, "DROP TABLE closed.x", "open.y", `"of App"`},
		{sees, "GRANT SELECT ON ALL TABLES IN SCHEMA open TO " + sees, "", "open.z", `"of App"`},
		{sees, "", "DROP TABLE open.z", "", `"of App"`},
	} {
		if _, err := conn.Exec(t.Context(), "RESET ROLE; "+c.grant+"; "+c.drop+"; SET ROLE "+c.role); err != nil {
			t.Fatal(err)
		}
		kids, err := NewChildren(t.Context(), conn, "t", "own")
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"a": c.a, "b": c.b} {
			if got, err := kids.Of(t.Context(), "p.id", id); err != nil || got != want {
				t.Errorf("%s, %q: %q, %v; want %q", c.role, c.grant+c.drop, got, err, want)
			}
		}
	}
}
