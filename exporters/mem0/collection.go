package mem0

import (
	"bytes"
	"context"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

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
