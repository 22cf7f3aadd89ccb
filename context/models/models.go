// Package models lists the models that some state depends on: which agents name them, which answered,
// which embedded the memories, whether they are pinned, and when their provider stops serving them.
package models

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Use is one model, and what the state says of it.
type Use struct {
	Provider string   `json:"provider,omitempty"` // empty: not said
	ID       string   `json:"id"`                 // as agents and runtimes name it
	Served   []string `json:"served,omitempty"`   // other ids that answered for it
	Region   string   `json:"region,omitempty"`
	Pinned   bool     `json:"pinned"` // names one version; else an alias that may become another model
	// Weights are where they are, in the words of whoever exported them: archived, referenced, kept by the provider.
	Weights []string `json:"weights,omitempty"`
	// Agents are keys of agents that name it. Messages, Runs and Embeddings are counts of what it made.
	Agents     []string  `json:"agents,omitempty"`
	Messages   uint64    `json:"messages"`
	Runs       uint64    `json:"runs"`
	Embeddings uint64    `json:"embeddings"`
	Spaces     uint64    `json:"spaces"`             // memory spaces that are embedded with it
	LastUsed   time.Time `json:"last_used,omitzero"` // newest message or run; zero: none, or not said
	// Live: an agent names it, memories are embedded with it, or it answered in the last 90 days that
	// the state knows of.
	Live         bool      `json:"live"`
	Retires      time.Time `json:"retires,omitzero"`        // zero: nobody says
	RetiresBasis string    `json:"retires_basis,omitempty"` // the runtime's word, or a source and the day it was read
}

const recent = 90 * 24 * time.Hour

// snapshot is how ids end that name one version.
var snapshot = lazyre.New(`[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|00\d)(-v\d+(:\d+)?)?$`)

// List reads src and lists its models, live ones first, those that end soonest first among them.
func List(ctx context.Context, src agentstate.Source, dates *Dates) ([]Use, error) {
	c := NewLister()
	for r, err := range src.Records(ctx, nil) {
		if err != nil {
			return nil, err
		}
		c.Add(r)
	}
	return c.List(dates), nil
}

// List is the models of the records so far, in the order of [List].
func (c *Lister) List(dates *Dates) []Use {
	var out []Use
	for key, u := range c.named { // runs and agents name a record that may come later, or not at all
		id := c.keys[key]
		if id == "" {
			_, parts := agentstate.SplitKey(key)
			id = strings.Join(parts, "/")
		}
		m := c.use(id)
		m.Runs += u.Runs
		m.Agents = append(m.Agents, u.Agents...)
		m.LastUsed = later(m.LastUsed, u.LastUsed)
		if served := c.serves[key]; served != "" {
			c.answer(id, served, u.LastUsed)
		}
	}
	for _, u := range c.by {
		if !u.Pinned {
			u.Pinned = snapshot().MatchString(u.ID) || tuned(u.ID) != ""
		}
		u.Live = u.Live || len(u.Agents) > 0 || u.Embeddings > 0 || u.Spaces > 0 || !u.LastUsed.IsZero() && c.newest.Sub(u.LastUsed) <= recent
		if u.Retires.IsZero() && dates != nil {
			u.Retires, u.RetiresBasis = dates.forUse(u, c.answered[u.ID])
		}
		slices.Sort(u.Agents)
		slices.Sort(u.Served)
		slices.Sort(u.Weights)
		u.Agents, u.Served, u.Weights = slices.Compact(u.Agents), slices.Compact(u.Served), slices.Compact(u.Weights)
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b Use) int {
		switch {
		case a.Live != b.Live:
			if a.Live {
				return -1
			}
			return 1
		case a.Retires.IsZero() != b.Retires.IsZero():
			if b.Retires.IsZero() {
				return -1
			}
			return 1
		case !a.Retires.Equal(b.Retires):
			return a.Retires.Compare(b.Retires)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// A Lister lists the models of records that are given to it one by one, in the order of a stream: for
// who reads them for something else as well.
type Lister struct {
	by     map[string]*Use
	keys   map[string]string // key of a Model record to its id
	named  map[string]*Use   // by the key of the model: what names it by that
	newest time.Time

	serves   map[string]string               // key of a Model record to the id that answered
	answered map[string]map[string]time.Time // by id: those that answered for it, and when last
}

// NewLister is a Lister that has seen nothing.
func NewLister() *Lister {
	return &Lister{by: map[string]*Use{}, keys: map[string]string{}, named: map[string]*Use{}, serves: map[string]string{}, answered: map[string]map[string]time.Time{}}
}

func (c *Lister) use(id string) *Use {
	u, ok := c.by[id]
	if !ok {
		u = &Use{ID: id}
		c.by[id] = u
	}
	return u
}

func (c *Lister) answer(id, served string, at time.Time) {
	if c.answered[id] == nil {
		c.answered[id] = map[string]time.Time{}
	}
	c.answered[id][served] = later(c.answered[id][served], at)
}

func (c *Lister) byKey(key string) *Use {
	u, ok := c.named[key]
	if !ok {
		u = &Use{}
		c.named[key] = u
	}
	return u
}

// Add takes a record in.
func (c *Lister) Add(r agentstate.Record) {
	at := stamp(max(r.GetMeta().GetCreatedUnixNano(), r.GetMeta().GetUpdatedUnixNano()))
	if agentstate.IsState(agentstate.KindOf(r)) {
		c.newest = later(c.newest, at)
	}
	switch r := r.(type) {
	case *pb.Model:
		c.model(r, at)
	case *pb.Agent:
		if r.ModelKey != "" {
			u := c.byKey(r.ModelKey)
			u.Agents = append(u.Agents, r.Meta.GetKey())
		}
	case *pb.Message:
		if r.Model != "" {
			u := c.use(r.Model)
			u.Messages++
			u.LastUsed = later(u.LastUsed, at)
		}
	case *pb.Run:
		if r.ModelKey != "" {
			u := c.byKey(r.ModelKey)
			u.Runs++
			u.LastUsed = later(u.LastUsed, later(at, stamp(r.StartedUnixNano)))
		}
	case *pb.MemorySpace:
		if r.EmbeddingModel != "" {
			c.use(r.EmbeddingModel).Spaces++
		}
	case *pb.Embedding:
		if r.Model != "" {
			c.use(r.Model).Embeddings++
		}
	}
}

func (c *Lister) model(m *pb.Model, at time.Time) {
	id := m.RequestedId
	if id == "" {
		id = m.ServedId
	}
	if id == "" {
		return
	}
	c.keys[m.Meta.GetKey()] = id
	u := c.use(id)
	u.Pinned = u.Pinned || m.Pinned
	if m.Provider != "" {
		u.Provider = m.Provider
	}
	if m.Region != "" {
		u.Region = m.Region
	}
	if m.ServedId != "" {
		c.serves[m.Meta.GetKey()] = m.ServedId
		c.answer(id, m.ServedId, at)
		if m.ServedId != id {
			u.Served = append(u.Served, m.ServedId)
		}
	}
	for _, l := range m.Meta.GetLabels() {
		if l.Name == "weights" && l.Value != "" {
			u.Weights = append(u.Weights, l.Value)
		}
	}
	// Regions and accounts say days of their own: the first one counts.
	if at := stamp(m.RetiresUnixNano); !at.IsZero() && (u.Retires.IsZero() || at.Before(u.Retires)) {
		u.Retires, u.RetiresBasis = at, m.RetiresBasis
	}
}

func stamp(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
