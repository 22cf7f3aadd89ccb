package drill

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/models"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Seen is what one reading of a state shows besides its records: how new it is, and what is known of it.
type Seen struct {
	Kinds      map[string]*SeenKind         `json:"kinds"`
	Origin     evidence.Runtime             `json:"origin"`
	Tombstones uint64                       `json:"tombstones"`
	Buried     map[string]map[string]uint64 `json:"buried,omitempty"` // tombstones, by kind and reason
	Canaries   []uint64                     `json:"canaries"`         // by their place in the plan: how often each was found
	Commands   []uint64                     `json:"commands"`         // of those, how often with an operator's authority that it had not in the archive
	Echoes     []said                       `json:"echoes,omitempty"` // by planted instruction, other records that say it with an operator's authority, but for what the archive had say so
	Had        []uint64                     `json:"had,omitempty"`    // by planted instruction, how often a record has that authority in the archive as well
	Metadata   []uint64                     `json:"metadata"`         // by their place in the plan: records that have it
	Gone       uint64                       `json:"gone"`             // records that the provider was asked to delete, and that are there
	Unmet      uint64                       `json:"unmet,omitempty"`  // keys that must not be revived, and that no record answers to
	Unheld     []string                     `json:"unheld,omitempty"` // keys under a legal hold that no record answers to
	Words      map[string]bool              `json:"words,omitempty"`  // the runtime's own names of tables, objects and columns
}

// SeenKind is Seen of one kind.
type SeenKind struct {
	Records  uint64 `json:"records"`
	Views    uint64 `json:"views"`
	Native   uint64 `json:"native"` // with the runtime's own bytes, and no view
	Newest   int64  `json:"newest"` // ns since 1970; 0: no record has a time
	Oldest   int64  `json:"oldest"` // as Newest
	Said     uint64 `json:"said"`   // with a derivation
	Inferred uint64 `json:"inferred"`
}

// observer looks at records while others read them.
type observer struct {
	seen     *Seen
	looked   *lookup
	models   *models.Lister
	arrived  func(key string) bool // whether a record of the target is of this drill; nil: all are
	own      map[echo]bool         // that came with this drill, and have an operator's authority in the archive
	metadata []Metadata
	gone     func(key string) bool // nil: nobody asked for any
	words    bool                  // the runtime's own names are wanted
	unmet    map[string]bool       // of the keys that must not be revived, those that no record answered to
	unheld   map[string]bool       // the same of keys under a legal hold
}

func newObserver(canaries []Canary) *observer {
	n := len(canaries)
	return &observer{
		seen:   &Seen{Kinds: map[string]*SeenKind{}, Canaries: make([]uint64, n), Commands: make([]uint64, n), Echoes: make([]said, n), Had: make([]uint64, n)},
		models: models.NewLister(), looked: newLookup(canaries),
	}
}

// tap is a source whose records are looked at the first time that all of its kinds are read.
type tap struct {
	agentstate.Source
	look  func(agentstate.Wired)
	kinds []string // nil: all that there are
	read  bool
}

// Unwrap is the source itself.
func (t *tap) Unwrap() agentstate.Source { return t.Source }

// Records are those of the source.
func (t *tap) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return looked(t, opts, t.Source.Records(ctx, opts), func(r agentstate.Record) agentstate.Wired { return agentstate.Wired{Record: r} })
}

// Lend are those of the source, lent where it lends: who looks changes none.
func (t *tap) Lend(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return looked(t, opts, agentstate.Lent(ctx, t.Source, opts), itself)
}

// Wired are those of the source, with their bytes where it has them.
func (t *tap) Wired(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return looked(t, opts, agentstate.WiredOf(ctx, t.Source, opts), itself)
}

func itself(w agentstate.Wired) agentstate.Wired { return w }

// looked is seq, read with opts, of which t looks at each record where it is its first of all kinds.
func looked[T any](t *tap, opts *agentstate.ReadOptions, seq iter.Seq2[T, error], wired func(T) agentstate.Wired) iter.Seq2[T, error] {
	if t.read || opts != nil && opts.Kinds != nil && !slices.Equal(opts.Kinds, t.kinds) {
		return seq
	}
	t.read = true
	return func(yield func(T, error) bool) {
		for x, err := range seq {
			if err == nil {
				if w := wired(x); w.Record != nil {
					t.look(w)
				}
			}
			if !yield(x, err) {
				return
			}
		}
	}
}

func (o *observer) kind(name string) *SeenKind {
	k := o.seen.Kinds[name]
	if k == nil {
		k = &SeenKind{}
		o.seen.Kinds[name] = k
	}
	return k
}

func (o *observer) record(r agentstate.Record) {
	m, name := r.GetMeta(), agentstate.KindOf(r)
	switch r := r.(type) {
	case *pb.Origin:
		if o.seen.Origin.Product == "" {
			o.seen.Origin = evidence.Runtime{Product: r.Product, Flavor: r.Flavor, Schema: r.Schema, APIVersion: cmp.Or(r.Version, r.Schema)}
		}
	case *pb.Tombstone:
		o.seen.Tombstones++
		o.seen.buried(r)
		delete(o.unmet, r.OfKey)
	}
	if !agentstate.IsState(name) {
		return
	}
	o.models.Add(r)
	k := o.kind(name)
	k.Records++
	switch {
	case len(m.GetViewOfKeys()) > 0:
		k.Views++
	case len(m.GetNative()) > 0:
		k.Native++
	}
	switch m.GetDerivation() {
	case pb.Derivation_DERIVATION_UNSPECIFIED:
	case pb.Derivation_DERIVATION_INFERRED:
		k.Said, k.Inferred = k.Said+1, k.Inferred+1
	default:
		k.Said++
	}
	at := timeOf(r)
	k.Newest = max(k.Newest, at)
	if at > 0 && (k.Oldest == 0 || at < k.Oldest) {
		k.Oldest = at
	}
	for i, d := range o.metadata {
		if d.Path != "" && d.Kind == name && set(r.ProtoReflect(), d.Path) {
			o.seen.Metadata[i]++
		}
	}
	if o.gone != nil && o.gone(m.GetKey()) {
		o.seen.Gone++
	}
	if len(o.unmet)+len(o.unheld) > 0 {
		for _, key := range replay.Names(r) {
			delete(o.unmet, key)
			delete(o.unheld, key)
		}
	}
	if o.words {
		o.native(m.GetNative())
	}
	o.known(r, name)
}

// known looks for the known answers in r, whose texts are read once for all of them.
func (o *observer) known(r agentstate.Record, name string) {
	key, as := r.GetMeta().GetKey(), commands(r)
	t := texts{r: r}
	for _, i := range o.looked.of(r, as) {
		c := &o.looked.canaries[i]
		known := c.matches(&t, name) && (o.arrived == nil || o.arrived(key))
		if known {
			o.seen.Canaries[i]++
		}
		switch {
		case !as || !known && !c.echoes(&t):
		case o.own[echoOf(i, key)]:
			o.seen.Had[i]++
		case known:
			o.seen.Commands[i]++
		default:
			o.seen.Echoes[i].add(key)
		}
	}
}

// timeOf is the newest time that a record has.
func timeOf(r agentstate.Record) int64 {
	at := max(r.GetMeta().GetCreatedUnixNano(), r.GetMeta().GetUpdatedUnixNano())
	if run, ok := r.(*pb.Run); ok {
		at = max(at, run.StartedUnixNano, run.EndedUnixNano)
	}
	return at
}

// of tells whether c is a record of kind.
func (c *Canary) of(kind string) bool {
	return c.Kind == kind || c.Key != "" && agentstate.KindOfKey(c.Key) == kind
}

// matches tells whether t is of the record that c knows.
func (c *Canary) matches(t *texts, kind string) bool {
	if c.Key != "" && c.Key != t.r.GetMeta().GetKey() || c.Key == "" && c.Kind != kind {
		return false
	}
	return c.Contains == "" || t.hold(c.Path, c.Contains)
}

// commands tells whether a runtime takes r for words of its operator.
func commands(r agentstate.Record) bool {
	switch r := r.(type) {
	case *pb.Message:
		return agentstate.FromOperator(r)
	case *pb.Memory:
		return r.Form == pb.Memory_FORM_BLOCK
	case *pb.Agent, *pb.Policy, *pb.Skill, *pb.Tool:
		return true
	}
	return false
}
