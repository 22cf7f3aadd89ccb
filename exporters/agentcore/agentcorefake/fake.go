// Package agentcorefake is Amazon Bedrock AgentCore as far as exitramp uses it: a stateful
// http.Handler that any AWS SDK can talk to. It shares no type with the driver, so that a
// misunderstanding of one does not hide in the other.
//
// Requests and responses are checked against the provider's public model. What the fake does
// beyond that is listed in Facts, each with its source; guesses are marked as such.
package agentcorefake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say how the service behaves. The zero value answers at once and denies nothing.
type Options struct {
	Region, Account string           // empty: eu-central-1, 123456789012
	Now             func() time.Time // nil: time.Now
	Latency         time.Duration    // of every answer
	Rate            float64          // requests a second that are allowed, of each operation; 0: all
	SessionLimits   bool             // the fixed rates of one session hold too
	RetryAfter      time.Duration    // what a 429 asks for; 0: one second
	VisibleAfter    time.Duration    // records are listed so long after they were created
	Working         time.Duration    // policies and memories are being made, or unmade, for so long
	PageCap         int              // pages hold no more, whatever is asked for; 0: as asked
	ItemCap         int              // a listing ends after so many items, and does not say so
	PageLimit       int              // a listing ends after so many pages, and does not say so
	// FailRecord is asked for each record of a batch; above 0: the record fails with this code, and the
	// rest of the batch is carried out.
	FailRecord func(record map[string]any) int
	// Fault is asked before each request; n counts the requests of the operation from 1. A nil
	// answer lets the request through.
	Fault func(op string, n int, labels map[string]string, body map[string]any) *Fault
}

// A Fault is an answer in place of the service's own.
type Fault struct {
	Status     int
	Type       string // "ThrottledException"
	Message    string
	RetryAfter string
	Empty      bool // not an error: an empty list
	After      bool // the request is carried out, and its answer lost
}

// Call is one request that the fake has answered.
type Call struct {
	Op     string
	Status int
	At     time.Time
}

// Server is the service. It is an http.Handler; use it with httptest.NewServer.
type Server struct {
	o     Options
	model *model

	mu       sync.Mutex
	memories map[string]*memory
	order    []string // of memories
	things   map[string]*shelf
	tokens   map[string]any // client tokens → answers
	calls    []Call
	count    map[string]int
	bucket   map[string]*bucket
	broken   []string // responses of its own that the model forbids
	serial   uint64
}

// New is an empty service.
func New(o Options) (*Server, error) {
	m, err := theModel()
	if err != nil {
		return nil, fmt.Errorf("agentcorefake: model: %w", err)
	}
	if o.Region == "" {
		o.Region = "eu-central-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, model: m, memories: map[string]*memory{}, things: map[string]*shelf{}, tokens: map[string]any{},
		count: map[string]int{}, bucket: map[string]*bucket{}}, nil
}

// Calls are the requests so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Operations are the names of the operations that were called, sorted.
func (s *Server) Operations() []string {
	seen := map[string]bool{}
	for _, c := range s.Calls() {
		seen[c.Op] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// Broken are answers of the fake itself that the provider's model forbids. A test wants none.
func (s *Server) Broken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.broken)
}

// apiError is an error as the service answers it.
type apiError struct {
	status     int
	typ, msg   string
	retryAfter string
}

func (e *apiError) Error() string { return e.typ + ": " + e.msg }

func invalid(f string, a ...any) error {
	return &apiError{status: 400, typ: "ValidationException", msg: fmt.Sprintf(f, a...)}
}

func notFound(f string, a ...any) error {
	return &apiError{status: 404, typ: "ResourceNotFoundException", msg: fmt.Sprintf(f, a...)}
}

// request is a decoded request.
type request struct {
	op     string
	labels map[string]string
	query  map[string]string
	body   map[string]any
	raw    map[string]json.RawMessage
}

func (r *request) str(name string) string {
	if v, ok := r.labels[name]; ok {
		return v
	}
	if v, ok := r.query[name]; ok {
		return v
	}
	v, _ := r.body[name].(string)
	return v
}

func (r *request) num(name string, def int) int {
	if v, ok := r.body[name].(json.Number); ok {
		n, _ := v.Int64()
		return int(n)
	}
	if v, ok := r.query[name]; ok {
		n, _ := strconv.Atoi(v)
		return n
	}
	return def
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	s.mu.Lock()
	latency := s.o.Latency
	s.mu.Unlock()
	if latency > 0 {
		select {
		case <-hr.Context().Done():
			return
		case <-time.After(latency):
		}
	}
	if hr.Method == http.MethodPost && hr.URL.Path == "/" {
		s.identity(w, hr)
		return
	}
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	req, err := s.decode(hr)
	var out any
	status := 200
	if err == nil {
		out, err = s.serve(hr, req)
		status = s.model.Operations[req.op].Code
	}
	if err != nil {
		e, ok := err.(*apiError)
		if !ok {
			e = &apiError{status: 500, typ: "ServiceException", msg: err.Error()}
		}
		status = e.status
		w.Header().Set("X-Amzn-ErrorType", e.typ)
		if e.retryAfter != "" {
			w.Header().Set("Retry-After", e.retryAfter)
		}
		out = map[string]any{"message": e.msg}
	}
	b, err := marshal(out)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	s.mu.Lock()
	op := ""
	if req != nil {
		op = req.op
	}
	s.calls = append(s.calls, Call{op, status, s.o.Now()})
	if status < 300 {
		p := ""
		if s.model.Operations[op].Plane == "control" {
			p = "c."
		}
		var v any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		_ = d.Decode(&v)
		if why := s.model.check(op+"Output", p+op+"Output", v, limits{}, true); why != "" && !known(why) && len(s.broken) < 100 {
			s.broken = append(s.broken, why)
		}
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// known tells whether the service itself was measured to do what its model forbids.
func known(why string) bool {
	return strings.HasPrefix(why, "ListEventsOutput.events[") && strings.HasSuffix(why, ".payload: required")
}

// marshal is JSON without the escapes that are for web pages.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func (s *Server) decode(hr *http.Request) (*request, error) {
	op, labels := s.model.route(hr.Method, hr.URL.EscapedPath())
	if op == "" {
		return nil, &apiError{status: 404, typ: "UnknownOperationException", msg: hr.Method + " " + hr.URL.EscapedPath()}
	}
	r := &request{op: op, labels: labels, query: map[string]string{}, body: map[string]any{}}
	if !strings.HasPrefix(hr.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=") {
		return r, &apiError{status: 403, typ: "MissingAuthenticationTokenException", msg: "Missing Authentication Token"}
	}
	b, err := io.ReadAll(io.LimitReader(hr.Body, 32<<20))
	if err != nil {
		return r, err
	}
	if len(b) > 0 {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&r.body); err != nil {
			return r, &apiError{status: 400, typ: "SerializationException", msg: "not JSON"}
		}
		_ = json.Unmarshal(b, &r.raw)
	}
	for n, v := range hr.URL.Query() {
		r.query[n] = v[0]
	}
	prefix := ""
	if s.model.Operations[op].Plane == "control" {
		prefix = "c."
	}
	all := maps.Clone(r.body)
	for n, v := range labels {
		all[n] = v
	}
	in := s.model.Shapes[prefix+op+"Input"]
	for n, e := range in.Members {
		if v, ok := r.query[e.Query]; ok && e.Query != "" {
			all[n] = v
			if e.Target == "Integer" || e.Low != nil {
				all[n] = json.Number(v)
			}
			if n == "view" {
				all[n] = strings.ToUpper(v)
			}
		}
	}
	if why := s.model.check(op+"Input", prefix+op+"Input", all, limits{}, true); why != "" {
		return r, invalid("%s", why)
	}
	return r, nil
}

// serve answers a valid request.
func (s *Server) serve(hr *http.Request, r *request) (any, error) {
	s.mu.Lock()
	s.count[r.op]++
	n := s.count[r.op]
	wait := max(s.throttle(r.op, s.o.Rate, s.o.Rate/4), s.throttleSession(r))
	s.mu.Unlock()
	if wait > 0 {
		return nil, &apiError{status: 429, typ: "ThrottledException", msg: "Rate exceeded", retryAfter: strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
	}
	var f *Fault
	if s.o.Fault != nil {
		f = s.o.Fault(r.op, n, r.labels, r.body)
	}
	if f != nil && !f.After {
		return f.answer(s, r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.do(r)
	if f != nil && err == nil {
		return f.answer(s, r)
	}
	return out, err
}

func (f *Fault) answer(s *Server, r *request) (any, error) {
	if !f.Empty {
		return nil, &apiError{status: f.Status, typ: f.Type, msg: f.Message, retryAfter: f.RetryAfter}
	}
	out := map[string]any{}
	p := ""
	if s.model.Operations[r.op].Plane == "control" {
		p = "c."
	}
	for n, m := range s.model.Shapes[p+r.op+"Output"].Members {
		if m.Required {
			out[n] = []any{}
		}
	}
	return out, nil
}

// bucket is the allowance of one operation.
type bucket struct {
	left float64
	at   time.Time
}

// throttle takes one request off the allowance; above zero: the request is refused.
func (s *Server) throttle(op string, rate, burst float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	now := time.Now()
	b := s.bucket[op]
	if b == nil {
		b = &bucket{left: max(1, burst), at: now}
		s.bucket[op] = b
	}
	b.left = min(max(1, burst), b.left+now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.left >= 1 {
		b.left--
		return 0
	}
	if s.o.RetryAfter > 0 {
		return s.o.RetryAfter
	}
	return time.Second
}

// throttleSession is what the fixed rates of one session say.
func (s *Server) throttleSession(r *request) time.Duration {
	rates := map[string]float64{"ListEvents": 20, "DeleteEvent": 5, "CreateEvent": 10}
	rate := rates[r.op]
	if !s.o.SessionLimits || rate == 0 {
		return 0
	}
	if r.op == "CreateEvent" && bytes.Contains(r.raw["payload"], []byte(`"conversational"`)) {
		rate = 5
	}
	return s.throttle(r.op+"|"+r.labels["memoryId"]+"|"+r.str("actorId")+"|"+r.str("sessionId"), rate, rate)
}

// page cuts a listing. A token is the id of the last item that was given.
func page[T any](s *Server, r *request, items []T, id func(T) string, def, most int) ([]T, string, error) {
	n := r.num("maxResults", def)
	if n < 1 || n > most {
		return nil, "", invalid("maxResults: must be between 1 and %d", most)
	}
	if s.o.PageCap > 0 {
		n = min(n, s.o.PageCap)
	}
	if s.o.ItemCap > 0 {
		items = items[:min(len(items), s.o.ItemCap)]
	}
	all := len(items)
	if t := r.str("nextToken"); t != "" {
		op, last, ok := strings.Cut(t, "|")
		i := slices.IndexFunc(items, func(x T) bool { return id(x) == last })
		if !ok || op != r.op || i < 0 {
			return nil, "", invalid("Invalid pagination token")
		}
		items = items[i+1:]
	}
	if len(items) <= n {
		return items, "", nil
	}
	if s.o.PageLimit > 0 && (all-len(items))/n+1 >= s.o.PageLimit {
		return items[:n], "", nil
	}
	return items[:n], r.op + "|" + id(items[n-1]), nil
}

func listed(out map[string]any, next string) map[string]any {
	if next != "" {
		out["nextToken"] = next
	}
	return out
}

// stamp is a time as the protocol writes it.
func stamp(t time.Time) json.Number {
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64))
}

// identity answers sts:GetCallerIdentity, which the SDK's own endpoint override leads here.
func (s *Server) identity(w http.ResponseWriter, hr *http.Request) {
	b, _ := io.ReadAll(io.LimitReader(hr.Body, 1<<16))
	if !bytes.Contains(b, []byte("Action=GetCallerIdentity")) {
		http.Error(w, "unknown", 404)
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, Call{"GetCallerIdentity", 200, s.o.Now()})
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:sts::%s:assumed-role/exit-reader/session</Arn><UserId>AROA:session</UserId><Account>%s</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`, s.o.Account, s.o.Account)
}

// Cap makes listings end after so many items or pages from now on; 0: they end where they end.
func (s *Server) Cap(items, pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.ItemCap, s.o.PageLimit = items, pages
}

// Slow sets how long an answer takes and how many requests a second are allowed from now on.
func (s *Server) Slow(latency time.Duration, rate float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Latency, s.o.Rate = latency, rate
}
