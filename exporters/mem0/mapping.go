package mem0

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// reserved tells whether mem0 gives a name in a payload a meaning: no metadata may have it.
func reserved(name string) bool {
	switch name {
	case "data", "hash", "user_id", "agent_id", "run_id", "userId", "agentId", "runId", "expiration_date", "memory_type", "memoryType",
		"createdAt", "created_at", "updatedAt", "updated_at", "textLemmatized", "text_lemmatized":
		return true
	}
	return false
}

// spell is the name as the target's package has it: the packages spell some differently, two of them in
// entities alone.
func (f *foreignTarget) spell(name string, entity bool) string {
	for i, s := range [][2]string{{"entityType", "entity_type"}, {"linkedMemoryIds", "linked_memory_ids"},
		{"createdAt", "created_at"}, {"updatedAt", "updated_at"}, {"attributedTo", "attributed_to"}, {"textLemmatized", "text_lemmatized"}} {
		if (entity || i > 1) && (name == s[0] || name == s[1]) {
			if f.python {
				return s[1]
			}
			return s[0]
		}
	}
	return name
}

// A builder makes a payload.
type builder struct {
	b    bytes.Buffer
	have []string
}

// put adds a member, unless there is one of its name.
func (p *builder) put(name string, v any) bool {
	if slices.Contains(p.have, name) {
		return false
	}
	raw, ok := v.([]byte)
	if !ok {
		raw = encode(v)
	}
	sep := byte(',')
	if len(p.have) == 0 {
		sep = '{'
	}
	p.b.WriteByte(sep)
	p.b.Write(encode(name))
	p.b.WriteByte(':')
	p.b.Write(raw)
	p.have = append(p.have, name)
	return true
}

func (p *builder) done() string {
	if len(p.have) == 0 {
		return "{}"
	}
	p.b.WriteByte('}')
	return p.b.String()
}

// encode is JSON without the escapes that are for web pages.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings and lists of them never fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// payloadOf is what a memory of another runtime becomes, and what is to be said of its fields.
func (w *writer) payloadOf(ctx context.Context, m *pb.Memory, scope []ident) (string, map[string]reason, error) {
	p, said := &builder{}, map[string]reason{}
	meta := func(name string, v any) bool { return !reserved(name) && p.put(name, v) }
	text := strings.ToValidUTF8(m.GetText(), "\ufffd")
	for _, l := range m.Meta.Labels {
		meta(w.foreign.spell(l.Name, false), l.Value)
	}
	if d := m.GetData(); d != nil {
		b, err := w.run.Source.Data(ctx, d)
		if err != nil {
			return "", nil, err
		}
		if !utf8.Valid(b) {
			return "", nil, errNoText
		}
		why := "a document becomes the text of a memory"
		text = string(b)
		if ms := members(b); slices.ContainsFunc(ms, func(x member) bool { return x.name == "text" && x.raw[0] == '"' }) {
			why = "the text of a document becomes the memory, what else is in it metadata"
			for _, x := range ms {
				if x.name == "text" && x.raw[0] == '"' {
					text = textOf(x.raw)
				} else if !meta(x.name, x.raw) {
					why = "the text of a document becomes the memory, what else is in it metadata, but for members with a name that mem0 itself uses"
				}
			}
		}
		said["data"], said["text"] = reason{fidelity.Transformed, why}, reason{fidelity.Transformed, why}
	}
	for name, v := range map[string]any{"name": m.Name, "tags": m.Tags} {
		if s, _ := v.(string); s != "" || name == "tags" && len(m.Tags) > 0 {
			if said[name] = (reason{fidelity.Dropped, "there is metadata of that name already"}); meta(name, v) {
				said[name] = reason{fidelity.Transformed, "becomes metadata"}
			}
		}
	}
	for _, x := range scope {
		p.put(x.name, x.id)
	}
	sum := md5.Sum([]byte(text))
	p.put("data", text)
	p.put("hash", hex.EncodeToString(sum[:]))
	lemmas := text // as Python's does where it has no language model
	if !w.foreign.python {
		lemmas = strings.ToLower(text)
	}
	p.put(w.foreign.spell("text_lemmatized", false), lemmas)
	format, unit := "2006-01-02T15:04:05.000000-07:00", "microsecond"
	if !w.foreign.python {
		format, unit = "2006-01-02T15:04:05.000Z", "millisecond"
	}
	for name, ns := range map[string]int64{"created": m.Meta.CreatedUnixNano, "updated": m.Meta.UpdatedUnixNano} {
		if ns != 0 {
			said["meta."+name+"_unix_nano"] = reason{0, "kept to the " + unit}
		}
	}
	for _, x := range []struct {
		name string
		ns   int64
	}{{"created_at", m.Meta.CreatedUnixNano}, {"updated_at", m.Meta.UpdatedUnixNano}} {
		if x.ns != 0 {
			p.put(w.foreign.spell(x.name, false), time.Unix(0, x.ns).UTC().Format(format))
		}
	}
	if m.ExpiresUnixNano != 0 { // the day itself still counts
		p.put("expiration_date", time.Unix(0, m.ExpiresUnixNano-1).UTC().Format(time.DateOnly))
		said["expires_unix_nano"] = reason{0, "kept to the day: it lasts to the end of it"}
	}
	if m.Form == pb.Memory_FORM_PROCEDURAL {
		p.put("memory_type", "procedural_memory")
	}
	return p.done(), said, nil
}

var errNoText = errors.New("its content is neither text nor JSON")

// renamed is a payload of mem0's other package, or other store, in the target's spelling. Metadata that is spelled as
// the target spells a name of mem0's own gives way to that, and gets the other spelling, which means nothing there.
func (w *writer) renamed(raw []byte, entity bool) string {
	if from, _, _ := strings.Cut(w.run.From.GetFlavor(), "+"); from != "" && (from == "python") == w.foreign.python {
		return string(raw) // another store of the same package
	}
	p := &builder{}
	ms, was := members(raw), map[string]string{}
	for _, m := range ms {
		if name := w.foreign.spell(m.name, entity); name != m.name {
			was[name] = m.name
		}
	}
	for _, m := range ms {
		name := w.foreign.spell(m.name, entity)
		if other, ok := was[name]; ok && name == m.name {
			name = other
		}
		p.put(name, m.raw)
	}
	if ms == nil {
		return string(raw)
	}
	return p.done()
}

// payloadIn is the payload in the native form of a record of mem0, nil where none is there, and the names of the
// vectors that a point of Qdrant has beside that of its text.
func (w *writer) payloadIn(ctx context.Context, r agentstate.Record) (raw []byte, beside string, err error) {
	for _, n := range r.GetMeta().GetNative() {
		for _, c := range n.GetRow().GetColumns() {
			if c.Name != "payload" && c.Name != "point" {
				continue
			}
			v, err := w.run.Source.Column(ctx, r, c)
			if err != nil {
				return nil, "", err
			}
			switch v := v.(type) {
			case string:
				return []byte(v), "", nil
			case []byte:
				if c.Name == "payload" {
					return v, "", nil
				}
				p, err := readPoint(v)
				if err != nil || p.payload == nil {
					return nil, "", nil
				}
				x := &printer{limit: 8*len(v) + 1024}
				err = x.value(p.payload, 0)
				return x.b, p.beside(), err
			}
		}
	}
	return nil, "", nil
}

// idFor is the id of a record's row: its own, if that is a UUID, else one that is made of its key.
func idFor(key string) string {
	_, parts := agentstate.SplitKey(key)
	if id := parts[len(parts)-1]; uuidForm().MatchString(id) {
		return id
	}
	return madeID(key)
}

// madeID is a UUID that is made of a key.
func madeID(key string) string {
	h := sha256.Sum256([]byte(key))
	h[6], h[8] = h[6]&0xf|0x80, h[8]&0x3f|0x80
	x := hex.EncodeToString(h[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
