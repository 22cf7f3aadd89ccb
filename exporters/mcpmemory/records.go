package mcpmemory

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A parsed line is what one becomes, if no other before it has its key.
type parsed struct {
	line
	object *object  // nil: it is blank, or not JSON
	digest [32]byte // of an object that is neither entity nor relation
	key    string
	recs   []agentstate.Record // of a short line
}

// shortLine is how long a line is whose records are made ahead: a longer one may have a million.
const shortLine = 1 << 16

func parsePiece(lines []line) []parsed {
	out := make([]parsed, len(lines))
	for i := range lines {
		p := &out[i]
		p.line = lines[i]
		switch {
		case p.long():
			p.object = parseLong(p.text)
		case blank(p.text):
			continue
		default:
			var err error
			if p.object, err = parse(p.text); err != nil {
				continue
			}
		}
		if p.object.kind == "opaque" {
			p.digest = p.sum()
		}
		p.key = p.object.key("", p.digest)
		if p.size <= shortLine {
			p.object.records(&p.line, p.key, func(r agentstate.Record) bool {
				p.recs = append(p.recs, r)
				return true
			})
		}
	}
	return out
}

// records gives the records of a line to put, until it is false.
func (o *object) records(l *line, key string, put func(agentstate.Record) bool) {
	switch o.kind {
	case "entity":
		e := &entity{}
		e.Meta, e.Name, e.Observations = e.meta.of(key, l), o.name, o.observations
		if l.long() {
			e.Meta.Labels = []*pb.Label{{Name: "observations", Value: "in the native line alone: it is longer than 4 MiB"}}
		}
		if o.typ != "" {
			e.types[0], e.Types = o.typ, e.types[:]
		}
		if put(&e.Entity) { // which is the consumer's now
			o.memories(key, put)
		}
	case "relation":
		m := &meta{}
		put(&pb.Relation{Meta: m.of(key, l), Type: o.typ, FromKey: agentstate.Key("entity", o.from), ToKey: agentstate.Key("entity", o.to)})
	default:
		m := &meta{}
		put(&pb.Opaque{Meta: m.of(key, l)})
	}
}

// An entity is a record with its parts, made at once: there is one for each line. A meta is the
// part that every line has.
type entity struct {
	pb.Entity
	meta  meta
	types [1]string
}

type meta struct {
	pb.Meta
	native pb.Native
	body   pb.Native_Data
	data   pb.Data
	inline pb.Data_Inline
	list   [1]*pb.Native
}

// of is the Meta of the record of l.
func (m *meta) of(key string, l *line) *pb.Meta {
	m.data.MediaType, m.data.Body = "application/json", &m.inline
	if l.size <= agentstate.SpillSize {
		m.inline.Inline = bytes.Clone(l.text)
	} else {
		m.data.Body = &pb.Data_Blob{Blob: &pb.Blob{Id: fmt.Sprintf("%d+%d", l.off, l.size)}}
	}
	m.body.Data, m.native.Type, m.native.Body = &m.data, "line", &m.body
	m.list[0], m.Key, m.Native = &m.native, key, m.list[:]
	return &m.Meta
}

// A memory is a record with its parts, made at once.
type memory struct {
	pb.Memory
	meta  pb.Meta
	text  pb.Memory_Text
	tags  [1]string
	views [1]string
}

// memories are what is known of the entity under key, one Memory an observation.
func (o *object) memories(key string, put func(agentstate.Record) bool) {
	had := map[string]int{}
	for _, text := range o.observations {
		m := &memory{}
		m.meta.Key = o.memoryKey(key, text)
		if had[m.meta.Key]++; had[m.meta.Key] > 1 { // no digest is as short: it is not what a second entity of this name knows
			m.meta.Key += "/" + strconv.Itoa(had[m.meta.Key])
		}
		m.Meta, m.Name, m.Content, m.text.Text = &m.meta, o.name, &m.text, text
		if o.typ != "" {
			m.tags[0], m.Tags = o.typ, m.tags[:]
		}
		m.views[0], m.meta.ViewOfKeys = key, m.views[:]
		if !put(&m.Memory) {
			return
		}
	}
}

// memoryKey is the key of what the entity under key knows. An observation has no id: a digest stands for
// its text, which stays out of plans, journals and errors.
func (o *object) memoryKey(key, text string) string {
	return "memory" + strings.TrimPrefix(key, "entity") + "/" + hexOf(sha256.Sum256([]byte(o.name+"\x00"+text)))
}
