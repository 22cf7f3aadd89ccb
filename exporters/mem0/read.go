package mem0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelDatabase is the name of the Origin's labels that say what each database is.
const labelDatabase = "database"

// A reading is one stream under way.
type reading struct {
	out  *agentstate.Emitter
	dbs  []*db
	meta []byte            // of Qdrant; nil: none
	n    map[string]uint64 // by kind, as other routes count
	seen *diskmap.Map      // views that were yielded
	last string            // the scope of the row before
}

var errStop = errors.New("the consumer stopped")

func (r *reading) put(rec agentstate.Record) error {
	if !r.out.Put(rec) {
		return errStop
	}
	return nil
}

func (r *reading) gap(kind, place string, reason pb.Gap_Reason, n uint64, detail string) error {
	if !r.out.Gap(&pb.Gap{Kind: kind, Place: place, Reason: reason, Detail: detail, Count: n}) {
		return errStop
	}
	r.n[kind] += n
	return nil
}

// begin opens everything.
func (s *Store) begin(ctx context.Context) (r *reading, o *pb.Origin, notes []string, err error) {
	r = &reading{n: map[string]uint64{}}
	if r.dbs, notes, err = s.openAll(ctx); err != nil {
		return nil, nil, nil, err
	}
	flavor, _ := flavorOf(r.dbs, s.root)
	if flavor == "python+qdrant" {
		if r.meta, err = s.readMeta(); err != nil {
			r.close()
			return nil, nil, nil, err
		}
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
		r, o, _, err := s.begin(ctx)
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
		s.mu.Lock()
		s.reading = r
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.reading = nil
			s.mu.Unlock()
		}()
		r.out = agentstate.NewEmitter(ctx, yield, o)
		err = r.run(ctx)
		if err == nil {
			err = r.finish(ctx, o)
		}
		if errors.Is(err, errStop) {
			return
		}
		r.out.End(err)
	}
}

func (r *reading) run(ctx context.Context) error {
	if r.meta != nil {
		r.n["opaque"]++
		if err := r.put(&pb.Opaque{Meta: agentstate.Meta("opaque", agentstate.Document("meta.json", "application/json", r.meta), "meta.json")}); err != nil {
			return err
		}
	}
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

// subject is the kind of the rows of a collection.
func (d *db) subject() string {
	if d.layout.Entities {
		return "entity"
	}
	return "memory"
}

// count adds what another route says of a collection: all rows, and those with a vector.
func (r *reading) count(ctx context.Context, d *db) error {
	n, err := d.one(ctx, "SELECT count(*) FROM "+quote(d.main()))
	if err == nil {
		r.n[d.subject()] += uint64(n)
		if d.layout.Form == vectorsForm {
			n, err = d.one(ctx, "SELECT count(*) FROM vectors WHERE typeof(vector) = 'blob' AND length(vector) > 0")
		} else {
			n, err = d.one(ctx, "SELECT count(vector) FROM "+quote(d.main()))
		}
		r.n["embedding"] += uint64(n)
	}
	return err
}

// collection reads rows of id, vector and payload: each is a memory or an entity, and a vector.
func (r *reading) collection(ctx context.Context, d *db) error {
	if err := r.count(ctx, d); err != nil {
		return err
	}
	return d.rows(ctx, func(v []any) error {
		id := asText(v[0])
		half := func(at int) *pb.Row {
			return &pb.Row{Columns: []*pb.Column{d.cell("id", id, v[0]), d.cell(columnsOf("vectors")[at], id, v[at])}}
		}
		var e *pb.Embedding
		row := half(2)
		if vec := d.vector(v[1]); vec != nil {
			e = vec
		} else { // no vector: the row has one record
			row.Columns = []*pb.Column{row.Columns[0], d.cell("vector", id, v[1]), row.Columns[1]}
		}
		var raw []byte
		switch x := v[2].(type) {
		case string:
			raw = []byte(x)
		case []byte:
			raw = x
		}
		key := agentstate.Key(d.subject(), d.layout.Place, id)
		if err := r.subject(d, key, id, readPayload(raw), &pb.Native{Type: string(d.layout.Form), Body: &pb.Native_Row{Row: row}}); err != nil || e == nil {
			return err
		}
		e.Meta = agentstate.Meta("embedding", &pb.Native{Type: string(d.layout.Form), Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{
			d.cell("id", id, v[0]), {Name: "vector", Type: d.columnType("vector"), Value: &pb.Column_At{At: "#vector"}}}}}}, d.layout.Place, id)
		e.OfKey = key
		return r.put(e)
	})
}

// vector is a vector as SQLite or PostgreSQL holds it; nil: it is none.
func (d *db) vector(v any) *pb.Embedding {
	e := &pb.Embedding{Field: "text", Element: pb.Embedding_ELEMENT_FLOAT32}
	if d.layout.Entities {
		e.Field = "name"
	}
	switch v := v.(type) {
	case []byte:
		if len(v) == 0 || d.layout.Form != vectorsForm {
			return nil
		}
		e.Vector = bytes.Clone(v)
	case string:
		if d.layout.Form != pgForm {
			return nil
		}
		e.Vector = parseVector(v)
	}
	if len(e.Vector) == 0 {
		return nil
	}
	if len(e.Vector)%4 != 0 {
		e.Element = pb.Embedding_ELEMENT_UNSPECIFIED
		return e
	}
	e.Dimensions = uint32(len(e.Vector) / 4)
	return e
}

// subject yields a memory or an entity, with the views that it makes.
func (r *reading) subject(d *db, key, id string, p payload, native *pb.Native) error {
	space, err := r.scope(d, key, &p)
	if err != nil {
		return err
	}
	m := &pb.Meta{Key: key, Native: []*pb.Native{native}}
	p.meta(m)
	if !p.ok {
		m.Labels = append(m.Labels, &pb.Label{Name: "payload", Value: "no JSON object"})
	}
	if p.halves {
		m.Labels = append(m.Labels, &pb.Label{Name: "data", Value: "holds half characters, or is no text: exact in the native form"})
	}
	if len(p.data) > 4<<20 {
		p.data = ""
		m.Labels = append(m.Labels, &pb.Label{Name: "data", Value: "in the native form alone: it is longer than 4 MiB"})
	}
	if !d.layout.Entities {
		return r.put(&pb.Memory{Meta: m, SpaceKey: space, Content: &pb.Memory_Text{Text: p.data}, Form: p.form, ExpiresUnixNano: p.expires})
	}
	if err := r.put(&pb.Entity{Meta: m, Name: p.data, Types: p.types, SpaceKey: space}); err != nil {
		return err
	}
	main := strings.TrimSuffix(d.layout.Place, "_entities")
	had := map[string]bool{}
	for _, to := range p.linked {
		if had[to] {
			continue
		}
		had[to] = true
		l := &pb.Relation{Meta: agentstate.Meta("relation", nil, d.layout.Place, id, to), FromKey: key, ToKey: agentstate.Key("memory", main, to), Type: "linked"}
		l.Meta.ViewOfKeys = []string{key}
		if err := r.put(l); err != nil {
			return err
		}
	}
	return nil
}

// scope yields the people and the space of a row where they are new, as readings of it.
func (r *reading) scope(d *db, key string, p *payload) (string, error) {
	place := d.layout.Place
	if d.layout.Entities {
		place = strings.TrimSuffix(place, "_entities")
	}
	parts := p.scope()
	space := agentstate.Key("memoryspace", append([]string{place}, parts...)...)
	if space == r.last {
		return space, nil
	}
	r.last = space
	if _, ok, err := r.seen.Get(space); ok || err != nil {
		return space, err
	}
	s := &pb.MemorySpace{Meta: &pb.Meta{Key: space, ViewOfKeys: []string{key}}, Path: parts}
	if len(parts) == 0 {
		s.Path = []string{place}
	}
	for _, x := range []struct {
		id, kind string
		form     pb.Principal_Form
	}{{p.user, "user", pb.Principal_FORM_USER}, {p.agent, "agent", pb.Principal_FORM_AGENT}} {
		if x.id == "" {
			continue
		}
		who := agentstate.Key("principal", x.kind, x.id)
		if s.OwnerKey == "" {
			s.OwnerKey = who
		}
		if _, ok, err := r.seen.Get(who); err != nil {
			return space, err
		} else if ok {
			continue
		}
		if err := r.seen.Put(who, nil); err != nil {
			return space, err
		}
		if err := r.put(&pb.Principal{Meta: &pb.Meta{Key: who, ViewOfKeys: []string{key}}, Form: x.form, Subject: x.id}); err != nil {
			return space, err
		}
	}
	if err := r.seen.Put(space, nil); err != nil {
		return space, err
	}
	return space, r.put(s)
}

// cell is a value as a column of a native row. Values above the limit lie beside it.
func (d *db) cell(name, id string, v any) *pb.Column {
	c := &pb.Column{Name: name, Type: d.columnType(name)}
	switch v := v.(type) {
	case int64:
		c.Value = &pb.Column_Integer{Integer: v}
	case float64:
		c.Value = &pb.Column_Real{Real: v}
	case string:
		c.Value = &pb.Column_Text{Text: []byte(v)}
		if len(v) > agentstate.SpillSize {
			c.Value = &pb.Column_TextRef{TextRef: &pb.Blob{Id: d.blobID(name, id)}}
		}
	case []byte:
		c.Value = &pb.Column_Blob{Blob: bytes.Clone(v)}
		if len(v) > agentstate.SpillSize {
			c.Value = &pb.Column_BlobRef{BlobRef: &pb.Blob{Id: d.blobID(name, id)}}
		}
	}
	return c
}

func (d *db) columnType(name string) string {
	if d.layout.Form != pgForm {
		return ""
	}
	return map[string]string{"id": "uuid", "vector": "vector", "payload": "jsonb"}[name]
}

func (d *db) blobID(col, id string) string {
	table := d.main()
	if col == "content" { // of a message
		table = "messages"
	}
	b, _ := json.Marshal([]string{d.layout.File, table, col, id})
	return "row:" + string(b)
}

// bookkeeping reads a small table of mem0 or of SQLite.
func (r *reading) bookkeeping(ctx context.Context, d *db, table string) error {
	n, err := d.one(ctx, "SELECT count(*) FROM "+table)
	if err != nil {
		return err
	}
	r.n["opaque"] += uint64(n)
	cols := columnsOf(table)
	return d.each(ctx, "SELECT "+d.selects(table, cols)+" FROM "+table+" ORDER BY "+cols[0], nil, func(v []any) error {
		row := &pb.Row{}
		for i, c := range cols {
			row.Columns = append(row.Columns, d.cell(c, asText(v[0]), v[i]))
		}
		return r.put(&pb.Opaque{Meta: agentstate.Meta("opaque", &pb.Native{Type: table, Body: &pb.Native_Row{Row: row}}, d.layout.Place, table, asText(v[0]))})
	})
}

// finish states what was counted by other routes.
func (r *reading) finish(ctx context.Context, o *pb.Origin) error {
	history := slices.ContainsFunc(r.dbs, func(d *db) bool { return d.layout.Form.history() })
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

// openBlob opens one value of a row.
func (r *reading) openBlob(ctx context.Context, id string) (io.ReadCloser, error) {
	body, ok := strings.CutPrefix(id, "row:")
	var at []string
	if !ok || json.Unmarshal([]byte(body), &at) != nil || len(at) != 4 {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	i := slices.IndexFunc(r.dbs, func(d *db) bool { return d.layout.File == at[0] })
	if i < 0 {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	d := r.dbs[i]
	var out []byte
	found := false
	err := d.each(ctx, "SELECT "+d.column(at[1], at[2])+" FROM "+quote(at[1])+" WHERE id = "+d.param(at[1], "id"), []any{at[3]}, func(v []any) error {
		found = true
		switch x := v[0].(type) {
		case string:
			out = []byte(x)
		case []byte:
			out = bytes.Clone(x)
		}
		return nil
	})
	if err != nil || !found {
		return nil, errors.Join(own(d.wrap(err)), fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id))
	}
	return io.NopCloser(bytes.NewReader(out)), nil
}

// Preflight counts what the store holds; it reads only.
func (s *Store) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, o, notes, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	who := "uid " + strconv.Itoa(os.Getuid())
	if p, ok := r.dbs[0].engine.(*pg); ok {
		who = p.observer
	}
	p := &agentstate.Preflight{Origin: o, Observer: who, Counts: map[string]int64{}, Notes: notes,
		Never: []string{"config.json with its telemetry id; keys and settings of models, which are in the program"}}
	history := false
	for _, d := range r.dbs {
		history = history || d.layout.Form.history()
		for i, t := range slices.Concat([]string{d.main()}, slices.DeleteFunc(slices.Clone(d.layout.Tables), func(t string) bool { return t == d.main() })) {
			kind := "opaque"
			switch {
			case t == "messages":
				kind = "message"
			case i == 0 && d.layout.Form.history():
				kind = "revision"
			case i == 0:
				kind = d.subject()
				p.Counts["embedding"] = -1 // one a row that has a vector
			}
			n, err := d.one(ctx, "SELECT count(*) FROM "+quote(t))
			if err != nil {
				return nil, own(d.wrap(err))
			}
			p.Counts[kind] += n
		}
	}
	if r.meta != nil {
		p.Counts["opaque"]++
	}
	if !history {
		p.Gaps = append(p.Gaps, &pb.Gap{Kind: "revision", Place: "history.db", Reason: pb.Gap_REASON_GONE, Detail: "no history here: earlier texts and deleted memories would be missing"})
	}
	return p, nil
}
