package claudecode

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	side     int32        // the last message of a sidechain
	late     map[int32]id // of messages that stand before what they follow: the id of that
}

// A place is where an id stands, and the message that it belongs to.
type place struct{ line, node int32 }

// A node is a message.
type node struct {
	id     id
	parent int32
	child  bool // somebody follows it
	side   bool // of a sidechain
	result bool // what a tool answered
	answer bool // a further part of the answer that it follows
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

// outline reads the transcript f, of which d is the data, as a whole.
func outline(f *homefiles.File, d *pb.Data) (*transcript, error) {
	t := &transcript{keyParts: keyParts(f), lines: map[id]place{}, nodes: make([]node, 1)}
	t.prefix = agentstate.Key("message", t.keyParts...) + "/"
	var api string // id of the answer under way, whose last block is the message last
	var last int32
	var of string // id of the last answer, whose last message is calls: results of its tools may stand in it
	var calls int32
	var custom, made, leaf jsonvalue.Value
	keep := func(v jsonvalue.Value) jsonvalue.Value { return bytes.Clone(v) }
	bad := func(no int, _ pb.Gap_Reason, _ string) error {
		t.read.Add(no)
		return nil
	}
	err := each(f, d, nil, bad, func(no int, l *line) error {
		if t.cwd == "" {
			t.cwd = l.cwd.Text()
		}
		if t.session == "" {
			t.session = l.session.Text()
		}
		switch {
		case l.typ.Is("summary"):
			t.title = l.summary.Text()
		case l.typ.Is("custom-title"):
			custom = keep(l.title)
		case l.typ.Is("ai-title"):
			made = keep(l.aiTitle)
		case l.typ.Is("relocated"): // into a working tree: the session is there from now on
			if s := l.relocated.Text(); s != "" {
				t.cwd = s
			}
		case l.typ.Is("last-prompt"):
			leaf = keep(l.leaf)
		}
		x := newID(l.uuid)
		if x == (id{}) {
			return nil
		}
		if _, dup := t.lines[x]; dup {
			return nil // written twice: one message
		}
		parent := t.lines[newID(l.parent)].node
		if !l.isMessage() {
			t.lines[x] = place{int32(no), parent} // an attachment stands for what it follows
			return nil
		}
		t.read.Add(no)
		assistant := l.typ.Is("assistant")
		answer := ""
		if assistant {
			answer = l.message.Get("id").Text()
		}
		if answer != "" && answer == api && parent == last {
			t.lines[x] = place{int32(no), last} // a further block of the same answer
			return nil
		}
		if t.words == "" && l.typ.Is("user") && !l.note {
			t.words = firstWords(readBody(l.message).content)
		}
		n := int32(len(t.nodes))
		t.nodes = append(t.nodes, node{id: x, parent: parent, side: l.sidechain, result: l.typ.Is("user") && isResult(l.message),
			answer: answer != "" && answer == of && parent == calls})
		if assistant {
			of, calls = answer, n
		}
		t.lines[x] = place{int32(no), n}
		if up := newID(l.parent); up != (id{}) && t.lines[up] == (place{}) {
			if t.late == nil {
				t.late = map[int32]id{}
			}
			t.late[n] = up
		} else { // a second root is a branch, too: a compaction starts one, and so does a sidechain
			t.branched = t.branched || t.nodes[parent].child
			t.nodes[parent].child = true
		}
		if t.side = n; !l.sidechain {
			t.head = n
		}
		api, last = answer, n
		if at := timeOf(l.timestamp); at != 0 {
			if t.from == 0 {
				t.from = at
			}
			t.to = max(t.to, at)
		}
		return nil
	})
	t.link()
	if t.head == 0 { // a sub-agent's own file
		t.head = t.side
	}
	if n := t.lines[newID(leaf)].node; n != 0 {
		t.head = n
	}
	t.head = t.tip(t.head)
	for _, v := range []jsonvalue.Value{made, custom} { // a person's counts before the program's
		if s := v.Text(); s != "" {
			t.title = s
		}
	}
	if t.title == "" {
		t.title = t.words
	}
	return t, err
}

// link finds what those messages follow that stand before it. One that would follow itself in a ring
// stays a root.
func (t *transcript) link() {
	if len(t.late) == 0 {
		return
	}
	tops := make([]int32, len(t.nodes)) // of each a message above it, at last the one that follows nothing
	for k := range tops {
		if tops[k] = int32(k); t.nodes[k].parent != 0 {
			tops[k] = tops[t.nodes[k].parent]
		}
	}
	top := func(k int32) int32 {
		for ; tops[k] != k; k = tops[k] {
			tops[k] = tops[tops[k]]
		}
		return k
	}
	for _, n := range slices.Backward(sortedKeys(t.late)) {
		if p := t.lines[t.late[n]].node; p != 0 && top(p) != n {
			t.branched = t.branched || t.nodes[p].child
			t.nodes[n].parent, t.nodes[p].child, tops[n] = p, true, top(p)
		}
	}
}

// tip is the last message that follows n, and that nothing follows: Claude Code goes on there, also
// where it named n before.
func (t *transcript) tip(n int32) int32 {
	if !t.nodes[n].child {
		return n
	}
	const yes, no = 1, 2
	below, followed := make([]byte, len(t.nodes)), make([]bool, len(t.nodes))
	below[0], below[n] = no, yes
	for k, x := range t.nodes {
		if x.side && below[k] == 0 {
			below[k] = no
		}
		followed[x.parent] = followed[x.parent] || !x.side
	}
	tip := n
	var path []int32
	for k := range int32(len(t.nodes)) {
		p := k
		for path = path[:0]; below[p] == 0; p = t.nodes[p].parent { // it may stand before what it follows
			path = append(path, p)
		}
		for _, x := range path {
			below[x] = below[p]
		}
		if below[k] == yes && !followed[k] {
			tip = k
		}
	}
	return tip
}

// maxTitle is how many characters of a person's words are a title.
const maxTitle = 80

// firstWords are the first words of a message that a person typed; empty: there are none. Texts in
// angle brackets are the program's: what a command printed, or a reminder.
func firstWords(content jsonvalue.Value) string {
	for _, p := range parts(content) {
		s := strings.TrimSpace(p.GetText())
		if s == "" || s[0] == '<' {
			continue
		}
		if len(s) > 4*4*maxTitle { // enough, in bytes, for what Fields takes out
			s = s[:4*4*maxTitle]
		}
		s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
		if r := []rune(s); len(r) > maxTitle {
			return string(r[:maxTitle-1]) + "…"
		}
		return s
	}
	return ""
}

// context is the path from the root to the head, where the tree has more than one. Tools that run beside
// each other answer beside each other: all that they said belongs to it, as the program sends it.
func (t *transcript) context() []string {
	if !t.branched {
		return nil
	}
	in := make([]bool, len(t.nodes))
	var path []int32
	for k := t.head; k != 0; k = t.nodes[k].parent { // link makes no ring
		path, in[k] = append(path, k), true
	}
	beside := map[int32][]int32{} // by what they follow
	for k, x := range t.nodes {
		if p := x.parent; p != 0 && !in[k] && in[p] && (x.result || x.answer) {
			in[k] = true
			beside[p] = append(beside[p], int32(k))
		}
	}
	var out []string
	for len(path) > 0 { // the next one is the last
		k := path[len(path)-1]
		path = path[:len(path)-1]
		out = append(out, t.key(k))
		slices.Reverse(beside[k])
		path = append(path, beside[k]...)
	}
	return out
}

// messages yields the messages of a transcript, each block of one answer in one message.
func (t *transcript) messages(f *homefiles.File, d *pb.Data, r *reading) error {
	conversation := agentstate.Key("conversation", t.keyParts...)
	var cur *pb.Message
	var at int32    // its node
	var last string // and key
	size := 0
	position := uint64(0)
	flush := func() error {
		if cur == nil {
			return nil
		}
		m := cur
		cur = nil
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
		if p.line != int32(no) || !l.isMessage() {
			return nil
		}
		body := readBody(l.message)
		if cur != nil && at == p.node {
			cur.Parts = append(cur.Parts, parts(body.content)...)
		} else {
			err := flush()
			if err != nil {
				return err
			}
			switch x, late := t.late[p.node]; {
			case late && t.lines[x] == (place{}):
				err = gap(no, pb.Gap_REASON_GONE, "what it follows, "+x.String()+", is not there")
			case late && t.nodes[p.node].parent == 0 && t.lines[x].node != 0:
				err = gap(no, pb.Gap_REASON_CORRUPT, "what it follows, "+x.String()+", follows it: it stands as a first message")
			}
			if err != nil {
				return err
			}
			position++
			parent := last
			if t.nodes[p.node].parent != at || at == 0 {
				parent = t.key(t.nodes[p.node].parent)
			}
			cur, at, size = t.message(l, body, p.node, conversation, parent, position), p.node, 0
			last = cur.Meta.Key
		}
		if size += len(l.message) + len(l.content); size > maxParts { // too much for a record
			cur.Parts = []*pb.Part{{Body: &pb.Part_Data{Data: &pb.Data{MediaType: "application/json"}}}}
		}
		return nil
	})
	return errors.Join(err, flush())
}

// maxParts is how many bytes of JSON a message is read from. What is longer stands there without its
// parts: they are in the file alone.
const maxParts = 4 << 20

func (t *transcript) message(l *line, b body, n int32, conversation, parent string, position uint64) *pb.Message {
	m := homefiles.NewMessage(conversation)
	m.Meta.Key, m.Meta.CreatedUnixNano = t.key(n), timeOf(l.timestamp)
	m.ConversationKey, m.ParentKey, m.Position, m.Model = conversation, parent, position, b.model.Text()
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
	case b.role.Is("assistant"):
		m.Role, m.Parts = pb.Role_ROLE_ASSISTANT, parts(b.content)
	default:
		m.Role, m.Parts = pb.Role_ROLE_USER, parts(b.content)
		if len(m.Parts) > 0 && m.Parts[0].GetToolResult() != nil {
			m.Role = pb.Role_ROLE_TOOL
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
