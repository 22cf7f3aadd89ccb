package langgraph

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// crossWrite writes a pending write into the other database.
func (w *writer) crossWrite(ctx context.Context, p *pb.PendingWrite) (replay.Receipt, error) {
	t, row, losses, err := w.crossedWrite(ctx, p)
	if err != nil {
		return replay.Receipt{}, err
	}
	rc, err := w.putFitting(ctx, t, row, losses)
	if to := row["idx"]; to.kind == integer && to.i != p.Index && (rc.Action == replay.Created || rc.Action == replay.Same) {
		rc.Target = indexed(p.Meta.Key, to.i) // as a reading of the target yields it
	}
	return rc, err
}

// crossedWrite is the row of a pending write in the other database, and the name of its table.
func (w *writer) crossedWrite(ctx context.Context, p *pb.PendingWrite) (table string, row map[string]cell, losses []fidelity.Loss, err error) {
	if row, err = w.rowOf(ctx, p); err != nil {
		return "", nil, nil, err
	}
	switch {
	case w.same():
		return w.lay.writes().name, row, nil, nil
	case values.IsEncrypted(p.Serializer):
		return "", nil, nil, refuse(needsKey)
	}
	if w.lay.engine == "postgres" {
		v := row["value"]
		if v.isNull() {
			return "", nil, nil, refuse("the write has no value, and PostgreSQL wants one")
		}
		if why := unreadName(row["channel"].String()); why != "" {
			return "", nil, nil, refusal(why)
		}
		delete(row, "value")
		row["blob"] = cell{kind: blob, b: v.b}
		to, err := w.index(ctx, p)
		if err == nil && to != p.Index {
			row["idx"] = cell{kind: integer, i: to}
			losses = append(losses, loss("index", fidelity.Equivalent, newIndex))
		}
		return "checkpoint_writes", row, losses, err
	}
	v := row["blob"]
	delete(row, "blob")
	if w.lay.lang == javascript && row["type"].String() == "bytes" {
		if v.b, err = inJSON(v.b); err != nil {
			return "", nil, nil, err
		}
		row["type"] = textCell("json")
		const why = "the library's SQLite saver reads plain bytes as text and breaks them; as JSON they stay whole"
		losses = append(losses, loss("serializer", fidelity.Equivalent, why), loss("value", fidelity.Equivalent, why))
	}
	row["value"] = v
	return "writes", row, losses, nil
}

// inJSON are bytes as the JavaScript library writes them inside JSON.
func inJSON(b []byte) ([]byte, error) {
	doc, _, err := values.JoinCheckpoint(true, []byte("{}"), []values.TypedValue{{Channel: "x", Type: "bytes", Value: b}})
	if err != nil {
		return nil, err
	}
	cp, err := values.ParseCheckpoint("json", doc)
	if err != nil || len(cp.Inline) != 1 {
		return nil, refuse("bytes have no form in JSON")
	}
	return doc[cp.Inline[0].Start:cp.Inline[0].End], nil
}

// crossMemory writes an item of Python's long-term store into the other database.
func (w *writer) crossMemory(ctx context.Context, m *pb.Memory) (replay.Receipt, error) {
	row, err := w.rowOf(ctx, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	var losses []fidelity.Loss
	v := row["value"].b
	if w.lay.engine == "postgres" {
		row["value"] = cell{kind: text, b: v}
		losses = append(losses, loss("data", fidelity.Equivalent, "jsonb keeps values, not the order of keys or the form of numbers"))
		if t := row["ttl_minutes"]; t.kind == real {
			n := minutes(t.f)
			if math.Abs(n) > math.MaxInt32 {
				return replay.Receipt{}, refuse("column ttl_minutes: PostgreSQL has 32 bits for it")
			}
			if n != t.f {
				losses = append(losses, loss("ttl_minutes", fidelity.Transformed, wholeMinutes))
			}
			row["ttl_minutes"] = cell{kind: integer, i: int64(n)}
		}
		return w.putItem(ctx, row, losses)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, v); err != nil {
		return replay.Receipt{}, refuse("its value is not JSON")
	}
	row["value"] = cell{kind: blob, b: compact.Bytes()}
	losses = append(losses, loss("data", fidelity.Equivalent, "the same JSON without white space"))
	if values.TooLong(v) {
		losses = append(losses, loss("data", fidelity.Transformed, "the same JSON, in which SQLite's store reads a whole number of more than 64 bits as a float"))
	}
	if err := sqliteTimes(row); err != nil {
		return replay.Receipt{}, err
	}
	if t := row["ttl_minutes"]; t.kind == integer {
		row["ttl_minutes"] = cell{kind: real, f: float64(t.i)}
	}
	return w.putItem(ctx, row, losses)
}

const wholeMinutes = "PostgreSQL keeps whole minutes, at least one; expires_at stays exact"

// minutes is a time to live as PostgreSQL keeps it. A reading of the item begins it anew: with none the item
// would be over.
func minutes(f float64) float64 {
	if n := math.RoundToEven(f); n != 0 || f <= 0 {
		return n
	}
	return 1
}

// putItem writes a store item, and remembers it while planning.
func (w *writer) putItem(ctx context.Context, row map[string]cell, losses []fidelity.Loss) (replay.Receipt, error) {
	rc, err := w.putFitting(ctx, "store", row, losses)
	w.remember(rc, row)
	return rc, err
}

func (w *writer) remember(rc replay.Receipt, row map[string]cell) {
	if w.run.DryRun && w.lay.engine == "postgres" && rc.Action == replay.Created {
		k := keyColumns("store", w.lay.js())
		w.items[hashOf(row[k[0]].String(), row[k[1]].String())] = true
	}
}

// sqliteTimes gives the times of a row of PostgreSQL the form that Python writes to SQLite.
func sqliteTimes(row map[string]cell) error {
	for _, n := range []string{"created_at", "updated_at", "expires_at"} {
		c, ok := row[n]
		if !ok || c.isNull() {
			continue
		}
		t, err := time.Parse("2006-01-02 15:04:05.999999999-07", c.String())
		if err != nil {
			return refuse("column %s is a time that SQLite's store has no form for", n)
		}
		row[n] = textCell(t.UTC().Format("2006-01-02 15:04:05.999999-07:00"))
	}
	return nil
}

// vector writes a vector. PostgreSQL wants its item first, and may get it later; of a vector
// without an item, which SQLite keeps when an item is deleted, it wants nothing.
func (w *writer) vector(ctx context.Context, e *pb.Embedding, row map[string]cell) (replay.Receipt, error) {
	if w.lay.engine != "postgres" {
		return w.putFitting(ctx, "store_vectors", row, nil)
	}
	t := w.lay.t["store_vectors"]
	losses, err := w.fit(t, row) // before anything is asked about it
	if err != nil {
		return replay.Receipt{}, err
	}
	if want, have := t.cols[t.col("embedding")], row["embedding"]; !have.isNull() && e.Element != pb.Embedding_ELEMENT_UNSPECIFIED {
		if n := columnDims(want.full); n > 0 && n != e.Dimensions {
			return replay.Receipt{}, refuse("the target's vectors have %d dimensions, this one has %d, so it is of another embedding model: --embedder makes it anew with the model of the program at the target", n, e.Dimensions)
		}
	}
	half := t.cols[t.col("embedding")].typ == "halfvec"
	if half && e.Element == pb.Embedding_ELEMENT_FLOAT32 && slices.ContainsFunc(floats(e), func(f float32) bool { return halfOf(f)&0x7fff == infinite }) {
		return replay.Receipt{}, refuse("the vector holds a number beyond 65,504, and the target keeps halves, which end there")
	}
	for _, path := range []string{"element", "vector"} {
		switch {
		case half && e.Element == pb.Embedding_ELEMENT_FLOAT32:
			losses = append(losses, loss(path, fidelity.Transformed, "the target keeps halves, of 11 bits, as its index says"))
		case !half && e.Element == pb.Embedding_ELEMENT_FLOAT16:
			losses = append(losses, loss(path, fidelity.Equivalent, "the same numbers: the target keeps no halves"))
		}
	}
	there, err := w.hasItem(ctx, row)
	if err != nil {
		return replay.Receipt{}, err
	}
	if there {
		return w.putFitting(ctx, "store_vectors", row, losses)
	}
	if w.noItem[e.OfKey] {
		return replay.Receipt{}, refuse("its item was not written, and PostgreSQL keeps no vector without one")
	}
	_, err = w.resolver().Get(ctx, e.OfKey)
	switch {
	case errors.Is(err, agentstate.ErrNotFound):
		rc := skip("its item was deleted: SQLite keeps such vectors, PostgreSQL refuses them, nothing reads them")
		rc.Losses = []fidelity.Loss{loss("vector", fidelity.Dropped, "vector of a deleted item")}
		return rc, nil
	case err != nil:
		return replay.Receipt{}, err
	case w.run.DryRun:
		return replay.Receipt{Action: replay.Created, Losses: losses}, nil
	}
	version, err := w.d.version(ctx, t, row)
	if err != nil {
		return replay.Receipt{}, err
	}
	w.waiting[e.OfKey] = append(w.waiting[e.OfKey], e.Meta.Key)
	return replay.Receipt{Action: replay.Created, Target: rowID(t, row), Version: version, Losses: losses}, nil
}

// hasItem tells whether the item of a vector is in the target, or in a plan would be.
func (w *writer) hasItem(ctx context.Context, row map[string]cell) (bool, error) {
	k := keyColumns("store", w.lay.js())
	if w.items[hashOf(row[k[0]].String(), row[k[1]].String())] {
		return true, nil
	}
	s := w.lay.t["store"]
	if s == nil || s.planned {
		return false, nil
	}
	key, found := w.key, false
	err := w.d.each(ctx, "SELECT 1 FROM "+s.ident+" WHERE "+quote(k[0])+" = ? AND key = ?", []any{row[k[0]].arg(), row[k[1]].arg()}, func([]cell) { found = true })
	w.key = key // others had their turn
	return found, err
}

// arrived writes the vectors that waited for the item key.
func (w *writer) arrived(ctx context.Context, key string, rc replay.Receipt) error {
	if rc.Action == replay.Refused || rc.Action == replay.Skipped || rc.Action == 0 {
		w.noItem[key] = true
		return nil
	}
	for _, k := range w.waiting[key] {
		r, err := w.resolver().Get(ctx, k)
		if err != nil {
			return err
		}
		got, err := w.write(ctx, r)
		if err != nil || got.Action != replay.Created {
			return fmt.Errorf("langgraph: %s, which waited for its item, could not be written: %s %w", k, got.Why, err)
		}
	}
	delete(w.waiting, key)
	return nil
}

// columnDims are the dimensions in a column's type: 4 of "vector(4)"; 0: any.
func columnDims(typ string) uint32 {
	_, s, ok := strings.Cut(typ, "(")
	if !ok {
		return 0
	}
	var n uint32
	for _, c := range strings.TrimSuffix(s, ")") {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0
		}
		n = n*10 + uint32(c-'0')
	}
	return n
}

// crossEmbedding writes a vector of Python's store into the other database.
func (w *writer) crossEmbedding(ctx context.Context, e *pb.Embedding) (replay.Receipt, error) {
	row, err := w.rowOf(ctx, e)
	if err != nil {
		return replay.Receipt{}, err
	}
	if e.Element == pb.Embedding_ELEMENT_UNSPECIFIED && !row["embedding"].isNull() {
		return replay.Receipt{}, refuse("the vector is in a form that is not understood")
	}
	if w.lay.engine == "postgres" {
		if !row["embedding"].isNull() {
			for _, f := range floats(e) {
				if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
					return replay.Receipt{}, refuse("the vector holds NaN or infinity, which pgvector does not take")
				}
			}
			row["embedding"] = textCell(formatVector(e.Vector, e.Element))
		}
		return w.vector(ctx, e, row)
	}
	if !row["embedding"].isNull() {
		b := []byte{}
		for _, f := range floats(e) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
		row["embedding"] = cell{kind: blob, b: b}
	}
	if err := sqliteTimes(row); err != nil {
		return replay.Receipt{}, err
	}
	var losses []fidelity.Loss
	if e.Element == pb.Embedding_ELEMENT_FLOAT16 {
		for _, path := range []string{"element", "vector"} {
			losses = append(losses, loss(path, fidelity.Equivalent, "the same numbers: SQLite's store has no halves"))
		}
	}
	return w.putFitting(ctx, "store_vectors", row, losses)
}

func floats(e *pb.Embedding) []float32 {
	var out []float32
	if e.Element == pb.Embedding_ELEMENT_FLOAT16 {
		for i := 0; i+2 <= len(e.Vector); i += 2 {
			out = append(out, halfTo(binary.LittleEndian.Uint16(e.Vector[i:])))
		}
		return out
	}
	for i := 0; i+4 <= len(e.Vector); i += 4 {
		out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(e.Vector[i:])))
	}
	return out
}
