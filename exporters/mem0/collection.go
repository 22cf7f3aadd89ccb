package mem0

import (
	"context"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A vectorRow is what a row of a collection becomes.
type vectorRow struct {
	whole  bool // the database itself says that there is a vector
	rec    subject
	vector *pb.Embedding // nil: none
}

// A subject is a memory or an entity, without the space that it is in.
type subject struct {
	id   string
	said payload
	rec  agentstate.Record
}

func (d *db) subjectOf(id string, said payload, native *pb.Native) subject {
	key := agentstate.Key(d.layout.subject(), d.layout.Place, id)
	rec := agentstate.Record(&pb.Opaque{Meta: &pb.Meta{Key: key}})
	if !d.layout.uses() {
		rec = d.layout.record(key, "", &said)
	}
	rec.GetMeta().Native = []*pb.Native{native}
	return subject{id, said, rec}
}

// collection reads rows of id, vector and payload: each is a memory or an entity, and a vector.
func (r *reading) collection(ctx context.Context, d *db) error {
	n, err := d.one(ctx, "SELECT count(*) FROM "+quote(d.main()))
	if err != nil {
		return err
	}
	r.n[d.layout.subject()] += uint64(n)
	return d.rows(ctx, func(x vectorRow) error {
		if x.whole {
			r.n["embedding"]++
		}
		if err := r.subject(d, x.rec); err != nil || x.vector == nil {
			return err
		}
		return r.put(x.vector)
	})
}

// vectorRow is what a row becomes. It is called for several rows at once.
func (d *db) vectorRow(s *scratch, v []any) vectorRow {
	id := sqlitefile.Text(v[0])
	var e *pb.Embedding
	if !d.layout.uses() {
		e = d.vector(v[1])
	}
	n := newRow(string(d.layout.Form), 2)
	d.fill(&n.cols[0], "id", id, v[0])
	if e == nil { // no vector: the row has one record
		n = newRow(string(d.layout.Form), 3)
		d.fill(&n.cols[0], "id", id, v[0])
		if b, ok := v[1].([]byte); ok && d.layout.Form == pgForm {
			v[1] = formatVector(received(b))
		}
		d.fill(&n.cols[1], "vector", id, v[1])
	}
	d.fill(n.list[len(n.row.Columns)-1], "payload", id, v[2])
	var raw []byte
	switch x := n.list[len(n.row.Columns)-1].Value.(type) { // not copied once more
	case *pb.Column_Text:
		raw = x.Text
	case *pb.Column_Blob:
		raw = x.Blob
	case *pb.Column_TextRef:
		raw = []byte(v[2].(string))
	case *pb.Column_BlobRef:
		raw = v[2].([]byte)
	}
	x := vectorRow{whole: v[3] == any(int64(1)) && !d.layout.uses(), rec: d.subjectOf(id, s.scan.payload(raw), &n.native), vector: e}
	if e != nil {
		n = newRow(string(d.layout.Form), 2)
		d.fill(&n.cols[0], "id", id, v[0])
		n.cols[1].Name, n.cols[1].Type, n.cols[1].Value = "vector", d.columnType("vector"), &pb.Column_At{At: "#vector"}
		e.Meta, e.OfKey = agentstate.Meta("embedding", &n.native, d.layout.Place, id), x.rec.rec.GetMeta().Key
	}
	return x
}

// vector is a vector as SQLite or PostgreSQL holds it; nil: it is none.
func (d *db) vector(v any) *pb.Embedding {
	e := &pb.Embedding{Field: "text", Element: pb.Embedding_ELEMENT_FLOAT32}
	if d.layout.Entities {
		e.Field = "name"
	}
	switch v := v.(type) {
	case []byte:
		if e.Vector = v; d.layout.Form == pgForm {
			e.Vector = received(v)
		}
	}
	if len(e.Vector) == 0 || len(e.Vector)%4 != 0 || d.layout.Form == pgForm && none(e.Vector) {
		return nil
	}
	e.Dimensions = uint32(len(e.Vector) / 4)
	return e
}

// subject yields a memory or an entity, with the views that it makes.
func (r *reading) subject(d *db, s subject) error {
	if d.layout.uses() {
		return r.put(s.rec)
	}
	key := s.rec.GetMeta().Key
	space, err := r.scope(d, key, &s.said)
	if err != nil {
		return err
	}
	switch rec := s.rec.(type) {
	case *pb.Memory:
		rec.SpaceKey = space
		if err := r.remember(s.id, d.layout.Place); err != nil {
			return err
		}
	case *pb.Entity:
		rec.SpaceKey = space
	}
	if err := r.put(s.rec); err != nil || !d.layout.Entities {
		return err
	}
	had := map[string]bool{}
	for _, to := range s.said.linked {
		if had[to] {
			continue
		}
		had[to] = true
		if err := r.put(d.layout.relation(key, s.id, to)); err != nil {
			return err
		}
	}
	return nil
}

// record is the memory or the entity that a payload says.
func (l *layout) record(key, space string, p *payload) agentstate.Record {
	parts := &struct { // one piece of memory: a store has as many as rows
		meta   pb.Meta
		memory pb.Memory
		text   pb.Memory_Text
	}{}
	m := &parts.meta
	m.Key = key
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
	if l.Entities {
		return &pb.Entity{Meta: m, Name: p.data, Types: p.types, SpaceKey: space}
	}
	m.Labels = append(m.Labels, p.ofEntity...)
	parts.text.Text = p.data
	x := &parts.memory
	x.Meta, x.SpaceKey, x.Content, x.Form, x.ExpiresUnixNano = m, space, &parts.text, p.form, p.expires
	return x
}

// relation is the link of an entity to a memory.
func (l *layout) relation(entity, id, to string) *pb.Relation {
	r := &pb.Relation{Meta: agentstate.Meta("relation", nil, l.Place, id, to), FromKey: entity, ToKey: agentstate.Key("memory", l.memories(), to), Type: "linked"}
	r.Meta.ViewOfKeys = []string{entity}
	return r
}

// memories is the collection of memories that a collection belongs to.
func (l *layout) memories() string {
	if l.Entities {
		return strings.TrimSuffix(l.Place, "_entities")
	}
	return l.Place
}

// space is the key of the scope that a payload names.
func (l *layout) space(p *payload) string {
	return agentstate.Key("memoryspace", append([]string{l.memories()}, p.scope()...)...)
}

// scope yields the people and the space of a row where they are new, as readings of it.
func (r *reading) scope(d *db, key string, p *payload) (string, error) {
	place := d.layout.memories()
	if last := &r.last; last.space != "" && last.place == place && last.user == p.user && last.agent == p.agent && last.run == p.run {
		return last.space, nil
	}
	parts, space := p.scope(), d.layout.space(p)
	r.last.place, r.last.space, r.last.user, r.last.agent, r.last.run = place, space, p.user, p.agent, p.run
	if r.near[space] {
		return space, nil
	}
	if len(r.near) >= 10_000 {
		clear(r.near)
	}
	r.near[space] = true
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
