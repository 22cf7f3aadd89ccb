package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// recordDoc is the part of a memory record that is read.
type recordDoc struct {
	ID         string                     `json:"memoryRecordId"`
	Content    struct{ Text *string }     `json:"content"`
	StrategyID string                     `json:"memoryStrategyId"`
	Namespaces []string                   `json:"namespaces"`
	CreatedAt  moment                     `json:"createdAt"`
	Timestamp  moment                     `json:"timestamp"`
	ExpiresAt  moment                     `json:"expiresAt"`
	Metadata   map[string]json.RawMessage `json:"metadata"`
}

func (d *recordDoc) namespace() string {
	if len(d.Namespaces) == 0 {
		return ""
	}
	return d.Namespaces[0]
}

// recordsOf is the walk over the records of one memory.
type recordsOf struct {
	*reading
	mem    string
	m      *memoryDoc
	types  map[string]string // strategy → type
	tmpl   map[string][]*regexp.Regexp
	spaces map[uint64]bool
	seen   map[uint64]bool // digests of ids: the first listing
	again  map[uint64]bool // the second
	extra  map[uint64]bool // those that the first had not
}

// records lists all records by the path /, and again strategy by strategy and namespace by
// namespace: nobody has measured that / is all.
func (r *reading) records(ctx context.Context, id string, m *memoryDoc) error {
	w := &recordsOf{r, id, m, map[string]string{}, map[string][]*regexp.Regexp{}, map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}}
	for _, s := range m.Strategies {
		w.types[s.StrategyID] = s.Type
		for _, t := range s.templates() {
			w.tmpl[s.StrategyID] = append(w.tmpl[s.StrategyID], template(t, s.StrategyID))
		}
	}
	whole := r.c.listRecords(ctx, id, scope{path: "/"}, 100, w.put)
	var no *refused
	if errors.As(whole, &no) && no.status == 400 && !no.unknown() { // of before the member was there
		if err := r.c.listRecords(ctx, id, scope{exact: "/"}, 100, w.put); err == nil {
			r.pos.Odd["memory"] = "the endpoint takes no namespacePath: what namespace / gives may not be all"
			return nil
		} else if !passes(err) {
			return err
		}
	}
	if err := w.stop(whole); err != nil {
		return err
	}
	rest := map[string]bool{} // namespaces of records of no known strategy
	first := func(doc json.RawMessage) error {
		var d recordDoc
		if err := json.Unmarshal(doc, &d); err == nil && w.types[d.StrategyID] == "" {
			rest[d.namespace()] = true
		}
		return nil
	}
	if err := w.byStrategy(ctx); err != nil {
		return err
	}
	if whole == nil {
		if err := w.stop(r.c.listRecords(ctx, id, scope{path: "/"}, 91, first)); err != nil {
			return err
		}
		for _, ns := range sortedKeys(rest) {
			if ns == "" {
				continue
			}
			if err := w.stop(r.c.listRecords(ctx, id, scope{exact: ns}, 73, w.second)); err != nil {
				return err
			}
		}
	}
	maps.DeleteFunc(w.extra, func(_ uint64, is bool) bool { return !is })
	if whole == nil && len(w.extra) > 0 {
		if err := w.stop(w.lookAgain(ctx)); err != nil {
			return err
		}
	}
	for h := range w.seen {
		if !w.again[h] {
			r.pos.Odd["memory"] = "the listings of a memory's records differ"
		}
	}
	r.pos.Relisted["memory"] += uint64(len(w.again))
	return nil
}

// second takes an element of the second listing.
func (w *recordsOf) second(doc json.RawMessage) error {
	var d recordDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return fmt.Errorf("%w: ListMemoryRecords", ErrSchema)
	}
	h := xxhash.Sum64String(d.ID)
	if w.again[h] {
		return nil
	}
	w.again[h] = true
	w.extra[h] = !w.seen[h]
	return w.put(doc)
}

// byStrategy lists the records of each strategy, by the path that its first template begins with and by all.
func (w *recordsOf) byStrategy(ctx context.Context) error {
	for _, s := range w.m.Strategies {
		path := "/"
		if t := s.templates(); len(t) > 0 {
			if path, _, _ = strings.Cut(strings.ReplaceAll(t[0], "{memoryStrategyId}", s.StrategyID), "{"); path == "" {
				path = "/"
			}
		}
		for _, p := range []string{path, "/"}[:2-b2i(path == "/")] {
			if err := w.stop(w.c.listRecords(ctx, w.mem, scope{path: p, strategy: s.StrategyID}, 73, w.second)); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookAgain lists all once more where the second listing had records that the first had not: if it has
// them now, they came while it was read; if not, it leaves some out.
func (w *recordsOf) lookAgain(ctx context.Context) error {
	for range 3 {
		missing := maps.Clone(w.extra)
		err := w.c.listRecords(ctx, w.mem, scope{path: "/"}, 100, func(doc json.RawMessage) error {
			var d recordDoc
			if err := json.Unmarshal(doc, &d); err != nil {
				return fmt.Errorf("%w: ListMemoryRecords", ErrSchema)
			}
			delete(missing, xxhash.Sum64String(d.ID))
			return nil
		})
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			w.pos.Changed += uint64(len(w.extra))
			return nil
		}
	}
	w.pos.Odd["memory"] = "the listings of a memory's records differ"
	return nil
}

// stop turns what a listing failed with into a gap; what ends the reading comes back.
func (w *recordsOf) stop(err error) error {
	if err == nil || errors.Is(err, agentstate.ErrStopped) {
		return err
	}
	return w.gap("memory", w.mem+"/*", err)
}

// put yields one record, and before it the namespace that it is in.
func (w *recordsOf) put(doc json.RawMessage) error {
	var d recordDoc
	if err := json.Unmarshal(doc, &d); err != nil || d.ID == "" {
		return fmt.Errorf("%w: ListMemoryRecords: a record that is not one", ErrSchema)
	}
	h := xxhash.Sum64String(d.ID)
	if w.seen[h] {
		return nil
	}
	w.seen[h] = true
	ns := d.namespace()
	if nh := xxhash.Sum64String(d.StrategyID + "\x00" + ns); !w.spaces[nh] {
		w.spaces[nh] = true
		sp := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, w.mem, "namespace", d.StrategyID, ns), RawPath: ns, Strategy: strings.ToLower(w.types[d.StrategyID])}
		sp.Meta.ViewOfKeys = []string{recordKey(w.mem, d.ID)}
		for l := range strings.SplitSeq(strings.Trim(ns, "/"), "/") {
			sp.Path = append(sp.Path, l)
		}
		sp.OwnerKey = w.subject(d.StrategyID, ns)
		if !w.e.Put(sp) {
			return w.e.Err()
		}
		w.pos.Relisted["memoryspace"]++
	}
	m := &pb.Memory{Meta: agentstate.Meta("memory", agentstate.Document("MemoryRecordSummary", "application/json", doc), w.mem, d.ID),
		SpaceKey: namespaceKey(w.mem, d.StrategyID, ns), Form: form(w.types[d.StrategyID]),
		ValidFromUnixNano: nanos(d.Timestamp), ExpiresUnixNano: nanos(d.ExpiresAt)}
	m.Meta.CreatedUnixNano = nanos(d.CreatedAt)
	m.Meta.Labels = labels(d.Metadata)
	m.Meta.Derivation = pb.Derivation_DERIVATION_INFERRED
	if w.types[d.StrategyID] == "" {
		m.Meta.Derivation = pb.Derivation_DERIVATION_UNSPECIFIED
	}
	if s := w.subject(d.StrategyID, ns); s != "" {
		m.Meta.SubjectKeys = []string{s}
	}
	switch {
	case d.Content.Text != nil && sound(doc, *d.Content.Text):
		m.Content = &pb.Memory_Text{Text: *d.Content.Text}
	default:
		var c struct{ Content json.RawMessage }
		_ = json.Unmarshal(doc, &c)
		m.Content = &pb.Memory_Data{Data: agentstate.Inline("application/json", c.Content)}
	}
	w.reading.put(m)
	return w.e.Err()
}

// template is a regular expression that finds the actor in a namespace.
func template(t, strategy string) *regexp.Regexp {
	t = strings.ReplaceAll(t, "{memoryStrategyId}", strategy)
	var b strings.Builder
	b.WriteString("^")
	done := false
	for t != "" {
		lit, rest, found := strings.Cut(t, "{")
		b.WriteString(regexp.QuoteMeta(lit))
		if !found {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		if name == "actorId" && !done {
			b.WriteString("(?P<actor>.+?)")
			done = true
		} else {
			b.WriteString("[^/]+")
		}
		t = after
	}
	b.WriteString("/?$")
	r, err := regexp.Compile(b.String())
	if err != nil || !done {
		return nil
	}
	return r
}

// subject is the actor that a namespace is about; empty: it does not say.
func (w *recordsOf) subject(strategy, ns string) string {
	for _, t := range w.tmpl[strategy] {
		if t == nil {
			continue
		}
		if m := t.FindStringSubmatch(ns); m != nil {
			return agentstate.Key("principal", w.mem, m[1])
		}
	}
	return ""
}
