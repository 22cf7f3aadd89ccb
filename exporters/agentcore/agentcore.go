// Package agentcore reads the state of Amazon Bedrock AgentCore through its API, and writes it into
// another region, account or memory.
//
// The service makes the ids of memories, strategies, events and records; actors, sessions and
// branch names are the caller's. So a copy is never the same to the byte: what an id was there and
// is here is in the journal. Event times and the source times of records are kept. Events are
// written with their extraction skipped: nothing is remembered twice, and no model runs.
//
// Definitions of the account are read too, unless the URL names one memory: what no record fits, as
// browsers, evaluators and datasets, is carried whole, with the tags of each and the policies of who
// may use it. NotRead names what is not.
//
// Definitions arrive without power. A workload identity is a name. A policy engine is
// made, and attached to no gateway: none asks it. A Cedar policy is made LOG_ONLY, whatever it was,
// its text verbatim but for the gateways that it names: these become the target's of the same name,
// and where there is none the policy is refused, since the service makes no policy for a gateway that
// it cannot ask. Gateways, their targets, credential providers, harnesses, agent runtimes and what is
// carried whole have no form that is switched off, and want a role, a secret or an image of their
// account: a person makes them. The plan says so of each, and a run finds by their names what a person
// has made. Roles, keys, streams, topics and tags of memories are left out, and said.
//
// The driver has never run against the real service. It is tested against package agentcorefake,
// which says of each thing that it does how that is known.
package agentcore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Errors that callers act on.
var (
	ErrLogin     = agentstate.Lasting(agentstate.Unanswered("agentcore: the login is missing or has ended: log in and run the same command again"))
	ErrForbidden = errors.New("agentcore: not allowed")
	ErrBusy      = agentstate.Unanswered("agentcore: the service keeps refusing: run the same command again later")
	ErrQuota     = errors.New("agentcore: a quota of the account is reached: have it raised and run the same command again")
	ErrSchema    = errors.New("agentcore: not an answer that this release knows")
)

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "agentcore", URL: "agentcore://REGION[/MEMORY-ID]",
		OpenWith: func(_ context.Context, u *url.URL, eo exporters.Options) (exporters.Runtime, error) {
			o, err := parse(u)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", exporters.ErrURL, err)
			}
			o.HTTPClient, o.Logger = eo.HTTPClient, eo.Logger
			return New(o), nil
		},
	}}
}

// Options say what is read or written. The zero value takes the region from the usual AWS chain.
type Options struct {
	Region string
	Memory string // id of one memory; empty: all that the account has in the region
	// Rate is the number of requests a second, of each operation, that is tried; 0: 20 at first,
	// and more as long as the service takes it. Where the service refuses the driver slows down.
	Rate float64
	// Sessions is how many times as fast as the service's fixed quotas for one session, 5 events a
	// second, events are written, listed and deleted there; 0: once, and at an endpoint that is not the
	// provider's, which has no such quotas, as fast as it takes them.
	Sessions float64
	Parallel int           // sessions that are read at once; 0: 16. Four times as many are written
	Settle   time.Duration // how long a record may take until it is listed; 0: 30 s
	Config   *aws.Config   // nil: the usual AWS chain: environment, profile, role of the machine

	HTTPClient *http.Client // of requests to the service; nil: that of Config, or one of its own. A login by SSO or by a role uses the SDK's
	Logger     *slog.Logger // where the driver says that it became slower, or asks again; nil: nowhere

	start  float64
	auto   bool
	quotas bool // nobody said how fast a session may be
	hold   int  // bytes of a session that are held in memory; 0: holdSize

	again func(context.Context, time.Duration) error // waits before a request is made again; nil: sleep
}

// These are compiled once and never change.
var (
	notAllowed  = lazyre.New(`not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)`)
	regionShape = lazyre.New(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	memoryShape = lazyre.New(`^[a-zA-Z0-9][a-zA-Z0-9-_]{0,127}$`) // the service's own end in a dash and ten characters; it says itself which are there
)

func parse(u *url.URL) (Options, error) {
	var o Options
	if u.Opaque != "" || u.Host == "" || u.User != nil || u.Port() != "" {
		return o, errors.New("agentcore: write agentcore://REGION or agentcore://REGION/MEMORY-ID")
	}
	o.Region, o.Memory = u.Hostname(), strings.Trim(u.Path, "/")
	if !regionShape().MatchString(o.Region) {
		return o, fmt.Errorf("agentcore: %q is not a region: want one like eu-central-1", o.Region)
	}
	if o.Memory != "" && !memoryShape().MatchString(o.Memory) {
		return o, errors.New("agentcore: not the id of a memory: want letters, digits, - and _, as ListMemories prints it: its name, a dash and ten characters")
	}
	for k, v := range u.Query() {
		n, err := strconv.ParseFloat(v[0], 64)
		switch {
		case err != nil || n <= 0 || n > 1e6:
			return o, fmt.Errorf("agentcore: option %s: want a number above 0", k)
		case k == "rate":
			o.Rate = n
		case k == "parallel":
			o.Parallel = int(min(n, 256))
		case k == "sessions":
			o.Sessions = n
		default:
			return o, fmt.Errorf("agentcore: no option %q: there are rate, parallel and sessions", k)
		}
	}
	if u.Fragment != "" {
		return o, errors.New("agentcore: a URL has no fragment")
	}
	return o, nil
}

// A Service is AgentCore in one region: an agentstate.Source with preflight, and a replay.Target
// that can undo. It logs in when it is read or written.
type Service struct {
	o Options

	mu    sync.Mutex
	c     *client
	blobs map[string][]byte // of the record that was yielded last
}

var (
	_ exporters.Runtime      = (*Service)(nil)
	_ agentstate.BlobSource  = (*Service)(nil)
	_ agentstate.Preflighter = (*Service)(nil)
	_ replay.Target          = (*Service)(nil)
	_ replay.Undoer          = (*Service)(nil)
)

// New is the service as o says.
func New(o Options) *Service {
	if o.start = o.Rate; o.Rate == 0 {
		o.Rate, o.start, o.auto = 1000, 20, true
	}
	if o.Parallel == 0 {
		o.Parallel = 16
	}
	if o.Sessions == 0 {
		o.Sessions, o.quotas = 1, true
	}
	if o.Settle == 0 {
		o.Settle = 30 * time.Second
	}
	if o.again == nil {
		o.again = sleep
	}
	return &Service{o: o}
}

// Close closes the connections.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c != nil {
		s.c.idle()
	}
	return nil
}

// OpenBlob opens bytes that the record that was yielded last points at.
func (s *Service) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.blobs[b.GetId()]; ok {
		return io.NopCloser(strings.NewReader(string(v))), nil
	}
	return nil, fmt.Errorf("%w: blob %s: its record has passed", agentstate.ErrNotFound, b.GetId())
}

func (s *Service) connect(ctx context.Context) (*client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c == nil {
		c, err := newClient(ctx, s.o)
		if err != nil {
			return nil, err
		}
		s.c = c
	}
	return s.c, nil
}
