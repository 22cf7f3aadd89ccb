package drill

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Register is the provider's register of data structures and formats, as somebody kept it.
type Register struct {
	URL       string `yaml:"url"`
	Retrieved Date   `yaml:"retrieved"`
	File      string `yaml:"file"`   // that was kept, text
	SHA256    string `yaml:"sha256"` // that the file had at the drill before; empty: nobody says
}

// Logs are records that have to be kept for a time.
type Logs struct {
	Kinds []string `yaml:"kinds"` // that are logs: run, message
	Days  int      `yaml:"days"`  // that they have to be kept
	Since Date     `yaml:"since"` // when the service began; empty: longer ago than that
}

// Metadata is something that the provider knows of a record: where it has to be, or why it is not there.
type Metadata struct {
	Kind   string `yaml:"kind"`
	Path   string `yaml:"path"`   // field that holds it, as in the schema: "usage.input_tokens"; or
	Absent string `yaml:"absent"` // why there is none
}

// Erasure is a request of earlier, made outside of any drill. A drill asks for none; it probes what
// became of one.
type Erasure struct {
	Asked        Date   `yaml:"asked"`
	Scope        string `yaml:"scope"`
	Confirmation string `yaml:"confirmation"` // file: what the provider wrote
	Keys         string `yaml:"keys"`         // file: keys of records that were asked to go, one a line
}

// checkMore finds what is wrong with the parts that a plan may leave out.
func (p *Plan) checkMore(want func(ok bool, f string, args ...any), kind func(where, k string)) {
	p.checkInto(want, kind)
	p.Embedder.checkAs("embedder", want)
	for _, k := range p.Logs.Kinds {
		kind("logs.kinds", k)
	}
	want(len(p.Logs.Kinds) == 0 || p.Logs.Days > 0 && p.Logs.Days < 36500, "logs.days: how long have they to be kept?")
	for _, m := range p.Metadata {
		kind("metadata", m.Kind)
		want((m.Path == "") != (m.Absent == ""), "metadata: %s: want a path, or why it is absent", m.Kind)
		want(m.Path == "" || !slices.Contains(agentstate.StateKinds(), m.Kind) || hasPath(m.Kind, m.Path), "metadata: %s has no field %q", m.Kind, m.Path)
	}
	r := &p.Provider.Register
	want(r.File == "" || r.URL != "" && r.Retrieved != "", "provider.register: want url and retrieved beside the file")
	if r.SHA256 != "" {
		b, err := hex.DecodeString(r.SHA256)
		want(err == nil && len(b) == 32, "provider.register.sha256: want 64 hexadecimal digits")
	}
	e := &p.Erasure
	want(e.Asked == "" || e.Scope != "" && e.Keys != "", "erasure: want scope, and keys of records that were asked to go")
	want(e.Asked != "" || e.Keys == "" && e.Confirmation == "", "erasure.asked: when?")
}

// due is the day from which on logs have to be there.
func (l *Logs) due(now time.Time) time.Time {
	at := now.AddDate(0, 0, -l.Days)
	if since, err := time.Parse(time.DateOnly, string(l.Since)); err == nil && since.After(at) {
		return since
	}
	return at
}

// maxWords is how many names of a runtime are kept.
const maxWords = 10_000

// native keeps the runtime's own words: of tables and objects, and of columns.
func (o *observer) native(natives []*pb.Native) {
	if o.seen.Words == nil {
		o.seen.Words = map[string]bool{}
	}
	word := func(s string) {
		if s != "" && len(o.seen.Words) < maxWords {
			o.seen.Words[s] = true
		}
	}
	for _, n := range natives {
		word(n.Type)
		for _, c := range n.GetRow().GetColumns() {
			word(c.Name)
		}
	}
}

// hasPath tells whether records of a kind have a field at path.
func hasPath(kind, path string) bool {
	m := agentstate.New(kind).ProtoReflect().Descriptor()
	for name := range strings.SplitSeq(path, ".") {
		if m == nil {
			return false
		}
		f := m.Fields().ByName(protoreflect.Name(name))
		if f == nil {
			return false
		}
		m = f.Message()
	}
	return true
}

// set tells whether m holds something at path.
func set(m protoreflect.Message, path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if f == nil || !m.Has(f) {
		return false
	}
	if !deeper || f.Message() == nil {
		return true
	}
	if !f.IsList() {
		return set(m.Get(f).Message(), rest)
	}
	for i := range m.Get(f).List().Len() {
		if set(m.Get(f).List().Get(i).Message(), rest) {
			return true
		}
	}
	return false
}
