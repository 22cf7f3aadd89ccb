package cassette

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ErrEmpty: there is nothing to play.
var ErrEmpty = errors.New("cassette: no conversation in which a model answers, and no embeddings")

// maxHeld is how much text a Player holds, in bytes.
const maxHeld = 512 << 20

// PlayerOptions are the options of NewPlayer. The zero value is strict.
type PlayerOptions struct {
	// IgnoreSystem leaves operator's texts out of the comparison. They are left out anyway where
	// the recording has none: runtimes do not keep what a program says at every call.
	IgnoreSystem bool
	// OnMiss is told of each request that is not as it was recorded.
	OnMiss func(Miss)
	// SameSettings refuses a request whose settings (model, temperature, tools that are offered) are not
	// those of the recording. Else it is answered: another runtime asks in other words.
	SameSettings bool
	// OnOther is told of each answer that was recorded for other settings.
	OnOther func(Miss)
	// OnAnswer is told of each request that was answered: the key of the first message of the answer,
	// or of the run that failed.
	OnAnswer func(key string)
}

// A Player answers from recordings. It is an http.Handler for several requests at a time.
type Player struct {
	o      PlayerOptions
	tracks []*track
	// By where a conversation is: the answers that followed, in the order of the recordings.
	next   map[string][]*reply
	system bool // there are tracks with operator's texts
	models []string
	own    map[string]*answer // by key of the message; while reading
	runs   runs               // while reading

	embeddings embeddings

	mu      sync.Mutex
	served  map[string]int // by where
	threads threads
}

// NewPlayer reads the conversations of src.
func NewPlayer(ctx context.Context, src agentstate.Source, o *PlayerOptions) (*Player, error) {
	if o == nil {
		o = &PlayerOptions{}
	}
	p := &Player{o: *o, next: map[string][]*reply{}, served: map[string]int{}, threads: newThreads(), own: map[string]*answer{}, runs: newRuns(), embeddings: newEmbeddings()}
	byConversation := map[string][]*pb.Message{}
	var order []string
	held := 0
	for rec, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"message", "run", "model"}}) {
		if err != nil {
			return nil, err
		}
		if m, ok := rec.(*pb.Model); ok {
			p.addModel(m)
		}
		if r, ok := rec.(*pb.Run); ok {
			n, err := p.runs.add(ctx, src, r)
			if held += n; err != nil {
				return nil, err
			}
			n, err = p.embeddings.add(ctx, src, r)
			if held += n; err != nil {
				return nil, err
			}
			if held > maxHeld {
				return nil, errHeld()
			}
		}
		m, ok := rec.(*pb.Message)
		if !ok {
			continue
		}
		if held += size(m); held > maxHeld {
			return nil, errHeld()
		}
		if err := inline(ctx, src, m); err != nil {
			return nil, err
		}
		if err := p.keepOwn(ctx, src, m); err != nil {
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
	for _, r := range p.embeddings.whole {
		if r.model != "" {
			p.models = append(p.models, r.model)
		}
	}
	p.own, p.runs = nil, runs{}
	if len(p.next) == 0 && p.embeddings.runs == 0 {
		return nil, ErrEmpty
	}
	slices.Sort(p.models)
	p.models = slices.Compact(p.models)
	return p, nil
}

func errHeld() error {
	return fmt.Errorf("cassette: conversations of more than %d bytes; derive an archive of those that are to be played", maxHeld)
}

// keepOwn keeps an answer as the provider gave it, unless the record says something else by now.
func (p *Player) keepOwn(ctx context.Context, src agentstate.Source, m *pb.Message) error {
	for _, n := range m.GetMeta().GetNative() {
		if n.Type != nativeAnswer || n.GetData() == nil {
			continue
		}
		res := agentstate.ResolverOf(src)
		res.Limit = maxBody
		b, err := res.Data(ctx, n.GetData())
		if err != nil {
			return fmt.Errorf("cassette: %s: %w", m.Meta.GetKey(), err)
		}
		a := reread(b)
		same := func(x, y item) bool { return x.sum == y.sum }
		if a != nil && slices.EqualFunc(itemsOf(m), itemsOf(&pb.Message{Role: m.Role, Parts: a.Parts}), same) {
			p.own[m.Meta.Key] = a
		}
	}
	return nil
}

func size(m *pb.Message) int {
	n := 0
	for _, x := range m.GetMeta().GetNative() {
		if x.Type == nativeAnswer {
			n += len(x.GetData().GetInline()) + int(x.GetData().GetBlob().GetSize())
		}
	}
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

// Answers is how many answers are there to give.
func (p *Player) Answers() int {
	n := p.embeddings.runs
	for _, rs := range p.next {
		n += len(rs)
	}
	return n
}

// ServeHTTP answers as the API does whose path is asked for.
func (p *Player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id, ok := asksModels(r); ok && p.list(w, id) {
		return
	}
	if r.Method == http.MethodPost && embeds(r.URL.Path) {
		p.embed(w, r)
		return
	}
	api := apiOf(r.URL.Path)
	what := "request to " + harness.Short(r.URL.Path)
	if api == nil || r.Method != http.MethodPost {
		if r.Method != http.MethodGet || r.URL.Path != "/" {
			p.missed(Miss{What: what, Differs: []string{"only " + playedPaths + " are played"}})
		}
		reply404(w)
		return
	}
	body, ok := bodyOf(w, r, api)
	if !ok {
		return
	}
	refuse := func(m Miss) {
		p.missed(m)
		fail(w, api, http.StatusBadRequest, m.String()) // not a status that clients try again after
	}
	q, err := api.request(body)
	switch {
	case err != nil:
		refuse(Miss{What: what, Differs: []string{err.Error()}})
		return
	case q.Beyond != "":
		refuse(Miss{What: what, Differs: []string{q.Beyond}})
		return
	}
	after, known := p.threads.get(q.Previous)
	if !known {
		refuse(Miss{What: what, Differs: []string{"the answer that it goes on from was not given here"}})
		return
	}
	items := once(slices.Concat(after.items, flatten(q.Messages)))
	asked := newSetup(api.name(), q.Settings)
	found := p.find(items, asked)
	if found == nil {
		refuse(p.miss(items))
		return
	}
	if d := found.asked.differs(asked); len(d) > 0 {
		m := Miss{Message: found.key, What: otherSettings, Differs: d}
		if p.o.SameSettings {
			refuse(m)
			return
		}
		if p.o.OnOther != nil {
			p.o.OnOther(m)
		}
	}
	if p.o.OnAnswer != nil {
		p.o.OnAnswer(found.key)
	}
	if found.failed != nil {
		found.failed.fail(w, api, q.Stream)
		return
	}
	p.give(w, api, q, found, items)
}

// give says an answer. The same answer has the same id whenever it is played: runtimes tell messages apart by it.
func (p *Player) give(w http.ResponseWriter, api api, q *request, found *reply, items []item) {
	a := &answer{}
	if found.own != nil {
		*a = *found.own
	}
	a.ID, a.Model, a.Parts = "played_"+harness.Digest(harness.Encode(found.key)), found.model, found.parts
	if a.Model == "" {
		a.Model = q.Model
	}
	p.threads.put(a.ID, thread{items: slices.Concat(items, flatten([]*pb.Message{{Role: pb.Role_ROLE_ASSISTANT, Parts: a.Parts}}))})
	if !q.Stream {
		w.Header().Set("Content-Type", "application/json")
		w.Write(harness.Encode(api.write(a)))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	api.stream(&eventWriter{w: w}, q, a)
}

// bodyOf is what is asked; false: it is too long, and that was answered.
func bodyOf(w http.ResponseWriter, r *http.Request, api api) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, api, http.StatusRequestEntityTooLarge, "a request of more than "+strconv.Itoa(maxBody)+" bytes")
	}
	return body, err == nil
}

const playedPaths = "POST …/chat/completions, …/responses, …/messages, …/embeddings and GET …/models"

func (p *Player) missed(m Miss) {
	if p.o.OnMiss != nil {
		p.o.OnMiss(m)
	}
}

func reply404(w http.ResponseWriter) {
	fail(w, chatAPI{}, http.StatusNotFound, "cassette: only "+playedPaths+" are played")
}

func fail(w http.ResponseWriter, a api, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(harness.Encode(a.failure(message)))
}
