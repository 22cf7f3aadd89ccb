package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/lazyre"
)

// HTTP is an embedder that is a service: POST /v1/embeddings, as OpenAI and many servers have it.
type HTTP struct {
	// URL is of the service: http://localhost:8080, …/v1 or …/v1/embeddings.
	URL string
	Of  Model
	Key string // sent as a bearer token; empty: none. Never over plain HTTP to another machine
	// Client asks; nil: one that follows no redirect and waits two minutes.
	Client *http.Client
	// Wait waits before a request is made again; nil: it really waits.
	Wait func(context.Context, time.Duration) error

	answered atomic.Bool            // it has answered once, whatever it said
	said     atomic.Pointer[string] // the model that its first answer names; nil: none did
}

const (
	maxTries = 8
	// firstTries is for a service that has never answered. It is rather not there than gone for a moment, and
	// whoever started the run still looks.
	firstTries = 3
	// longest is how long a service may ask to wait before the run is broken off, to be resumed.
	longest = 10 * time.Minute
)

// endpoint is the URL that is asked.
func (h *HTTP) endpoint() (string, error) {
	u, err := url.Parse(h.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return "", fmt.Errorf("%w: want http://HOST or https://HOST, without a name or password in it", ErrEmbedder)
	}
	if h.Key != "" && u.Scheme == "http" && !local(u.Hostname()) {
		return "", fmt.Errorf("%w: a key would go to %s in the clear: use https", ErrEmbedder, u.Host)
	}
	switch p := strings.TrimRight(u.Path, "/"); {
	case strings.HasSuffix(p, "/embeddings"):
		u.Path = p
	case strings.HasSuffix(p, "/v1"):
		u.Path = p + "/embeddings"
	default:
		u.Path = p + "/v1/embeddings"
	}
	return u.String(), nil
}

func local(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Check tells whether the embedder can be used, as far as that is known without asking.
func (h *HTTP) Check() error {
	if err := h.Of.check(); err != nil {
		return err
	}
	_, err := h.endpoint()
	return err
}

// Embed asks for the texts in one request. Where the service refuses it, halves are asked for, until
// it is known which text is refused.
func (h *HTTP) Embed(ctx context.Context, texts []string) ([]Answer, error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	out, err := h.ask(ctx, texts)
	var no *refused
	switch {
	case !errors.As(err, &no):
		return out, err
	case len(texts) == 1:
		return []Answer{{Why: "the embedder refuses it: " + no.why}}, nil
	}
	half := len(texts) / 2
	a, err := h.Embed(ctx, texts[:half])
	if err != nil {
		return nil, err
	}
	b, err := h.Embed(ctx, texts[half:])
	return append(a, b...), err
}

// refused is of a request that the service will not take, whenever it is made.
type refused struct{ why string }

func (r *refused) Error() string { return r.why }

// ask makes a request until it is answered.
func (h *HTTP) ask(ctx context.Context, texts []string) ([]Answer, error) {
	body, err := json.Marshal(struct {
		Model string   `json:"model"`
		Input []string `json:"input"` // and no encoding_format: some services refuse "float", which is what all others take it for
	}{h.Of.Name, texts})
	if err != nil {
		return nil, err
	}
	pause := time.Second
	for try := 1; ; try++ {
		out, after, err := h.once(ctx, body, len(texts))
		var no *refused
		if err == nil || errors.As(err, &no) || ctx.Err() != nil || after < 0 {
			return out, err
		}
		if after == 0 {
			after = pause
			pause = min(2*pause, time.Minute)
		}
		if after > longest {
			return nil, fmt.Errorf("%w: it asks to wait for %s", err, after)
		}
		if try == maxTries || try == firstTries && !h.answered.Load() {
			return nil, err
		}
		wait := h.Wait
		if wait == nil {
			wait = sleep
		}
		if err := wait(ctx, after); err != nil {
			return nil, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once makes one request. after is how long the service asks to wait; 0: it does not say, or says now; negative:
// asking again does not help.
func (h *HTTP) once(ctx context.Context, body []byte, n int) (_ []Answer, after time.Duration, err error) {
	at, err := h.endpoint()
	if err != nil {
		return nil, -1, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, -1, fmt.Errorf("%w: %w", ErrEmbedder, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if h.Key != "" {
		req.Header.Set("Authorization", "Bearer "+h.Key)
	}
	c := h.Client
	if c == nil {
		c = &http.Client{Timeout: 2 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := c.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, -1, ctx.Err()
		}
		return nil, 0, fmt.Errorf("%w: %w", ErrEmbedder, err)
	}
	defer resp.Body.Close()
	h.answered.Store(true)
	limit := int64(n)*int64(h.Of.Dimensions)*32 + 1<<20
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrEmbedder, err)
	}
	if int64(len(raw)) > limit {
		return nil, -1, fmt.Errorf("%w: an answer of more than %d bytes", ErrEmbedder, limit)
	}
	switch s := resp.StatusCode; {
	case s == http.StatusOK:
		out, model, err := answers(raw, n)
		if errors.Is(err, errForm) {
			err = fmt.Errorf("%w: want JSON with data and an embedding in each, got %.60q", err, resp.Header.Get("Content-Type"))
		}
		if err == nil {
			err = h.one(model)
		}
		return out, -1, err
	case s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s >= 500:
		return nil, retryAfter(resp.Header), fmt.Errorf("%w: %w", ErrEmbedder, agentstate.Unanswered(fmt.Sprintf("HTTP %d%s", s, code(raw))))
	case s == http.StatusBadRequest || s == http.StatusRequestEntityTooLarge || s == http.StatusUnprocessableEntity:
		return nil, -1, &refused{fmt.Sprintf("HTTP %d%s", s, code(raw))}
	default:
		return nil, -1, fmt.Errorf("%w: HTTP %d%s%s", ErrEmbedder, s, code(raw), advice(resp))
	}
}

// advice is what a person does about an answer after which asking again does not help; empty: nobody knows.
func advice(resp *http.Response) string {
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return ": give it a key that it takes, or another key"
	case s == http.StatusNotFound || s == http.StatusMethodNotAllowed:
		return ": it has no such model, or " + resp.Request.URL.Path + " is not the place that it answers at"
	case s >= 300 && s < 400:
		if to, err := resp.Location(); err == nil {
			return fmt.Sprintf(": it sends on to %s, which is not followed: give that URL if it is meant", (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String())
		}
	}
	return ""
}

// one refuses an answer of another model than that of the first answer: a service that stands before several may change it
// in the middle.
func (h *HTTP) one(model string) error {
	if model == "" || h.said.CompareAndSwap(nil, &model) {
		return nil
	}
	if first := *h.said.Load(); first != model {
		return fmt.Errorf("%w: the service answered as %.60q first and as %.60q now: give the URL or the name of one model", ErrMixed, first, model)
	}
	return nil
}

// Said is the model that the service says it is; empty: it does not say, or was not asked yet.
func (h *HTTP) Said() string {
	if p := h.said.Load(); p != nil {
		return *p
	}
	return ""
}

func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n >= 0 && n < 1<<30 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

// codeForm is a word, and not the number of the status again.
var codeForm = lazyre.New(`^[a-zA-Z][a-zA-Z0-9_.-]{1,63}$`)

// code is the service's own word for an error. Its message may repeat the text, so it is not shown.
func code(raw []byte) string {
	var e struct {
		Error struct {
			Code any    `json:"code"`
			Type string `json:"type"`
		} `json:"error"`
	}
	var flat struct {
		Type string `json:"error_type"`
	}
	_, _ = json.Unmarshal(raw, &e), json.Unmarshal(raw, &flat) // no JSON: no code
	for _, s := range []string{fmt.Sprint(e.Error.Code), e.Error.Type, flat.Type} {
		if s != "None" && codeForm().MatchString(s) {
			return " " + s
		}
	}
	return ""
}

var errForm = fmt.Errorf("%w: its answer is not that of an embeddings service", ErrEmbedder)

// answers are the vectors for n texts, and the model that they are said to be of.
func answers(raw []byte, n int) (_ []Answer, model string, _ error) {
	var a struct {
		Model any `json:"model"`
		Data  []struct {
			Index     *int   `json:"index"`
			Embedding floats `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, "", errForm
	}
	if len(a.Data) != n {
		return nil, "", fmt.Errorf("%w: %d vectors for %d texts", ErrEmbedder, len(a.Data), n)
	}
	out := make([]Answer, n)
	for i, d := range a.Data {
		if d.Index != nil {
			i = *d.Index
		}
		if i < 0 || i >= n || out[i].Vector != nil || d.Embedding == nil {
			return nil, "", fmt.Errorf("%w: its answer does not say which vector is of which text", ErrEmbedder)
		}
		out[i].Vector = d.Embedding
	}
	model, _ = a.Model.(string)
	return out, model, nil
}
