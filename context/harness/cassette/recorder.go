package cassette

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// RecorderOptions are the options of NewRecorder.
type RecorderOptions struct {
	Upstream  string            // base URL of the model, with its version: "https://api.openai.com/v1"
	Name      string            // of the recording, part of every key
	Transport http.RoundTripper // nil: http.DefaultTransport
	Now       func() time.Time  // nil: time.Now
	Dir       string            // of the temporary file; empty: the system's. It is sealed, and has no name where the system allows that
}

// maxRecorded is how much a Recorder holds, in bytes of answers.
const maxRecorded = 64 << 30

// A Recorder hands requests on to a model and keeps what is said. It is an http.Handler for several
// requests at a time, and a Source of what it has recorded. What was said lies in a temporary file; in
// memory there are some hundred bytes a message. Close it.
type Recorder struct {
	o        RecorderOptions
	upstream *url.URL
	proxy    *httputil.ReverseProxy

	mu       sync.Mutex
	run      int
	open     []*conversation // of this run
	all      []*conversation
	threads  threads
	held     int64
	kept     *kept
	asked    uint64            // exchanges that are to be in the recording
	beyond   map[string]uint64 // requests that it cannot hold, by why
	failed   map[string]*tried // requests without an answer, by where their conversation is
	failures int               // conversations that end with one

	embeddings *conversation   // of this run, or the last one with any
	embedded   map[string]bool // requests for embeddings that are kept
	again      uint64          // requests that were among them
}

// A conversation is requests that go on from each other.
type conversation struct {
	run, n    int
	failed    bool   // it ends without an answer
	embeds    bool   // it is none: it holds the embeddings of a run
	items     []item // without their text
	messages  int
	exchanges []*exchange
	settings  [32]byte // digest of the last request's
}

// An exchange is one request and its answer.
type exchange struct {
	requested, served string // model
	settings          bool   // kept; else they are as in the exchange before
	began, ended      time.Time
	first             int // place of the answer's message
}

// NewRecorder is a Recorder in front of a model. Its paths are those of the model behind /v1.
func NewRecorder(o RecorderOptions) (*Recorder, error) {
	u, err := url.Parse(o.Upstream)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("cassette: want the model's base URL, as https://host/v1")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	kept, err := newKept(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("cassette: %w", err)
	}
	r := &Recorder{o: o, kept: kept, upstream: u, run: 1, threads: newThreads(), beyond: map[string]uint64{}, failed: map[string]*tried{}, embedded: map[string]bool{}}
	r.proxy = &httputil.ReverseProxy{
		Transport: o.Transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			path := strings.TrimPrefix(p.In.URL.Path, "/v1")
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = u.Scheme, u.Host, u.Host
			p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimSuffix(u.Path, "/")+path, ""
			p.Out.Header.Del("Accept-Encoding") // the answer has to be read here
		},
		ModifyResponse: r.tee,
		ErrorLog:       log.New(io.Discard, "", 0),
		ErrorHandler:   r.unreachable,
	}
	return r, nil
}

// Close ends the recording: what it holds is gone.
func (r *Recorder) Close() error { return r.kept.close() }

// NextRun says that what comes now is another run of the program: its conversations begin anew.
func (r *Recorder) NextRun() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run++
	r.open = nil
}

type pendingKey struct{}

// pending is a request under way.
type pending struct {
	api    api
	q      *request
	items  []item
	embeds *embeddingRequest // nil: it asks for an answer
	after  thread            // that it goes on from
	began  time.Time

	credentials []string // of the request
}

// ServeHTTP hands a request on.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if embeds(req.URL.Path) && req.Method == http.MethodPost {
		r.embed(w, req)
		return
	}
	api := apiOf(req.URL.Path)
	if api == nil || req.Method != http.MethodPost {
		if _, ok := asksModels(req); !ok {
			r.miss("requests to " + harness.Short(req.URL.Path))
		}
		r.proxy.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		fail(w, api, http.StatusRequestEntityTooLarge, fmt.Sprintf("cassette: a request of more than %d bytes", maxBody))
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	q, err := api.request(body)
	if err != nil {
		r.miss("requests that were not understood")
		r.proxy.ServeHTTP(w, req)
		return
	}
	p := &pending{api: api, q: q, began: r.o.Now(), credentials: credentials(req)}
	after, ok := r.threads.get(q.Previous)
	if !ok {
		q.Beyond = "it goes on from an answer that was not recorded"
	}
	if q.Beyond != "" {
		r.miss(q.Beyond)
		r.proxy.ServeHTTP(w, req)
		return
	}
	p.after, p.items = after, slices.Concat(after.items, flatten(q.Messages))
	r.proxy.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), pendingKey{}, p)))
}

func (r *Recorder) miss(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.beyond) < 100 || r.beyond[why] > 0 {
		r.beyond[why]++
	}
}

// tee reads along while the program reads.
func (r *Recorder) tee(resp *http.Response) error {
	p, ok := resp.Request.Context().Value(pendingKey{}).(*pending)
	switch {
	case !ok:
		return nil
	case denied(resp.StatusCode), resp.StatusCode/100 == 3: // where else to ask is not kept
		r.unanswered(p, refusedWith(resp.StatusCode))
		return nil
	}
	done := func(b []byte, how ending) { r.take(p, resp, b, how) }
	if p.embeds != nil {
		done = func(b []byte, how ending) { r.takeEmbeddings(p, resp.StatusCode, b, how) }
	}
	resp.Body = &teeBody{ReadCloser: resp.Body, done: done}
	return nil
}

const notRead = "answers that the program did not read to the end, or that are too long"

// take keeps what came: an answer, a failure, or that there was something else.
func (r *Recorder) take(p *pending, resp *http.Response, b []byte, how ending) {
	if p.repeats(b) || p.q.Stream && p.repeatsInPieces(b) {
		r.unanswered(p, repeated)
		return
	}
	if resp.StatusCode != http.StatusOK {
		if how == endedLeft {
			r.unanswered(p, notRead)
			return
		}
		f := newFailure(p, resp, b)
		f.Broken = how == endedBroken
		r.keepFailure(p, f, refusedWith(resp.StatusCode))
		return
	}
	var a *answer
	err := errAnswer
	if p.q.Stream {
		a, err = p.api.events(parseEvents(b)) // a client may stop to read behind the last event
	} else if how == endedWhole {
		a, err = p.api.answer(b)
	}
	switch {
	case err == nil:
		r.keep(p, a, b)
	case how == endedLeft && !(p.q.Stream && len(b) <= maxBody && failedEvents(parseEvents(b))): // a client may leave at that event
		r.unanswered(p, notRead)
	case how == endedBroken:
		f := newFailure(p, resp, b)
		f.Broken = true
		r.keepFailure(p, f, "answers that broke off")
	case p.q.Stream || failed(b):
		r.keepFailure(p, newFailure(p, resp, b), "answers that ended early, or with an error")
	default:
		r.unanswered(p, "answers that were not understood")
	}
}

// keep takes an answer into the conversation that it belongs to.
func (r *Recorder) keep(p *pending, a *answer, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.held += int64(len(b)); r.held > maxRecorded {
		r.beyond["answers behind the limit of a recording"]++
		return
	}
	said := &pb.Message{Role: pb.Role_ROLE_ASSISTANT, Parts: a.Parts, Model: a.Model, Meta: &pb.Meta{}, NativeId: strings.ToValidUTF8(a.ID, "\ufffd")}
	said.Meta.Native = []*pb.Native{document(nativeAnswer, b)}
	x := &exchange{requested: p.q.Model, served: a.Model, began: p.began, ended: r.o.Now()}
	said.Meta.CreatedUnixNano = agentstate.UnixNano(x.ended)
	c, fresh := r.conversation(p)
	var before []*pb.Message
	var err error
	if fresh {
		before, err = r.before(p)
	}
	if err == nil {
		err = r.store(c, x, slices.Concat(before, c.new(p), []*pb.Message{said}), a.Usage, p)
	}
	if err != nil {
		r.beyond["answers that could not be kept on disk"]++
		return
	}
	r.answered(p)
	c.exchanges = append(c.exchanges, x)
	c.items = bare(append(slices.Clone(p.items), flatten([]*pb.Message{said})...))
	if fresh {
		r.open, r.all = append(r.open, c), append(r.all, c)
	}
	if a.ID != "" {
		r.threads.put(a.ID, thread{c.items, c, c.messages})
	}
}

// before are the messages that a request goes on from where its conversation is new: another request
// went on from them too, or another run did.
func (r *Recorder) before(p *pending) ([]*pb.Message, error) {
	var out []*pb.Message
	for i := range p.after.messages {
		m, err := r.kept.message(p.after.in, i)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// store keeps the messages of x and what was said beside them. Until all of it is kept, c is as it was.
func (r *Recorder) store(c *conversation, x *exchange, messages []*pb.Message, usage []byte, p *pending) error {
	at, n := c.messages, len(c.exchanges)
	for _, m := range messages {
		if err := r.kept.putMessage(c, at, m); err != nil {
			return err
		}
		at++
	}
	if err := r.kept.put(c, "usage", n, usage); err != nil {
		return err
	}
	if err := r.putSettings(c, x, p); err != nil {
		return err
	}
	c.messages, x.first = at, at-1
	return nil
}

// putSettings keeps the settings of x, where they are not those of the exchange before.
func (r *Recorder) putSettings(c *conversation, x *exchange, p *pending) error {
	settings := harness.Encode(p.q.Settings)
	if sum := sha256.Sum256(settings); sum != c.settings || len(c.exchanges) == 0 {
		if err := r.kept.put(c, nativeSettings, len(c.exchanges), settings); err != nil {
			return err
		}
		c.settings, x.settings = sum, true
	}
	return nil
}

// bare are items without their text: the digest is all that is compared here.
func bare(items []item) []item {
	for i := range items {
		items[i].name, items[i].text = "", ""
	}
	return items
}

// conversation is the one that a request goes on from; a new one where there is none.
func (r *Recorder) conversation(p *pending) (c *conversation, fresh bool) {
	var best *conversation
	for _, c := range r.open {
		if len(c.items) <= len(p.items) && (best == nil || len(c.items) > len(best.items)) &&
			slices.EqualFunc(c.items, p.items[:len(c.items)], func(a, b item) bool { return a.sum == b.sum }) {
			best = c
		}
	}
	if best == nil {
		return &conversation{run: r.run, n: len(r.open) + 1}, true
	}
	return best, false
}

// new are the messages of a request that c does not have. Those whose items are all known are in it already.
func (c *conversation) new(p *pending) []*pb.Message {
	var out []*pb.Message
	known := len(c.items)
	at := len(p.items) - len(flatten(p.q.Messages))
	for _, turn := range turns(p.q.Messages) {
		items, _ := itemsOfTurn(turn)
		n := len(items)
		if at += n; at > known || n == 0 && at == known && known == 0 {
			out = append(out, turn...)
		}
	}
	return out
}

// Exchanges is how many answers were recorded.
func (r *Recorder) Exchanges() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range r.all {
		n += len(c.exchanges)
	}
	return n + int(r.again)
}

// The types of native forms.
const (
	nativeAnswer   = "answer"   // as the provider gave it
	nativeSettings = "settings" // what was asked for beside the messages
)

// document is a native form that is JSON, or the events of a stream.
func document(typ string, b []byte) *pb.Native {
	media := harness.JSON
	if !json.Valid(b) {
		media = "text/event-stream"
	}
	return agentstate.Document(typ, media, b)
}
