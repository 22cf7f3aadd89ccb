package cassette

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A track is one conversation from its start to one of its ends.
type track struct {
	key    string
	items  []item
	of     []string // key of the message of each item
	system bool     // it has operator's texts
}

// A reply is what a model said somewhere.
type reply struct {
	key   string // of its first message
	model string
	parts []*pb.Part
	own   *answer // the same as the provider gave it; nil: it is not kept

	failed *failure // there is none; what came instead
	asked  setup    // for what
}

// chains are the ways from the first message to each last one. Messages without parents are one
// chain in their order.
func chains(ms []*pb.Message) [][]*pb.Message {
	slices.SortStableFunc(ms, func(a, b *pb.Message) int {
		switch {
		case a.Position < b.Position:
			return -1
		case a.Position > b.Position:
			return 1
		}
		return 0
	})
	at := map[string]*pb.Message{}
	parent := map[string]bool{}
	forked := false
	for i, m := range ms {
		at[m.Meta.Key] = m
		if m.ParentKey != "" {
			parent[m.ParentKey] = true
			forked = forked || i == 0 || ms[i-1].Meta.Key != m.ParentKey
		}
	}
	if !forked {
		return [][]*pb.Message{ms}
	}
	var out [][]*pb.Message
	for _, m := range ms {
		if parent[m.Meta.Key] {
			continue
		}
		var way []*pb.Message
		for x := m; x != nil && len(way) <= len(ms); x = at[x.ParentKey] {
			way = append(way, x)
		}
		slices.Reverse(way)
		out = append(out, way)
		if len(out) == 1000 { // a conversation of a thousand ends; the rest is reached by none
			break
		}
	}
	return out
}

// add takes one way through a conversation.
func (p *Player) add(key string, ms []*pb.Message, answered map[string]bool) {
	t := &track{key: key}
	failures := p.runs.failed[key]
	for _, turn := range turns(ms) {
		m := turn[0]
		if m.Role != pb.Role_ROLE_ASSISTANT || len(t.items) == 0 {
			t.add(turn)
			t.system = t.system || m.Role == pb.Role_ROLE_SYSTEM
			continue
		}
		r := &reply{key: m.Meta.Key, model: m.Model}
		with := t.system && !p.o.IgnoreSystem
		p.system = p.system || with
		where := state(t.items, with)
		t.add(turn)
		for _, m := range turn {
			r.parts = append(r.parts, m.Parts...)
		}
		if len(turn) == 1 {
			r.own = p.own[m.Meta.Key]
		}
		if r.model != "" {
			p.models = append(p.models, r.model)
		}
		if r.own != nil {
			r.asked = p.runs.setup(r.own.api, m.RunKey)
		}
		if !answered[r.key] && failures == nil { // what led to a failure is recorded where it was said
			answered[r.key] = true
			p.next[where] = append(p.next[where], r)
		}
	}
	for _, r := range failures {
		with := t.system && !p.o.IgnoreSystem
		p.system = p.system || with
		where := state(t.items, with)
		p.next[where] = append(p.next[where], r)
	}
	p.tracks = append(p.tracks, t)
}

func (t *track) add(turn []*pb.Message) {
	items, of := itemsOfTurn(turn)
	for i := range items {
		if !repeats(t.items, &items[i]) {
			t.items, t.of = append(t.items, items[i]), append(t.of, of[i])
		}
	}
}

// repeats tells whether an operator's text says again what a conversation began with. Where a provider
// keeps the conversation, a program sends it with every request; else once.
func repeats(before []item, it *item) bool {
	return it.kind == "system" && len(before) > 0 && it.sum == before[0].sum
}

// once is a conversation without such texts.
func once(items []item) []item {
	var out []item
	for i := range items {
		if !repeats(out, &items[i]) {
			out = append(out, items[i])
		}
	}
	return out
}

// A Miss is a request that left the recording. It holds no content.
type Miss struct {
	Conversation string   `json:"conversation,omitempty"` // key of the recording that it is nearest to; empty: to none
	Message      string   `json:"message,omitempty"`      // key of the recorded message at which it left; empty: behind the last
	Item         int      `json:"item"`                   // place in the request, from 1: texts, calls and results; 0: the request as a whole
	What         string   `json:"what"`                   // what is there: "call of refund"
	Differs      []string `json:"differs"`                // what differs, with digests of what was wanted and got
}

// otherSettings is a request that is recorded, but for the settings.
const otherSettings = "settings"

// String is the miss on one line.
func (m Miss) String() string {
	if m.Item == 0 && m.Conversation == "" && m.What != otherSettings {
		return "not played: " + m.What + ": " + strings.Join(m.Differs, "; ")
	}
	if m.What == otherSettings {
		return "recorded for other " + m.What + ": " + strings.Join(m.Differs, "; ") + " (recorded: " + m.Message + ")"
	}
	s := fmt.Sprintf("not recorded: item %d, %s: %s", m.Item, m.What, strings.Join(m.Differs, "; "))
	if m.Message != "" {
		s += " (recorded: " + m.Message + ")"
	}
	return s
}

// find is the next answer for a conversation. Recorded several times, the answers take turns: those that were
// given for the same settings where there are any.
func (p *Player) find(items []item, asked setup) *reply {
	var keys []string
	if p.system {
		keys = append(keys, state(items, true))
	}
	keys = append(keys, state(items, false))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range keys {
		rs := p.next[k]
		if rs == nil {
			continue
		}
		if same := slices.DeleteFunc(slices.Clone(rs), func(r *reply) bool { return len(r.asked.differs(asked)) > 0 }); len(same) > 0 {
			rs = same
			if slices.ContainsFunc(rs, func(r *reply) bool { return r.asked.is(asked) }) {
				k += harness.Digest(asked.json)
			}
		}
		r := rs[p.served[k]%len(rs)]
		p.served[k]++
		return r
	}
	return nil
}

// miss finds the recording that is nearest to items, and where they leave it.
func (p *Player) miss(items []item) Miss {
	m := Miss{Item: 1, What: "the start", Differs: []string{"nothing is recorded"}}
	longest := -1
	for _, t := range p.tracks {
		want, of, got := t.items, t.of, items
		if p.o.IgnoreSystem || !t.system {
			want, of = without(want, of)
			got, _ = without(got, nil)
		}
		n := 0
		for n < len(want) && n < len(got) && want[n].sum == got[n].sum {
			n++
		}
		if n <= longest {
			continue
		}
		longest = n
		m = Miss{Conversation: t.key, Item: n + 1}
		if n < len(want) {
			m.Message = of[n]
		}
		switch {
		case n == len(got):
			m.Item, m.What, m.Differs = n, "the end", []string{"no answer was recorded here"}
		case n == len(want):
			m.What, m.Differs = got[n].String(), []string{"the recording ends before it"}
		default:
			m.What, m.Differs = want[n].String(), differ(&want[n], &got[n])
		}
	}
	return m
}

func without(items []item, keys []string) (out []item, of []string) {
	for i := range items {
		if items[i].kind != "system" {
			out = append(out, items[i])
			if keys != nil {
				of = append(of, keys[i])
			}
		}
	}
	return out, of
}

// differ names what differs between two items: for a tool, the arguments.
func differ(want, got *item) []string {
	switch {
	case want.kind != got.kind:
		return []string{"want " + want.String() + ", got " + got.String()}
	case want.name != got.name:
		return []string{"want " + harness.Short(want.name) + ", got " + harness.Short(got.name)}
	}
	a, b := []byte(want.text), []byte(got.text)
	if want.kind == "call" || want.kind != "user" && json.Valid(a) && json.Valid(b) {
		if d := harness.Differ(a, b); len(d) > 0 {
			return d
		}
	}
	return []string{"want " + harness.Digest(a) + ", got " + harness.Digest(b)}
}
