package langgraph

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A write that the target refuses and that the newest state of its thread needs refuses the thread: a task
// would run again, a question be gone, or a delta channel show another state. One that nothing needs does not.
func TestRefusedWrite(t *testing.T) {
	const newest = "checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints c WHERE c.thread_id = writes.thread_id AND c.checkpoint_ns = writes.checkpoint_ns)"
	const delta = "type = 'msgpack+aes' WHERE channel = 'log2' AND checkpoint_id < (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = 't-delta')"
	for name, c := range map[string]struct {
		thread, change string
		want           string   // why the thread is refused; empty: it arrives
		also           []string // statements
	}{
		"a question":                      {"t-interrupt", "value = NULL WHERE channel = '__interrupt__' AND " + newest, notItsWrite + "the write has no value", nil},
		"what a sibling did":              {"t-failed", "channel = 'a' || char(0) WHERE idx >= 0 AND " + newest, notItsWrite + "column channel: text holds NUL", nil},
		"what waits inside":               {"t-subgraph", "task_id = CAST(x'ff' AS TEXT) WHERE checkpoint_ns <> '' AND " + newest, notItsWrite + "column task_id: text is not valid UTF-8", nil},
		"what a delta channel is made of": {"t-delta", delta, rebuiltWrite + "encrypted", nil},
		"behind metadata that is long": {"t-delta", delta, rebuiltWrite + "encrypted", []string{
			"UPDATE checkpoints SET metadata = CAST(json_set(CAST(metadata AS TEXT), '$.note', '" + strings.Repeat("x", maxMetadata) + "') AS BLOB) WHERE thread_id = 't-delta'"}},
		"behind those of a dead branch": {"t-delta", delta, rebuiltWrite + "encrypted", []string{
			"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5000) INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value) SELECT 't-delta', '', 'ff-branch', 'task', x, 'log2', 'msgpack+aes', x'00' FROM c"}},
		"what failed":            {"t-failed", "value = NULL WHERE channel = '__error__' AND " + newest, "", nil},
		"of an older checkpoint": {"t-done", "value = NULL WHERE NOT " + newest, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "python.sqlite")
			run(t, p, false, append(c.also, "UPDATE writes SET "+strings.Replace(c.change, "WHERE", "WHERE thread_id = '"+c.thread+"' AND", 1))...)
			m, _ := drivertest.Export(t, SQLite(p))
			dst := postgres(t, pgtest.Database(t))
			asSaid(t, m, dst)
			arrived, why := 0, map[string]int{}
			for _, rc := range apply(t, SQLite(filepath.Join(t.TempDir(), "same.sqlite")), m, false) {
				if strings.Contains(rc.Key, c.thread) && rc.Why != "" && !rc.NoLoss {
					t.Errorf("into SQLite: %s: %s", rc.Key, rc.Why)
				}
			}
			for _, rc := range apply(t, dst, m, false) {
				if strings.HasPrefix(rc.Key, "checkpoint/"+c.thread+"/") {
					why[rc.Why]++
				}
			}
			got, _ := drivertest.Export(t, dst)
			for _, r := range records(t, got) {
				if strings.Contains(r.GetMeta().GetKey()+"/", "/"+c.thread+"/") {
					arrived++
				}
			}
			if (arrived > 0) != (c.want == "") {
				t.Errorf("%d records of the thread are in the target", arrived)
			}
			for w := range why {
				if len(why) != 1 || !strings.HasPrefix(w, c.want) || c.want == "" && w != "" {
					t.Errorf("%v, want %q", why, c.want)
				}
			}
		})
	}
}

// A task that failed after an answer does not wait, and a graph inside that failed does not run. Where the error is
// refused both look otherwise in the target, and read-back knows why.
func TestRefusedError(t *testing.T) {
	p := sample(t, "js.sqlite")
	var sql []string
	for _, c := range [][4]string{{"", "2f", "", "a"}, {"sub:now", "3f", `"":"2f"`, "b"}} {
		sql = append(sql, fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t', '%s', '%s', NULL, 'json', CAST('{"v":4,"ts":"2026-11-23T15:54:29.009Z","id":"%[2]s","channel_values":{"messages":[{"lc":1,"type":"constructor",`+
			`"id":["langchain_core","messages","AIMessage"],"kwargs":{"content":"hi","id":"%[4]s"}}]},"channel_versions":{"messages":2},"versions_seen":{}}' AS BLOB), CAST('{"source":"loop","step":1,"parents":{%[3]s}}' AS BLOB))`, c[0], c[1], c[2], c[3]))
	}
	for _, w := range []string{
		`'', '2f', 'asks', -3, '__interrupt__', 'json', CAST('[{"id":"q","value":"well?"}]' AS BLOB)`, `'', '2f', 'asks', -4, '__resume__', 'json', CAST('["yes"]' AS BLOB)`,
		`'', '2f', 'asks', -1, '__error__', 'json', NULL`, `'sub:now', '3f', 'x', -1, '__error__', 'json', NULL`,
	} {
		sql = append(sql, "INSERT INTO writes VALUES ('t', "+w+")")
	}
	run(t, p, false, sql...)
	m, _ := drivertest.Export(t, SQLite(p))
	if i := get[*pb.Interrupt](t, m, "interrupt/t//2f/asks/-3/0"); i.Status != pb.Interrupt_STATUS_ANSWERED {
		t.Errorf("the question is %v", i.Status)
	}
	if c := get[*pb.Conversation](t, m, "conversation/t/sub:now"); c.Status != "failed" {
		t.Errorf("the graph inside is %s", c.Status)
	}
	dst := postgres(t, pgtest.Database(t))
	asSaid(t, m, dst)
	got, _ := drivertest.Export(t, dst)
	if i := get[*pb.Interrupt](t, got, "interrupt/t//2f/asks/-3/0"); i.Status != pb.Interrupt_STATUS_OPEN {
		t.Errorf("in the target the question is %v", i.Status)
	}
}

// TestRuledWriteOfMany: a rule may keep out any of the writes at a newest checkpoint, and none of the thread arrives without it.
func TestRuledWriteOfMany(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 500) INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value) "+
		"SELECT 't-failed', '', (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = 't-failed' AND checkpoint_ns = ''), CASE x WHEN 500 THEN 'zz' ELSE 'y' || x END, 0, 'results', 'msgpack', x'91c0' FROM c")
	m, _ := drivertest.Export(t, SQLite(p))
	for _, to := range []string{"python.sqlite", "python.pg.sql"} {
		dst := storeNamed(t, to).load(t)
		if dst.server == nil {
			change(t, dst, "DELETE FROM checkpoints; DELETE FROM writes; CREATE TRIGGER no BEFORE INSERT ON writes WHEN NEW.task_id = 'zz' BEGIN SELECT RAISE(ABORT, 'no'); END")
		} else {
			change(t, dst, "TRUNCATE checkpoints, checkpoint_writes, checkpoint_blobs; ALTER TABLE checkpoint_writes ADD CONSTRAINT no CHECK (task_id <> 'zz')")
		}
		n := 0
		for _, rc := range apply(t, dst, m, false) {
			if !strings.Contains(rc.Key, "/t-failed/") {
				continue
			}
			if n++; rc.Action == replay.Created {
				t.Errorf("%s: %s arrives", to, rc.Key)
			}
		}
		if n < 500 {
			t.Errorf("%d records of the thread came", n)
		}
	}
}
