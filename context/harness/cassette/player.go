package cassette

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ErrEmpty: there is nothing to play.
var ErrEmpty = errors.New("cassette: no conversation in which a model answers")

// maxHeld is how much text a Player holds, in bytes.
const maxHeld = 512 << 20

// PlayerOptions are the options of NewPlayer. The zero value is strict.
type PlayerOptions struct {
	// IgnoreSystem leaves operator's texts out of the comparison. They are left out anyway where
	// the recording has none: runtimes do not keep what a program says at every call.
	IgnoreSystem bool
	// OnMiss is told of each request that is not as it was recorded.
	OnMiss func(Miss)
	// OnAnswer is told of each request that was answered: the key of the first message of the answer.
	OnAnswer func(key string)
}

// A Miss is a request that left the recording. It holds no content.
type Miss struct {
	Conversation string   `json:"conversation,omitempty"` // key of the recording that it is nearest to; empty: to none
	Message      string   `json:"message,omitempty"`      // key of the recorded message at which it left; empty: behind the last
	Item         int      `json:"item"`                   // place in the request, from 1: texts, calls and results
	What         string   `json:"what"`                   // what is there: "call of refund"
	Differs      []string `json:"differs"`                // what differs, with digests of what was wanted and got
}

// String is the miss on one line.
func (m Miss) String() string {
	s := fmt.Sprintf("not recorded: item %d, %s: %s", m.Item, m.What, strings.Join(m.Differs, "; "))
	if m.Message != "" {
		s += " (recorded: " + m.Message + ")"
	}
	return s
}

// A Player answers from recordings. It is an http.Handler for several requests at a time.
type Player struct {
	o      PlayerOptions
	tracks []*track
	// By where a conversation is: the answers that followed, in the order of the recordings.
	next   map[string][]*reply
	system bool // there are tracks with operator's texts
	models []string

	mu      sync.Mutex
	served  map[string]int // by where
	threads threads
}

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
}

// NewPlayer reads the conversations of src.
func NewPlayer(ctx context.Context, src agentstate.Source, o *PlayerOptions) (*Player, error) {
	if o == nil {
		o = &PlayerOptions{}
	}
	p := &Player{o: *o, next: map[string][]*reply{}, served: map[string]int{}, threads: newThreads()}
	byConversation := map[string][]*pb.Message{}
	var order []string
	held := 0
	for m, err := range agentstate.Of[*pb.Message](src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"message"}})) {
		if err != nil {
			return nil, err
		}
		if held += size(m); held > maxHeld {
			return nil, fmt.Errorf("cassette: conversations of more than %d bytes; derive an archive of those that are to be played", maxHeld)
		}
		if err := inline(ctx, src, m); err != nil {
			return nil, err
		}
		m.Meta.Native = nil
		if byConversation[m.ConversationKey] == nil {
			order = append(order, m.ConversationKey)
		}
		byConversation[m.ConversationKey] = append(byConversation[m.ConversationKey], m)
	}
	answered := map[string]bool{}
	for _, key := range order {
		for _, ms := range chains(byConversation[key]) {
			p.add(key, ms, answered)
		}
	}
	if len(p.next) == 0 {
		return nil, ErrEmpty
	}
	slices.Sort(p.models)
	p.models = slices.Compact(p.models)
	return p, nil
}

func size(m *pb.Message) int {
	n := 0
	for _, p := range m.Parts {
		n += len(p.GetText()) + len(p.GetToolCall().GetArgumentsJson()) + len(p.GetToolResult().GetOutput().GetInline()) + len(p.GetData().GetInline())
		n += int(p.GetToolResult().GetOutput().GetBlob().GetSize() + p.GetData().GetBlob().GetSize())
	}
	return n
}

// inline takes what is beside the record into it.
func inline(ctx context.Context, src agentstate.Source, m *pb.Message) error {
	res := agentstate.ResolverOf(src)
	res.Limit = maxBody
	for _, p := range m.Parts {
		for _, d := range []*pb.Data{p.GetData(), p.GetToolResult().GetOutput()} {
			if d.GetBlob() == nil {
				continue
			}
			b, err := res.Data(ctx, d)
			if err != nil {
				return fmt.Errorf("cassette: %s: %w", m.Meta.GetKey(), err)
			}
			d.Body = &pb.Data_Inline{Inline: b}
		}
	}
	return nil
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
	for i := 0; i < len(ms); {
		m := ms[i]
		if m.Role != pb.Role_ROLE_ASSISTANT || len(t.items) == 0 {
			t.add(m)
			t.system = t.system || m.Role == pb.Role_ROLE_SYSTEM
			i++
			continue
		}
		// All that the model said before anybody else did is one answer.
		r := &reply{key: m.Meta.Key, model: m.Model}
		with := t.system && !p.o.IgnoreSystem
		p.system = p.system || with
		where := state(t.items, with)
		for ; i < len(ms) && ms[i].Role == pb.Role_ROLE_ASSISTANT; i++ {
			t.add(ms[i])
			r.parts = append(r.parts, ms[i].Parts...)
		}
		if r.model != "" {
			p.models = append(p.models, r.model)
		}
		if !answered[r.key] {
			answered[r.key] = true
			p.next[where] = append(p.next[where], r)
		}
	}
	p.tracks = append(p.tracks, t)
}

func (t *track) add(m *pb.Message) {
	for _, it := range itemsOf(m) {
		t.items = append(t.items, it)
		t.of = append(t.of, m.Meta.Key)
	}
}

// Answers is how many answers are there to give.
func (p *Player) Answers() int {
	n := 0
	for _, rs := range p.next {
		n += len(rs)
	}
	return n
}

// find is the next answer for a conversation. Recorded several times, the answers take turns.
func (p *Player) find(items []item) *reply {
	var keys []string
	if p.system {
		keys = append(keys, state(items, true))
	}
	keys = append(keys, state(items, false))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range keys {
		if rs := p.next[k]; rs != nil {
			r := rs[p.served[k]%len(rs)]
			p.served[k]++
			return r
		}
	}
	return nil
}

// miss finds the recording that is nearest to items, and where they leave it.
func (p *Player) miss(items []item) Miss {
	m := Miss{What: "the start", Differs: []string{"nothing is recorded"}}
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
	if want.kind == "call" || want.kind == "result" && json.Valid(a) && json.Valid(b) {
		if d := harness.Differ(a, b); len(d) > 0 {
			return d
		}
	}
	return []string{"want " + harness.Digest(a) + ", got " + harness.Digest(b)}
}

// ServeHTTP answers as the API does whose path is asked for.
func (p *Player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/models") {
		p.list(w)
		return
	}
	api := apiOf(r.URL.Path)
	if api == nil || r.Method != http.MethodPost {
		reply404(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, api, http.StatusRequestEntityTooLarge, "a request of more than "+strconv.Itoa(maxBody)+" bytes")
		return
	}
	q, err := api.request(body)
	switch {
	case err != nil:
		fail(w, api, http.StatusBadRequest, err.Error())
		return
	case q.Beyond != "":
		fail(w, api, http.StatusBadRequest, "cassette: "+q.Beyond)
		return
	}
	before, ok := p.threads.get(q.Previous)
	if !ok {
		fail(w, api, http.StatusBadRequest, "cassette: the answer that it goes on from was not given here")
		return
	}
	items := slices.Concat(before, flatten(q.Messages))
	found := p.find(items)
	if found == nil {
		m := p.miss(items)
		if p.o.OnMiss != nil {
			p.o.OnMiss(m)
		}
		fail(w, api, http.StatusBadRequest, m.String()) // not a status that clients try again after
		return
	}
	if p.o.OnAnswer != nil {
		p.o.OnAnswer(found.key)
	}
	// The same answer has the same id whenever it is played: runtimes tell messages apart by it.
	a := &answer{ID: "played_" + harness.Digest(harness.Encode(found.key)), Model: found.model, Parts: found.parts}
	if a.Model == "" {
		a.Model = q.Model
	}
	p.threads.put(a.ID, slices.Concat(items, flatten([]*pb.Message{{Role: pb.Role_ROLE_ASSISTANT, Parts: a.Parts}})))
	if !q.Stream {
		w.Header().Set("Content-Type", "application/json")
		w.Write(harness.Encode(api.write(a)))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	api.stream(&eventWriter{w: w}, q, a)
}

func (p *Player) list(w http.ResponseWriter) {
	var data []any
	for _, m := range p.models {
		data = append(data, map[string]any{"id": m, "object": "model", "created": 0, "owned_by": "recorded"})
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(harness.Encode(map[string]any{"object": "list", "data": data}))
}

func reply404(w http.ResponseWriter) {
	fail(w, chatAPI{}, http.StatusNotFound, "cassette: only POST …/chat/completions, …/responses, …/messages and GET …/models are played")
}

func fail(w http.ResponseWriter, a api, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(harness.Encode(a.failure(message)))
}

// threads are conversations by the id of the last answer, for requests that go on from one.
type threads struct {
	mu    sync.Mutex
	items map[string][]item
	order []string
}

func newThreads() threads { return threads{items: map[string][]item{}} }

// get is the conversation up to an answer; an empty id is a fresh one.
func (t *threads) get(id string) ([]item, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	items, ok := t.items[id]
	return items, ok || id == ""
}

// maxThreads is how many answers are remembered; the oldest goes.
const maxThreads = 1000

func (t *threads) put(id string, items []item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.items[id] = items; len(t.order) >= maxThreads {
		delete(t.items, t.order[0])
		t.order = t.order[1:]
	}
	t.order = append(t.order, id)
}
