package mem0

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// textOf is the text of a JSON string. Half characters become U+FFFD: the native form keeps them.
func textOf(raw []byte) string { return jsonvalue.Value(raw).Text() }

// A payload is what mem0 says of a memory or of an entity, in the names of either language.
type payload struct {
	ok               bool
	data             string
	halves           bool // data holds half characters, or is no text
	user, agent, run string
	created, updated int64
	expires          int64
	form             pb.Memory_Form
	inferred         bool
	types            []string
	linked           []string
	labels           []*pb.Label
	camel            []*pb.Label // userId, agentId, runId
	ofEntity         []*pb.Label // types and linked, which of a memory are somebody's metadata
}

// maxLabel is the length above which a value of a payload is in the native form alone.
const maxLabel = 4 << 10

func readPayload(raw []byte) payload { return new(scanner).payload(raw) }

func (x *scanner) payload(raw []byte) payload {
	p := payload{}
	for _, m := range x.members(raw) {
		if p.ok = true; derived(m.name) {
			continue
		}
		s, isText := textOf(m.raw), m.raw[0] == '"'
		if m.name == "data" {
			p.halves = !isText || bytes.Contains(m.raw, []byte(`\u`)) && strings.Contains(s, "\ufffd")
		}
		p.member(m.name, s, isText, m.raw)
	}
	p.settle()
	return p
}

// settle takes the names of an early JavaScript package for the scope where there is no other. Beside one
// they are somebody's metadata.
func (p *payload) settle() {
	old := p.user+p.agent+p.run == ""
	for _, l := range p.camel {
		if old {
			p.set(strings.ToLower(strings.TrimSuffix(l.Name, "Id"))+"_id", l.Value)
		} else if len(l.Value) <= maxLabel {
			p.labels = append(p.labels, l)
		}
	}
	p.camel = nil
}

// dict is payload for what a point holds, which is printed as JSON where it is no plain text.
func (x *scanner) dict(d *dict, w *printer) (payload, error) {
	p := payload{}
	if d == nil {
		return p, nil
	}
	for i, k := range d.keys {
		name, isName := k.(string)
		if p.ok = true; derived(name) {
			continue
		}
		s, isText := d.vals[i].(string)
		if isName && isText && utf8.ValidString(name) && utf8.ValidString(s) {
			p.member(name, s, true, nil)
			continue
		}
		w.b = w.b[:0]
		if err := w.value(&dict{keys: d.keys[i : i+1], vals: d.vals[i : i+1]}, 0); err != nil {
			return p, err
		}
		one := x.payload(w.b)
		if name == "data" {
			p.data, p.halves = one.data, one.halves
			continue
		}
		for _, m := range x.members(w.b) {
			p.member(m.name, textOf(m.raw), isText, m.raw)
		}
	}
	p.settle()
	return p, nil
}

// derived tells whether a member is made of data.
func derived(name string) bool {
	return name == "textLemmatized" || name == "text_lemmatized" || name == "hash"
}

// member takes one of a payload: its text, and where it is none its JSON.
func (p *payload) member(name, s string, isText bool, raw []byte) {
	switch name {
	case "data":
		p.data = s
		return
	case "user_id", "agent_id", "run_id":
		p.set(name, s)
		return
	case "userId", "agentId", "runId":
		p.camel = append(p.camel, &pb.Label{Name: name, Value: s})
		return
	case "createdAt", "created_at":
		p.created = timeOf(s)
		return
	case "updatedAt", "updated_at":
		p.updated = timeOf(s)
		return
	case "linkedMemoryIds", "linked_memory_ids":
		if json.Unmarshal(raw, &p.linked) == nil {
			if len(raw) <= maxLabel {
				p.ofEntity = append(p.ofEntity, &pb.Label{Name: name, Value: strings.ToValidUTF8(string(raw), "\ufffd")})
			}
			return
		}
	case "entityType", "entity_type":
		p.types = []string{s}
		if len(s) <= maxLabel {
			p.ofEntity = append(p.ofEntity, &pb.Label{Name: name, Value: s})
		}
		return
	case "expiration_date": // in both packages: another spelling is somebody's metadata
		// The day itself still counts: hidden is what lies before today, in UTC.
		if t, err := time.Parse("2006-01-02", s); err == nil {
			p.expires = agentstate.UnixNano(t.AddDate(0, 0, 1))
			return
		}
	case "attributedTo", "attributed_to":
		p.inferred = true
	case "memory_type", "memoryType":
		if s == "procedural_memory" {
			p.form = pb.Memory_FORM_PROCEDURAL
		}
	}
	if !isText {
		s = strings.ToValidUTF8(string(raw), "\ufffd")
	}
	if len(s) <= maxLabel {
		p.labels = append(p.labels, &pb.Label{Name: name, Value: s})
	}
}

// scope is the part of a key, and the path of a space, that user, agent and run make.
func (p *payload) scope() []string {
	var out []string
	for _, x := range [][2]string{{"user_id", p.user}, {"agent_id", p.agent}, {"run_id", p.run}} {
		if x[1] != "" {
			out = append(out, x[0], x[1])
		}
	}
	return out
}

func (p *payload) meta(m *pb.Meta) {
	m.CreatedUnixNano, m.UpdatedUnixNano, m.Labels = p.created, p.updated, p.labels
	if p.inferred {
		m.Derivation = pb.Derivation_DERIVATION_INFERRED
	}
	if p.user != "" {
		m.SubjectKeys = []string{agentstate.Key("principal", "user", p.user)}
	}
}

// timeOf reads the times that mem0 writes; 0: none.
func timeOf(s string) int64 {
	for _, f := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(f, s); err == nil {
			return agentstate.UnixNano(t)
		}
	}
	return 0
}
