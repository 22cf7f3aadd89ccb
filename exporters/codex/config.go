package codex

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// config is a file of settings or of rules without its secrets, and a reference for each of them.
func (r *reading) config(f *homefiles.File) error {
	if f.Size() > agentstate.SpillSize {
		return r.gap(&pb.Gap{Kind: f.Kind, Place: f.Rel, Reason: pb.Gap_REASON_LIMIT, Detail: "larger than any settings file", Count: 1})
	}
	b, err := f.Bytes()
	if err != nil {
		return r.gap(homefiles.GapOf(f, err))
	}
	media, language := "application/toml", product
	var clean string
	var secrets []homefiles.Secret
	switch path.Ext(f.Rel) {
	case ".json":
		media = "application/json"
		b, secrets, err = homefiles.RedactJSON(b)
		clean = string(b)
	case ".rules":
		media, language = "text/plain", "rules"
		clean, secrets, err = homefiles.RedactRules(string(b))
	default:
		clean, secrets, err = homefiles.RedactTOML(string(b))
	}
	if err != nil || !utf8.ValidString(clean) || len(clean) > agentstate.SpillSize {
		return r.gap(&pb.Gap{Kind: f.Kind, Place: f.Rel, Reason: pb.Gap_REASON_CORRUPT, Detail: fmt.Sprintf("its secrets cannot be told from the rest: %v", err), Count: 1})
	}
	seen := map[string]bool{}
	for _, s := range secrets {
		if seen[s.Path] {
			continue
		}
		seen[s.Path] = true
		r.n["credential"]++
		if err := r.put(&pb.Credential{Meta: agentstate.Meta("credential", nil, f.Rel, s.Path), Name: valid(s.Path), Form: "env", Location: valid(f.Rel + " " + s.Path),
			Rebind: "put the value back at " + valid(s.Path) + " of " + f.Rel}); err != nil {
			return err
		}
	}
	m := metaOf(f)
	if f.Kind == "agent" {
		m.Native = []*pb.Native{cite("#instructions")}
		return r.put(&pb.Agent{Meta: m, Name: strings.TrimSuffix(path.Base(f.Rel), ".toml"), Instructions: agentstate.Inline(media, []byte(clean))})
	}
	m.Native = []*pb.Native{cite("#text")}
	key := m.Key // the record is the caller's from here on
	if err := r.put(&pb.Policy{Meta: m, Name: f.Rel, Language: language, Text: agentstate.Inline(media, []byte(clean)), Enforced: true}); err != nil || media != "application/toml" {
		return err
	}
	if isAutomation(f.Rel) {
		return r.trigger(f.Rel, key, clean)
	}
	return r.servers(f.Rel, key, clean)
}

// trigger is when an automation runs, and whether it does, as a reading of its file.
func (r *reading) trigger(rel, policy, clean string) error {
	t := &pb.Trigger{Meta: agentstate.Meta("trigger", nil, rel), Form: "cron"} // the first ones name no kind
	t.Meta.ViewOfKeys = []string{policy}
	err := homefiles.TOMLTexts(clean, func(names []string, text string) {
		if len(names) != 1 {
			return
		}
		switch names[0] {
		case "name":
			t.Name = valid(text)
		case "kind":
			t.Form = valid(text)
		case "rrule":
			t.Expression = valid(text)
		case "status":
			t.Enabled = text == "ACTIVE"
		case "prompt":
			t.Input = agentstate.Inline("text/plain", []byte(text))
		}
	})
	if err != nil {
		return err
	}
	return r.put(t)
}

// servers are the MCP servers that a file of settings names, as readings of it. In clean an empty text
// stands for each secret, also in a copy that a replay has made.
func (r *reading) servers(rel, policy, clean string) error {
	servers := map[string]*pb.ToolServer{}
	command := map[string][]string{} // the line that starts one
	err := homefiles.TOMLTexts(clean, func(names []string, text string) {
		if len(names) < 3 || names[0] != "mcp_servers" {
			return
		}
		s := servers[names[1]]
		if s == nil {
			s = &pb.ToolServer{Meta: agentstate.Meta("toolserver", nil, rel, names[1]), Name: valid(names[1]), Protocol: "mcp+stdio"}
			s.Meta.ViewOfKeys = []string{policy}
			servers[names[1]] = s
		}
		if names[2] == "url" {
			s.Protocol = "mcp+http"
		}
		if text == "" {
			if k := agentstate.Key("credential", rel, strings.Join(names, ".")); !slices.Contains(s.CredentialKeys, k) {
				s.CredentialKeys = append(s.CredentialKeys, k)
			}
			return
		}
		switch names[2] {
		case "command":
			command[names[1]] = append([]string{text}, command[names[1]]...)
		case "args":
			command[names[1]] = append(command[names[1]], text)
		case "url":
			s.Location = valid(text)
		}
	})
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(servers) {
		s := servers[name]
		if s.Protocol == "mcp+stdio" {
			s.Location = valid(strings.Join(command[name], " "))
		}
		if err := r.put(s); err != nil {
			return err
		}
	}
	return nil
}
