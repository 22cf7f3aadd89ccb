package mem0

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// canonical are the keys of points as protocol 4 writes those of UUIDs.
const canonical = "gASVKAAAAAAAAACMJ%"

// points reads a collection of Qdrant's local folder.
func (r *reading) points(ctx context.Context, d *db) error {
	n, err := d.one(ctx, "SELECT count(*) FROM points")
	if err != nil {
		return err
	}
	last, err := r.latest(ctx, d)
	if err != nil {
		return err
	}
	r.n[d.subject()] += uint64(n)
	m, w, nums := &machine{}, &printer{}, []float64(nil) // their room is used again
	return d.ahead(ctx, "SELECT rowid, "+d.selects("points", columnsOf("points"))+" FROM points ORDER BY rowid", func(v []any) error {
		id := asText(v[1])
		row := newRow("points", 2)
		d.fill(&row.cols[0], "id", id, v[1])
		d.fill(&row.cols[1], "point", id, v[2])
		native := &row.native
		blob, _ := v[2].([]byte)
		p, err := m.point(blob)
		w.limit = 8*len(blob) + 1024
		var said payload
		if err == nil {
			said, err = r.scan.dict(p.payload, w)
		}
		if err != nil {
			return r.strange(d, id, native, err.Error())
		}
		pid := fmt.Sprint(p.id)
		if rowid, ok := last[pid]; ok && rowid != v[0].(int64) {
			// An earlier row of the same id, which qdrant-client passes over and removes.
			r.n[d.subject()]--
			r.n["opaque"]++
			return r.put(&pb.Opaque{Meta: agentstate.Meta("opaque", native, d.layout.Place, id), AboutKeys: []string{agentstate.Key(d.subject(), d.layout.Place, pid)}})
		}
		key := agentstate.Key(d.subject(), d.layout.Place, pid)
		nums = p.dense(nums[:0]) // before the row is the consumer's
		if err := r.subject(d, key, pid, said, native); err != nil {
			return err
		}
		return r.embedding(d, key, pid, nums)
	})
}

// strange carries a row whose pickle is not walked: its bytes are kept, nothing is read out of them.
func (r *reading) strange(d *db, id string, native *pb.Native, why string) error {
	r.n["opaque"]++
	m := agentstate.Meta("opaque", native, d.layout.Place, id)
	m.Labels = []*pb.Label{{Name: "point", Value: why}}
	if err := r.put(&pb.Opaque{Meta: m}); err != nil {
		return err
	}
	r.n[d.subject()]--
	return r.gap(d.subject(), d.layout.Place+"/"+id, pb.Gap_REASON_CORRUPT, 1, why)
}

// embedding yields the vector of a point as a reading of it.
func (r *reading) embedding(d *db, key, id string, nums []float64) error {
	if len(nums) == 0 {
		return nil
	}
	e := d.layout.vectorOf(nums)
	e.Meta, e.OfKey = agentstate.Meta("embedding", nil, d.layout.Place, id), key
	e.Meta.ViewOfKeys = []string{key}
	return r.put(e)
}

// latest is the row that counts of each id that may have several: older releases wrote a row for
// each spelling of an id. nil: all keys are of one spelling.
func (r *reading) latest(ctx context.Context, d *db) (map[string]int64, error) {
	odd, err := d.one(ctx, "SELECT count(*) FROM points WHERE id NOT LIKE '"+canonical+"'")
	if err != nil || odd == 0 {
		return nil, err
	}
	out := map[string]int64{}
	err = d.each(ctx, "SELECT rowid, "+d.column("points", "id")+" FROM points ORDER BY rowid", nil, func(v []any) error {
		if id, err := keyID(asText(v[1])); err == nil {
			out[fmt.Sprint(id)] = v[0].(int64)
		}
		return nil
	})
	return out, err
}

// A point is what a row of Qdrant says.
type point struct {
	id      any // string or int64
	vector  any // *list, or *dict of named ones
	payload *dict
}

// readPoint reads the pickle of a point.
func readPoint(b []byte) (*point, error) { return new(machine).point(b) }

func (m *machine) point(b []byte) (*point, error) {
	v, err := m.run(b)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*instance)
	if !ok || o.class != "PointStruct" {
		return nil, bad("it is no PointStruct")
	}
	f, ok := fields(o)
	if !ok {
		return nil, bad("its PointStruct has no fields")
	}
	p := &point{id: f.get("id"), vector: f.get("vector")}
	p.payload, _ = f.get("payload").(*dict)
	switch p.id.(type) {
	case string, int64:
		return p, nil
	}
	return nil, bad("its id is neither text nor a number")
}

func fields(o *instance) (*dict, bool) {
	st, ok := o.state.(*dict)
	if !ok {
		return nil, false
	}
	d, ok := st.get("__dict__").(*dict)
	return d, ok
}

// dense are the numbers of the vector without a name, behind those of into; nil: there is none.
func (p *point) dense(into []float64) []float64 {
	l, ok := p.vector.(*list)
	if d, is := p.vector.(*dict); is {
		l, ok = d.get("").(*list)
	}
	if !ok {
		return nil
	}
	if l.items == nil {
		return l.numbers(into)
	}
	out := slices.Grow(into, len(l.items))
	for _, x := range l.items {
		switch x := x.(type) {
		case float64:
			out = append(out, x)
		case int64:
			out = append(out, float64(x))
		default:
			return nil
		}
	}
	return out
}

// keyID is the id of a point out of its row's key: base64 of a pickle.
func keyID(key string) (any, error) {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return nil, bad("its key is not base64")
	}
	v, err := unpickle(b)
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case string, int64:
		return v, nil
	}
	return nil, bad("its key is neither text nor a number")
}
