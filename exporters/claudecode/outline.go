package claudecode

import (
	"bytes"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An outliner reads a transcript as a whole, line by line.
type outliner struct {
	*transcript
	api                string // id of the answer under way, whose last block is the message last
	last               int32
	of                 string // id of the last answer, whose last message is calls: results of its tools may stand in it
	calls              int32
	custom, made, leaf jsonvalue.Value
}

// outline reads the transcript f, of which d is the data, as a whole.
func outline(f *homefiles.File, d *pb.Data) (*transcript, error) {
	t := &transcript{keyParts: keyParts(f), lines: map[id]place{}, nodes: make([]node, 1)}
	t.prefix = agentstate.Key("message", t.keyParts...) + "/"
	o := &outliner{transcript: t}
	bad := func(no int, _ pb.Gap_Reason, _ string) error {
		t.read.Add(no)
		return nil
	}
	err := each(f, d, nil, bad, func(no int, l *line) error {
		if o.names(l); !l.isKnown() {
			t.unknown.Add(l.typ)
		}
		o.line(no, l)
		return nil
	})
	t.link()
	if t.head == 0 { // a sub-agent's own file
		t.head = t.side
	}
	if n := t.lines[newID(o.leaf)].node; n != 0 {
		t.head = n
	}
	t.head = t.tip(t.head)
	for _, v := range []jsonvalue.Value{o.made, o.custom} { // a person's counts before the program's
		if s := v.Text(); s != "" {
			t.title = s
		}
	}
	if t.title == "" {
		t.title = t.words
	}
	return t, err
}

// names keeps what a line says of the session.
func (o *outliner) names(l *line) {
	keep := func(v jsonvalue.Value) jsonvalue.Value { return bytes.Clone(v) }
	if o.cwd == "" {
		o.cwd = l.cwd.Text()
	}
	if o.session == "" {
		o.session = l.session.Text()
	}
	switch {
	case l.typ.Is("summary"):
		o.title = l.summary.Text()
	case l.typ.Is("custom-title"):
		o.custom = keep(l.title)
	case l.typ.Is("ai-title"):
		o.made = keep(l.aiTitle)
	case l.typ.Is("relocated"): // into a working tree: the session is there from now on
		if s := l.relocated.Text(); s != "" {
			o.cwd = s
		}
	case l.typ.Is("last-prompt"):
		o.leaf = keep(l.leaf)
	}
}

// noLine is the line of a name that no line has.
const noLine = -1

// line finds the place of a line in the tree.
func (o *outliner) line(no int, l *line) {
	t, x := o.transcript, newID(l.uuid)
	if x == (id{}) {
		return
	}
	if p, dup := t.lines[x]; dup && p.line != noLine {
		return // written twice: one message
	}
	parent := t.lines[newID(l.parent)].node
	if !l.isMessage() {
		t.lines[x] = place{int32(no), parent} // an attachment stands for what it follows
		if len(l.added) > 0 {
			t.read.Add(no)
		}
		return
	}
	t.read.Add(no)
	answer := ""
	if l.typ.Is("assistant") {
		answer = l.message.Get("id").Text()
	}
	if answer != "" && answer == o.api && parent == o.last {
		t.lines[x] = place{int32(no), o.last} // a further block of the same answer
		return
	}
	if t.words == "" && l.typ.Is("user") && !l.note && l.notes(true) == "" {
		t.words = homefiles.FirstWords(parts(readBody(l.message).content))
	}
	o.node(no, l, x, parent, answer)
	if s := newID(l.sent); l.typ.Is("user") && s != (id{}) && t.lines[s] == (place{}) { // stored under a new uuid, since it was sent before
		t.lines[s] = place{noLine, t.lines[x].node}
	}
	if at := timeOf(l.timestamp); at != 0 {
		if t.from == 0 {
			t.from = at
		}
		t.to = max(t.to, at)
	}
}

// node makes a message.
func (o *outliner) node(no int, l *line, x id, parent int32, answer string) {
	t, n := o.transcript, int32(len(o.nodes))
	t.nodes = append(t.nodes, node{id: x, parent: parent, side: l.sidechain, result: l.typ.Is("user") && isResult(l.message),
		answer: answer != "" && answer == o.of && parent == o.calls, failed: l.isRefusal(), unseen: l.isUnseen()})
	t.branched = t.branched || t.nodes[n].unseen
	if l.typ.Is("assistant") {
		o.of, o.calls = answer, n
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
	if len(l.compact) > 0 {
		if t.kept == nil {
			t.kept = map[int32]kept{}
		}
		t.kept[n] = readKept(l.compact)
	}
	if t.side = n; !l.sidechain {
		t.head = n
	}
	o.api, o.last = answer, n
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
