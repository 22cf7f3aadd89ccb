package mem0

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/underway"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelDatabase is the name of the Origin's labels that say what each database is.
const labelDatabase = "database"

// A reading is one stream under way.
type reading struct {
	out  *agentstate.Emitter
	dbs  []*db
	gaps []*pb.Gap                                       // of links
	meta []byte                                          // of Qdrant; nil: none
	n    map[string]uint64                               // by kind, as other routes count
	seen *diskmap.Map                                    // views that were yielded
	near map[string]bool                                 // some of them: those of the rows before
	last struct{ place, space, user, agent, run string } // of the row before

	places []string // collections of memories
}

func (r *reading) put(rec agentstate.Record) error {
	r.out.Put(rec)
	return r.out.Err()
}

func (r *reading) gap(kind, place string, reason pb.Gap_Reason, n uint64, detail string) error {
	if !r.out.Gap(&pb.Gap{Kind: kind, Place: place, Reason: reason, Detail: detail, Count: n}) {
		return r.out.Err()
	}
	r.n[kind] += n
	return nil
}

// begin opens everything.
func (s *Store) begin(ctx context.Context) (r *reading, o *pb.Origin, notes []string, err error) {
	r = &reading{n: map[string]uint64{}, near: map[string]bool{}}
	dbs, links, notes, err := s.openAll(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	r.dbs = dbs
	for _, l := range links {
		r.gaps = append(r.gaps, l.gaps()...)
	}
	r.gaps = append(r.gaps, oddGaps(dbs)...)
	flavor, _ := flavorOf(r.dbs, s.root)
	if flavor == "python+qdrant" {
		if r.meta, err = s.readMeta(); err != nil {
			r.close()
			return nil, nil, nil, err
		}
		r.gaps = append(r.gaps, s.unread(r.meta, r.dbs, links)...)
	}
	location := s.root
	if s.server != nil {
		location = r.dbs[0].engine.(*pg).location
	}
	return r, r.origin(flavor, strings.ToValidUTF8(location, "\ufffd")), notes, nil
}

func (r *reading) origin(flavor, location string) *pb.Origin {
	o := &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: flavor, Location: location}
	for _, d := range r.dbs {
		if f, ok := d.engine.(lite); ok {
			for _, l := range f.Labels {
				if l[0] == "wal" && l[1] != "read" {
					o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: "wal", Value: strings.ToValidUTF8(d.layout.File+": "+l[1], "\ufffd")})
				}
			}
		}
		if p, ok := d.engine.(*pg); ok && len(o.Meta.Labels) == 0 { // all are of one
			o.Meta.Labels = pgsnapshot.EncodingLabels(p.encoding)
		}
		b, _ := json.Marshal(d.layout)
		o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: labelDatabase, Value: strings.ToValidUTF8(string(b), "\ufffd")})
	}
	return o
}

func (r *reading) close() {
	closeAll(r.dbs)
	if r.seen != nil {
		r.seen.Close()
	}
}

// Records reads the store: collections, then the history.
func (s *Store) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if opts != nil && len(opts.Cursor) > 0 {
			yield(nil, fmt.Errorf("mem0: %w", agentstate.ErrCursor)) // read anew
			return
		}
		r, o, notes, err := s.begin(ctx)
		if err == nil {
			if r.seen, err = diskmap.New(""); err != nil {
				r.close()
			}
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		defer underway.Begin(&s.stream, r)()
		r.out = agentstate.NewEmitter(ctx, yield, o)
		r.out.Note(notes...)
		err = r.run(ctx)
		if err == nil {
			err = r.finish(ctx, o)
		}
		r.out.End(err)
	}
}

func (r *reading) run(ctx context.Context) error {
	for _, g := range r.gaps {
		if !r.out.Gap(g) {
			return r.out.Err()
		}
	}
	if r.meta != nil {
		r.n["opaque"]++
		if err := r.put(&pb.Opaque{Meta: agentstate.Meta("opaque", agentstate.Document("meta.json", "application/json", r.meta), "meta.json")}); err != nil {
			return err
		}
	}
	r.places = r.collections()
	for _, d := range r.dbs {
		var err error
		switch d.layout.Form {
		case vectorsForm, pgForm:
			err = r.collection(ctx, d)
		case pointsForm:
			err = r.points(ctx, d)
		default:
			err = r.history(ctx, d)
		}
		for _, t := range []string{"memory_migrations", "sqlite_sequence"} {
			if err == nil && slices.Contains(d.layout.Tables, t) {
				err = r.bookkeeping(ctx, d, t)
			}
		}
		if err != nil {
			return own(d.wrap(err))
		}
		if err := d.check(); err != nil {
			return own(err)
		}
	}
	return nil
}

// finish states what was counted by other routes.
func (r *reading) finish(ctx context.Context, o *pb.Origin) error {
	history := slices.ContainsFunc(r.dbs, func(d *db) bool { return d.layout.Form.history() }) ||
		slices.ContainsFunc(r.gaps, func(g *pb.Gap) bool { return g.Kind == "revision" }) // a link, and named
	if !history {
		for _, k := range []string{"revision", "message"} {
			if err := r.gap(k, "history.db", pb.Gap_REASON_GONE, 0, "the history is in a SQLite file of its own, which is not here: earlier texts and deleted memories are missing; name it"); err != nil {
				return err
			}
		}
	}
	const route = "count(*)"
	access := "whole file"
	if strings.HasSuffix(o.Flavor, "+pgvector") {
		access = "row_security off accepted"
	}
	for _, k := range []string{"memory", "embedding", "entity", "revision", "message", "opaque"} {
		if k == "embedding" && o.Flavor == "python+qdrant" {
			r.out.Derived(k, "memory", "entity")
			continue
		}
		r.out.Reference(k, r.n[k], route, access)
	}
	r.out.Derived("principal", "memory", "entity")
	r.out.Derived("memoryspace", "memory", "entity")
	r.out.Derived("relation", "entity")
	r.out.Derived("conversation", "message")
	r.out.AbsentOthers()
	st := r.out.Statement()
	st.Observer, st.ObserverBasis, st.Account = "uid "+strconv.Itoa(os.Getuid()), "process", o.Location
	if p, ok := r.dbs[0].engine.(*pg); ok {
		st.Observer, st.ObserverBasis = p.observer, "current_user"
	}
	// While a file without a log is read nobody can write it, so all of them stand still together.
	st.Consistent = !slices.ContainsFunc(r.dbs, func(d *db) bool { return !d.locked }) || len(r.dbs) == 1
	return nil
}
