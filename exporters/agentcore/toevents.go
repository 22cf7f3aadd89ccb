package agentcore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// outEvent is an event on its way.
type outEvent struct {
	i      int // in the batch
	rec    *pb.Message
	p      *place
	mem    string // of the target
	actor  string
	id     string
	ev     event
	losses []fidelity.Loss
	root   string // key of the message that its branch starts at
}

// messages writes events: each session in its order, several sessions at once.
func (w *writer) messages(ctx context.Context, rs []agentstate.Record, out []replay.Receipt) error {
	groups := map[string][]*outEvent{}
	var order []string
	for i, r := range rs {
		o, rc, err := w.prepare(ctx, r.(*pb.Message))
		if err != nil {
			return err
		}
		if o == nil {
			out[i] = rc
			continue
		}
		o.i = i
		g := o.mem + "\x00" + o.actor + "\x00" + o.id
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], o)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slots := make(chan struct{}, 4*w.s.o.Parallel) // each is slow by itself
	var wg sync.WaitGroup
	var mu sync.Mutex
	var broken error
	done := make([]replay.Receipt, len(out)) // so that a session that breaks leaves what it wrote
	for _, g := range order {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			here := map[string]string{} // key → id of this batch
			for _, o := range groups[g] {
				rc, err := w.event(ctx, o, here)
				if err != nil {
					mu.Lock()
					if broken == nil || errors.Is(broken, context.Canceled) {
						broken = err
					}
					mu.Unlock()
					cancel()
					return
				}
				done[o.i] = rc
			}
		})
	}
	wg.Wait()
	for i, rc := range done {
		if rc.Action != 0 {
			out[i] = rc
		}
	}
	if broken != nil {
		return broken
	}
	for i, r := range rs { // readings of events, whose ids are known by now
		if out[i].Action == 0 {
			out[i] = w.viewOf(r.(*pb.Message), rs, out)
		}
	}
	return nil
}

// prepare says what event m becomes, or answers at once. No answer and no event: a view, whose
// event has to come first.
func (w *writer) prepare(ctx context.Context, m *pb.Message) (*outEvent, replay.Receipt, error) {
	if !w.own {
		return w.prepareForeign(ctx, m)
	}
	if len(m.Meta.ViewOfKeys) > 0 {
		return nil, replay.Receipt{}, nil
	}
	doc, err := w.native(ctx, m, "Event")
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	_, parts := agentstate.SplitKey(m.Meta.Key)
	if doc == nil || len(parts) != 4 {
		return nil, refuse("it has no native event"), nil
	}
	o := &outEvent{rec: m, actor: parts[1], id: parts[2]}
	if err := json.Unmarshal(doc, &o.ev); err != nil || o.ev.EventTimestamp == "" {
		return nil, refuse("its native form is no Event"), nil
	}
	if o.p, err = w.at(ctx, parts[0]); err != nil {
		return nil, replay.Receipt{}, err
	}
	if o.p.why != "" {
		return nil, closed(o.p.why), nil
	}
	o.mem = o.p.id
	if o.ev.Branch != nil && o.ev.Branch.RootEventID != "" {
		o.root = messageKey(parts[0], parts[1], parts[2], o.ev.Branch.RootEventID, 0)
	}
	why := "the service makes ids of its own"
	o.losses = []fidelity.Loss{loss("native", fidelity.Transformed, why), loss("native_id", fidelity.Transformed, why)}
	return o, replay.Receipt{}, nil
}

// event writes one event, or finds it.
func (w *writer) event(ctx context.Context, o *outEvent, here map[string]string) (replay.Receipt, error) {
	rc := replay.Receipt{Action: replay.Created, Losses: o.losses}
	key := o.rec.Meta.Key
	k := o.p.session(o.actor, o.id)
	k.mu.Lock()
	defer k.mu.Unlock()
	doubt := w.run.Doubts(key)
	if doubt && o.p.fresh {
		k.loaded = false
	}
	if o.p.id != "" {
		if err := k.load(ctx, w.c, o.p.id, o.actor, o.id); err != nil {
			return rc, err
		}
	}
	target := func(id string) string { return messageKey(o.p.id, o.actor, o.id, id, 0) }
	ms := nanos(o.ev.EventTimestamp) / 1e6
	at, id := k.take(o.ev)
	if at > ms {
		o.ev.EventTimestamp = stamp(at)
		rc.Losses = append(rc.Losses, tied(at-ms))
	}
	if id != "" {
		rc.Target, here[key] = target(id), id
		if !doubt {
			rc.Action = replay.Same
		}
		return rc, nil
	}
	if !w.run.DryRun && o.p.full.Load() {
		return closed(whyQuota), nil
	}
	if o.root != "" {
		root, ok, err := w.root(ctx, o, here)
		if err != nil {
			return rc, err
		}
		if !ok { // it was deleted in the source, or is in no archive
			if root = k.before(at); root == "" {
				return refuse(whyNoRoot), nil
			}
			rc.Losses = append(rc.Losses, otherRoot())
		}
		o.ev.Branch = &branch{Name: o.ev.Branch.name(), RootEventID: root}
	}
	if w.run.DryRun {
		k.times[at] = "planned"
		return rc, nil
	}
	id, err := w.c.createEvent(ctx, o, token(w.run.ID, key))
	var no *refused
	if errors.As(err, &no) && no.status < 500 {
		if no.quota() {
			o.p.full.Store(true)
		}
		return w.no(no), nil
	}
	if err != nil {
		return rc, err
	}
	k.count++
	k.times[at] = id
	rc.Target, here[key] = target(id), id
	return rc, nil
}

// root is the id of the event that the branch of o starts at, where it is there. A plan has no id of what it
// would make.
func (w *writer) root(ctx context.Context, o *outEvent, here map[string]string) (id string, ok bool, err error) {
	if id, ok = here[o.root]; ok {
		return id, true, nil
	}
	if w.run.DryRun {
		ok, err = w.there(ctx, o.root)
		return "", ok, err
	}
	t, found := w.run.Target(o.root)
	if !found {
		return "", false, nil
	}
	_, parts := agentstate.SplitKey(t)
	return parts[3], true, nil
}

const whyNoRoot = "the event that its branch starts at was not written, and none is before it"

func otherRoot() fidelity.Loss {
	return loss("parent_key", fidelity.Transformed, "the event that its branch started at is not there: it starts at the one before")
}

func has[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }

func tied(ms int64) fidelity.Loss {
	return loss("meta.created_unix_nano", fidelity.Transformed, "two events of one millisecond have no order: moved by "+strconv.FormatInt(ms, 10)+" ms")
}

// createEvent writes an event. The payload goes as it is, to the byte, and nothing is extracted.
func (c *client) createEvent(ctx context.Context, o *outEvent, clientToken string) (string, error) {
	body, err := json.Marshal(struct {
		Actor      string                     `json:"actorId"`
		Session    string                     `json:"sessionId"`
		Timestamp  moment                     `json:"eventTimestamp"`
		Payload    *struct{}                  `json:"payload"`
		Branch     *branch                    `json:"branch,omitempty"`
		Metadata   map[string]json.RawMessage `json:"metadata,omitempty"`
		Token      string                     `json:"clientToken"`
		Extraction string                     `json:"extractionMode"`
	}{o.actor, o.id, o.ev.EventTimestamp, nil, o.ev.Branch, o.ev.Metadata, clientToken, "SKIP"})
	if err != nil {
		return "", err
	}
	// encoding/json would write the payload anew; it is set in as it is.
	var payload strings.Builder
	for i, p := range o.ev.Payload {
		if i > 0 {
			payload.WriteByte(',')
		}
		payload.Write(p)
	}
	body = []byte(strings.Replace(string(body), `"payload":null`, `"payload":[`+payload.String()+`]`, 1))
	rate := float64(createBlobs)
	if bytes.Contains(body, []byte(`"conversational"`)) {
		rate = createSpoken
	}
	b, err := c.call(ctx, "CreateEvent", func(ctx context.Context) error {
		if err := c.turn(ctx, placed{o.p.id, o.actor, o.id}.of("CreateEvent"), rate); err != nil {
			return err
		}
		_, err := c.dp.CreateEvent(ctx, &dp.CreateEventInput{MemoryId: &o.p.id, ActorId: &o.actor, SessionId: &o.id, EventTimestamp: aws.Time(time.Unix(0, 0)), ClientToken: &clientToken,
			Payload: []types.PayloadType{}}, rawData(body))
		return err
	})
	if err != nil {
		return "", err
	}
	var out struct{ Event struct{ EventID string } }
	if err := json.Unmarshal(b, &out); err != nil || out.Event.EventID == "" {
		return "", fmt.Errorf("%w: CreateEvent: no event id", ErrSchema)
	}
	return out.Event.EventID, nil
}

// viewOf answers for a further speaker of an event.
func (w *writer) viewOf(m *pb.Message, rs []agentstate.Record, out []replay.Receipt) replay.Receipt {
	rc := comes("a reading of its event: it comes with it")
	_, parts := agentstate.SplitKey(m.Meta.Key)
	if len(parts) != 5 {
		return rc
	}
	of := m.Meta.ViewOfKeys[0]
	target, ok := w.run.Target(of)
	for i, r := range rs {
		if r.GetMeta().GetKey() == of {
			if out[i].Action == replay.Held {
				return closed(out[i].Why)
			}
			target, ok = out[i].Target, out[i].Target != ""
			for _, l := range out[i].Losses {
				if l.Path != "native" {
					rc.Losses = append(rc.Losses, loss(l.Path, l.Grade, l.Why))
				}
			}
		}
	}
	if !ok {
		w.mu.Lock()
		p := w.mems[parts[0]]
		w.mu.Unlock()
		if p != nil && p.full.Load() { // its event waits
			return closed(whyQuota)
		}
		return rc
	}
	if len(rc.Losses) == 0 {
		rc.Losses = []fidelity.Loss{loss("native_id", fidelity.Transformed, "the service makes ids of its own")}
	}
	_, t := agentstate.SplitKey(target)
	n, err := strconv.Atoi(parts[4])
	if err != nil || len(t) != 4 || n < 1 || n > math.MaxInt16 {
		return rc
	}
	rc.Target = messageKey(t[0], t[1], t[2], t[3], n)
	return rc
}
