package langgraph

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestLost: a missing value or a changed version raises no error in the runtime, the graph may just
// end. Here each is a gap, and nothing else is.
func TestLost(t *testing.T) {
	for _, c := range []struct {
		name, dump, damage, place string
		never                     bool // there is no row of any version
	}{
		{"Python, value of the head", "python.pg.sql", "DELETE FROM checkpoint_blobs WHERE thread_id = 't-interrupt' AND channel = 'messages' AND version LIKE '00000000000000000000000000000005.%'", "/t-interrupt//messages/00000000000000000000000000000005", false},
		{"Python, every value of a channel", "python.pg.sql", "DELETE FROM checkpoint_blobs WHERE thread_id = 't-done' AND channel = 'results'", "/t-done//results/", true},
		{"Python, version changed", "python.pg.sql", "UPDATE checkpoint_blobs SET version = version || '1' WHERE thread_id = 't-interrupt' AND channel = 'messages' AND version LIKE '00000000000000000000000000000002.%'", "/t-interrupt//messages/00000000000000000000000000000002", false},
		{"Python, before updated_channels existed", "python.pg.sql", "UPDATE checkpoints SET checkpoint = checkpoint - 'updated_channels' WHERE thread_id = 't-interrupt'; DELETE FROM checkpoint_blobs WHERE thread_id = 't-interrupt' AND channel = 'messages' AND version LIKE '00000000000000000000000000000003.%'", "/t-interrupt//messages/00000000000000000000000000000003", false},
		{"Python, earlier checkpoints pruned", "python.pg.sql", "DELETE FROM checkpoints WHERE thread_id = 't-interrupt' AND (metadata ->> 'step')::int < 3; DELETE FROM checkpoint_blobs WHERE thread_id = 't-interrupt' AND channel = 'messages' AND version LIKE '00000000000000000000000000000005.%'", "/t-interrupt//messages/00000000000000000000000000000005", false},
		{"Python, snapshot of a delta channel", "python.pg.sql", "DELETE FROM checkpoint_blobs WHERE thread_id = 't-delta' AND channel = 'log2' AND version = (SELECT max(version) FROM checkpoint_blobs WHERE thread_id = 't-delta' AND channel = 'log2')", "/t-delta//log2/", false},
		{"JavaScript", "js.pg.sql", "DELETE FROM checkpoint_blobs WHERE thread_id = 'thread-interrupt' AND channel = 'messages' AND version = '5'", "/thread-interrupt//messages/5", false},
		{"JavaScript, an empty row", "js.pg.sql", "DELETE FROM checkpoint_blobs WHERE thread_id = 'thread-interrupt' AND channel = '__start__' AND version = '2'", "/thread-interrupt//__start__/2", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := pgtest.Database(t)
			load(t, u, c.dump)
			pgtest.Exec(t, u, c.damage)
			m, rep := drivertest.Export(t, postgres(t, u))
			if len(rep.Gaps) != 1 {
				t.Fatalf("%d gaps: %v", len(rep.Gaps), rep.Gaps)
			}
			g := rep.Gaps[0]
			if g.Kind != "channelvalue" || g.Reason != pb.Gap_REASON_GONE || g.Count != 1 || !strings.Contains(g.Place, c.place) {
				t.Errorf("gap %v", g)
			}
			if strings.Contains(g.Detail, "UntrackedValue") != c.never {
				t.Errorf("%s", g.Detail)
			}
			if v := rep.Verdict.Kinds["channelvalue"]; v.Coverage != agentstate.Gaps || rep.Verdict.Coverage != agentstate.Gaps {
				t.Errorf("%v", rep.Verdict)
			}
			for _, r := range records(t, m) {
				if cp, ok := r.(*pb.Checkpoint); ok {
					for _, ref := range cp.Channels {
						if ref.ValueKey != "" && get[*pb.ChannelValue](t, m, ref.ValueKey) == nil {
							t.Errorf("%s cites nothing", cp.Meta.Key)
						}
					}
				}
			}
		})
	}
	t.Run("pruned and healthy", func(t *testing.T) {
		u := pgtest.Database(t)
		load(t, u, "python.pg.sql")
		pgtest.Exec(t, u, "DELETE FROM checkpoints WHERE thread_id = 't-interrupt' AND (metadata ->> 'step')::int < 3")
		if _, rep := drivertest.Export(t, postgres(t, u)); len(rep.Gaps) > 0 {
			t.Errorf("%v", rep.Gaps)
		}
	})
	t.Run("sends of version 3", func(t *testing.T) { // they are in the parent's writes
		u := pgtest.Database(t)
		load(t, u, "js.pg.sql")
		pgtest.Exec(t, u, `UPDATE checkpoints SET checkpoint = jsonb_set(jsonb_set(checkpoint, '{v}', '3'), '{channel_versions,__pregel_tasks}', '99') WHERE thread_id = 'thread-interrupt'`)
		if _, rep := drivertest.Export(t, postgres(t, u)); len(rep.Gaps) > 0 {
			t.Errorf("%v", rep.Gaps)
		}
	})
}
