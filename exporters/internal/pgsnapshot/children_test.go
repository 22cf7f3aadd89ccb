package pgsnapshot_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// What leads to a row, but from its own table, is found without a walk over the table, and a child of which not every row may be read is taken
// to have one that leads there.
func TestChildren(t *testing.T) {
	u := pgtest.Database(t, "CREATE TABLE parent (id int PRIMARY KEY, up int REFERENCES parent)", "INSERT INTO parent SELECT i, 9 FROM generate_series(1, 20000) i",
		"CREATE TABLE child (of int REFERENCES parent)", "INSERT INTO child VALUES (7)",
		"CREATE TABLE other (of int REFERENCES parent)", "INSERT INTO other VALUES (8)",
		`CREATE TABLE "of App" (of int REFERENCES parent ON DELETE CASCADE)`, `INSERT INTO "of App" VALUES (10)`, "ANALYZE")
	guest, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	guest.User = url.User(guest.Path[1:] + "_guest")
	pgtest.Exec(t, u, fmt.Sprintf(`CREATE ROLE %s LOGIN`, guest.User), fmt.Sprintf(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, guest.User))
	t.Cleanup(func() {
		pgtest.Exec(t, u, fmt.Sprintf("DROP OWNED BY %s", guest.User), fmt.Sprintf("DROP ROLE %s", guest.User))
	})
	of := func(rawURL, but string, id int) (child string, walks int64) {
		t.Helper()
		conn := pgtest.Connect(t, rawURL)
		defer conn.Close(t.Context())
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, err := pgsnapshot.NewChildren(t.Context(), conn, "parent", but)
		if err != nil {
			t.Fatal(err)
		}
		if child, err = c.Of(t.Context(), "p.id = $1::text::int8", fmt.Sprint(id)); err != nil {
			t.Fatal(err)
		}
		if err := tx.QueryRow(t.Context(), "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'parent'").Scan(&walks); err != nil {
			t.Fatal(err)
		}
		return child, walks
	}
	for _, c := range []struct {
		but, want string
		id        int
	}{{"", "child", 7}, {"", "other", 8}, {"", "", 9}, {"", `"of App"`, 10}, {`"of App"`, "", 10}, {"child", "", 7}, {"public.child", "other", 8}} {
		for _, by := range []string{u, guest.String()} {
			if got, walks := of(by, c.but, c.id); got != c.want || walks != 0 {
				t.Errorf("%d, but %q: %q, want %q, %d walks", c.id, c.but, got, c.want, walks)
			}
		}
	}
	for _, c := range []struct {
		want string
		do   []string
	}{
		{"mine.child", []string{"CREATE SCHEMA mine", "ALTER TABLE child SET SCHEMA mine"}},
		{"child", []string{"ALTER TABLE mine.child SET SCHEMA public", "ALTER TABLE child ENABLE ROW LEVEL SECURITY"}},
		{"child", []string{"ALTER TABLE child DISABLE ROW LEVEL SECURITY", fmt.Sprintf("REVOKE SELECT ON child FROM %s", guest.User)}},
	} {
		pgtest.Exec(t, u, c.do...)
		if got, _ := of(guest.String(), "", 9); got != c.want {
			t.Errorf("%v: %q, want %q", c.do, got, c.want)
		}
		if got, _ := of(u, "", 9); got != "" {
			t.Errorf("%v: %q leads to it for who may read all", c.do, got)
		}
	}
}
