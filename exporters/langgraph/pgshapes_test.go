package langgraph

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestTablesOfOthers: people change the tables that the runtime made. What it goes on with, is read and
// written too.
func TestTablesOfOthers(t *testing.T) {
	three := []string{"checkpoints", "checkpoint_blobs", "checkpoint_writes"}
	each := func(format string) (out []string) {
		for _, n := range three {
			out = append(out, fmt.Sprintf(format, n))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		change []string
		losses map[string]fidelity.Grade // into tables as the runtime makes them, by path
	}{
		{"varchar", each("ALTER TABLE %s ALTER thread_id TYPE varchar(200)"), nil},
		{"uuid", append(each("UPDATE %s SET thread_id = md5(thread_id)::uuid::text"), append(each("ALTER TABLE %s ALTER thread_id TYPE uuid USING thread_id::uuid"),
			"ALTER TABLE checkpoints ALTER checkpoint_id TYPE uuid USING checkpoint_id::uuid, ALTER parent_checkpoint_id TYPE uuid USING parent_checkpoint_id::uuid",
			"ALTER TABLE checkpoint_writes ALTER checkpoint_id TYPE uuid USING checkpoint_id::uuid")...),
			map[string]fidelity.Grade{"native.thread_id": fidelity.Equivalent, "native.checkpoint_id": fidelity.Equivalent, "native.parent_checkpoint_id": fidelity.Equivalent}},
		{"a key of its own", []string{"ALTER TABLE checkpoint_writes DROP CONSTRAINT checkpoint_writes_pkey", "ALTER TABLE checkpoint_writes ADD COLUMN id bigserial PRIMARY KEY, ADD UNIQUE (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)"},
			map[string]fidelity.Grade{"native.id": fidelity.Dropped}},
		{"partitions", []string{"ALTER TABLE checkpoint_writes RENAME TO older", "ALTER INDEX checkpoint_writes_pkey RENAME TO older_pkey", "CREATE TABLE checkpoint_writes (LIKE older INCLUDING DEFAULTS) PARTITION BY HASH (thread_id)",
			"CREATE TABLE w0 PARTITION OF checkpoint_writes FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "CREATE TABLE w1 PARTITION OF checkpoint_writes FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
			"ALTER TABLE checkpoint_writes ADD PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)", "INSERT INTO checkpoint_writes SELECT * FROM older", "DROP TABLE older"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			pgtest.Exec(t, u, c.change...)
			src := postgres(t, u)
			m, rep := drivertest.Export(t, src)
			if len(rep.Gaps) > 0 {
				t.Errorf("gaps %v", rep.Gaps)
			}
			alike := pgtest.Database(t)
			load(t, alike, "python.pg.sql")
			pgtest.Exec(t, alike, "TRUNCATE checkpoints, checkpoint_blobs, checkpoint_writes, store")
			pgtest.Exec(t, alike, c.change...)
			dst := postgres(t, alike)
			for _, rc := range apply(t, dst, m, false) {
				if len(rc.Losses) > 0 || rc.Action == replay.Refused || rc.Action == replay.Conflict {
					t.Fatalf("into tables alike: %s %v %v", rc.Key, rc.Why, rc.Losses)
				}
			}
			if d := cmp.Diff(tableRows(t, src), tableRows(t, dst)); d != "" {
				t.Errorf("rows differ:\n%.1000s", d)
			}
			lost := map[string]fidelity.Grade{}
			for _, rc := range apply(t, postgres(t, pgtest.Database(t)), m, false) {
				if rc.Action == replay.Refused {
					t.Fatalf("into new tables: %s %s", rc.Key, rc.Why)
				}
				for _, l := range rc.Losses {
					lost[l.Path] = l.Grade
				}
			}
			if c.losses == nil {
				c.losses = map[string]fidelity.Grade{}
			}
			if d := cmp.Diff(c.losses, lost); d != "" {
				t.Errorf("losses:\n%s", d)
			}
		})
	}
}

// TestFirstOfUUIDs: the first checkpoint of a thread has no parent to ask about, where ids are of a type that has no empty one.
func TestFirstOfUUIDs(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	pgtest.Exec(t, u, "DELETE FROM checkpoints WHERE parent_checkpoint_id IS NOT NULL", "TRUNCATE checkpoint_blobs",
		`UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint - 'updated_channels', '{channel_versions,messages}', '"1.0"')`, // as older releases wrote
		"ALTER TABLE checkpoints ALTER checkpoint_id TYPE uuid USING checkpoint_id::uuid, ALTER parent_checkpoint_id TYPE uuid USING parent_checkpoint_id::uuid",
		"ALTER TABLE checkpoint_writes ALTER checkpoint_id TYPE uuid USING checkpoint_id::uuid")
	if m, _ := drivertest.Export(t, postgres(t, u)); len(records(t, m)) == 0 {
		t.Error("nothing was read")
	}
}

// TestBranchesOfUUIDs: the ends of branches are found where an owner made the id of a checkpoint a uuid, and that of its parent not.
func TestBranchesOfUUIDs(t *testing.T) {
	for name, own := range map[string]string{
		"one":  "ALTER TABLE checkpoints ALTER checkpoint_id TYPE uuid USING checkpoint_id::uuid",
		"both": "ALTER TABLE checkpoints ALTER checkpoint_id TYPE uuid USING checkpoint_id::uuid, ALTER parent_checkpoint_id TYPE uuid USING parent_checkpoint_id::uuid",
	} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t)
			load(t, u, "js.pg.sql")
			pgtest.Exec(t, u, `INSERT INTO checkpoints SELECT thread_id, checkpoint_ns, 'ffffffff-ffff-6b30-8003-000000000000', parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints
				WHERE thread_id = 'thread-interrupt' ORDER BY checkpoint_id DESC LIMIT 1`, own)
			m, _ := drivertest.Export(t, postgres(t, u))
			if ahead := aheadOf(t, m); len(ahead) != 1 || strings.Contains(ahead[0], "ffffffff") {
				t.Errorf("%v", ahead)
			}
		})
	}
}

// TestNumberedColumn: a column that the database numbers itself takes no value, and the row arrives. The
// plan says so also where the source has no such column.
func TestNumberedColumn(t *testing.T) {
	const number = "ALTER TABLE checkpoint_writes ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY"
	for name, both := range map[string]bool{"at both": true, "at the target alone": false} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			if both {
				pgtest.Exec(t, u, number)
			}
			m, _ := drivertest.Export(t, postgres(t, u))
			pgtest.Exec(t, u, "TRUNCATE checkpoints, checkpoint_blobs, checkpoint_writes, store")
			if !both {
				pgtest.Exec(t, u, number)
			}
			for _, dry := range []bool{true, false} {
				n := 0
				for _, rc := range apply(t, postgres(t, u), m, dry) {
					if strings.HasPrefix(rc.Key, "pendingwrite/") {
						if n++; rc.Action != replay.Created || len(rc.Losses) != 1 || rc.Losses[0].Path != "native.seq" || rc.Losses[0].Grade != fidelity.Defaulted {
							t.Fatalf("dry %v: %s: %v %v", dry, rc.Key, rc.Action, rc.Losses)
						}
					}
				}
				if n == 0 {
					t.Error("no write came")
				}
			}
		})
	}
}

// TestReadOnlyTarget: a plan says that the target takes nothing, as the run does.
func TestReadOnlyTarget(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	m, _ := drivertest.Export(t, postgres(t, u))
	for _, dry := range []bool{true, false} {
		_, err := tryApply(t, postgres(t, u+"?options=-c%20default_transaction_read_only%3Don"), m, dry)
		if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "default_transaction_read_only") {
			t.Errorf("dry %v: %v", dry, err)
		}
	}
}

// TestNoSchema: a search_path of which nothing exists is no reason to write into public.
func TestNoSchema(t *testing.T) {
	u := pgtest.Database(t)
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	for _, dry := range []bool{true, false} {
		_, err := tryApply(t, postgres(t, u+"?options=-c%20search_path%3Dnowhere"), m, dry)
		if err == nil || !strings.Contains(err.Error(), "search_path (nowhere)") {
			t.Errorf("%v", err)
		}
	}
}
