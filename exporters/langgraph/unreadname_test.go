package langgraph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestUnreadName: the library casts names of channels to bytea, so in PostgreSQL it fails at one with a backslash, in every listing
// that meets it. A thread whose newest checkpoint has one stays away, an older write does alone; both say why. SQLite takes them all.
func TestUnreadName(t *testing.T) {
	p := sample(t, "python.sqlite")
	renamed := func(column string) string {
		return column + ` = unhex(replace(hex(` + column + `), hex('messages'), hex('mess\ges')))`
	}
	run(t, p, false, "DELETE FROM checkpoints WHERE thread_id = 't-encrypted'", "DELETE FROM writes WHERE thread_id = 't-encrypted'",
		"UPDATE checkpoints SET "+renamed("checkpoint")+" WHERE thread_id = 't-interrupt'",
		`UPDATE writes SET channel = 'mess\ges' WHERE channel = 'messages' AND thread_id IN ('t-interrupt', 't-done')`)
	s := SQLite(p)
	m, _ := drivertest.Export(t, s)
	copyExact(t, s, m)

	u := pgtest.Database(t)
	dst := postgres(t, u)
	asSaid(t, m, dst)
	var arrived, unread int
	if err := connect(t, u).QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE thread_id = 't-interrupt') FROM checkpoints`).Scan(&arrived, &unread); err != nil {
		t.Fatal(err)
	}
	if arrived == 0 || unread > 0 {
		t.Errorf("%d checkpoints arrived, %d of the thread with such a name", arrived, unread)
	}
	why := map[string]int{}
	for _, rc := range apply(t, dst, m, true) {
		if strings.Contains(rc.Why, "backslash") {
			kind, _, _ := strings.Cut(rc.Key, "/")
			why[kind]++
		}
		if kind, of, _ := strings.Cut(rc.Key, "/"); rc.Action.String() == "refuse" && !strings.HasPrefix(of, "t-interrupt/") && (kind != "pendingwrite" || !strings.HasPrefix(of, "t-done/")) {
			t.Errorf("%s is refused: %s", rc.Key, rc.Why)
		}
	}
	if kinds := slices.Sorted(maps.Keys(why)); !slices.Equal(kinds, []string{"channelvalue", "checkpoint", "pendingwrite"}) {
		t.Errorf("refused for the name: %v", why)
	}
}

// TestUnreadNameWithoutValue: JavaScript's library has a row for a version without a value, and reads none alike, so what ran such a
// node once arrives. A delta channel has no value at most checkpoints, and is read from writes that stay away. A name that has no
// version is in no row.
func TestUnreadNameWithoutValue(t *testing.T) {
	for _, c := range []struct {
		name, sample, doc, metadata string
		arrives                     bool
	}{
		{"a node ran in JavaScript", "js.sqlite", `{"v":4,"id":"a","ts":"2026-11-29T21:06:29.704Z","channel_values":{},"channel_versions":{"branch:to:x\\y":2},"versions_seen":{}}`, `{"step":0}`, true},
		{"a node ran in Python", "python.sqlite", `{"v":4,"id":"a","ts":"2026-11-29T21:06:29.704000+00:00","channel_values":{},"channel_versions":{"branch:to:x\\y":"00000000000000000000000000000002.0.1"},"versions_seen":{}}`, `{"step":0}`, true},
		{"a delta channel", "python.sqlite", `{"v":4,"id":"a","ts":"2026-11-29T21:06:29.704000+00:00","channel_values":{},"channel_versions":{"x\\y":"00000000000000000000000000000002.0.1"},"versions_seen":{}}`, `{"step":0,"counters_since_delta_snapshot":{"x\\y":[1,1]}}`, false},
		{"no version", "js.sqlite", `{"v":4,"id":"a","ts":"2026-11-29T21:06:29.704Z","channel_values":{"x\\y":[]},"channel_versions":{},"versions_seen":{}}`, `{"step":0}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample(t, c.sample)
			run(t, p, false, "DELETE FROM checkpoints", "DELETE FROM writes", fmt.Sprintf(`INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, type, checkpoint, metadata) VALUES ('t', '', 'a', 'json', CAST('%s' AS BLOB), CAST('%s' AS BLOB))`, c.doc, c.metadata))
			m, _ := drivertest.Export(t, SQLite(p))
			u := pgtest.Database(t)
			dst := postgres(t, u)
			asSaid(t, m, dst)
			var there, fails bool
			if err := connect(t, u).QueryRow(t.Context(), `SELECT (SELECT count(*) > 0 FROM checkpoints), (SELECT count(*) > 0 FROM checkpoint_blobs WHERE strpos(channel, '\') > 0)`).Scan(&there, &fails); err != nil {
				t.Fatal(err)
			}
			if fails {
				t.Error("a row has the name")
			}
			if there != c.arrives {
				t.Errorf("it arrives: %v, want %v", there, c.arrives)
			}
		})
	}
}
