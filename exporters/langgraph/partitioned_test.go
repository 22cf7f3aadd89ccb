package langgraph

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestPartitioned: tables that their owner has cut into partitions are read and written as others are.
func TestPartitioned(t *testing.T) {
	m, _ := drivertest.Export(t, storeNamed(t, "python.pg.sql").load(t))
	dst := storeNamed(t, "python.pg.sql").load(t)
	for _, name := range []string{"checkpoints", "checkpoint_writes", "checkpoint_blobs"} {
		change(t, dst, `ALTER TABLE `+name+` RENAME TO was; CREATE TABLE `+name+` (LIKE was INCLUDING ALL) PARTITION BY HASH (thread_id); DROP TABLE was;
			CREATE TABLE `+name+`_0 PARTITION OF `+name+` FOR VALUES WITH (MODULUS 2, REMAINDER 0);
			CREATE TABLE `+name+`_1 PARTITION OF `+name+` FOR VALUES WITH (MODULUS 2, REMAINDER 1)`)
	}
	if rules := rulesOf(t, dst, m); len(rules) > 0 {
		t.Errorf("rules %q", rules)
	}
	if n := actions(apply(t, dst, m, false)); n["refuse"]+n["conflict"] > 0 || n["create"] == 0 {
		t.Errorf("%v", n)
	}
	back, rep := drivertest.Export(t, dst)
	if d := gocmp.Diff(keys(t, m), keys(t, back)); d != "" || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v (-want +got):\n%.2000s", rep.Verdict, d)
	}
}

// TestNoPartition: a row that no partition takes is refused, with what hangs on it, and the rest is written. A plan names what
// may do that.
func TestNoPartition(t *testing.T) {
	m, _ := drivertest.Export(t, storeNamed(t, "python.pg.sql").load(t))
	dst := storeNamed(t, "python.pg.sql").load(t)
	change(t, dst, `TRUNCATE checkpoints; ALTER TABLE checkpoints RENAME TO was; CREATE TABLE checkpoints (LIKE was INCLUDING ALL) PARTITION BY LIST (thread_id); DROP TABLE was;
		CREATE TABLE checkpoints_done PARTITION OF checkpoints FOR VALUES IN ('t-done')`)
	change(t, dst, `TRUNCATE store CASCADE; ALTER TABLE store RENAME TO was; CREATE TABLE store (LIKE was INCLUDING DEFAULTS, PRIMARY KEY (prefix, key)) PARTITION BY HASH (prefix); DROP TABLE was CASCADE;
		CREATE TABLE store_0 PARTITION OF store FOR VALUES WITH (MODULUS 3, REMAINDER 0)`)
	want := []string{"PARTITION BY list without a part for the rest on checkpoints", "PARTITION BY hash without a part for the rest on store"}
	if d := gocmp.Diff(want, rulesOf(t, dst, m)); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
	n := map[string]int{}
	for _, rc := range apply(t, dst, m, false) {
		if kind, rest, _ := strings.Cut(rc.Key, "/"); kind == "checkpoint" {
			if (rc.Action == replay.Refused) == strings.HasPrefix(rest, "t-done/") {
				t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
			}
			n[rc.Action.String()]++
		}
	}
	if n["refuse"] == 0 || n["create"] == 0 {
		t.Errorf("%v", n)
	}
}
