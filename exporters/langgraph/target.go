package langgraph

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A dest is a database that a run writes to, in one transaction.
type dest interface {
	engine
	// exec runs one or more statements of the runtime's setup.
	exec(ctx context.Context, q string) error
	// insert adds row to t unless the key is there. digest identifies the row as the database
	// now holds it.
	insert(ctx context.Context, t *table, row map[string]cell) (created bool, digest string, err error)
	// differs compares row with what the database holds under its key: found is false when
	// there is nothing, else cols are the columns that differ.
	differs(ctx context.Context, t *table, row map[string]cell) (found bool, cols []string, err error)
	// digest is the mark that insert gave the row with row's key.
	digest(ctx context.Context, t *table, row map[string]cell) (string, error)
	// version is the digest that insert would give row.
	version(ctx context.Context, t *table, row map[string]cell) (string, error)
	// remove deletes the row with the key pk if it still has the digest.
	remove(ctx context.Context, t *table, pk []cell, digest string) (removed bool, err error)
	// rules are what the owner of the database made that may keep rows out of t. mine tells, by kind and name, of what the
	// library's setup makes or what it writes satisfies.
	rules(ctx context.Context, t *table, mine func(what, rule string) bool) ([]string, error)
	// together runs fn for 0 to n-1, each begun behind the one before it. Where a trip to the server costs, what they ask of single
	// rows shares trips, and some are begun before others end.
	together(ctx context.Context, n int, fn func(i int) error) error
	// each is query, for what is asked of single rows. It keeps none of the answer: there may be as many answers as fn of together run.
	each(ctx context.Context, q string, args []any, row func([]cell)) error
	// apart runs fn, which inserts rows under keys of up to so many bytes, where ruled into tables with such rules. Where the
	// database does not take one that is a refusal, and nothing that fn inserted stays.
	apart(ctx context.Context, t *table, keyBytes int, ruled bool, fn func() error) error
	commit(ctx context.Context) error
}

// A writer writes one run, or plans one.
type writer struct {
	run    *replay.Run
	d      dest    // nil: the plan of a store that is not there yet
	lay    *layout // of the target, as it is or as it will be
	source flavorParts
	vec    *vectorShape // how vectors are stored where the run makes their table; nil: not known yet
	cache  *cache
	items  map[hash]bool // in a plan: store items that the run would create
	key    string        // of the record that is being written
	// Vectors come after their items, or before them: then they wait.
	waiting map[string][]string // key of the item → keys of its vectors
	noItem  map[string]bool     // items that were not written
	lists   []string            // indexes of vectors that the run made and that take their lists from what is there
	novec   string              // why the target takes no vectors; empty: it does
	line    lineage             // of checkpoints that come from the other database
	front   front               // the newest of them
	rules   []string            // of the target's owner
	ruled   map[string]bool     // tables that have some, in a run that writes
	guard   bool                // one of them is of threads
	taken   func()              // called where the record that is written is as good as taken, and others have their turn until the database says so; nil: nobody asks
	names   *diskmap.Map        // namespaces and keys of items of other runtimes → key of the record; nil: none came
}

// flavorParts are the language and the database of an Origin's flavor.
type flavorParts struct {
	lang   language
	engine string
}

func splitFlavor(o *pb.Origin) (flavorParts, bool) {
	lang, engine, ok := strings.Cut(o.GetFlavor(), "+")
	if o.GetProduct() != "langgraph" || !ok {
		return flavorParts{}, false
	}
	return flavorParts{language(lang), engine}, true
}

// Begin opens the target, and refuses one whose schema it does not know or that is older than
// what comes. What is missing in it is made as the runtime's own setup makes it.
func (s *Store) Begin(ctx context.Context, run *replay.Run) (_ replay.Writer, err error) {
	w := &writer{run: run, vec: shapeOf(run.From), cache: newCache(16 << 20), items: map[hash]bool{},
		waiting: map[string][]string{}, noItem: map[string]bool{}, ruled: map[string]bool{}}
	defer func() {
		if err != nil {
			w.Close()
			if !errors.Is(err, context.Canceled) {
				err = fmt.Errorf("%w: %w", replay.ErrTarget, err)
			}
		}
	}()
	if v := run.Vectors; v != nil {
		w.vec = w.vec.of(v.Dimensions)
	}
	src, ours := splitFlavor(run.From)
	w.source = src
	if w.d, err = s.openDest(ctx, run.DryRun); err != nil {
		return nil, err
	}
	if d, ok := w.d.(*postgresDest); ok {
		enc, err := d.cfg.Encoding(ctx, d.conn)
		if err == nil {
			err = d.cfg.TakesText(enc, run.From)
		}
		if err != nil {
			return nil, own(err)
		}
	}
	if err := w.layout(ctx, s); err != nil {
		return nil, err
	}
	if err := w.ownRules(ctx); err != nil {
		return nil, err
	}
	if err := w.longEnough(); err != nil {
		return nil, err
	}
	if !w.lay.tell && ours {
		w.lay.lang = src.lang
	}
	if newest(w.lay.flavor()) == nil && w.lay.flavor() != "js+sqlite" {
		return nil, fmt.Errorf("langgraph: nothing is known of the flavor %q", w.lay.flavor())
	}
	if ours && src.lang == w.lay.lang {
		if err := w.oldEnough(run.From); err != nil {
			return nil, err
		}
	}
	if ours && src.lang == w.lay.lang && !storeAlone(src, run.From) {
		if err := w.ensure(ctx, checkpointTables, run.From); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// layout introspects the target. Without any table of the runtime it is an empty one.
func (w *writer) layout(ctx context.Context, s *Store) error {
	empty := &layout{engine: "sqlite", lang: python, t: map[string]*table{}, v: map[string]int64{}}
	if s.server != nil {
		empty.engine = "postgres"
	}
	if w.d == nil {
		w.lay = empty
		return nil
	}
	ts, err := w.d.tables(ctx)
	if err != nil {
		return err
	}
	if len(ts) == 0 {
		w.lay = empty
		return nil
	}
	if w.lay, err = detect(ctx, w.d); err != nil {
		return err
	}
	if w.lay.shallow {
		return errSchema("the target has the tables of a %s, which the library has given up: replay into an empty database or schema, and open that with PostgresSaver; with durability=\"exit\" it keeps as little", shallowSaver)
	}
	for _, t := range w.lay.t {
		if t.denied != "" || t.partial != "" {
			return fmt.Errorf("langgraph: %w: %s%s", ErrForbidden, t.denied, t.partial)
		}
	}
	return nil
}

// Write writes r, or says what it would do.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	key := r.GetMeta().GetKey()
	w.key = key
	rc, err := w.write(ctx, r)
	w.key = key // others had their turn
	var no refusal
	if errors.As(err, &no) {
		rc, err = w.notWritten(ctx, r, string(no))
	}
	rc.Key = w.key
	for i := range rc.Losses {
		rc.Losses[i].Key = rc.Key
	}
	if _, ok := r.(*pb.Memory); ok && err == nil {
		err = w.arrived(ctx, rc.Key, rc)
	}
	if err != nil {
		return rc, fmt.Errorf("%s: %w", rc.Key, err)
	}
	return rc, nil
}

func skip(why string) replay.Receipt { return replay.Receipt{Action: replay.Skipped, Why: why} }

// comes answers for what is not written by itself, and is not lost.
func comes(why string) replay.Receipt {
	return replay.Receipt{Action: replay.Skipped, Why: why, NoLoss: true}
}

func (w *writer) write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	m := r.GetMeta()
	if v, ok := r.(*pb.ChannelValue); ok {
		w.cache.add(m.GetKey(), v)
	}
	if !agentstate.IsState(agentstate.KindOf(r)) {
		return comes("not state"), nil
	}
	if len(m.GetViewOfKeys()) > 0 && w.source.lang != "" {
		return comes("a reading of other records; the runtime makes it anew"), nil
	}
	same := w.same()
	switch r := r.(type) {
	case *pb.ChannelValue, *pb.Checkpoint, *pb.PendingWrite:
		if w.source.lang == "" {
			return skip("checkpoints of another runtime do not resume here"), nil
		}
		if w.source.lang != w.lay.lang {
			return replay.Receipt{}, refuse("Python and JavaScript do not read each other's checkpoints; the target is %s", w.lay.lang)
		}
	case *pb.Memory:
		if !same && len(m.Native) == 0 || w.source.lang != w.lay.lang {
			return w.foreignMemory(ctx, r)
		}
	case *pb.Embedding:
		if w.source.lang != w.lay.lang {
			if w.run.Vectors != nil {
				return w.foreignEmbedding(ctx, r)
			}
			return skip("vectors of another runtime: --embedder makes them anew, or the store does when the program writes the item"), nil
		}
		if w.noItem[r.OfKey] && w.lay.engine == "sqlite" {
			return replay.Receipt{}, refuse("its item was not written")
		}
	case *pb.Opaque:
		if !same {
			return comes("bookkeeping of the other database; the target has its own"), nil
		}
	default:
		return skip("LangGraph has no such thing"), nil
	}
	if same && !w.guard {
		return w.exact(ctx, r)
	}
	return w.follow(ctx, r, func() (replay.Receipt, error) {
		if same {
			return w.exact(ctx, r)
		}
		return w.cross(ctx, r)
	})
}

// same tells whether rows arrive as they were.
func (w *writer) same() bool { return w.source == flavorParts{w.lay.lang, w.lay.engine} }

// Deferred: nothing is in the target before Commit.
func (w *writer) Deferred() bool { return true }

// Exact tells whether what views are readings of arrives whole: as it was, or between two databases
// of one language in the form of the other.
func (w *writer) Exact() bool { return w.source.lang != "" && w.source.lang == w.lay.lang }

// resolver finds what records cite, channel values out of the cache where they are in it.
func (w *writer) resolver() *agentstate.Resolver {
	return &agentstate.Resolver{OpenBlob: w.run.Source.OpenBlob, Get: func(ctx context.Context, key string) (agentstate.Record, error) {
		if r, known := w.cache.get(key); known {
			if r == nil {
				return nil, fmt.Errorf("%w: %s", agentstate.ErrNotFound, key)
			}
			return r, nil
		}
		if w.run.Source.Get == nil {
			return nil, fmt.Errorf("%w: %s: no access by key", agentstate.ErrUnsupported, key)
		}
		r, err := w.run.Source.Get(ctx, key)
		if err == nil || errors.Is(err, agentstate.ErrNotFound) {
			w.cache.add(key, r)
		}
		return r, err
	}}
}

func loss(path string, g fidelity.Grade, why string) fidelity.Loss {
	return fidelity.Loss{Path: path, Grade: g, Why: why}
}

// Commit makes the run count: all of it, or nothing.
func (w *writer) Commit(ctx context.Context) error {
	if w.run.DryRun || w.d == nil {
		return nil
	}
	for _, keys := range w.waiting {
		return fmt.Errorf("langgraph: %s came without its item, which PostgreSQL wants: replay the kind memory too; nothing was written", keys[0])
	}
	if err := w.relist(ctx); err != nil {
		return err
	}
	return w.d.commit(ctx)
}

// Close releases the target. Before Commit nothing of the run stays.
func (w *writer) Close() (err error) {
	if w.names != nil {
		err = w.names.Close()
	}
	if w.d != nil {
		err = errors.Join(err, w.d.close())
	}
	w.names, w.d = nil, nil
	return err
}
