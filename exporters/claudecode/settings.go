package claudecode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A secret is one value that was taken out of a document.
type secret struct{ path, name string }

// taken stands where a value was.
const taken = `""`

var secretName = regexp.MustCompile(`(?i)(token|secret|passw|api_?key|authorization|credential|private_?key)`)

// redact takes secrets out of a JSON document and leaves every other byte as it is: values below
// "env" and "headers", values with the name of a secret, and what stands between // and @ in a URL.
func redact(doc []byte) (out []byte, secrets []secret, err error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	type frame struct {
		object, key, secret bool
		name                string
	}
	var stack []frame
	last := 0
	path := func() (string, string) {
		var names []string
		for _, f := range stack {
			if f.object {
				names = append(names, f.name)
			}
		}
		if len(names) == 0 {
			return "", ""
		}
		return strings.Join(names, "."), names[len(names)-1]
	}
	for {
		before := d.InputOffset()
		t, err := d.Token()
		if err != nil {
			if len(stack) == 0 && before > 0 {
				return append(out, doc[last:]...), secrets, nil
			}
			return nil, nil, fmt.Errorf("not JSON at byte %d", before)
		}
		top := len(stack) - 1
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				inherited := top >= 0 && stack[top].secret
				if top >= 0 && stack[top].object {
					inherited = inherited || stack[top].name == "env" || stack[top].name == "headers"
					stack[top].key = true
				}
				stack = append(stack, frame{object: v == '{', key: v == '{', secret: inherited})
				continue
			}
			stack = stack[:top]
			continue
		case string:
			if top >= 0 && stack[top].object && stack[top].key {
				stack[top].name, stack[top].key = v, false
				continue
			}
		}
		if top >= 0 && stack[top].object {
			stack[top].key = true
		}
		s, isText := t.(string)
		where, name := path()
		hide := isText && s != "" && top >= 0 && (stack[top].secret || stack[top].object && secretName.MatchString(stack[top].name) || hasUserinfo(s))
		if !hide {
			continue
		}
		start := int(before) + bytes.IndexByte(doc[before:], '"')
		out = append(append(out, doc[last:start]...), taken...)
		last = int(d.InputOffset())
		secrets = append(secrets, secret{where, name})
	}
}

// hasUserinfo tells whether s is a URL with a password in it.
func hasUserinfo(s string) bool {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return false
	}
	host, _, _ := strings.Cut(rest, "/")
	user, _, at := strings.Cut(host, "@")
	return at && strings.Contains(user, ":")
}

// settings are the records of a settings file: the document without its secrets, each permission,
// and a reference for each secret.
func (r *reading) settings(f found) error {
	if f.size > maxLine {
		return r.gap("policy", f.rel, "larger than any settings file")
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("claudecode: %w", err)
	}
	clean, secrets, err := redact(b)
	if err != nil {
		return r.gap("policy", f.rel, err.Error())
	}
	if err := r.credentials(f.rel, secrets); err != nil {
		return err
	}
	var doc struct {
		Permissions map[string]json.RawMessage `json:"permissions"`
	}
	json.Unmarshal(clean, &doc)
	p := &pb.Policy{Meta: f.meta(), Name: f.rel, Language: product, Text: agentstate.Inline("application/json", clean), Enforced: true}
	if len(clean) > agentstate.SpillSize {
		return r.gap("policy", f.rel, "larger than any settings file")
	}
	p.Meta.Native = []*pb.Native{cite("#text")}
	key := p.Meta.Key
	r.n["policy"]++
	if err := r.put(p); err != nil {
		return err
	}
	for _, e := range []struct {
		name   string
		effect pb.ToolGrant_Effect
		mode   pb.ToolGrant_ApprovalMode
	}{{"allow", pb.ToolGrant_EFFECT_ALLOW, pb.ToolGrant_APPROVAL_MODE_NEVER}, {"deny", pb.ToolGrant_EFFECT_DENY, 0}, {"ask", pb.ToolGrant_EFFECT_ASK, pb.ToolGrant_APPROVAL_MODE_ALWAYS}} {
		var patterns []string
		json.Unmarshal(doc.Permissions[e.name], &patterns)
		slices.Sort(patterns)
		for _, pattern := range slices.Compact(patterns) {
			g := &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, f.rel, e.name, pattern), Pattern: valid(pattern), PatternDialect: product,
				Effect: e.effect, ApprovalMode: e.mode, Enabled: true, PolicyKey: key}
			g.Meta.ViewOfKeys = []string{key}
			if err := r.put(g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) credentials(rel string, secrets []secret) error {
	for _, s := range secrets {
		c := &pb.Credential{Meta: agentstate.Meta("credential", nil, rel, s.path), Name: valid(s.name), Form: "env", Location: valid(rel + " " + s.path),
			Rebind: "put the value back at " + valid(s.path) + " of " + rel}
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

// servers are the MCP servers that ~/.claude.json names. The rest of that file is of the machine,
// and stays there.
func (r *reading) servers(path string) error {
	st, err := os.Stat(path)
	if err != nil || st.Size() > maxLine {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var doc struct {
		Servers  map[string]json.RawMessage `json:"mcpServers"`
		Projects map[string]struct {
			Servers map[string]json.RawMessage `json:"mcpServers"`
		} `json:"projects"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return r.gap("toolserver", ".claude.json", "not JSON")
	}
	scopes := map[string]map[string]json.RawMessage{"": doc.Servers}
	for p, x := range doc.Projects {
		scopes[p] = x.Servers
	}
	for _, scope := range sortedKeys(scopes) {
		for _, name := range sortedKeys(scopes[scope]) {
			if err := r.server(scope, name, scopes[scope][name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) server(scope, name string, raw json.RawMessage) error {
	clean, secrets, err := redact(raw)
	if err != nil {
		return r.gap("toolserver", ".claude.json "+valid(name), err.Error())
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
	place := ".claude.json mcpServers " + valid(name)
	if scope != "" {
		place = ".claude.json projects " + valid(scope) + " mcpServers " + valid(name)
	}
	for _, x := range secrets {
		s.CredentialKeys = append(s.CredentialKeys, agentstate.Key("credential", place, x.path))
	}
	if err := r.credentials(place, secrets); err != nil {
		return err
	}
	r.n["toolserver"]++
	return r.put(s)
}
