package mem0

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
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
	r.n[d.layout.subject()] += uint64(n)
	return ahead(ctx, d, "SELECT rowid, "+d.selects("points", columnsOf("points"))+" FROM points ORDER BY rowid", d.pointRow, func(x pointRow) error {
		if x.why != "" {
			return r.strange(d, x.id, x.native, x.why)
		}
		key := x.rec.rec.GetMeta().Key
		if rowid, ok := last[x.rec.id]; ok && rowid != x.rowid {
			// An earlier row of the same id, which qdrant-client passes over and removes.
			r.n[d.layout.subject()]--
			r.n["opaque"]++
			return r.put(&pb.Opaque{Meta: agentstate.Meta("opaque", x.native, d.layout.Place, x.id), AboutKeys: []string{key}})
		}
		if err := r.subject(d, x.rec); err != nil || x.vector == nil {
			return err
		}
		return r.put(x.vector)
	})
}

// A pointRow is what a row of Qdrant becomes.
type pointRow struct {
	rowid  int64
	id     string // of the row
	native *pb.Native
	why    string // it is not walked; empty: it is
	rec    subject
	vector *pb.Embedding // nil: none
}

// pointRow is what a row becomes. It is called for several rows at once.
func (d *db) pointRow(s *scratch, v []any) pointRow {
	x := pointRow{rowid: v[0].(int64), id: sqlitefile.Text(v[1])}
	n := newRow("points", 2)
	x.native = &n.native
	d.fill(&n.cols[0], "id", x.id, v[1])
	d.fill(&n.cols[1], "point", x.id, v[2])
	blob, _ := v[2].([]byte)
	p, err := s.mach.point(blob)
	s.print.limit = 8*len(blob) + 1024
	var said payload
	if err == nil {
		said, err = s.scan.dict(p.payload, &s.print)
	}
	if err != nil {
		x.why = err.Error()
		return x
	}
	pid := fmt.Sprint(p.id)
	x.rec = d.subjectOf(pid, said, x.native)
	s.nums = p.dense(s.nums[:0])
	x.vector = d.embedding(x.rec.rec.GetMeta().Key, pid, s.nums)
	return x
}

// strange carries a row whose pickle is not walked: its bytes are kept, nothing is read out of them.
func (r *reading) strange(d *db, id string, native *pb.Native, why string) error {
	r.n["opaque"]++
	m := agentstate.Meta("opaque", native, d.layout.Place, id)
	m.Labels = []*pb.Label{{Name: "point", Value: why}}
	if err := r.put(&pb.Opaque{Meta: m}); err != nil {
		return err
	}
	r.n[d.layout.subject()]--
	return r.gap(d.layout.subject(), d.layout.Place+"/"+id, pb.Gap_REASON_CORRUPT, 1, why)
}

// embedding is the vector of a point as a reading of it; nil: there is none.
func (d *db) embedding(key, id string, nums []float64) *pb.Embedding {
	if len(nums) == 0 {
		return nil
	}
	e := d.layout.vectorOf(nums)
	e.Meta, e.OfKey = agentstate.Meta("embedding", nil, d.layout.Place, id), key
	e.Meta.ViewOfKeys = []string{key}
	return e
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
		if id, err := keyID(sqlitefile.Text(v[1])); err == nil {
			out[fmt.Sprint(id)] = v[0].(int64)
		}
		return nil
	})
	return out, err
}

// A point is what a row of Qdrant says.
type point struct {
	id      any // string, int64 or *big.Int
	vector  any // *list, or *dict of named ones
	payload *dict
}

// readPoint reads the pickle of a point.
func readPoint(b []byte) (*point, error) { return new(machine).point(b) }

// beside names the vectors of a point beside that of its text, the first few of them; empty: there is none.
func (p *point) beside() string {
	var names []string
	if d, ok := p.vector.(*dict); ok {
		for _, k := range d.keys {
			if k != "" && len(names) == 8 {
				return strings.Join(names, ", ") + ", …"
			}
			if k != "" {
				names = append(names, fmt.Sprintf("%.40q", fmt.Sprint(k)))
			}
		}
	}
	return strings.Join(names, ", ")
}

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
	if isID(p.id) {
		return p, nil
	}
	return nil, bad("its id is neither text nor a number of 64 bits")
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
	if isID(v) {
		return v, nil
	}
	return nil, bad("its key is neither text nor a number of 64 bits")
}

// isID tells whether v is what Qdrant takes for an id: text, or a number of up to 64 bits.
func isID(v any) bool {
	switch v := v.(type) {
	case string, int64:
		return true
	case *big.Int:
		return v.IsUint64()
	}
	return false
}
