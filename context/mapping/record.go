package mapping

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Record is r under its new names: r itself where nothing of it changes, else a copy without its native
// form and without fields of a later release. losses say what changed. wait is not empty where r
// has no match and waits for a person.
func (p *Mapper) Record(r agentstate.Record) (out agentstate.Record, losses []fidelity.Loss, wait string, err error) {
	e := &edit{p: p, key: r.GetMeta().GetKey()}
	if e.wait(r); e.err != nil {
		return nil, nil, "", e.err
	}
	if e.walk(r.ProtoReflect(), "", false); e.err != nil {
		return nil, nil, "", e.err
	}
	e.names(r, false)
	if !e.changes || e.err != nil {
		return r, nil, e.why, e.err
	}
	out = proto.Clone(r).(agentstate.Record)
	e.walk(out.ProtoReflect(), "", true)
	e.names(out, true)
	out.GetMeta().Native = nil
	agentstate.DropUnknown(out)
	return out, e.losses, e.why, e.err
}

// edit is one record under work.
type edit struct {
	p       *Mapper
	key     string
	changes bool
	losses  []fidelity.Loss
	why     string // it waits
	err     error
}

// hold lets the record wait; the first reason counts.
func (e *edit) hold(format string, args ...any) {
	if e.why == "" {
		e.why = "map: " + fmt.Sprintf(format, args...)
	}
}

// change notes that the field at path becomes another. It is called on both walks, and tells on
// the second.
func (e *edit) change(path, old, to string, do bool) bool {
	e.changes = true
	if do {
		l := fidelity.Loss{Key: e.key, Path: path, Grade: fidelity.Transformed, Why: Prefix + old + " → " + to}
		if !slices.Contains(e.losses, l) {
			e.losses = append(e.losses, l)
		}
	}
	return do
}

// Prefix begins the reason of every loss that a map makes.
const Prefix = "map: "

// walk changes the references in m, and the key of the record itself.
func (e *edit) walk(m protoreflect.Message, path string, do bool) {
	if e.p.m.Principals == nil && e.p.m.Namespaces == nil {
		return
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(fd.Name())
		isRef := fd.Kind() == protoreflect.StringKind && (strings.HasSuffix(name, "_key") || strings.HasSuffix(name, "_keys") || path == "meta." && name == "key")
		switch {
		case path == "meta." && name == "native":
		case fd.Message() != nil && fd.IsList():
			for i := range v.List().Len() {
				e.walk(v.List().Get(i).Message(), path+name+".", do)
			}
		case fd.Message() != nil:
			e.walk(v.Message(), path+name+".", do)
		case isRef && fd.IsList():
			for i := range v.List().Len() {
				if to, ok := e.ref(path+name, v.List().Get(i).String(), do); ok {
					v.List().Set(i, protoreflect.ValueOfString(to))
				}
			}
		case isRef:
			if to, ok := e.ref(path+name, v.String(), do); ok {
				m.Set(fd, protoreflect.ValueOfString(to))
			}
		}
		return e.err == nil
	})
}

// ref is the new key in place of old, where it is to be set.
func (e *edit) ref(path, old string, do bool) (string, bool) {
	to, err := e.p.Key(old)
	if err != nil {
		e.err = err
	}
	if err != nil || to == old {
		return "", false
	}
	return to, e.change(path, old, to, do)
}

// names changes the names that r has in fields of its own.
func (e *edit) names(r agentstate.Record, do bool) {
	switch r := r.(type) {
	case *pb.Message:
		for _, part := range r.Parts {
			e.part(part, do)
		}
		for i, a := range r.AuthorPath {
			if to, ok := e.p.m.Principals[a]; ok && to != a && e.change("author_path", a, to, do) {
				r.AuthorPath[i] = to
			}
		}
	case *pb.Tool:
		e.tool(r, do)
	case *pb.ToolGrant:
		if to, ok := e.p.pattern(r); ok && to != r.Pattern && e.change("pattern", toolIn(r.Pattern), toolIn(to), do) {
			r.Pattern = to
		}
	case *pb.Principal:
		if to, ok := e.p.m.Principals[r.Subject]; ok && to != r.Subject && e.change("subject", r.Subject, to, do) {
			if r.Name == r.Subject {
				r.Name = to
			}
			r.Subject = to
		}
	case *pb.MemorySpace:
		if e.p.m.Namespaces == nil {
			return
		}
		path := pathOf(r)
		to, _, ok := e.p.path(path)
		if ok && !slices.Equal(to, path) && e.change("path", joined(path), joined(to), do) {
			r.Path, r.RawPath = to, ""
		}
	case *pb.Model:
		e.model(r, do)
	}
}

// part renames a call and its result alike.
func (e *edit) part(part *pb.Part, do bool) {
	switch b := part.Body.(type) {
	case *pb.Part_ToolCall:
		t, ok := e.p.m.Tools[b.ToolCall.Name]
		if !ok {
			return
		}
		if args, ok := renameMembers(b.ToolCall.ArgumentsJson, t.Arguments); ok && e.change("parts.tool_call.arguments_json", "arguments of "+b.ToolCall.Name, t.Name, do) {
			b.ToolCall.ArgumentsJson = args
		}
		if t.Name != b.ToolCall.Name && e.change("parts.tool_call.name", b.ToolCall.Name, t.Name, do) {
			b.ToolCall.Name = t.Name
		}
	case *pb.Part_ToolResult:
		if t, ok := e.p.m.Tools[b.ToolResult.Name]; ok && t.Name != b.ToolResult.Name && e.change("parts.tool_result.name", b.ToolResult.Name, t.Name, do) {
			b.ToolResult.Name = t.Name
		}
	}
}

func (e *edit) tool(r *pb.Tool, do bool) {
	t, ok := e.p.m.Tools[r.Name]
	if !ok {
		return
	}
	if in := r.InputSchema.GetInline(); len(in) > 0 {
		if schema, ok := renameSchema(in, t.Arguments); ok && e.change("input_schema", "arguments of "+r.Name, t.Name, do) {
			r.InputSchema.Body = &pb.Data_Inline{Inline: schema}
		}
	}
	if t.Name != r.Name && e.change("name", r.Name, t.Name, do) {
		r.Name = t.Name
	}
}

// model changes what an agent asks for. What was said of the old model is not true of the new one.
func (e *edit) model(r *pb.Model, do bool) {
	t, ok := e.p.m.Models[r.RequestedId]
	if !ok || t.Name == r.RequestedId && (t.Provider == "" || t.Provider == r.Provider) || !e.change("requested_id", r.RequestedId, t.Name, do) {
		return
	}
	for _, f := range []struct {
		path string
		set  bool
	}{{"served_id", r.ServedId != ""}, {"pinned", r.Pinned}, {"digest", len(r.Digest) > 0}, {"digest_algorithm", r.DigestAlgorithm != ""},
		{"adapter_keys", len(r.AdapterKeys) > 0}, {"retires_unix_nano", r.RetiresUnixNano != 0}, {"retires_basis", r.RetiresBasis != ""}} {
		if f.set {
			e.losses = append(e.losses, fidelity.Loss{Key: e.key, Path: f.path, Grade: fidelity.Dropped, Why: Prefix + "is said of " + r.RequestedId})
		}
	}
	r.RequestedId, r.ServedId, r.Pinned, r.Digest, r.DigestAlgorithm, r.AdapterKeys, r.RetiresUnixNano, r.RetiresBasis = t.Name, "", false, nil, "", nil, 0, ""
	if t.Provider != "" {
		r.Provider = t.Provider
	}
}

// wait says what in r has no match.
func (e *edit) wait(r agentstate.Record) {
	u := e.p.m.Unmapped
	switch r := r.(type) {
	case *pb.Tool:
		if _, ok := e.p.m.Tools[r.Name]; !ok && e.p.m.Tools != nil && u.Tools == Hold {
			e.hold("tool %s has no match", r.Name)
		}
	case *pb.ToolGrant:
		e.grant(r)
	case *pb.Policy:
		if e.p.m.Tools == nil {
			return
		}
		if old := e.p.mentions(r.Text.GetInline()); old != "" {
			e.hold("its text names %s, and a map does not change texts", old)
		} else if r.Text.GetBlob() != nil {
			e.hold("its text may name a tool that is renamed, and is too long to be looked through")
		}
	case *pb.MemorySpace:
		if _, _, ok := e.p.path(pathOf(r)); !ok && e.p.m.Namespaces != nil && u.Namespaces == Hold {
			e.hold("namespace %s has no match", joined(pathOf(r)))
		}
	case *pb.Model:
		if _, ok := e.p.m.Models[r.RequestedId]; !ok && e.p.m.Models != nil && u.Models == Hold && r.RequestedId != "" {
			e.hold("model %s has no match", r.RequestedId)
		}
	}
	if e.p.m.Principals == nil || u.Principals != Hold {
		return
	}
	person := func(_, key string) {
		if agentstate.KindOfKey(key) == "principal" && !e.p.knowsPerson(key) {
			e.hold("%s has no match", key)
		}
	}
	person("", e.key)
	agentstate.Refs(r, person)
}

// grant: a grant must not come to mean another tool than it did.
func (e *edit) grant(r *pb.ToolGrant) {
	if e.p.m.Tools == nil {
		return
	}
	hold := e.p.m.Unmapped.Tools == Hold
	if r.ToolKey != "" {
		name, known, err := e.p.keys.Get(byTool + r.ToolKey)
		if e.err = err; err != nil {
			return
		}
		if _, ok := e.p.m.Tools[string(name)]; known && !ok && hold {
			e.hold("tool %s has no match", name)
		}
	}
	if _, ok := e.p.pattern(r); !ok {
		if old := e.p.mentions([]byte(r.Pattern)); old != "" {
			e.hold("its pattern names %s, and cannot be changed by a map", old)
		} else if r.Pattern != "" && r.Pattern != "*" && r.ToolKey == "" && hold {
			of := ""
			if r.PatternDialect == "claude-code" { // another may be a whole policy
				of = " for " + toolIn(r.Pattern)
			}
			e.hold("its pattern%.60s has no match", of)
		}
	}
	if old := e.p.mentions(r.Constraints.GetInline()); old != "" {
		e.hold("its constraints name %s, and a map does not change texts", old)
	}
}

// pattern is the new pattern of a grant: one that is a tool's name, or begins with it in the way of
// Claude Code, "Bash(git log:*)".
func (p *Mapper) pattern(g *pb.ToolGrant) (string, bool) {
	if t, ok := p.m.Tools[g.Pattern]; ok {
		return t.Name, true
	}
	head, rest, ok := strings.Cut(g.Pattern, "(")
	if t, known := p.m.Tools[head]; ok && known && g.PatternDialect == "claude-code" {
		return t.Name + "(" + rest, true
	}
	return "", false
}

// toolIn is as much of a pattern of Claude Code as a reason says, which stands in plans and journals: what follows the tool
// is anything that somebody typed, with secrets that nobody recognises.
func toolIn(pattern string) string {
	tool, _, _ := strings.Cut(pattern, "(")
	return tool
}

// mentions is a renamed tool whose old name stands in text, as a word; empty: none does.
func (p *Mapper) mentions(text []byte) string {
	word := func(i int) bool {
		if i < 0 || i >= len(text) {
			return false
		}
		c := text[i]
		return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	found := ""
	for old, t := range p.m.Tools {
		if t.Name == old && len(t.Arguments) == 0 {
			continue
		}
		for at := 0; ; at++ {
			i := bytes.Index(text[at:], []byte(old))
			if i < 0 {
				break
			}
			if at += i; !word(at-1) && !word(at+len(old)) && (found == "" || old < found) {
				found = old
				break
			}
		}
	}
	return found
}
