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

	answered atomic.Bool // it has answered once, whatever it said
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
		Model  string   `json:"model"`
		Input  []string `json:"input"`
		Format string   `json:"encoding_format"`
	}{h.Of.Name, texts, "float"})
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
		if try == maxTries || after > longest || try == firstTries && !h.answered.Load() {
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
		out, err := answers(raw, n)
		return out, -1, err
	case s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s >= 500:
		return nil, retryAfter(resp.Header), fmt.Errorf("%w: HTTP %d%s", ErrEmbedder, s, code(raw))
	case s == http.StatusBadRequest || s == http.StatusRequestEntityTooLarge || s == http.StatusUnprocessableEntity:
		return nil, -1, &refused{fmt.Sprintf("HTTP %d%s", s, code(raw))}
	default:
		return nil, -1, fmt.Errorf("%w: HTTP %d%s", ErrEmbedder, s, code(raw))
	}
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

var codeForm = lazyre.New(`^[a-zA-Z0-9_.-]{1,64}$`)

// code is the service's own word for an error. Its message may repeat the text, so it is not shown.
func code(raw []byte) string {
	var e struct {
		Error struct {
			Code any    `json:"code"`
			Type string `json:"type"`
		} `json:"error"`
	}
	_ = json.Unmarshal(raw, &e) // no JSON: no code
	for _, s := range []string{fmt.Sprint(e.Error.Code), e.Error.Type} {
		if s != "<nil>" && codeForm().MatchString(s) {
			return " " + s
		}
	}
	return ""
}

func answers(raw []byte, n int) ([]Answer, error) {
	var a struct {
		Data []struct {
			Index     *int   `json:"index"`
			Embedding floats `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, fmt.Errorf("%w: its answer is not that of an embeddings service", ErrEmbedder)
	}
	if len(a.Data) != n {
		return nil, fmt.Errorf("%w: %d vectors for %d texts", ErrEmbedder, len(a.Data), n)
	}
	out := make([]Answer, n)
	for i, d := range a.Data {
		if d.Index != nil {
			i = *d.Index
		}
		if i < 0 || i >= n || out[i].Vector != nil || d.Embedding == nil {
			return nil, fmt.Errorf("%w: its answer does not say which vector is of which text", ErrEmbedder)
		}
		out[i].Vector = d.Embedding
	}
	return out, nil
}
