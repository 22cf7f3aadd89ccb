package mcpmemory

import (
	"crypto/sha256"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestErased: what is known of an erased entity goes with it, by the plan too, and so do its relations, which name it, and a
// layout that has its line. The line of an entity goes with any of its observations, which stands in it.
func TestErased(t *testing.T) {
	const ada, shop = `{"type":"entity","name":"ada","entityType":"person","observations":["likes tea"]}`, `{"type":"entity","name":"shop","entityType":"place","observations":["is in Kiel"]}`
	const visits, far = `{"type":"relation","from":"ada","to":"shop","relationType":"visits"}`, `{"type":"relation","from":"shop","to":"sea","relationType":"near"}`
	for name, c := range map[string]struct {
		file, dead, want string
		did              map[string]string
	}{
		"alone": {ada + "\n", "entity/ada", "", map[string]string{
			"entity/ada": "skip, no loss: must not be revived", "memory/ada": "skip, no loss: must not be revived", "opaque": "skip, no loss: " + whyOrder,
		}},
		"beside another": {ada + "\n" + shop + "\n", "entity/ada", shop, map[string]string{
			"entity/ada": "skip, no loss: must not be revived", "memory/ada": "skip, no loss: must not be revived",
			"entity/shop": "create: ", "memory/shop": "skip, no loss: a view: what it is a reading of arrives whole", "opaque": "skip: " + whyOrder,
		}},
		"with a relation": {ada + "\n" + shop + "\n" + visits + "\n" + far, "entity/ada", shop + "\n" + far, map[string]string{
			"entity/ada": "skip, no loss: must not be revived", "memory/ada": "skip, no loss: must not be revived", "relation/ada/visits/shop": "skip, no loss: must not be revived",
			"entity/shop": "create: ", "memory/shop": "skip, no loss: a view: what it is a reading of arrives whole", "relation/shop/near/sea": "create: ",
		}},
		"as the end of a relation": {ada + "\n" + shop + "\n" + visits, "entity/shop", ada, map[string]string{
			"entity/shop": "skip, no loss: must not be revived", "memory/shop": "skip, no loss: must not be revived", "relation/ada/visits/shop": "skip, no loss: must not be revived",
			"entity/ada": "create: ", "memory/ada": "skip, no loss: a view: what it is a reading of arrives whole",
		}},
		"an observation": {ada + "\n" + shop + "\n" + visits + "\n" + far, "memory/ada/" + hexOf(sha256.Sum256([]byte("ada\x00likes tea"))), shop + "\n" + far, map[string]string{
			"entity/ada": "skip, no loss: must not be revived", "memory/ada": "skip, no loss: must not be revived", "relation/ada/visits/shop": "skip, no loss: must not be revived",
			"entity/shop": "create: ", "memory/shop": "skip, no loss: a view: what it is a reading of arrives whole", "relation/shop/near/sea": "create: ",
		}},
		"nobody": {ada + "\n", "entity/nobody", ada + "\n", map[string]string{
			"entity/ada": "create: ", "memory/ada": "skip, no loss: a view: what it is a reading of arrives whole", "opaque": "create: ",
		}},
	} {
		src, _ := drivertest.Export(t, write(t, c.file))
		dst, did := Open(filepath.Join(t.TempDir(), "new.jsonl")), map[string]string{}
		o := &replay.Options{Tombstones: []string{c.dead}, OnReceipt: func(rc replay.Receipt) {
			key, what := rc.Key, rc.Action.String()
			if kind := agentstate.KindOfKey(key); kind == "memory" {
				key = filepath.Dir(key)
			} else if kind == "opaque" {
				key = kind
			}
			if rc.NoLoss {
				what += ", no loss"
			}
			did[key] = what + ": " + rc.Why
		}}
		plan, err := replay.Plan(t.Context(), dst, src, o)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.did, did); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		o.Journal = j
		rep, err := replay.Apply(t.Context(), dst, src, o)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(plan.Actions, rep.Actions); d != "" {
			t.Errorf("%s: by the plan, and done: %s", name, d)
		}
		if got := content(t, dst); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
		for _, dead := range [][]string{nil, o.Tombstones} {
			back, err := replay.ReadBackWith(t.Context(), src, dst, j, &replay.ReadBackOptions{Tombstones: dead})
			if err != nil {
				t.Fatal(err)
			}
			if !back.Match() {
				t.Errorf("%s, tombstones %v: missing %v, extra %v", name, dead, back.Missing, back.Extra)
			}
		}
	}
}
