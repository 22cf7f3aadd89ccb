package agentcore

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// enforcedOf is what st says of whether the policy small decides, and what its grant says.
func enforcedOf(t *testing.T, st *memstate.State) (policy, grant string) {
	t.Helper()
	said := func(decides bool, m *pb.Meta) string {
		for _, l := range m.GetLabels() {
			if l.Name == "enforced" {
				return l.Value
			}
		}
		if decides {
			return "yes"
		}
		return "no"
	}
	key := agentstate.Key("policy", "rules-abcdefghij", "small-abcdefghij")
	for r, err := range st.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Policy:
			if r.Meta.Key == key {
				policy = said(r.Enforced, r.Meta)
			}
		case *pb.ToolGrant:
			if r.PolicyKey == key {
				grant = said(r.Enabled, r.Meta)
			}
		}
	}
	return policy, grant
}

// A policy that is being changed, or whose change or removal failed, may decide by what it said before: that it does not is
// not said. Nor is it of a mode that this release does not know.
func TestWhetherAPolicyDecides(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status, mode    string
		enforced, known bool
	}{
		{"ACTIVE", "ACTIVE", true, true}, {"ACTIVE", "", true, true}, {"CREATING", "ACTIVE", false, true}, {"CREATE_FAILED", "ACTIVE", false, true}, {"UPDATING", "LOG_ONLY", false, true},
		{"UPDATING", "ACTIVE", false, false}, {"UPDATE_FAILED", "", false, false}, {"DELETING", "ACTIVE", false, false}, {"DELETE_FAILED", "ACTIVE", false, false}, {"PAUSED", "ACTIVE", false, false}, {"ACTIVE", "SHADOW", false, false},
	} {
		if enforced, known := enforces(c.mode, c.status); enforced != c.enforced || known != c.known {
			t.Errorf("%s %s: %t %t", c.status, c.mode, enforced, known)
		}
	}
	w := firm(t).behind(t, odd{change: func(path string, doc map[string]any) {
		if strings.HasSuffix(path, "/policies/small-abcdefghij") {
			doc["status"], doc["enforcementMode"] = "UPDATING", "ACTIVE"
		}
	}})
	st, _ := read(t, w.service(""))
	const want = "not known: UPDATING ACTIVE"
	if policy, grant := enforcedOf(t, st); policy != want || grant != want {
		t.Errorf("%q and %q, want %q", policy, grant, want)
	}
	dst := target(t, agentcorefake.Options{}, true)
	_, j := approved(t, dst.service(""), st)
	back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
	if err != nil || back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
		t.Errorf("%v, missing %v, extra %v, %d of %d as announced", err, back.Missing, back.Extra, back.Same+back.Announced, back.Records)
	}
}

// An answer that is of another definition than was asked for is a gap: under this id it would be a second one of that.
func TestAnswerOfAnother(t *testing.T) {
	t.Parallel()
	w := firm(t).behind(t, odd{change: func(path string, doc map[string]any) {
		if strings.HasSuffix(path, "/policies/small-abcdefghij") {
			doc["policyId"] = "odd-abcdefghij"
		}
		if h, ok := doc["harness"].(map[string]any); ok && strings.HasPrefix(path, "/harnesses/") {
			h["harnessId"] = "other-abcdefghij"
		}
	}})
	st, rep := read(t, w.service(""))
	for place, kind := range map[string]string{"Policy/rules-abcdefghij/small-abcdefghij": "policy", "Harness/clerk-abcdefghij": "agent"} {
		if got := gapsAt(rep, place); got[kind] != pb.Gap_REASON_CORRUPT {
			t.Errorf("%s: %v", place, rep.Gaps)
		}
	}
	if _, err := st.Get(t.Context(), agentstate.Key("policy", "rules-abcdefghij", "small-abcdefghij")); err == nil {
		t.Error("the text of another policy has its id")
	}
}
