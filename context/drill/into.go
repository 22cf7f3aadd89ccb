package drill

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

// Into is one of several targets. What it does not say is as in the plan.
type Into struct {
	Name     string   `yaml:"name"`   // goes behind the plan's in the names of files: letters, digits, "-", "_", "."
	Target   string   `yaml:"target"` // URL
	Kinds    []string `yaml:"kinds"`  // that are replayed into it; none: all. What stays behind is listed as a loss
	Map      string   `yaml:"map"`
	Approve  string   `yaml:"approve"`
	Embedder Embedder `yaml:"embedder"`
}

// Embedder makes the vectors of a replay anew: a program, or a service. docs/embedder.md has what they speak.
type Embedder struct {
	Command     []string `yaml:"command"`      // program and arguments; it says its model itself
	URL         string   `yaml:"url"`          // of a service with POST /v1/embeddings
	Model       string   `yaml:"model"`        // of the service
	Dimensions  int      `yaml:"dimensions"`   // of the service's vectors
	Key         string   `yaml:"key"`          // of the service, as ${NAME} of the environment
	Patience    Duration `yaml:"patience"`     // how long the program may say nothing; 0: ten minutes
	TargetModel string   `yaml:"target_model"` // with which the program at the target searches, where its store does not say it
}

// None tells whether vectors go as they are.
func (e *Embedder) None() bool { return len(e.Command) == 0 && e.URL == "" }

// Each is the drills of p: one a target, in their order. They share an archive, which the first of a
// planned drill makes; each has a name, files and a verdict of its own, and a line in the ledger.
func (p *Plan) Each() []*Plan {
	if len(p.Into) == 0 || !p.reaches(evidence.L3) {
		return []*Plan{p}
	}
	var out []*Plan
	for _, t := range p.Into {
		q := *p
		q.Into, q.Name, q.Target, q.sends = nil, p.Name+"-"+t.Name, t.Target, nil
		if len(t.Kinds) > 0 {
			q.sends = t.Kinds
		}
		if t.Map != "" {
			q.Replay.Map = t.Map
		}
		if t.Approve != "" {
			q.Replay.Approve = t.Approve
		}
		if !t.Embedder.None() || t.Embedder.TargetModel != "" {
			q.Embedder = t.Embedder
		}
		if len(t.Kinds) > 0 { // what does not go there is not looked for
			q.Canaries = slices.DeleteFunc(slices.Clone(p.Canaries), func(c Canary) bool {
				return !slices.ContainsFunc(t.Kinds, func(k string) bool { return c.of(k) })
			})
		}
		q.Accepted = nil
		for _, a := range p.Accepted {
			if a.Into == "" || strings.EqualFold(a.Into, t.Name) {
				a.Into = "" // it has no targets by name
				q.Accepted = append(q.Accepted, a)
			}
		}
		if len(out) > 0 && p.Mode == evidence.Planned {
			q.after = out[0].Name
		}
		out = append(out, &q)
	}
	return out
}

// Of is the drill of p into the target of that name; nil: there is none.
func (p *Plan) Of(name string) *Plan {
	for i, q := range p.Each() {
		if len(p.Into) > 0 && p.Into[i].Name == name {
			return q
		}
	}
	return nil
}

// stays tells whether records of a kind are in the archive and not for this target.
func (p *Plan) stays(kind string) bool { return len(p.sends) > 0 && !slices.Contains(p.sends, kind) }

// Exports tells whether a drill of p reads its source: a stressed one does not, and none into a further target.
func (p *Plan) Exports() bool { return p.Mode == evidence.Planned && p.after == "" }

// made is the digest of the archive that the first drill of the plan made.
func (p *Plan) made() (string, error) {
	path := filepath.Join(p.Output, p.after+statementFile)
	b, err := readFile(path, evidence.MaxStatement)
	if err != nil {
		return "", fmt.Errorf("drill: %s makes the archive, and has not ended; carry it out first: %w", p.after, err)
	}
	st, err := evidence.ParseStatement(bytes.NewReader(b), nil)
	if err != nil {
		return "", fmt.Errorf("drill: %s: %w", path, err)
	}
	if st.Predicate.Archive.ManifestSHA256 == "" {
		return "", fmt.Errorf("%w: %s made none", ErrNoArchive, p.after)
	}
	return st.Predicate.Archive.ManifestSHA256, nil
}

// checkInto finds what is wrong with the targets.
func (p *Plan) checkInto(want func(ok bool, f string, args ...any), kind func(where, k string)) {
	want(p.Target == "" || len(p.Into) == 0, "target and into: want one of them")
	want(len(p.Into) == 0 || p.Replay.Journal == "", "replay.journal: several targets have a journal each, in the output folder")
	seen := map[string]bool{}
	for i, t := range p.Into {
		want(plainName(t.Name) && !seen[strings.ToLower(t.Name)], "into[%d].name: want letters, digits, - _ and ., and each once, got %q", i, t.Name)
		want(!saysInShort(t.Name), "into[%d].name: want another end than .test-result and .svr, which say a drill in short, got %q", i, t.Name)
		seen[strings.ToLower(t.Name)] = true
		want(t.Target != "", "into[%d].target: which?", i)
		want(!password(t.Target), "into[%d].target: a password stands in it: write ${NAME} and set NAME in the environment", i)
		for _, k := range t.Kinds {
			kind("into.kinds", k)
		}
		t.Embedder.checkAs("into.embedder", want)
	}
	for i, a := range p.Accepted {
		want(a.Into == "" || seen[strings.ToLower(a.Into)], "accepted_losses[%d].into: no target %q", i, a.Into)
	}
}

func (e *Embedder) checkAs(where string, want func(ok bool, f string, args ...any)) {
	want(len(e.Command) == 0 || e.URL == "", "%s: want a command or a url, one of them", where)
	want(e.URL == "" || e.Model != "" && e.Dimensions > 0, "%s: a service does not say its model without a bill: give model and dimensions", where)
	want(e.Patience == 0 || len(e.Command) > 0, "%s.patience: want it beside a command", where)
	want(e.Key == "" || variable(e.Key), "%s.key: want ${NAME}: a key stands in the environment", where)
	want(!password(e.URL), "%s.url: a password stands in it", where)
}

// plainName tells whether s can be part of a file's name.
func plainName(s string) bool {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r)
	}
	return s != "" && len(s) <= 100 && s[0] != '.' && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0
}

// saysInShort tells whether the signature of a drill of that name would lie where another one's is said in short: of "q4"
// in q4.svr.sigstore.json.
func saysInShort(name string) bool {
	return slices.ContainsFunc([]string{resultFile, svrFile}, func(suffix string) bool {
		return strings.HasSuffix(strings.ToLower(name+bundleFile), suffix)
	})
}

// Vectors is the file in which vectors that are made anew are kept.
func (p *Plan) Vectors() string { return filepath.Join(p.Output, p.Name+".vectors") }
