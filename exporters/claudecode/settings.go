package claudecode

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
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
		return nil
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

// maxServers is how large the file may be that names servers: it also holds what people typed, with
// what they pasted.
const maxServers = 64 << 20

// servers are the MCP servers that the file rel names. The rest of it is of the machine, and stays
// there.
func (r *reading) servers(file, rel string) error {
	broken := func(reason pb.Gap_Reason, why string) error {
		r.n["toolserver"]++
		return r.gap(&pb.Gap{Kind: "toolserver", Place: rel, Reason: reason, Count: 1, Detail: why})
	}
	st, err := os.Stat(file) // a link is followed: of the file, servers alone are read
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxServers) {
		return broken(pb.Gap_REASON_LIMIT, "larger than any such file, or no file")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return broken(homefiles.GapOf(&homefiles.File{}, err).Reason, err.Error())
	}
	var doc struct {
		Servers  map[string]json.RawMessage `json:"mcpServers"`
		Projects map[string]struct {
			Servers map[string]json.RawMessage `json:"mcpServers"`
		} `json:"projects"`
	}
	if err := json.Unmarshal(homefiles.JSON(b), &doc); err != nil {
		return broken(pb.Gap_REASON_CORRUPT, "not JSON, or servers that are no objects")
	}
	scopes := map[string]map[string]json.RawMessage{"": doc.Servers}
	for p, x := range doc.Projects {
		scopes[p] = x.Servers
	}
	for _, scope := range sortedKeys(scopes) {
		for _, name := range sortedKeys(scopes[scope]) {
			if err := r.server(rel, scope, name, scopes[scope][name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) server(rel, scope, name string, raw json.RawMessage) error {
	r.n["toolserver"]++
	clean, secrets, err := homefiles.RedactJSON(raw)
	if err != nil || len(clean) > agentstate.SpillSize {
		return r.gap(&pb.Gap{Kind: "toolserver", Place: rel + " " + valid(name), Reason: pb.Gap_REASON_CORRUPT, Count: 1, Detail: "larger, or nested deeper, than any server's settings"})
	}
	var d struct {
		Type, Command, URL string
		Args               []string
	}
	json.Unmarshal(clean, &d)
	s := &pb.ToolServer{Meta: agentstate.Meta("toolserver", agentstate.Document("mcpServers", "application/json", clean), scope, name), Name: valid(name), Protocol: "mcp+stdio", Location: valid(d.Command)}
	if d.URL != "" || d.Type == "http" || d.Type == "sse" {
		s.Protocol, s.Location = "mcp+http", valid(d.URL)
	}
	place := rel + " mcpServers " + valid(name)
	if scope != "" {
		place = rel + " projects " + valid(scope) + " mcpServers " + valid(name)
	}
	empty(clean, "", 0, func(path string) { // where a secret was, also in a copy that a replay has made
		if k := agentstate.Key("credential", place, path); !slices.Contains(s.CredentialKeys, k) {
			s.CredentialKeys = append(s.CredentialKeys, k)
		}
	})
	if err := r.credentials(place, secrets); err != nil {
		return err
	}
	return r.put(s)
}

// empty calls fn for each empty text in v, with the names that lead to it. No server is deeper than 32.
func empty(v jsonvalue.Value, path string, depth int, fn func(path string)) {
	if depth > 32 {
		return
	}
	if string(v) == `""` {
		fn(path)
	}
	v.Elements(func(x jsonvalue.Value) { empty(x, path, depth+1, fn) })
	v.Members(func(name []byte, x jsonvalue.Value) {
		empty(x, strings.TrimPrefix(path+"."+string(name), "."), depth+1, fn)
	})
}
