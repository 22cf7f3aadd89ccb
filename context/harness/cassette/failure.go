package cassette

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/harness"
)

// nativeFailure is the type of what a model gave instead of an answer.
const nativeFailure = "failure"

// A failure is what a model gave instead of an answer. It is played as it was.
type failure struct {
	API    string            `json:"api"` // of the request
	Stream bool              `json:"stream,omitempty"`
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body"`
	Rest   []byte            `json:"rest,omitempty"`   // of the body, from where it is no text
	Broken bool              `json:"broken,omitempty"` // the connection ended in the middle
}

// keptHeaders decide what a client does next; no other header of a failure is kept.
func keptHeaders() []string {
	return []string{"Content-Type", "Retry-After", "Retry-After-Ms", "X-Should-Retry"}
}

func newFailure(p *pending, resp *http.Response, b []byte) *failure {
	f := &failure{API: p.api.name(), Stream: p.q.Stream, Status: resp.StatusCode, Header: map[string]string{}}
	f.setBody(b)
	for _, h := range keptHeaders() {
		if v := resp.Header.Get(h); v != "" {
			f.Header[h] = valid(v)
		}
	}
	return f
}

// setBody keeps b byte for byte: as text up to where it is none, which a search for secrets can read.
func (f *failure) setBody(b []byte) {
	n := 0
	for n < len(b) {
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	if len(harness.Encode(string(b[:n]))) > 2*maxBody { // JSON writes some bytes in six
		n = 0
	}
	f.Body, f.Rest = string(b[:n]), bytes.Clone(b[n:])
}

// repeats tells whether a credential of p is in what would be kept.
func (f *failure) repeats(p *pending) bool {
	for _, v := range f.Header {
		if p.repeats([]byte(v)) {
			return true
		}
	}
	return p.repeats(append([]byte(f.Body), f.Rest...))
}

// denied tells whether an answer may repeat the key that it refuses.
func denied(code int) bool {
	return code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired
}

// failed tells whether an answer that is no answer says itself that it failed, or is no JSON at all. What
// else it may be, as work that goes on at the provider, cannot be played.
func failed(b []byte) bool {
	var v struct {
		Status string
		Error  json.RawMessage
	}
	if !json.Valid(b) {
		return true
	}
	return json.Unmarshal(b, &v) == nil && (v.Status == "failed" || len(v.Error) > 0 && string(v.Error) != "null")
}

// failedEvents tells whether one of the events of a stream says that the model failed.
func failedEvents(es []event) bool {
	for _, x := range es {
		var e struct {
			Type  string          `json:"type"`
			Error json.RawMessage `json:"error"`
		}
		if json.Unmarshal(x.data, &e) == nil && (e.Type == "response.failed" || e.Type == "error" || len(e.Error) > 0 && string(e.Error) != "null") {
			return true
		}
	}
	return false
}

// fail gives f to a program that asks over api. Over another API, or streamed where it was not, its bytes
// would not be understood.
func (f *failure) fail(w http.ResponseWriter, api api, stream bool) {
	if f.API != api.name() || f.Stream != stream {
		code := f.Status
		if code < http.StatusBadRequest {
			code = http.StatusBadGateway
		}
		for _, h := range keptHeaders()[1:] {
			if f.Header[h] != "" {
				w.Header().Set(h, f.Header[h])
			}
		}
		fail(w, api, code, "cassette: the model failed here when it was recorded")
		return
	}
	for h, v := range f.Header {
		w.Header().Set(h, v)
	}
	w.WriteHeader(f.Status)
	io.WriteString(w, f.Body)
	w.Write(f.Rest)
	if f.Broken {
		if fl, ok := w.(http.Flusher); ok {
			fl.Flush()
		}
		panic(http.ErrAbortHandler) // the way to end a connection in the middle
	}
}

// How an answer ended.
type ending int

const (
	endedLeft   ending = iota // the program did not read on, or it is too long to be kept
	endedBroken               // the model's side broke off
	endedWhole
)

// A teeBody calls done once, with what was read.
type teeBody struct {
	io.ReadCloser
	buf  bytes.Buffer
	done func(b []byte, how ending)
}

func (t *teeBody) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if t.buf.Len() <= maxBody {
		t.buf.Write(b[:n])
	}
	switch {
	case errors.Is(err, io.EOF):
		t.end(endedWhole)
	case err != nil && !errors.Is(err, context.Canceled):
		t.end(endedBroken)
	}
	return n, err
}

func (t *teeBody) Close() error {
	t.end(endedLeft)
	return t.ReadCloser.Close()
}

func (t *teeBody) end(how ending) {
	if t.done != nil {
		if t.buf.Len() > maxBody {
			how = endedLeft
		}
		t.done(t.buf.Bytes(), how)
		t.done = nil
	}
}

// asFailure is a failure as it is kept, and read again.
func asFailure(b []byte) *failure {
	f := &failure{}
	if json.Unmarshal(b, f) != nil || f.Status < 100 || f.Status > 599 {
		return nil
	}
	return f
}

func (f *failure) encode() []byte { return harness.Encode(f) }
