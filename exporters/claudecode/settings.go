package claudecode

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// settings are the records of a settings file: the document without its secrets, each permission,
// and a reference for each secret.
func (r *reading) settings(f *homefiles.File) error {
	if f.Size() > agentstate.SpillSize {
		return r.gap(&pb.Gap{Kind: "policy", Place: f.Rel, Reason: pb.Gap_REASON_LIMIT, Count: 1, Detail: "larger than any settings file"})
	}
	b, err := f.Bytes()
	if err != nil {
		return r.gap(homefiles.GapOf(f, err))
	}
	clean, secrets, err := homefiles.RedactJSON(b)
	if err != nil || len(clean) > agentstate.SpillSize || !utf8.Valid(clean) {
		return r.gap(&pb.Gap{Kind: "policy", Place: f.Rel, Reason: pb.Gap_REASON_CORRUPT, Count: 1, Detail: fmt.Sprintf("its secrets cannot be told from the rest: %v", err)})
	}
	if err := r.credentials(f.Rel, secrets); err != nil {
		return err
	}
	var doc struct {
		Permissions map[string]json.RawMessage `json:"permissions"`
	}
	json.Unmarshal(homefiles.JSON(clean), &doc)
	p := &pb.Policy{Meta: metaOf(f), Name: f.Rel, Language: product, Text: agentstate.Inline("application/json", clean), Enforced: true}
	p.Meta.Native = []*pb.Native{cite("#text")}
	key := p.Meta.Key
	if err := r.put(p); err != nil {
		return err
	}
	if isPluginSettings(f.Rel) { // a plugin permits nothing
		if x := r.pluginOf(f.Rel); x != nil && x.key == key {
			x.name(path.Dir(path.Dir(f.Rel)), clean)
		}
		return r.pluginServers(f.Rel, key, clean)
	}
	for _, e := range []struct {
		name   string
		effect pb.ToolGrant_Effect
		mode   pb.ToolGrant_ApprovalMode
	}{{"allow", pb.ToolGrant_EFFECT_ALLOW, pb.ToolGrant_APPROVAL_MODE_NEVER}, {"deny", pb.ToolGrant_EFFECT_DENY, 0}, {"ask", pb.ToolGrant_EFFECT_ASK, pb.ToolGrant_APPROVAL_MODE_ALWAYS}} {
		var list []any
		json.Unmarshal(doc.Permissions[e.name], &list)
		var patterns []string
		for _, v := range list {
			if pattern, ok := v.(string); ok { // what is no text is no rule
				patterns = append(patterns, pattern)
			}
		}
		slices.Sort(patterns)
		for i, pattern := range patterns {
			id := []string{f.Rel, e.name, ruleID(pattern)}
			switch {
			case i == 0 || pattern != patterns[i-1]:
			case pattern != "":
				continue
			default: // secrets were in both, and nobody knows whether they are one rule
				id = append(id, strconv.Itoa(i+1))
			}
			g := &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, id...), Pattern: valid(pattern), PatternDialect: product,
				Effect: e.effect, ApprovalMode: e.mode, Enabled: true, PolicyKey: key}
			g.Meta.ViewOfKeys = []string{key}
			if err := r.put(g); err != nil {
				return err
			}
		}
	}
	return nil
}

// ruleID stands for a permission in a key. The rule itself stays out of plans and journals, where keys are: it may hold a
// secret that nobody recognises. It is made of what a copy has, too: a rule without its secret.
func ruleID(pattern string) string {
	sum := sha256.Sum256([]byte(pattern))
	return hex.EncodeToString(sum[:8])
}

func (r *reading) credentials(rel string, secrets []homefiles.Secret) error {
	for _, s := range secrets {
		c := &pb.Credential{Meta: agentstate.Meta("credential", nil, rel, s.Path), Name: valid(s.Name), Form: "env", Location: valid(rel + " " + s.Path),
			Rebind: "put the value back at " + valid(s.Path) + " of " + rel}
		if r.creds[c.Meta.Key] {
			continue
		}
		r.creds[c.Meta.Key] = true
		if err := r.put(c); err != nil {
			return err
		}
	}
	return nil
}
