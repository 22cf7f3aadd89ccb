package exitdrill_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestReconsent: a statement says of each record that is off whose it is and who has to do what, by ids that the
// operator's salt alone opens.
func TestReconsent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {}"))
	var salt evidence.Salt
	if n, err := hex.Decode(salt[:], []byte(strings.TrimSpace(p.read("out/q.salt")))); err != nil || n != len(salt) {
		t.Fatal(n, err)
	}
	a := out.Predicate.Authority
	if len(a.Waiting) != len(a.Reconsent) {
		t.Errorf("%d are off, and %d are explained", len(a.Reconsent), len(a.Waiting))
	}
	said := func(key string) evidence.Waits {
		i := slices.IndexFunc(a.Waiting, func(w evidence.Waits) bool { return w.ID == salt.Hide(key) })
		if i < 0 {
			t.Fatalf("%s is not in %+v", key, a.Waiting)
		}
		return a.Waiting[i]
	}
	if w := said("toolgrant/ada/refund"); w.Kind != "toolgrant" || w.Holder != salt.Hide("principal/ada") || w.Tool != salt.Hide("tool/refund") || w.Effect == "" || w.Needs != "an approval, by name and date" {
		t.Errorf("%+v", w)
	}
	if w := said("credential/orders"); w.Kind != "credential" || !strings.HasPrefix(w.Needs, "its holder, to sign in") {
		t.Errorf("%+v", w)
	}
	for _, w := range a.Waiting {
		if w.Kind == "" || w.Needs == "" {
			t.Errorf("%+v", w)
		}
	}
}
