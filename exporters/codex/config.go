package codex

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// config is a file of settings without its secrets, and a reference for each of them.
func (r *reading) config(f *homefiles.File) error {
	if f.Size() > agentstate.SpillSize {
		return r.gap(&pb.Gap{Kind: f.Kind, Place: f.Rel, Reason: pb.Gap_REASON_LIMIT, Detail: "larger than any settings file", Count: 1})
	}
	b, err := f.Bytes()
	if err != nil {
		return r.gap(homefiles.GapOf(f, err))
	}
	media := "application/toml"
	var clean string
	var secrets []homefiles.Secret
	if path.Ext(f.Rel) == ".json" {
		media = "application/json"
		b, secrets, err = homefiles.RedactJSON(b)
		clean = string(b)
	} else {
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
	return r.put(&pb.Policy{Meta: m, Name: f.Rel, Language: product, Text: agentstate.Inline(media, []byte(clean)), Enforced: true})
}
