package mem0

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A foreignTarget is where memories of other runtimes go, and those of mem0's other package or
// other store.
type foreignTarget struct {
	python bool
	form   form
	main   string            // the collection that takes them
	dims   map[string]int    // by collection: how many numbers its vectors have
	used   map[string]bool   // by collection: it held something before this run
	scopes map[string]string // key of a scope → key of the space that became it
	rows   *diskmap.Map      // key of what this run writes → key of the record that became it
}

// foreignTarget chooses the collection, and what an empty place becomes.
func (w *writer) foreignTarget(have presence) (*foreignTarget, error) {
	f := &foreignTarget{dims: map[string]int{}, used: map[string]bool{}, scopes: map[string]string{}}
	from, flavor := "", have.flavor
	if w.run.From.GetProduct() == product {
		from, _, _ = strings.Cut(w.run.From.GetFlavor(), "+")
	}
	if flavor == "" {
		if flavor = w.s.flavor; flavor == "" {
			flavor = from
		}
	}
	switch f.python = strings.HasPrefix(flavor, "python"); {
	case flavor == "":
		return nil, fmt.Errorf("%s is empty: add ?flavor=python or ?flavor=js to say which package is to read it", w.s)
	case w.s.server != nil:
		f.form, f.main = pgForm, "memories"
		if f.python {
			f.main = "mem0"
		}
	case f.python:
		f.form, f.main = pointsForm, "mem0"
	default:
		f.form, f.main = vectorsForm, "vector_store"
	}
	var there []string
	for place, l := range have.layouts {
		if !l.Form.history() && l.subject() == "memory" {
			there = append(there, place)
		}
	}
	slices.Sort(there)
	switch {
	case w.s.collection != "":
		f.main = w.s.collection
	case len(there) == 1:
		f.main = there[0]
	case len(there) > 1:
		return nil, fmt.Errorf("%s has the collections %s: add ?collection=NAME to say which takes the memories", w.s, strings.Join(there, ", "))
	}
	if _, err := w.foreignLayout(f, f.main, false); err != nil {
		return nil, err
	}
	var err error
	f.rows, err = diskmap.New("")
	return f, err
}

// first tells whether from is the record that becomes key: two may claim it.
func (f *foreignTarget) first(key, from string) (bool, error) {
	was, ok, err := f.rows.Get(key)
	if err != nil || ok {
		return string(was) == from, err
	}
	return true, f.rows.Put(key, []byte(from))
}

// foreignLayout is the layout of a collection, which is made if it is not there.
func (w *writer) foreignLayout(f *foreignTarget, place string, entities bool) (layout, error) {
	if l, ok := w.layouts[place]; ok {
		if l.Form != f.form {
			return l, fmt.Errorf("%w: %s is no collection but holds %s", ErrSchema, place, l.Form)
		}
		return l, nil
	}
	l := layout{File: place, Place: place, Form: f.form, Tables: []string{string(f.form)}, Entities: entities}
	switch f.form {
	case pgForm:
		l.Dims, l.Tables = w.dims, nil
		if l.Dims == 0 && entities { // mem0 gives both as many
			l.Dims = w.layouts[l.memories()].Dims
		}
		if l.Dims == 0 {
			return l, fmt.Errorf("%s has no collection %s: add ?dims=N to say how many numbers the vectors of mem0's embedder have (its default has 1536)", w.s, place)
		}
		if l.Indexes = []string{"gin"}; !f.python {
			l.Indexes, l.Tables = nil, []string{"memory_migrations"}
		}
	case pointsForm:
		l.File = "qdrant/collection/" + place + "/storage.sqlite"
	default:
		l.File, l.Tables = place+".db", append(l.Tables, "memory_migrations")
	}
	if !l.valid() {
		return l, fmt.Errorf("%.60q cannot be the name of a collection", place)
	}
	w.layouts[place] = l
	return l, nil
}

// placeFor is the collection that takes a record which comes from the collection called from. All
// collections of mem0 keep their names, but for the one with a default name.
func (w *writer) placeFor(from string, entities bool) (layout, error) {
	place := w.foreign.main
	if w.run.From.GetProduct() == product {
		stem := from
		if entities {
			stem = strings.TrimSuffix(from, "_entities")
		}
		if !slices.Contains([]string{"vector_store", "mem0", "memories"}, stem) && w.s.collection == "" {
			place = stem
		}
		if entities {
			place += "_entities"
		}
	}
	return w.foreignLayout(w.foreign, place, entities)
}

// mapped writes a record of another runtime, or of mem0's other package, from what is read out of it.
func (w *writer) mapped(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	mine := w.run.From.GetProduct() == product
	switch r := r.(type) {
	case *pb.MemorySpace:
		return w.mappedSpace(ctx, r)
	case *pb.Memory:
		return w.mappedMemory(ctx, r)
	case *pb.Embedding:
		return w.mappedEmbedding(ctx, r)
	case *pb.Entity:
		if mine {
			return w.mappedEntity(ctx, r)
		}
		return skipped("mem0 finds the entities in its memories by itself"), nil
	case *pb.Relation:
		if mine {
			return w.mappedRelation(r)
		}
	case *pb.Revision:
		if mine {
			return w.mappedRevision(ctx, r)
		}
	case *pb.Message:
		if mine {
			return w.mappedMessage(ctx, r)
		}
		return skipped("mem0 keeps what it concluded from conversations, not the conversations"), nil
	case *pb.Conversation:
		if mine {
			return w.mappedConversation(r)
		}
		return skipped("mem0 keeps what it concluded from conversations, not the conversations"), nil
	case *pb.Principal:
		rc := comes("people and agents are ids in mem0's memories")
		rc.Losses = []fidelity.Loss{{Path: "meta.view_of_keys", Grade: fidelity.Equivalent, Why: "read out of the memories"}}
		return rc, nil
	}
	if n := r.GetMeta().GetNative(); mine && len(n) == 1 {
		switch n[0].Type {
		case "meta.json":
			return skipped("Qdrant's list of its collections, with their distances: mem0 makes its own where there is Qdrant, and compares by cosine"), nil
		case "memory_migrations", "sqlite_sequence", string(pgForm):
			return skipped("the store's own count of its uses and its rows"), nil
		}
	}
	return skipped("mem0 has no " + agentstate.KindOf(r)), nil
}

func skipped(why string) replay.Receipt { return replay.Receipt{Action: replay.Skipped, Why: why} }

// comes answers for what is not written by itself, and is not lost.
func comes(why string) replay.Receipt {
	return replay.Receipt{Action: replay.Skipped, Why: why, NoLoss: true}
}

// mappedSpace answers for a space: a scope is there when a memory is in it.
func (w *writer) mappedSpace(ctx context.Context, s *pb.MemorySpace) (replay.Receipt, error) {
	rc := comes("a scope of mem0 is ids in its memories: it comes with them")
	_, parts := agentstate.SplitKey(s.Meta.Key)
	l, err := w.placeFor(parts[0], false)
	if err != nil {
		return rc, err
	}
	p := &payload{}
	for _, x := range w.scopeOf(s) {
		p.set(x.name, x.id)
	}
	target := l.space(p)
	if old, ok := w.foreign.scopes[target]; ok && old != s.Meta.Key {
		rc = skipped("another space has become the same scope of mem0") // under its own name there may be one of another collection
		rc.Losses = []fidelity.Loss{{Path: "meta.view_of_keys", Grade: fidelity.Equivalent, Why: "read out of the memories"}}
		return rc, nil
	}
	w.foreign.scopes[target] = s.Meta.Key
	got := &pb.MemorySpace{Meta: &pb.Meta{Key: target}, Path: p.scope()}
	if len(got.Path) == 0 {
		got.Path = []string{l.memories()}
	}
	switch {
	case p.user != "":
		got.OwnerKey = agentstate.Key("principal", "user", p.user)
	case p.agent != "":
		got.OwnerKey = agentstate.Key("principal", "agent", p.agent)
	}
	rc.Target = target
	rc.Losses = w.differences(s, got, "a scope of mem0 is user_id, agent_id and run_id, and nothing else", map[string]reason{
		"path": {0, "joined, it is the id of a user"}, "owner_key": {0, "the user whose id it became"}, "meta.view_of_keys": {fidelity.Equivalent, "read out of the memories"}})
	if len(s.Meta.ViewOfKeys) == 0 {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "meta.view_of_keys", Grade: fidelity.Equivalent, Why: "read out of the memories"})
	}
	return rc, nil
}
