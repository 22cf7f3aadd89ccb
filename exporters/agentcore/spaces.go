package agentcore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// differs names what two memories do not have in common.
func differs(a, b *memoryDoc) []string {
	var out []string
	if a.Name != b.Name {
		out = append(out, "name")
	}
	if a.EventExpiryDuration != b.EventExpiryDuration {
		out = append(out, "eventExpiryDuration")
	}
	if a.Description != b.Description {
		out = append(out, "description")
	}
	set := func(m *memoryDoc) []string {
		var out []string
		for _, s := range m.Strategies {
			out = append(out, fmt.Sprintf("%s %s %v %s", s.Name, s.Type, s.templates(), s.Description))
		}
		slices.Sort(out)
		return out
	}
	if !slices.Equal(set(a), set(b)) {
		out = append(out, "strategies")
	}
	return out
}

// view answers for a strategy or a namespace: it comes with the memory, or with its first record.
func (w *writer) view(ctx context.Context, s *pb.MemorySpace, parts []string) (replay.Receipt, error) {
	p, err := w.at(ctx, parts[0])
	if err != nil {
		return replay.Receipt{}, err
	}
	if p.why == whyQuota {
		return closed(p.why), nil
	}
	if p.why != "" || len(parts) < 3 {
		return skip(p.why), nil
	}
	rc := comes("a reading of its memory and of its records: it comes with them")
	st, ok := p.strategies[parts[2]]
	if !ok && parts[2] != "none" {
		return rc, nil
	}
	switch {
	case parts[1] == "strategy":
		if p.id != "" {
			rc.Target = strategyKey(p.id, st)
		}
		rc.Losses = []fidelity.Loss{loss("meta.created_unix_nano", fidelity.Defaulted, "the date of the copy")}
		var c struct{ Configuration json.RawMessage }
		_ = json.Unmarshal(s.Settings.GetInline(), &c)
		if _, what := configuration(strings.ToUpper(s.Strategy), c.Configuration); c.Configuration != nil && what != "" {
			rc.Losses = append(rc.Losses, loss("settings", fidelity.Dropped, what+" is of the source's account: set it in the target by hand"))
		}
		if w.s.o.Memory != "" {
			for _, f := range []string{"settings", "ttl_seconds", "raw_path"} {
				rc.Losses = append(rc.Losses, loss(f, fidelity.Defaulted, "the memory of the URL keeps its own settings"))
			}
		}
	case len(parts) == 4:
		if !ok {
			st = parts[2]
		}
		ns := p.namespace(parts[3])
		if p.id != "" {
			rc.Target = namespaceKey(p.id, st, ns)
		}
		if ns != parts[3] || p.id == "" && p.names(parts[3]) {
			why := "it holds the id of a strategy, which the service makes"
			rc.Losses = []fidelity.Loss{loss("path", fidelity.Transformed, why), loss("raw_path", fidelity.Transformed, why)}
		}
		gone, err := w.absent(ctx, "owner_key", s.OwnerKey)
		if err != nil {
			return rc, err
		}
		rc.Losses = append(rc.Losses, gone...)
	}
	return rc, nil
}

// names tells whether a namespace holds the id of a strategy.
func (p *place) names(ns string) bool {
	for id := range p.strategies {
		if strings.Contains(ns, id) {
			return true
		}
	}
	return false
}

// absent announces that a record names actors that have no events, and so are no records: their
// names are in the target's memory.
func (w *writer) absent(ctx context.Context, path string, keys ...string) ([]fidelity.Loss, error) {
	for _, k := range keys {
		if ok, err := w.there(ctx, k); err != nil || k != "" && !ok {
			return []fidelity.Loss{loss(path, fidelity.Transformed, "an actor without events: of the target's memory")}, err
		}
	}
	return nil, nil
}

// there tells whether a record has a place in the target, or will have one: it comes later, or its
// memory is not made yet.
func (w *writer) there(ctx context.Context, key string) (bool, error) {
	if _, ok := w.run.Target(key); ok || key == "" || w.run.Source.Get == nil {
		return ok, nil
	}
	_, err := w.run.Source.Get(ctx, key)
	if errors.Is(err, agentstate.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// token is an idempotency token: the same for each attempt of a run.
func token(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
