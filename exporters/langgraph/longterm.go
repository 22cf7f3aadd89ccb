package langgraph

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/plaintime"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// separator joins the labels of a namespace. Labels may hold it, so joining cannot be undone for
// sure, and records keep the joined path beside the labels.
func separator(js bool) string {
	if js {
		return ":"
	}
	return "."
}

// memories reads the long-term store: a MemorySpace before the first item of each namespace.
func (r *reading) memories(ctx context.Context, after []cell) error {
	t := r.lay.t["store"]
	if !t.readable() {
		return nil
	}
	js := t.col("namespace_path") >= 0
	nsCol := t.col(t.key[0])
	space, begun := "", false
	if len(after) > 0 {
		space, begun = after[0].String(), true
	}
	n := 0
	err := r.eng.scan(ctx, t, nil, after, func(row []cell) (bool, error) {
		m := r.memory(t, row)
		if ns := row[nsCol].String(); !begun || ns != space {
			space, begun = ns, true
			s := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, ns), RawPath: valid(ns)}
			s.Meta.ViewOfKeys = []string{m.Meta.Key}
			for l := range strings.SplitSeq(ns, separator(js)) {
				s.Path = append(s.Path, valid(l))
			}
			if err := r.put(s); err != nil {
				return true, err
			}
		}
		if err := r.put(m); err != nil {
			return true, err
		}
		if n++; n%markEvery == 0 {
			return false, r.mark(t.keyOf(row))
		}
		return false, nil
	})
	return stopped(err)
}

// stopped turns the end that the consumer wished for into none.
func stopped(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// memory is a row of store.
func (r *reading) memory(t *table, row []cell) *pb.Memory {
	get := func(name string) cell {
		if i := t.col(name); i >= 0 {
			return row[i]
		}
		return cell{}
	}
	ns, key := get(t.key[0]).String(), get("key").String()
	m := &pb.Memory{
		Meta:     agentstate.Meta("memory", nil, ns, key),
		SpaceKey: agentstate.Key("memoryspace", ns), Name: valid(key),
		ExpiresUnixNano: timeOf(get("expires_at")),
	}
	m.Meta.CreatedUnixNano, m.Meta.UpdatedUnixNano = timeOf(get("created_at")), timeOf(get("updated_at"))
	switch c := get("ttl_minutes"); c.kind {
	case integer:
		m.TtlMinutes = float64(c.i)
	case real:
		m.TtlMinutes = c.f
	}
	over := map[string]*pb.Column{}
	if d := r.data(t, row, "value", "application/json"); d != nil {
		m.Content = &pb.Memory_Data{Data: d}
		over["value"] = cite(get("value"), "#data")
	}
	m.Meta.Native = []*pb.Native{r.native(t, row, over)}
	return m
}

// embeddings reads the vectors of the long-term store, those of deleted items included.
func (r *reading) embeddings(ctx context.Context, after []cell) error {
	t := r.lay.t["store_vectors"]
	if !t.readable() {
		return nil
	}
	n := 0
	return stopped(r.eng.scan(ctx, t, nil, after, func(row []cell) (bool, error) {
		e, err := r.embedding(ctx, t, row)
		if err != nil {
			return true, err
		}
		if err := r.put(e); err != nil {
			return true, err
		}
		if n++; n%markEvery == 0 {
			return false, r.mark(t.keyOf(row))
		}
		return false, nil
	}))
}

// embedding is a row of store_vectors. The vector is held once, as numbers: the column cites it.
// A PostgreSQL vector is text there; its column says "#vector" with the type vector or halfvec
// where printing the numbers gives the very text again, else it keeps the text.
func (r *reading) embedding(ctx context.Context, t *table, row []cell) (*pb.Embedding, error) {
	key := t.keyOf(row)
	ns, k, field := key[0].String(), key[1].String(), key[2].String()
	e := &pb.Embedding{
		Meta:  agentstate.Meta("embedding", nil, ns, k, field),
		OfKey: agentstate.Key("memory", ns, k), Field: valid(field),
	}
	for name, at := range map[string]*int64{"created_at": &e.Meta.CreatedUnixNano, "updated_at": &e.Meta.UpdatedUnixNano} {
		if i := t.col(name); i >= 0 {
			*at = timeOf(row[i])
		}
	}
	over := map[string]*pb.Column{}
	i := t.col("embedding")
	c := row[i]
	b, err := r.bytes(ctx, t, row, "embedding", 0)
	if err != nil {
		return nil, err
	}
	switch typ := t.cols[i].typ; {
	case c.isNull():
	case r.lay.engine == "postgres" && (typ == "vector" || typ == "halfvec"):
		e.Element = pb.Embedding_ELEMENT_FLOAT32
		if typ == "halfvec" {
			e.Element = pb.Embedding_ELEMENT_FLOAT16
		}
		v, dims, err := parseVector(string(b), e.Element)
		if err != nil {
			return nil, fmt.Errorf("store_vectors of %q: %w", key[0].String(), err)
		}
		e.Vector, e.Dimensions = v, dims
		if formatVector(v, e.Element) == string(b) {
			over["embedding"] = &pb.Column{Value: &pb.Column_At{At: "#vector"}}
		}
	case c.kind == blob && len(b)%4 == 0 && r.lay.engine == "sqlite":
		e.Element, e.Dimensions, e.Vector = pb.Embedding_ELEMENT_FLOAT32, uint32(len(b)/4), b
		over["embedding"] = cite(c, "#vector")
	default:
		e.Vector = b
		over["embedding"] = cite(c, "#vector")
	}
	e.Meta.Native = []*pb.Native{r.native(t, row, over)}
	return e, nil
}

// migrations carries the bookkeeping of the runtime's setup, row by row.
func (r *reading) migrations(ctx context.Context) error {
	for _, name := range []string{"checkpoint_migrations", "store_migrations", "vector_migrations"} {
		t := r.lay.t[name]
		if !t.readable() {
			continue
		}
		err := r.eng.scan(ctx, t, nil, nil, func(row []cell) (bool, error) {
			o := &pb.Opaque{Meta: agentstate.Meta("opaque", r.native(t, row, nil), name, row[t.col("v")].String())}
			return false, r.put(o)
		})
		if err != nil {
			return stopped(err)
		}
	}
	return nil
}

// vectorIndex adds to o how vectors are indexed, so that an empty store can be set up alike.
func (r *reading) vectorIndex(ctx context.Context, o *pb.Origin) error {
	t := r.lay.t["store_vectors"]
	if t == nil || r.lay.engine != "postgres" || !t.readable() {
		return nil
	}
	rows, err := r.eng.query(ctx, `SELECT x.relname::text, m.amname::text, p.opcname::text, coalesce(array_to_string(x.reloptions, ','), '')
		FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
		JOIN pg_opclass p ON p.oid = i.indclass[0]
		WHERE i.indrelid = (?::text)::regclass AND m.amname IN ('hnsw','ivfflat') AND i.indnkeyatts = 1 ORDER BY x.relname`, t.ident)
	if err != nil {
		return err
	}
	for _, x := range rows {
		v := fmt.Sprintf("%s %s %s %s", x[0], x[1], x[2], x[3])
		o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: labelVectorIndex, Value: strings.TrimSpace(v)})
	}
	return nil
}

// timeOf reads a time column: 0 where it is NULL or no time.
func timeOf(c cell) int64 {
	if c.kind != text {
		return 0
	}
	return parseTime(string(c.b))
}

// parseTime reads the times that the runtimes and databases write; those without a zone are UTC.
func parseTime(s string) int64 {
	if t, ok := plaintime.Parse(s); ok {
		return agentstate.UnixNano(t)
	}
	for _, f := range []string{
		time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999-07",
		"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999",
	} {
		if t, err := time.Parse(f, s); err == nil {
			return agentstate.UnixNano(t)
		}
	}
	return 0
}

// uuidTime is the time inside a version 6 UUID, which checkpoint ids are; 0 for others.
func uuidTime(id string) int64 {
	h := strings.ReplaceAll(id, "-", "")
	if len(h) != 32 || h[12] != '6' {
		return 0
	}
	n, err := strconv.ParseUint(h[:12]+h[13:16], 16, 64) // 100 ns since 1582
	if err != nil {
		return 0
	}
	const gregorian = 0x01B21DD213814000
	if n < gregorian {
		return 0
	}
	n -= gregorian
	return agentstate.UnixNano(time.Unix(int64(n/1e7), int64(n%1e7)*100))
}
