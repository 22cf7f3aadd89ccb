package openaiagents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/exporters/internal/underway"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelDatabase is the name of the Origin's labels that say what the tables of a database are.
const labelDatabase = "database"

// A reading is one stream under way.
type reading struct {
	out  *agentstate.Emitter
	dbs  map[string]*db
	docs map[string]*document
	bad  []unread
	n    map[string]uint64 // by kind, as other routes count

	sealed int64 // items that are encrypted
}

func (r *reading) put(rec agentstate.Record) error {
	r.out.Put(rec)
	return r.out.Err()
}

// gap names a file of which n records of kind are missing; 0: nobody knows how many.
func gap(kind, place string, n uint64, err error) *pb.Gap {
	g := &pb.Gap{Meta: agentstate.Meta("gap", nil, kind, place), Kind: kind, Place: valid(place), Reason: pb.Gap_REASON_CORRUPT, Detail: valid(err.Error()), Count: n}
	switch {
	case errors.Is(err, errLink):
		g.Reason = pb.Gap_REASON_FORBIDDEN
	case errors.Is(err, fs.ErrPermission):
		g.Reason, g.Permission = pb.Gap_REASON_FORBIDDEN, "to read "+g.Place
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrChanged), errors.Is(err, errCut):
		g.Reason = pb.Gap_REASON_CHANGED
	}
	return g
}

// gaps name what a file that cannot be read may hold.
func (u unread) gaps() (out []*pb.Gap) {
	kinds := []string{"conversation", "message", "run", "opaque"}
	if ext := path.Ext(u.rel); ext == ".json" || ext == ".jsonl" {
		kinds = []string{"conversation", "message", "state"}
	}
	for _, k := range kinds {
		out = append(out, gap(k, u.rel, 0, u.err))
	}
	return out
}

func (r *reading) gaps(gs ...*pb.Gap) error {
	for _, g := range gs {
		if !r.out.Gap(g) {
			return r.out.Err()
		}
		r.n[g.Kind] += g.Count
	}
	return nil
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// begin opens everything, so that all databases are read at nearly one instant. A file that cannot
// be read is a gap of the others; alone it is an error.
func (f *Folder) begin(ctx context.Context) (r *reading, o *pb.Origin, notes []string, err error) {
	l, err := f.find(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	r = &reading{dbs: map[string]*db{}, docs: map[string]*document{}, n: map[string]uint64{}, bad: l.bad}
	defer func(opened *reading) {
		if err != nil {
			opened.close()
		}
	}(r)
	o = &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "files", Location: valid(f.root)}
	for _, x := range l.ours {
		if x.form != database {
			r.docs[x.rel] = &document{found: x}
			continue
		}
		d, err := openDB(ctx, x, f.wait)
		switch {
		case errors.Is(err, ErrDamaged), errors.Is(err, fs.ErrPermission), errors.Is(err, ErrSchema):
			r.bad = append(r.bad, unread{x.rel, err})
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, nil, own(fmt.Errorf("%w: %s is gone", ErrChanged, x.rel))
		case err != nil:
			return nil, nil, nil, own(err)
		case d == nil:
			notes = append(notes, x.rel+" is a database without sessions: not carried")
			l.other = append(l.other, x.rel)
			continue
		}
		r.dbs[x.rel] = d
		b, err := json.Marshal(d.layout)
		if err != nil {
			return nil, nil, nil, own(err)
		}
		o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: labelDatabase, Value: valid(string(b))})
		for _, w := range d.Labels {
			o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: valid(x.rel) + " " + w[0], Value: w[1]})
		}
		for _, n := range d.Notes {
			notes = append(notes, x.rel+": "+n)
		}
		for _, left := range []struct {
			what  string
			names []string
		}{{"tables", d.layout.others}, {"triggers", d.layout.triggers}, {"indexes", d.layout.indexes}, {"views", d.layout.views}} {
			if text := leftOut(o, valid(x.rel)+" "+left.what, left.what, left.names); text != "" {
				notes = append(notes, x.rel+": "+text)
			}
		}
	}
	for _, text := range l.notCarried() {
		o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: "other files", Value: text})
		notes = append(notes, text)
	}
	switch {
	case len(r.dbs)+len(r.docs) > 0:
	case len(r.bad) > 0 && !errors.Is(r.bad[0].err, errLink):
		return nil, nil, nil, own(fmt.Errorf("%s: %w", r.bad[0].rel, r.bad[0].err))
	default:
		return nil, nil, nil, l.nothing(f.root)
	}
	return r, o, notes, nil
}

func (r *reading) close() {
	for _, d := range r.dbs {
		d.Close()
	}
}

// Records reads the folder: databases, then documents, each in the order of names.
func (f *Folder) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if opts != nil && len(opts.Cursor) > 0 {
			yield(nil, fmt.Errorf("openaiagents: %w", agentstate.ErrCursor)) // small files: read anew
			return
		}
		r, o, _, err := f.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		defer underway.Begin(&f.stream, r)()
		r.out = agentstate.NewEmitter(ctx, yield, o)
		err = r.run(ctx)
		if err == nil {
			err = r.finish(f)
		}
		r.out.End(err)
	}
}

func (r *reading) run(ctx context.Context) error {
	for _, x := range r.bad {
		if err := r.gaps(x.gaps()...); err != nil {
			return err
		}
	}
	for _, rel := range sorted(r.dbs) {
		d := r.dbs[rel]
		err := r.wrap(d, r.database(ctx, d))
		if errors.Is(err, ErrDamaged) { // in its middle: what was read stays
			err = r.gaps(unread{rel, err}.gaps()...)
		}
		if err != nil {
			return err
		}
		if err := d.Check(); err != nil {
			return own(err)
		}
	}
	for _, rel := range sorted(r.docs) {
		if err := r.doc(ctx, r.docs[rel]); err != nil {
			return err
		}
	}
	return nil
}

// database reads the sessions of one, then what else is in it.
func (r *reading) database(ctx context.Context, d *db) error {
	for i := range d.layout.Pairs {
		if err := r.pair(ctx, d, &d.layout.Pairs[i]); err != nil {
			return err
		}
	}
	return r.extras(ctx, d)
}

func (r *reading) wrap(d *db, err error) error {
	if errors.Is(err, agentstate.ErrStopped) {
		return err
	}
	return own(d.Wrap(err))
}

func sorted[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// place names a pair of tables in keys: the file, and the table where it is not the SDK's own.
func (d *db) place(p *pair) string {
	if p == nil || p.Messages == "agent_messages" {
		return d.rel
	}
	return d.rel + "#" + p.Messages
}

// extras reads the structure of branches, usage and counters, row by row.
func (r *reading) extras(ctx context.Context, d *db) error {
	for _, t := range d.layout.Extra {
		x := d.layout.table(t, nil)
		cols, key := x.cols, x.key
		kind := "opaque"
		if t == "turn_usage" {
			kind = "run"
		}
		n, err := sqlitefile.Query(ctx, d.Conn, "SELECT count(*) FROM "+t)
		if err != nil {
			return err
		}
		r.n[kind] += uint64(n[0][0].(int64))
		if err := sqlitefile.Each(ctx, d.Conn, "SELECT "+sqlitefile.Selects(cols)+d.layout.whose(t, cols)+" FROM "+t+" ORDER BY "+strings.Join(key, ", "), nil, func(v []any) error {
			v, owners := v[:len(cols)], d.layout.owners(v[len(cols):])
			parts := []string{d.rel, t}
			for _, k := range key {
				parts = append(parts, sqlitefile.Text(v[slices.Index(cols, k)]))
			}
			native := d.row(x, v)
			if kind == "run" {
				return r.put(d.usage(native, parts, v, owners[0]))
			}
			o := &pb.Opaque{Meta: agentstate.Meta("opaque", native, parts...)}
			about, i := "message", slices.Index(cols, "message_id")
			if i < 0 { // else an erasure would leave the session's name behind
				about, i = "conversation", slices.Index(cols, "session_id")
			}
			for _, p := range owners {
				if i >= 0 {
					o.AboutKeys = append(o.AboutKeys, agentstate.Key(about, d.place(p), sqlitefile.Text(v[i])))
				}
			}
			return r.put(o)
		}); err != nil {
			return err
		}
	}
	return nil
}

// usage is a row of turn_usage.
func (d *db) usage(native *pb.Native, parts []string, v []any, of *pair) *pb.Run {
	num := func(x any) uint64 {
		n, _ := x.(int64)
		return uint64(max(n, 0))
	}
	u := &pb.Run{Meta: agentstate.Meta("run", native, parts...), ConversationKey: agentstate.Key("conversation", d.place(of), sqlitefile.Text(v[1])),
		InputTokens: num(v[5]), OutputTokens: num(v[6])}
	var details struct {
		Cached uint64 `json:"cached_tokens"`
	}
	if s, ok := v[8].(string); ok && json.Unmarshal([]byte(s), &details) == nil {
		u.CachedTokens = details.Cached
	}
	u.Meta.CreatedUnixNano = timeOf(v[10])
	return u
}

// finish states what was counted by other routes.
func (r *reading) finish(f *Folder) error {
	for _, k := range []string{"conversation", "message", "run", "state", "opaque", "credential", "artifact"} {
		if (k == "credential" || k == "artifact") && r.n[k] == 0 {
			continue
		}
		r.out.Reference(k, r.n[k], "count(*) and number of files", "whole folder")
	}
	r.out.Derived("interrupt", "state")
	r.out.AbsentOthers()
	s := r.out.Statement()
	s.Observer, s.ObserverBasis, s.Account = "uid "+strconv.Itoa(os.Getuid()), "process", valid(f.root)
	s.Consistent = len(r.dbs)+len(r.docs) == 1
	r.out.Note(sealedNotes(r.sealed)...)
	return nil
}

// OpenBlob opens a whole file, or one value of a row.
func (r *reading) OpenBlob(ctx context.Context, id string) (io.ReadCloser, error) {
	if rel, ok := strings.CutPrefix(id, "file:"); ok {
		if d := r.docs[rel]; d != nil {
			return d.open()
		}
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	return r.openRow(ctx, id)
}

// Preflight counts what the folder holds; it reads only.
func (f *Folder) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, o, notes, err := f.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	p := &agentstate.Preflight{Origin: o, Observer: "uid " + strconv.Itoa(os.Getuid()), Counts: map[string]int64{}, Notes: notes,
		Never: []string{"the agents' code and tools; keys of encrypted sessions", "tracing_api_key in run states: taken out"}}
	for _, x := range r.bad {
		p.Gaps = append(p.Gaps, x.gaps()...)
	}
	n := int64(0)
	for _, rel := range sorted(r.dbs) {
		more, err := r.dbs[rel].preflight(ctx, p.Counts)
		n += more
		if err = r.wrap(r.dbs[rel], err); errors.Is(err, ErrDamaged) {
			p.Gaps = append(p.Gaps, unread{rel, err}.gaps()...)
		} else if err != nil {
			return nil, err
		}
	}
	for _, rel := range sorted(r.docs) {
		r.docs[rel].preflight(p)
	}
	p.Notes = append(p.Notes, sealedNotes(n)...)
	return p, nil
}

// preflight counts what is in a database, and gives the number of encrypted items.
func (d *db) preflight(ctx context.Context, counts map[string]int64) (encrypted int64, err error) {
	for _, p := range d.layout.Pairs {
		sessions, messages, err := d.count(ctx, &p)
		if err != nil {
			return encrypted, err
		}
		counts["conversation"] += sessions
		counts["message"] += messages
		n, err := sqlitefile.Query(ctx, d.Conn, "SELECT count(*) FROM "+quote(p.Messages)+" WHERE message_data LIKE '"+sealed+"%'")
		if err != nil {
			return encrypted, err
		}
		encrypted += n[0][0].(int64)
	}
	return encrypted, nil
}

// sealed is how an encrypted item begins.
const sealed = `{"__enc__"`

// sealedNotes say what n encrypted items are to a person.
func sealedNotes(n int64) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d encrypted items: carried as they are; they open with the same key and session id alone, and read as empty after their ttl", n)}
}
