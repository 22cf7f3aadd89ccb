package langgraph

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// shallowed makes what a ShallowPostgresSaver would have kept of the store: the newest checkpoint of each
// namespace, its values, and what was written at it.
func shallowed(t *testing.T, more ...string) (*Store, string) {
	t.Helper()
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	const older = " t WHERE t.checkpoint_id < (SELECT max(c.checkpoint_id) FROM checkpoints c WHERE c.thread_id = t.thread_id AND c.checkpoint_ns = t.checkpoint_ns)"
	pgtest.Exec(t, u, append([]string{
		"DELETE FROM checkpoint_writes" + older, "DELETE FROM checkpoints" + older,
		"DELETE FROM checkpoint_blobs b WHERE NOT EXISTS (SELECT FROM checkpoints c WHERE c.thread_id = b.thread_id AND c.checkpoint_ns = b.checkpoint_ns AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version)",
		"ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey, DROP COLUMN checkpoint_id, DROP COLUMN parent_checkpoint_id, ADD PRIMARY KEY (thread_id, checkpoint_ns)",
		"ALTER TABLE checkpoint_blobs DROP CONSTRAINT checkpoint_blobs_pkey, DROP COLUMN version, ADD PRIMARY KEY (thread_id, checkpoint_ns, channel)",
		"DELETE FROM checkpoint_migrations WHERE v > 7",
	}, more...)...)
	return postgres(t, u), u
}

// What a ShallowPostgresSaver keeps is carried as a PostgresSaver would hold it, and said to be all there is.
func TestShallow(t *testing.T) {
	whole, _ := drivertest.Export(t, storeNamed(t, "python.pg.sql").load(t))
	s, _ := shallowed(t)
	m, rep := drivertest.Export(t, s)
	if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 {
		t.Errorf("%v, gaps %v", rep.Verdict, rep.Gaps)
	}
	pre, err := s.Preflight(t.Context())
	if err != nil || !slices.Contains(pre.Notes, labelShallow+": "+noHistory) || labelOf(originOf(t, m), labelShallow) != noHistory {
		t.Errorf("%v %v %v", pre, originOf(t, m), err)
	}
	n := 0
	for _, r := range records(t, m) {
		switch r := r.(type) {
		case *pb.Checkpoint:
			n++
			want := get[*pb.Checkpoint](t, whole, r.Meta.Key)
			want.ParentKey, want.Meta.Native, r.Meta.Native = "", nil, nil
			if d := cmp.Diff(want, r, protocmp.Transform()); d != "" {
				t.Errorf("%s (-want +got):\n%s", r.Meta.Key, d)
			}
		case *pb.ChannelValue:
			if want := get[*pb.ChannelValue](t, whole, r.Meta.Key); !cmp.Equal(want.Value, r.Value, protocmp.Transform()) {
				t.Errorf("%s is another value", r.Meta.Key)
			}
		}
	}
	if n < 8 {
		t.Errorf("%d checkpoints", n)
	}
	for name, dst := range map[string]*Store{"PostgreSQL": postgres(t, pgtest.Database(t)), "SQLite": SQLite(filepath.Join(t.TempDir(), "new.sqlite"))} {
		asSaid(t, m, dst)
		back, rep := drivertest.Export(t, dst)
		if got := rep.Records["checkpoint"]; got < uint64(n)-2 || len(rep.Gaps) > 0 || labelOf(originOf(t, back), labelShallow) != "" { // two are encrypted
			t.Errorf("%s: %d checkpoints, want %d; gaps %v", name, got, n, rep.Gaps)
		}
	}
	_, err = replay.Plan(t.Context(), s, m, &replay.Options{})
	if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "open that with PostgresSaver") {
		t.Errorf("into itself: %v", err)
	}
}

// Below version 4 the sends that wait are writes of the checkpoint before, and PostgresSaver finds them by the
// parent.
func TestShallowSends(t *testing.T) {
	s, _ := shallowed(t, `UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{v}', '3') WHERE thread_id = 't-done'`,
		`INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob) VALUES ('t-done', '', 'before', 'task', 0, '__pregel_tasks', 'msgpack', '\xc0')`)
	m, _ := drivertest.Export(t, s)
	conv := get[*pb.Conversation](t, m, "conversation/t-done")
	c := get[*pb.Checkpoint](t, m, conv.Meta.ViewOfKeys[0])
	if c.ParentKey != "checkpoint/t-done//before" || labelOf(c, labelSends) == "" {
		t.Errorf("%v", c)
	}
}

// One table that may not be read is a gap, and the others are read.
func TestShallowDenied(t *testing.T) {
	for table, kind := range map[string]string{"checkpoint_blobs": "channelvalue", "checkpoint_writes": "pendingwrite", "checkpoints": "checkpoint"} {
		t.Run(table, func(t *testing.T) {
			_, u := shallowed(t)
			_, rep := drivertest.Export(t, postgres(t, role(t, u, table)))
			if len(rep.Gaps) != 1 || rep.Gaps[0].Kind != kind || rep.Gaps[0].Reason != pb.Gap_REASON_FORBIDDEN {
				t.Errorf("gaps %v", rep.Gaps)
			}
			for _, k := range []string{"channelvalue", "pendingwrite", "checkpoint"} {
				if k != kind && rep.Records[k] == 0 {
					t.Errorf("no %s", k)
				}
			}
		})
	}
}

// A column of the same name is not added twice.
func TestShallowParent(t *testing.T) {
	s, _ := shallowed(t, "ALTER TABLE checkpoints ADD COLUMN parent_checkpoint_id text")
	if err := readErr(t.Context(), s); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "has no column") {
		t.Errorf("%v", err)
	}
}
