package agentcore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// batchMax is the most records of one BatchCreateMemoryRecords.
const batchMax = 100

// namespace is ns with the ids of the source's strategies replaced by those here.
func (p *place) namespace(ns string) string {
	for from, to := range p.strategies {
		ns = strings.ReplaceAll(ns, from, to)
	}
	return ns
}

// outRecord is a memory record on its way, in the form of the request.
type outRecord struct {
	i      int
	key    string
	p      *place
	days   uint64 // until it expires; 0: never
	losses []fidelity.Loss

	ID         string                     `json:"requestIdentifier"`
	Namespaces []string                   `json:"namespaces"`
	Content    json.RawMessage            `json:"content"`
	Timestamp  moment                     `json:"timestamp"`
	StrategyID string                     `json:"memoryStrategyId,omitempty"`
	Metadata   map[string]json.RawMessage `json:"metadata,omitempty"`
}

func (o *outRecord) digest() string {
	return recordDigest(o.Namespaces, o.Content, o.Timestamp, o.StrategyID, o.Metadata)
}

func recordDigest(ns []string, content json.RawMessage, at moment, strategy string, md map[string]json.RawMessage) string {
	h := sha256.New()
	if strategy == "none" {
		strategy = ""
	}
	fmt.Fprintf(h, "%q %s %d %q\n", ns, canonical(content), nanos(at), strategy)
	for _, k := range sortedKeys(md) {
		fmt.Fprintf(h, "%q %s\n", k, canonical(md[k]))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// memories writes records, up to a hundred at once. Each that the service refuses is refused by
// itself, with its code.
func (w *writer) memories(ctx context.Context, rs []agentstate.Record, out []replay.Receipt) error {
	var todo []*outRecord
	waited := false
	for i, r := range rs {
		m := r.(*pb.Memory)
		o, rc, err := w.prepareRecord(ctx, m)
		if err != nil {
			return err
		}
		if o == nil {
			out[i] = rc
			continue
		}
		o.i, o.key = i, m.Meta.Key
		doubt := w.run.Doubts(o.key)
		if doubt && !waited { // it may be there, and not listed yet
			waited = true
			if err := sleep(ctx, w.s.o.Settle); err != nil {
				return err
			}
		}
		id, err := w.findRecord(ctx, o, doubt)
		if err != nil {
			return err
		}
		if id != "" {
			out[i] = replay.Receipt{Action: replay.Same, Target: recordKey(o.p.id, id), Losses: o.losses, Version: o.digest()}
			if doubt {
				out[i].Action = replay.Created
			}
			continue
		}
		if w.run.DryRun {
			out[i] = replay.Receipt{Action: replay.Created, Losses: o.losses}
			continue
		}
		todo = append(todo, o)
	}
	for len(todo) > 0 {
		if todo[0].p.full.Load() {
			out[todo[0].i] = closed(whyQuota)
			todo = todo[1:]
			continue
		}
		n := 1
		for n < min(len(todo), batchMax) && todo[n].p == todo[0].p && todo[n].days == todo[0].days {
			n++
		}
		if err := w.batch(ctx, todo[:n], out); err != nil {
			return err
		}
		todo = todo[n:]
	}
	return nil
}

func (w *writer) prepareRecord(ctx context.Context, m *pb.Memory) (*outRecord, replay.Receipt, error) {
	if !w.own {
		return w.prepareForeignRecord(ctx, m)
	}
	doc, err := w.native(ctx, m, "MemoryRecordSummary")
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	_, parts := agentstate.SplitKey(m.Meta.Key)
	var d recordDoc
	var c struct{ Content json.RawMessage }
	if doc == nil || json.Unmarshal(doc, &d) != nil || json.Unmarshal(doc, &c) != nil || len(parts) != 2 {
		return nil, refuse("it has no native memory record"), nil
	}
	p, err := w.at(ctx, parts[0])
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	if p.why != "" {
		return nil, closed(p.why), nil
	}
	o := &outRecord{p: p, ID: token(m.Meta.Key), Content: c.Content, Timestamp: d.Timestamp, Metadata: d.Metadata}
	for _, ns := range d.Namespaces {
		o.Namespaces = append(o.Namespaces, p.namespace(ns))
	}
	o.losses = []fidelity.Loss{
		loss("native", fidelity.Transformed, "the service makes ids and dates of its own"),
		loss("meta.created_unix_nano", fidelity.Defaulted, "the date of the copy"),
	}
	gone, err := w.absent(ctx, "meta.subject_keys", m.Meta.SubjectKeys...)
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	o.losses = append(o.losses, gone...)
	if d.Timestamp == "" {
		o.Timestamp = d.CreatedAt
		o.losses = append(o.losses, loss("valid_from_unix_nano", fidelity.Transformed, "the service wants a time: the date on which it was made"))
	}
	if d.StrategyID != "" && d.StrategyID != "none" {
		if id, ok := p.strategies[d.StrategyID]; ok {
			if o.StrategyID, o.days = id, p.days[id]; o.days > 0 {
				o.days = max(o.days, 31)
				o.losses = append(o.losses, loss("expires_unix_nano", fidelity.Defaulted, fmt.Sprintf("the %d days of its strategy, counted from the copy", o.days)))
			}
		} else {
			o.losses = append(o.losses, loss("form", fidelity.Dropped, "the target has no strategy of this name and type"), loss("meta.derivation", fidelity.Dropped, "the target has no strategy of this name and type"),
				loss("space_key", fidelity.Transformed, "the target has no strategy of this name and type"))
		}
	}
	if m.ExpiresUnixNano != 0 {
		o.losses = append(o.losses, loss("expires_unix_nano", fidelity.Dropped, "the service counts from the copy, 31 days at least: it is kept for longer than it was meant to"))
	}
	return o, replay.Receipt{}, nil
}

// findRecord looks for an equal record in the namespace; empty: there is none.
func (w *writer) findRecord(ctx context.Context, o *outRecord, doubt bool) (string, error) {
	if o.p.id == "" || len(o.Namespaces) == 0 || o.p.fresh && !doubt {
		return "", nil
	}
	ns := o.Namespaces[0]
	here := o.p.records[ns]
	if here == nil {
		here = map[string][]string{}
		err := w.c.listRecords(ctx, o.p.id, scope{exact: ns}, 100, func(doc json.RawMessage) error {
			var d recordDoc
			var c struct{ Content json.RawMessage }
			if json.Unmarshal(doc, &d) != nil || json.Unmarshal(doc, &c) != nil {
				return fmt.Errorf("%w: ListMemoryRecords", ErrSchema)
			}
			k := recordDigest(d.Namespaces, c.Content, d.Timestamp, d.StrategyID, d.Metadata)
			here[k] = append(here[k], d.ID)
			return nil
		})
		if err != nil {
			return "", err
		}
		o.p.records[ns] = here
	}
	k := o.digest()
	if ids := here[k]; len(ids) > 0 {
		here[k] = ids[1:]
		return ids[0], nil
	}
	return "", nil
}

// batch makes one request, and again for those whose failure passes.
func (w *writer) batch(ctx context.Context, os []*outRecord, out []replay.Receipt) error {
	for try := 0; len(os) > 0; try++ {
		if try > 0 {
			if err := sleep(ctx, 100*time.Millisecond<<try); err != nil {
				return err
			}
		}
		var err error
		if os, err = w.batchOnce(ctx, os, out, try); err != nil {
			return err
		}
		if try == 5 {
			for _, o := range os {
				out[o.i] = refuse("the service could not write it, six times")
			}
			return nil
		}
	}
	return nil
}

// batchOnce makes one request, and reads what became of each record. Those come back that the service
// could not write for now.
func (w *writer) batchOnce(ctx context.Context, os []*outRecord, out []replay.Receipt, try int) (again []*outRecord, err error) {
	body, tok, err := w.batchBody(os, try)
	if err != nil {
		return nil, err
	}
	mem := os[0].p.id
	b, err := w.c.call(ctx, "BatchCreateMemoryRecords", func(ctx context.Context) error {
		_, err := w.c.dp.BatchCreateMemoryRecords(ctx, &dp.BatchCreateMemoryRecordsInput{MemoryId: &mem, Records: []types.MemoryRecordCreateInput{}, ClientToken: &tok}, rawData(body))
		return err
	})
	var no *refused
	switch {
	case err == nil:
		return w.batchAnswer(b, os, out)
	case !errors.As(err, &no) || no.status >= 500:
		return nil, err
	case no.quota():
		os[0].p.full.Store(true)
		for _, o := range os {
			out[o.i] = w.no(no)
		}
		return nil, nil
	case len(os) == 1:
		out[os[0].i] = w.no(no)
		return nil, nil
	}
	// One that is not valid spoils the request of all: halves find it.
	if err := w.batch(ctx, os[:len(os)/2], out); err != nil {
		return nil, err
	}
	return nil, w.batch(ctx, os[len(os)/2:], out)
}

// batchBody is the request for os, and its token: of this run, and of these records.
func (w *writer) batchBody(os []*outRecord, try int) (body []byte, tok string, err error) {
	keys := []string{w.run.ID}
	if try > 0 {
		keys = append(keys, strconv.Itoa(try))
	}
	for _, o := range os {
		keys = append(keys, o.key)
	}
	type expiry struct {
		Days uint64 `json:"recordExpiryDurationDays"`
	}
	in := struct {
		Records []*outRecord `json:"records"`
		Token   string       `json:"clientToken"`
		Expiry  *expiry      `json:"recordExpirySpecification,omitempty"`
	}{Records: os, Token: token(keys...)}
	if os[0].days > 0 {
		in.Expiry = &expiry{os[0].days}
	}
	body, err = marshal(in)
	return body, in.Token, err
}

// batchResult is what became of each record of a batch: the answer is no error where some or all of them failed.
type batchResult struct {
	SuccessfulRecords, FailedRecords []recordResult
}

type recordResult struct {
	ID        string `json:"memoryRecordId"`
	Request   string `json:"requestIdentifier"`
	ErrorCode int    `json:"errorCode"`
}

// batchAnswer gives each of os what the answer b says of it; again are those that the service could not take now.
func (w *writer) batchAnswer(b []byte, os []*outRecord, out []replay.Receipt) (again []*outRecord, err error) {
	var res batchResult
	if err := json.Unmarshal(b, &res); err != nil {
		return nil, fmt.Errorf("%w: BatchCreateMemoryRecords", ErrSchema)
	}
	if n := len(res.SuccessfulRecords); n == len(os) && !slices.ContainsFunc(res.SuccessfulRecords, func(r recordResult) bool { return r.Request != "" }) {
		for i := range os { // the member is optional: all of them, in their order
			res.SuccessfulRecords[i].Request = os[i].ID
		}
	}
	for _, o := range os {
		same := func(r recordResult) bool { return r.Request == o.ID }
		if i := slices.IndexFunc(res.SuccessfulRecords, same); i >= 0 {
			id, mem := res.SuccessfulRecords[i].ID, o.p.id
			out[o.i] = replay.Receipt{Action: replay.Created, Target: recordKey(mem, id), Losses: o.losses, Version: o.digest()}
			if len(o.Namespaces) > 0 {
				w.last = &lately{mem, o.Namespaces[0], id}
			}
		} else if i := slices.IndexFunc(res.FailedRecords, same); i >= 0 {
			if code := res.FailedRecords[i].ErrorCode; code == 429 || code >= 500 {
				again = append(again, o)
			} else {
				out[o.i] = refuse(fmt.Sprintf("the service refuses it with code %d", code))
			}
		} else {
			return nil, fmt.Errorf("%w: BatchCreateMemoryRecords says nothing of one of %d records", ErrSchema, len(os))
		}
	}
	return again, nil
}

// settled waits until a record is listed.
func (w *writer) settled(ctx context.Context, l lately) error {
	end := time.Now().Add(w.s.o.Settle)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		found := false
		err := w.c.listRecords(ctx, l.mem, scope{exact: l.namespace}, 100, func(doc json.RawMessage) error {
			id, err := field(doc, "memoryRecordId")
			found = found || id == l.id
			return err
		})
		if found || passes(err) { // a listing that is refused is read-back's to say
			return nil
		}
		if err != nil {
			return err
		}
		if time.Now().After(end) {
			return nil // read-back will say what is missing
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}
