package fidelity

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Link is how the references of one field fare in both states. Of Got, Foreign are those of records that want
// has not, or that were not to come: they were there before, or must not be there.
type Link struct {
	Want, Got, Foreign Refs
	Broken             uint64 // of Came, those to records that were to come as well, and are not there. Not of calls and results
}

// Came are the references in got of the records that were to come.
func (l *Link) Came() Refs {
	return Refs{l.Got.Total - l.Foreign.Total, l.Got.Resolved - l.Foreign.Resolved}
}

// Refs counts references, and those of which the other end is there.
type Refs struct{ Total, Resolved uint64 }

// Orphans are those of which it is not.
func (r Refs) Orphans() uint64 { return r.Total - r.Resolved }

// Names of links that are no reference fields: a tool's call and its result name each other by an id,
// within a conversation.
const (
	ToolCalls   = "message.tool_call"   // resolved: there is a result
	ToolResults = "message.tool_result" // resolved: there is a call
)

// Times says how the times at which records were made fared.
type Times struct {
	Records uint64        // in both states, and want says when they were made
	Kept    uint64        // of those, got says the same instant
	Lost    uint64        // of those, got says none
	Shift   time.Duration // the largest difference where both say one
	ShiftOf string        // key of that record in want
	// Inversions are neighbours in one conversation of which the later one was made earlier: in got, among those of want.
	WantInversions, GotInversions uint64
	// Reordered are neighbours in one conversation of got that want has the other way round, of which only the
	// order of reading says which one is first: the later one has no place, names none that it follows, and has no
	// time, or the same one.
	Reordered uint64
}

func (t *Times) add(key string, want, got int64) {
	if want == 0 {
		return
	}
	t.Records++
	switch {
	case got == want:
		t.Kept++
	case got == 0:
		t.Lost++
	default:
		d := uint64(max(want, got)) - uint64(min(want, got)) // of opposite signs the difference is more than an int64 holds
		if s := time.Duration(min(d, 1<<63-1)); s > t.Shift {
			t.Shift, t.ShiftOf = s, key
		}
	}
}

// links counts the references in one state while it is read.
type links struct {
	has   func(key string) (bool, error) // was a record of this key read?
	due   func(key string) (bool, error) // was one of this key to come? nil: nobody asks
	dir   string
	later *diskmap.Map // references that were not there yet: their number; nil: none
	kind  string       // of the present record
	whose int          // of the present record: ours or foreign
	refs  map[linkName]*[2]Refs
	paths []*[2]Refs // of refs, those of kind, by path

	recent       []uint64 // hashes of keys that are there, each at the place that it says: with a random seed two keys never have one
	seed         maphash.Seed
	conversation string
	made         int64 // when its last message was made
	inversions   uint64

	broken map[linkName]uint64 // references of ours that lead to what was due and is not there

	open  map[string]*exchange // conversations by key
	order []string             // of open
	calls [2][2]Refs           // and results
	err   error
}

// Whose a reference is: of got, foreign is what is of no record that was to come.
const (
	ours = iota
	foreign
)

type linkName struct {
	kind string
	path uint16
}

// exchange is the calls and the results of a conversation, by id: ours and foreign ones.
type exchange [2][2]map[string]uint64

func newExchange() *exchange {
	return &exchange{{map[string]uint64{}, map[string]uint64{}}, {map[string]uint64{}, map[string]uint64{}}}
}

func (x *exchange) len() int { return len(x[0][0]) + len(x[0][1]) + len(x[1][0]) + len(x[1][1]) }

const (
	mostOpen   = 64      // conversations whose messages may be mixed
	mostIDs    = 50_000  // ids of one conversation
	mostRecent = 1 << 15 // keys that are at hand
)

func newLinks(dir string, has func(string) (bool, error)) *links {
	return &links{has: has, dir: dir, refs: map[linkName]*[2]Refs{}, broken: map[linkName]uint64{}, recent: make([]uint64, mostRecent), seed: maphash.MakeSeed(), open: map[string]*exchange{}}
}

func (l *links) close() {
	if l.later != nil {
		l.later.Close()
	}
}

// begin is called before the references of r are told, and says whose they are.
func (l *links) begin(r agentstate.Record, whose int) {
	l.whose = whose
	if kind := agentstate.KindOf(r); kind != l.kind {
		l.kind = strings.Clone(kind)
		clear(l.paths)
	}
	m, ok := r.(*pb.Message)
	if !ok {
		return
	}
	made := m.GetMeta().GetCreatedUnixNano()
	if m.ConversationKey != l.conversation {
		l.conversation, l.made = m.ConversationKey, 0
	}
	if made != 0 && whose == ours {
		if made < l.made {
			l.inversions++
		}
		l.made = made
	}
	for _, p := range m.Parts {
		if c := p.GetToolCall(); c != nil {
			l.exchange(m.ConversationKey, 0, c.Id)
		}
		if r := p.GetToolResult(); r != nil {
			l.exchange(m.ConversationKey, 1, r.Id)
		}
	}
}

func (l *links) exchange(conversation string, which int, id string) {
	x := l.open[conversation]
	if x != nil && x.len() >= mostIDs {
		l.settle(x)
		*x = *newExchange()
	}
	if x == nil {
		if len(l.order) >= mostOpen {
			l.settle(l.open[l.order[0]])
			delete(l.open, l.order[0])
			l.order = l.order[1:]
		}
		x = newExchange()
		l.open[conversation] = x
		l.order = append(l.order, conversation)
	}
	x[which][l.whose][id]++
}

func (l *links) settle(x *exchange) {
	for i := range x {
		for whose, ids := range x[i] {
			c := &l.calls[i][whose]
			for id, n := range ids {
				c.Total += n
				if x[1-i][ours][id]+x[1-i][foreign][id] > 0 {
					c.Resolved += n
				}
			}
		}
	}
}

// there notes that a record of this key was read.
func (l *links) there(key string) {
	hash := maphash.String(l.seed, key)
	l.recent[hash%mostRecent] = hash
}

// ref is a reference of the present record.
func (l *links) ref(path uint16, key string) {
	if key == "" || l.err != nil {
		return
	}
	name := linkName{l.kind, path}
	for len(l.paths) <= int(path) {
		l.paths = append(l.paths, nil)
	}
	c := l.paths[path]
	if c == nil {
		if c = l.refs[name]; c == nil {
			c = &[2]Refs{}
			l.refs[name] = c
		}
		l.paths[path] = c
	}
	c[l.whose].Total++
	hash := maphash.String(l.seed, key)
	ok := l.recent[hash%mostRecent] == hash
	if !ok {
		if ok, l.err = l.has(key); ok {
			l.recent[hash%mostRecent] = hash
		}
	}
	switch {
	case l.err != nil:
	case ok:
		c[l.whose].Resolved++
	default:
		l.wait(name, key)
	}
}

// wait keeps a reference until all is read: what it names may come after it.
func (l *links) wait(name linkName, key string) {
	if l.later == nil {
		if l.later, l.err = diskmap.New(l.dir); l.err != nil {
			return
		}
	}
	k := string(append(binary.LittleEndian.AppendUint16(nil, name.path), byte(l.whose))) + name.kind + "\x00" + key
	had, _, err := l.later.Get(k)
	n := uint64(0)
	if len(had) > 0 {
		n, _ = binary.Uvarint(had)
	}
	if l.err = err; err == nil {
		l.err = l.later.Put(k, binary.AppendUvarint(nil, n+1))
	}
}

// end resolves what came later.
func (l *links) end() error {
	for _, c := range l.order {
		l.settle(l.open[c])
	}
	l.open, l.order = nil, nil
	if l.later == nil || l.err != nil {
		return l.err
	}
	for x, err := range l.later.All() {
		if err != nil {
			return err
		}
		kind, key, _ := strings.Cut(x.Key[3:], "\x00")
		ok, err := l.has(key)
		if err != nil {
			return err
		}
		n, _ := binary.Uvarint(x.Value)
		name := linkName{kind, binary.LittleEndian.Uint16([]byte(x.Key[:2]))}
		if ok {
			l.refs[name][x.Key[2]].Resolved += n
			continue
		}
		if l.due == nil || x.Key[2] != ours {
			continue
		}
		if ok, err = l.due(key); err != nil {
			return err
		}
		if ok {
			l.broken[name] += n
		}
	}
	return nil
}

// report puts what was counted into the report.
func (l *links) report(r *Report, p *paths, got bool) {
	put := func(name string, c *[2]Refs) {
		k := r.Links[name]
		if k == nil {
			k = &Link{}
			r.Links[name] = k
		}
		all := Refs{c[ours].Total + c[foreign].Total, c[ours].Resolved + c[foreign].Resolved}
		if got {
			k.Got, k.Foreign = all, c[foreign]
		} else {
			k.Want = all
		}
	}
	for n, c := range l.refs {
		name := n.kind + "." + p.names[n.path]
		put(name, c)
		r.Links[name].Broken += l.broken[n]
	}
	for i, name := range []string{ToolCalls, ToolResults} {
		if l.calls[i][ours].Total+l.calls[i][foreign].Total > 0 {
			put(name, &l.calls[i])
		}
	}
	if got {
		r.Times.GotInversions = l.inversions
	} else {
		r.Times.WantInversions = l.inversions
	}
}
