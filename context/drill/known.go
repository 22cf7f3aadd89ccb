package drill

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
)

// known finds, of many known answers, the few that a record may be, in one pass over its texts: Aho and Corasick's machine.
// A plan may have thousands of them, and an archive millions of records.
type known struct {
	keys map[string][]int  // places in the plan, by key of the record
	next map[uint64]uint32 // by state<<8 | byte. State 0: nothing was read of any text
	fail []uint32          // by state: the longest one that it ends with
	out  [][]int           // by state: the answers whose text was read
	link []uint32          // by state: the longest one that it ends with and that has an out; 0: none
	seen map[uint32]bool   // states with an out, in the present record

	all   []int           // few answers: looking for each is faster
	first [256]bool       // bytes that a text begins with
	kinds map[string]bool // of the answers with a text
	plant bool            // one of them is an instruction, which any record may say
}

// fewKnown is up to how many answers each is looked for.
const fewKnown = 16

// mostRead is how much of an answer's text the machine reads. Whoever asks looks at all of it.
const mostRead = 64

func newKnown(cs []Canary) *known {
	k := &known{keys: map[string][]int{}, next: map[uint64]uint32{}, out: [][]int{nil}, seen: map[uint32]bool{}, kinds: map[string]bool{}}
	type edge struct {
		from, to uint32
		b        byte
	}
	var levels [mostRead][]edge
	for i := range cs {
		c := &cs[i]
		if len(cs) <= fewKnown {
			k.all = append(k.all, i)
		}
		if c.Key != "" {
			k.at(c.Key, i)
		}
		if c.Contains == "" {
			continue
		}
		k.kinds[c.Kind], k.kinds[agentstate.KindOfKey(c.Key)] = true, true
		k.first[c.Contains[0]], k.plant = true, k.plant || c.Injection
		s := uint32(0)
		for d, b := range []byte(c.Contains[:min(len(c.Contains), mostRead)]) {
			to, ok := k.next[step(s, b)]
			if !ok {
				to = uint32(len(k.out))
				k.next[step(s, b)], k.out = to, append(k.out, nil)
				levels[d] = append(levels[d], edge{s, to, b})
			}
			s = to
		}
		k.out[s] = append(k.out[s], i)
	}
	k.fail, k.link = make([]uint32, len(k.out)), make([]uint32, len(k.out))
	for d, level := range levels { // what a state falls back to is shorter
		for _, e := range level {
			if d > 0 {
				k.fail[e.to] = k.read(k.fail[e.from], e.b)
			}
			if f := k.fail[e.to]; len(k.out[f]) > 0 {
				k.link[e.to] = f
			} else {
				k.link[e.to] = k.link[f]
			}
		}
	}
	return k
}

func step(s uint32, b byte) uint64 { return uint64(s)<<8 | uint64(b) }

// at notes that the answer i is the record under key.
func (k *known) at(key string, i int) { k.keys[key] = append(k.keys[key], i) }

// read is the state behind s when b was read.
func (k *known) read(s uint32, b byte) uint32 {
	for {
		if to, ok := k.next[step(s, b)]; ok {
			return to
		}
		if s == 0 {
			return 0
		}
		s = k.fail[s]
	}
}

// of are the answers that r may be or say, by their places: no other one is under its key or has a text that it holds.
func (k *known) of(r agentstate.Record) []int {
	if k.all != nil {
		return k.all
	}
	found := slices.Clone(k.keys[r.GetMeta().GetKey()])
	if k.kinds[agentstate.KindOf(r)] || k.plant && commands(r) {
		clear(k.seen)
		texts(r.ProtoReflect(), func(text string) {
			s := uint32(0)
			for i := range len(text) {
				if s == 0 && !k.first[text[i]] {
					continue
				}
				s = k.read(s, text[i])
				t := s
				if len(k.out[t]) == 0 {
					t = k.link[t]
				}
				for ; t != 0 && !k.seen[t]; t = k.link[t] {
					k.seen[t] = true
					found = append(found, k.out[t]...)
				}
			}
		})
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// texts calls f with every text in m, and with all bytes.
func texts(m protoreflect.Message, f func(string)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		one := func(v protoreflect.Value) {
			switch {
			case fd.Message() != nil:
				texts(v.Message(), f)
			case fd.Kind() == protoreflect.StringKind:
				f(v.String())
			case fd.Kind() == protoreflect.BytesKind:
				f(string(v.Bytes()))
			}
		}
		if !fd.IsList() {
			one(v)
			return true
		}
		for i := range v.List().Len() {
			one(v.List().Get(i))
		}
		return true
	})
}
