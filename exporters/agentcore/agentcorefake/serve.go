package agentcorefake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

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
