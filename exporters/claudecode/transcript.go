package claudecode

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxLine is how long a line may be to be taken apart; longer ones are in the file alone.
const maxLine = 16 << 20

// A transcript is what its file says as a whole: its tree and its names.
type transcript struct {
	title, cwd string
	session    string // that its first line names
	words      string // that the first person said; a title where there is none
	head       int32  // the message that the next turn continues
	from, to   int64

	prefix   string // of the keys of messages
	keyParts []string
	lines    map[id]place
	nodes    []node            // the first one is nothing: what the roots follow
	read     homefiles.LineSet // lines that are read a second time
	branched bool
	side     int32 // the last message of a sidechain
	unknown  homefiles.LineTypes
	late     map[int32]id // of messages that stand before what they follow: the id of that
	kept     map[int32]kept
}

// A place is where an id stands, and the message that it belongs to. In no line: another name of it.
type place struct{ line, node int32 }

// A node is a message.
type node struct {
	id     id
	parent int32
	child  bool // somebody follows it
	side   bool // of a sidechain
	result bool // what a tool answered
	answer bool // a further part of the answer that it follows
	failed bool // no answer: the provider refused
	unseen bool // the model does not see it
}

// key is the key of a message; empty for none.
func (t *transcript) key(n int32) string {
	switch x := t.nodes[n].id; {
	case n == 0:
		return ""
	case x.text != "":
		return agentstate.Key("message", append(t.keyParts[:len(t.keyParts):len(t.keyParts)], x.text)...)
	default:
		return t.prefix + x.String()
	}
}

// each calls fn for every line of only that holds JSON, and bad for every other one of it.
func each(f *homefiles.File, d *pb.Data, only *homefiles.LineSet, bad func(no int, r pb.Gap_Reason, why string) error, fn func(no int, l *line) error) error {
	l := &line{}
	return f.Lines(d, maxLine, func(no int, b []byte) error {
		if !only.Has(no) {
			return nil
		}
		if b == nil {
			return bad(no, pb.Gap_REASON_LIMIT, fmt.Sprintf("longer than %d MiB", maxLine>>20))
		}
		if no == 1 {
			b = homefiles.JSON(b)
		}
		if l.read(b) {
			return fn(no, l)
		}
		if len(bytes.TrimSpace(b)) == 0 {
			return nil
		}
		if b[len(b)-1] != '\n' { // the last line
			return bad(no, pb.Gap_REASON_CHANGED, fmt.Sprintf("%d bytes of a line that has no end: it was being written, or was broken off; export again while nobody writes", len(b)))
		}
		return bad(no, pb.Gap_REASON_CORRUPT, fmt.Sprintf("%d bytes that are not JSON", len(b)))
	})
}

// messages yields the messages of a transcript, each block of one answer in one message.
func (t *transcript) messages(f *homefiles.File, d *pb.Data, r *reading) error {
	conversation := agentstate.Key("conversation", t.keyParts...)
	var cur *pb.Message
	var at int32         // its node
	var last string      // and key
	var asked id         // the last command that a person called, or a line of what it says
	var early []*pb.Part // what hooks said before the first message
	size, earlySize := 0, 0
	position := uint64(0)
	flush := func() error {
		if cur == nil {
			return nil
		}
		m := cur
		cur = nil
		unsaid(m)
		return r.put(m)
	}
	gap := func(no int, reason pb.Gap_Reason, why string) error {
		return r.gap(&pb.Gap{Kind: "message", Place: f.Rel + " line " + strconv.Itoa(no), Reason: reason, Count: 1, Detail: why})
	}
	bad := func(no int, reason pb.Gap_Reason, why string) error {
		return gap(no, reason, why+"; the file itself is carried whole") // blocks of one answer may stand around it
	}
	err := each(f, d, &t.read, bad, func(no int, l *line) error {
		p := t.lines[newID(l.uuid)]
		if p.line != int32(no) {
			return nil
		}
		if !l.isMessage() {
			switch {
			case p.node == 0:
				early = beside(early, &earlySize, l.added)
			case cur != nil && at == p.node:
				cur.Parts = beside(cur.Parts, &size, l.added)
			}
			return nil
		}
		body := l.body()
		if cur != nil && at == p.node {
			cur.Parts = append(cur.Parts, parts(body.content)...)
		} else {
			if err := flush(); err != nil {
				return err
			}
			if reason, why := t.strayed(p.node); why != "" {
				if err := gap(no, reason, why); err != nil {
					return err
				}
			}
			position++
			parent := last
			if t.nodes[p.node].parent != at || at == 0 {
				parent = t.key(t.nodes[p.node].parent)
			}
			of := asked != (id{}) && newID(l.parent) == asked
			cur, at, size = t.message(l, body, p.node, conversation, parent, of), p.node, 0
			cur.Position = position
			if parent == "" {
				if earlySize+l.size() <= maxParts { // they take no room of its words
					cur.Parts, size = append(cur.Parts, early...), earlySize
				}
				early, earlySize = nil, 0
			}
			if l.typ.Is("user") && !t.nodes[p.node].result && (of && l.meta || l.isCommand()) {
				asked = newID(l.uuid)
			}
			last = cur.Meta.Key
		}
		if size += l.size(); size > maxParts { // too much for a record
			cur.Parts = []*pb.Part{{Body: &pb.Part_Data{Data: &pb.Data{MediaType: "application/json"}}}}
		}
		return nil
	})
	return errors.Join(err, flush())
}

// strayed says why the nth node does not follow what it names; empty: it does.
func (t *transcript) strayed(n int32) (reason pb.Gap_Reason, why string) {
	switch x, late := t.late[n]; {
	case late && t.lines[x] == (place{}):
		return pb.Gap_REASON_GONE, "what it follows, " + x.String() + ", is not there"
	case late && t.nodes[n].parent == 0 && t.lines[x].node != 0:
		return pb.Gap_REASON_CORRUPT, "what it follows, " + x.String() + ", follows it: it stands as a first message"
	}
	return 0, ""
}

// beside puts what was added to a message behind its parts, of size bytes, as data: no person said it. What would be too
// much is in the file alone.
func beside(parts []*pb.Part, size *int, added jsonvalue.Value) []*pb.Part {
	if len(added) == 0 || *size+len(added) > maxParts {
		return parts
	}
	*size += len(added)
	return append(parts, &pb.Part{Body: &pb.Part_Data{Data: inline("application/json", added)}})
}

// unsaid makes data of the words of a message that nobody said, as notes of the program are: in another
// runtime they would be the assistant's.
func unsaid(m *pb.Message) {
	for i, p := range m.Parts {
		if _, ok := p.Body.(*pb.Part_Text); ok && m.Role == pb.Role_ROLE_UNSPECIFIED {
			m.Parts[i] = homefiles.NotePart(p.GetText())
		}
	}
}

// maxParts is how many bytes of JSON a message is read from. What is longer stands there without its
// parts: they are in the file alone.
const maxParts = 4 << 20

// message is what the nth node says. asked: it follows a command that a person called.
func (t *transcript) message(l *line, b body, n int32, conversation, parent string, asked bool) *pb.Message {
	m := homefiles.NewMessage(conversation)
	m.Meta.Key, m.Meta.CreatedUnixNano = t.key(n), timeOf(l.timestamp)
	m.ConversationKey, m.ParentKey, m.Model = conversation, parent, b.model.Text()
	if m.Model == "<synthetic>" { // the program's own words
		m.Model = ""
	}
	if m.NativeId = t.nodes[n].id.text; m.NativeId == "" {
		m.NativeId = m.Meta.Key[len(t.prefix):]
	}
	switch {
	case l.typ.Is("system"):
		// A note of the program, not the operator's words: the model does not see most of them.
		m.NativeRole = "system/" + l.subtype.Text()
		m.Parts = parts(l.content)
		if s := l.logical.Text(); s != "" {
			m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "logicalParentUuid", Value: s})
		}
	case b.role.Is("assistant") && t.nodes[n].failed:
		m.NativeRole, m.Parts = "assistant/error", parts(b.content)
	case b.role.Is("assistant"):
		m.Role, m.Parts = pb.Role_ROLE_ASSISTANT, parts(b.content)
	default:
		m.Role, m.Parts = pb.Role_ROLE_USER, parts(b.content)
		if len(m.Parts) > 0 && m.Parts[0].GetToolResult() != nil {
			m.Role = pb.Role_ROLE_TOOL
		} else if note := l.notes(asked); note != "" { // as that a task has ended: in another runtime a person would have said it
			m.Role, m.NativeRole = pb.Role_ROLE_UNSPECIFIED, "user/"+note
		}
	}
	if l.sidechain {
		m.AuthorPath = []string{"sidechain"}
		if s := l.agent.Text(); s != "" {
			m.AuthorPath = append(m.AuthorPath, s)
		}
	}
	return m
}
