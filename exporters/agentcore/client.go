package agentcore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxAnswer is the most bytes of one answer: a page is read with fewer items where it is above.
const maxAnswer = 64 << 20

// client makes requests: at the pace that the service allows, again where a failure passes, and
// with the raw answer kept.
type client struct {
	dp         *dp.Client
	cp         *cp.Client
	sts        *sts.Client
	max, start float64
	auto       bool          // nobody gave a rate
	session    float64       // of the fixed rates of one session; 0: there are none
	elsewhere  bool          // it is not the provider's endpoint
	hold       int           // holdSize, or less in tests
	patience   time.Duration // until a memory is there that was asked for
	idle       func()        // closes connections that nobody uses
	log        *slog.Logger
	deleted    atomic.Bool // something, or nobody knows

	again func(context.Context, time.Duration) error // waits before a request is made again

	mu    sync.Mutex
	pace  map[string]*pace
	turns map[string]*session // by operation and session
	clock clock
}

// clock is how far the service's clock is from this machine's, by the answer that came fastest.
type clock struct {
	known  bool
	took   time.Duration // of that request
	offset time.Duration
}

// tick takes note of the Date of an answer. It has whole seconds, so that less than two is none.
func (c *clock) tick(date string, sent time.Time) {
	at, err := http.ParseTime(date)
	took := time.Since(sent)
	if err != nil || c.known && took >= c.took {
		return
	}
	d := at.Add(time.Second / 2).Sub(sent.Add(took / 2)).Round(time.Second)
	if d.Abs() < 2*time.Second {
		d = 0
	}
	*c = clock{true, took, d}
}

func newClient(ctx context.Context, o Options) (*client, error) {
	var cfg aws.Config
	if o.Config != nil {
		cfg = o.Config.Copy()
	} else {
		var err error
		// The SDK has a logger of its own, on standard error: what it says there is no line of this program's.
		if cfg, err = config.LoadDefaultConfig(ctx, config.WithRegion(o.Region), config.WithLogger(logging.Nop{})); err != nil {
			return nil, fmt.Errorf("agentcore: AWS settings: %w", err)
		}
	}
	if o.Region != "" {
		cfg.Region = o.Region
	}
	inner, idle := cfg.HTTPClient, func() {}
	if o.HTTPClient != nil {
		inner = o.HTTPClient
	}
	if inner == nil {
		own := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: o.Parallel * 2, IdleConnTimeout: time.Minute}}
		inner, idle = own, own.CloseIdleConnections
	}
	c := &client{again: o.again, max: o.Rate, start: o.start, auto: o.auto, session: o.Sessions, hold: cmp.Or(o.hold, holdSize), patience: 15 * time.Minute, idle: idle, log: o.Logger, pace: map[string]*pace{}, turns: map[string]*session{}}
	cfg.HTTPClient = &keeper{inner, c}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	c.dp, c.cp, c.sts = dp.NewFromConfig(cfg), cp.NewFromConfig(cfg), sts.NewFromConfig(cfg)
	if end := c.dp.Options().BaseEndpoint; end != nil && elsewhere(*end) {
		c.elsewhere = true
		if o.quotas {
			c.session = 0
		}
	}
	return c, nil
}

// elsewhere tells whether an endpoint is not the provider's own: its published quotas are not known to
// hold there.
func elsewhere(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && !strings.HasSuffix(u.Hostname(), ".amazonaws.com") && !strings.HasSuffix(u.Hostname(), ".amazonaws.com.cn") && !strings.HasSuffix(u.Hostname(), ".api.aws")
}

// answer is what came over the wire.
type answer struct {
	body       []byte
	status     int
	retryAfter time.Duration
	large      bool
}

type answerKey struct{}

// keeper is an HTTP client that keeps each answer for the request that carries an *answer.
type keeper struct {
	inner aws.HTTPClient
	c     *client
}

func (k *keeper) Do(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	res, err := k.inner.Do(r)
	if err == nil {
		k.c.mu.Lock()
		k.c.clock.tick(res.Header.Get("Date"), sent)
		k.c.mu.Unlock()
	}
	a, _ := r.Context().Value(answerKey{}).(*answer)
	if err != nil || a == nil {
		return res, err
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	if len(b) > maxAnswer {
		a.large = true
		return nil, errLarge
	}
	a.body, a.status = b, res.StatusCode
	a.retryAfter = retryAfter(res.Header)
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res, nil
}

// retryAfter is how long the service wants to be left alone: seconds, or a date by its own clock.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	d := time.Duration(0)
	if n, err := strconv.ParseFloat(v, 64); err == nil && n > 0 && n < 1e6 {
		d = time.Duration(n * float64(time.Second))
	} else if at, err := http.ParseTime(v); err == nil {
		now, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		d = at.Sub(now)
	}
	return min(max(d, 0), 5*time.Minute)
}

// note logs what the driver does by itself.
func (c *client) note(ctx context.Context, what string, attrs ...slog.Attr) {
	if c.log != nil {
		c.log.LogAttrs(ctx, slog.LevelInfo, "agentcore: "+what, attrs...)
	}
}

// call makes one request of operation op until it has an answer that stays. f makes it once. What the
// SDK cannot decode is an answer all the same: the driver reads the raw one, and says itself what it
// does not know.
func (c *client) call(ctx context.Context, op string, f func(ctx context.Context) error) ([]byte, error) {
	p := c.paceOf(op)
	wait := 100 * time.Millisecond
	last := time.Now()
	for tries := 1; ; tries++ {
		if err := p.wait(ctx); err != nil {
			return nil, err
		}
		a := &answer{}
		err := f(context.WithValue(ctx, answerKey{}, a))
		if err == nil || a.status/100 == 2 && !a.large {
			p.ok()
			return a.body, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		code := ""
		var api smithy.APIError
		if errors.As(err, &api) {
			code = api.ErrorCode()
		}
		switch {
		case a.large:
			return nil, errLarge
		case a.status == 429 || code == "ThrottledException" || code == "ThrottlingException" || code == "TooManyRequestsException":
			p.slow(a.retryAfter)
			c.note(ctx, "slower: the service refused for its rate", slog.String("operation", op), slog.Float64("per_second", p.now()), slog.Duration("retry_after", a.retryAfter))
			if time.Since(last) > 10*time.Minute {
				return nil, fmt.Errorf("%w: %s: 429 for ten minutes", ErrBusy, op)
			}
			continue // waiting is not a failed try
		case isLogin(code), strings.Contains(err.Error(), "get credentials"):
			return nil, fmt.Errorf("%w: %s: %s", ErrLogin, op, cmp.Or(code, "no credentials were found"))
		case a.status == 403 || code == "AccessDeniedException":
			return nil, &denied{op, actionOf(err)}
		case a.status >= 500 || a.status == 0 || code == "RetryableConflictException":
			if a.status == 0 && code == "" && !isNet(err) {
				return nil, fmt.Errorf("agentcore: %s: %w", op, err)
			}
			if tries < a.tries() {
				c.note(ctx, "asking again", slog.String("operation", op), slog.Int("status", a.status), slog.Int("try", tries))
				t := max(wait, a.retryAfter)
				wait *= 2
				if err := c.again(ctx, t); err != nil {
					return nil, err
				}
				continue
			}
			if a.status == 0 {
				return nil, fmt.Errorf("%w: %s: no connection", ErrBusy, op)
			}
		}
		return nil, &refused{op: op, status: a.status, code: code}
	}
}

// tries is how often a request is made whose failure may pass. That an operation is not there does not
// pass; nor, mostly, does an error in a form that the service never gives.
func (a *answer) tries() int {
	switch {
	case a.status == http.StatusNotImplemented:
		return 1
	case a.status == http.StatusInternalServerError && !json.Valid(a.body):
		return 3
	}
	return 7
}

// isLogin tells whether an error code says that nobody is logged in, or no longer.
func isLogin(code string) bool {
	switch code {
	case "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationTokenException":
		return true
	}
	return false
}

// isNet tells whether no answer came because of the network, and not because the SDK refused.
func isNet(err error) bool {
	var send *smithyhttp.RequestSendError
	return errors.As(err, &send)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

var errLarge = errors.New("agentcore: an answer above 64 MiB")

// denied is a 403.
type denied struct{ op, action string }

func (d *denied) Error() string {
	if d.action != "" {
		return "agentcore: " + d.op + " needs " + d.action
	}
	return "agentcore: needs " + d.permission()
}

func (d *denied) Is(target error) bool { return target == ErrForbidden }

// permission is what is wanted. A memory under a key of the account's own needs the key, too.
func (d *denied) permission() string { return cmp.Or(d.action, "bedrock-agentcore:"+d.op) }

// actionOf is the action that a refusal names; empty: none. Of its text no more is taken.
func actionOf(err error) string {
	if m := notAllowed().FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}

// refused is any other answer that is an error. The service's text is left out: it may hold content.
type refused struct {
	op, code string
	status   int
	lost     string // what is not there
}

func (r *refused) Error() string {
	what := strings.TrimSpace(fmt.Sprintf("answered with %d %s", r.status, r.code))
	if r.lost != "" {
		what = "there is no " + r.lost + ": " + what
	}
	if r.unknown() {
		return "agentcore: " + r.op + ": this endpoint has no such operation: " + what
	}
	return "agentcore: " + r.op + ": " + what
}

// unknown tells whether the answer says that there is no such operation, as endpoints do that are not
// the service itself, or are of before.
func (r *refused) unknown() bool {
	switch r.status {
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return true
	case http.StatusNotFound:
		return !strings.Contains(r.code, "NotFound")
	}
	return strings.HasPrefix(r.code, "UnknownOperation") || strings.HasPrefix(r.code, "NotImplemented") || r.code == "InvalidAction"
}

// quota tells whether the account has no more room for what was asked for.
func (r *refused) quota() bool {
	return r.code == "ServiceQuotaExceededException" || r.status == http.StatusPaymentRequired
}

// raw replaces the body of a request: what the SDK would make of a document is not what was there.
func raw(body []byte) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Build.Add(middleware.BuildMiddlewareFunc("exitramp:raw", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
			req, ok := in.Request.(*smithyhttp.Request)
			if !ok {
				return middleware.BuildOutput{}, middleware.Metadata{}, fmt.Errorf("agentcore: request is a %T", in.Request)
			}
			req, err := req.SetStream(bytes.NewReader(body))
			if err != nil {
				return middleware.BuildOutput{}, middleware.Metadata{}, err
			}
			req.Header.Set("Content-Type", "application/json")
			req.ContentLength = int64(len(body))
			in.Request = req
			return next.HandleBuild(ctx, in)
		}), middleware.Before)
	}
}

func rawData(body []byte) func(*dp.Options) {
	return func(o *dp.Options) { o.APIOptions = append(o.APIOptions, raw(body)) }
}

func rawControl(body []byte) func(*cp.Options) {
	return func(o *cp.Options) { o.APIOptions = append(o.APIOptions, raw(body)) }
}
