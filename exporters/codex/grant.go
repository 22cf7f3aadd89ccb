package codex

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// grant is what a turn was allowed to do, once for each rollout.
func (r *reading) grant(f *homefiles.File, conversation string, payload jsonvalue.Value, seen map[string]bool) error {
	said := "t"
	payload.Members(func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "approval_policy", "sandbox_policy", "permission_profile", "cwd":
			said += string(name) + string(v)
		}
	})
	if seen[said] || len(said) > agentstate.SpillSize {
		return nil
	}
	seen[said] = true
	var t struct {
		Approval json.RawMessage `json:"approval_policy"`
		Sandbox  json.RawMessage `json:"sandbox_policy"`
		Profile  json.RawMessage `json:"permission_profile"`
		Cwd      string          `json:"cwd"`
	}
	json.Unmarshal(payload, &t)
	doc, err := json.Marshal(t)
	if err != nil || len(t.Approval) == 0 || len(doc) > agentstate.SpillSize {
		return nil
	}
	sum := sha256.Sum256(doc)
	id := hex.EncodeToString(sum[:8])
	if seen["g"+id] {
		return nil
	}
	seen["g"+id] = true
	var word string
	json.Unmarshal(t.Approval, &word)
	g := &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, strings.TrimSuffix(f.Rel, ".jsonl"), id), Pattern: "*", PatternDialect: product,
		Effect: pb.ToolGrant_EFFECT_ALLOW, Enabled: true, ScopeKey: conversation, Constraints: agentstate.Inline("application/json", doc),
		ApprovalMode: map[string]pb.ToolGrant_ApprovalMode{"never": pb.ToolGrant_APPROVAL_MODE_NEVER, "untrusted": pb.ToolGrant_APPROVAL_MODE_ALWAYS,
			"on-request": pb.ToolGrant_APPROVAL_MODE_ON_RISK, "on-failure": pb.ToolGrant_APPROVAL_MODE_ON_RISK}[word]}
	g.Meta.ViewOfKeys = []string{conversation}
	return r.put(g)
}
