package langgraph

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Checkpoints below version 4 have sends that wait: in SQLite inside the document, in PostgreSQL in the
// writes of the parent alone. TestOldSends makes such ones out of new ones.
func TestOldSends(t *testing.T) {
	// A map of four fields: v, id, channel_versions and the sends, one Send of langgraph.types.
	const doc = "84a17601a269 64a163b06368616e6e656c5f76657273696f6e7380ad70656e64696e675f73656e647391c7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16901"
	const send = "c7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16901"
	p := sample(t, "python.sqlite")
	run(t, p, false, "DELETE FROM checkpoints", "DELETE FROM writes",
		"INSERT INTO checkpoints VALUES ('t', '', 'b', NULL, 'msgpack', x'83a17601a26964a162b06368616e6e656c5f76657273696f6e7380', CAST('{\"source\":\"loop\",\"step\":0}' AS BLOB))",
		"INSERT INTO checkpoints VALUES ('t', '', 'c', 'b', 'msgpack', x'"+strings.ReplaceAll(doc, " ", "")+"', CAST('{\"source\":\"loop\",\"step\":1}' AS BLOB))",
		"INSERT INTO checkpoints VALUES ('u', '', 'c', NULL, 'msgpack', x'"+strings.ReplaceAll(doc, " ", "")+"', CAST('{\"source\":\"loop\",\"step\":1}' AS BLOB))",
		"INSERT INTO writes VALUES ('t', '', 'b', 'task', 0, '__pregel_tasks', 'msgpack', x'"+send+"')")
	src := SQLite(p)
	m, _ := exportertest.Export(t, src)
	copyExact(t, src, m)
	pg := postgres(t, database(t))
	for _, rc := range apply(t, pg, m, false) {
		switch refused := rc.Action == replay.Refused; {
		case rc.Key == "checkpoint/u//c":
			if !refused || !strings.Contains(rc.Why, "no parent") {
				t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
			}
		case refused && strings.Contains(rc.Key, "checkpoint/"):
			t.Errorf("%s: %s", rc.Key, rc.Why)
		}
	}
	there, _ := exportertest.Export(t, pg)
	for _, rc := range apply(t, SQLite(filepath.Join(t.TempDir(), "back.sqlite")), there, false) {
		if want := strings.HasPrefix(rc.Key, "checkpoint/t/") || strings.HasPrefix(rc.Key, "pendingwrite/t/"); want != (rc.Action == replay.Refused) {
			t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
		}
	}
}

// TestWhoAsks: the node that asks is named, or none is. In testdata/sends.sqlite, of langgraph 1.2.24, two
// tasks that Sends started ask while the node join is due, and two nodes ask side by side.
func TestWhoAsks(t *testing.T) {
	for _, c := range []struct {
		name, query string
		want        map[string]string // question → node
	}{
		{"with task paths", "SELECT 1", map[string]string{`"work 1?"`: "", `"work 2?"`: "", `"see?"`: "see", `"hear?"`: "hear"}},
		{"as an older library wrote", "ALTER TABLE writes DROP COLUMN task_path", map[string]string{`"work 1?"`: "", `"work 2?"`: "", `"see?"`: "", `"hear?"`: ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample(t, "sends.sqlite")
			run(t, p, false, c.query)
			src := SQLite(p)
			m, _ := exportertest.Export(t, src)
			who := func(from *memstate.State) map[string]string {
				got := map[string]string{}
				for _, r := range records(t, from) {
					if i, ok := r.(*pb.Interrupt); ok {
						got[string(i.Question.GetInline())] = i.AskedBy
					}
				}
				return got
			}
			if d := cmp.Diff(c.want, who(m)); d != "" {
				t.Error(d)
			}
			pg := postgres(t, database(t))
			apply(t, pg, m, false)
			there, _ := exportertest.Export(t, pg)
			if d := cmp.Diff(c.want, who(there)); d != "" {
				t.Errorf("in PostgreSQL: %s", d)
			}
		})
	}
}
