package langgraph

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
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
