package mem0

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// dimensions is how many numbers the vectors of a collection have; 0: it has none yet.
func (w *writer) dimensions(ctx context.Context, d *db, l layout) (int, error) {
	n, ok := w.foreign.dims[l.Place]
	if ok {
		return n, nil
	}
	n = l.Dims
	switch {
	case l.Form == vectorsForm && d != nil:
		x, err := d.one(ctx, "SELECT length(vector)/4 FROM vectors WHERE "+d.withVector()+" LIMIT 1")
		if err != nil {
			return 0, d.wrap(err)
		}
		n = int(x)
	case l.Form == pointsForm:
		b, err := w.s.readMeta()
		if err != nil {
			return 0, err
		}
		if b != nil {
			m, _ := parseMeta(b) // which readMeta has looked at
			n = m[l.Place]
		}
		if n == 0 && d != nil {
			err := d.each(ctx, "SELECT "+d.column("points", "point")+" FROM points LIMIT 100", nil, func(v []any) error {
				b, _ := v[0].([]byte)
				if p, err := readPoint(b); err == nil && n == 0 {
					n = len(p.dense(nil))
				}
				return nil
			})
			if err != nil {
				return 0, d.wrap(err)
			}
		}
	}
	if n == 0 {
		n = w.dims
	}
	w.foreign.dims[l.Place] = n
	return n, nil
}

// pointHalves are the vector and the payload of a point, as marks are made of them.
func pointHalves(b []byte) (map[string]any, *point, error) {
	p, err := readPoint(b)
	if err != nil {
		return nil, nil, err
	}
	out := map[string]any{"vector": nil, "payload": nil}
	if nums := p.dense(nil); len(nums) > 0 {
		out["vector"] = markOf(nums)
	}
	if p.payload != nil {
		x := &printer{limit: 8*len(b) + 1024}
		if err := x.value(p.payload, 0); err != nil {
			return nil, nil, err
		}
		out["payload"] = string(x.b)
	}
	return out, p, nil
}

func markOf(nums []float64) []byte {
	var b []byte
	for _, f := range nums {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}

// pointPart writes the payload or the vector of a point. The row is one pickle, which is made anew
// when its vector comes.
func (w *writer) pointPart(ctx context.Context, at slot, id, column string, v any) (replay.Receipt, error) {
	d, mark := at.d, v
	if nums, ok := v.([]float64); ok {
		mark = markOf(nums)
	}
	rc := replay.Receipt{Action: replay.Created, Target: at.key, Version: sqlitefile.Digest(mark)}
	if d == nil {
		return rc, nil
	}
	have, err := d.halves(ctx, id)
	if err != nil {
		return replay.Receipt{}, d.wrap(err)
	}
	if have != nil && sqlitefile.Digest(have[column]) == rc.Version {
		if !w.run.Doubts(at.from) {
			rc.Action = replay.Same
		}
		return rc, nil
	}
	if have != nil && have[column] != nil {
		return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("%s holds another row under this id: want and got differ in %s", d.layout.Place, column)}, nil
	}
	if w.run.DryRun {
		return rc, nil
	}
	payload, nums := "{}", []float64(nil)
	if have != nil {
		payload, _ = have["payload"].(string)
	}
	switch v := v.(type) {
	case string:
		payload = v
	case []float64:
		nums = v
	}
	b, err := picklePoint(id, nums, bytes.TrimSpace([]byte(payload)))
	if err != nil {
		return replay.Receipt{}, err
	}
	if have == nil {
		return w.apart(ctx, d, "points", 0, rc, func() error { return d.put(ctx, "points", []string{"id", "point"}, []any{rowKey(id), b}) })
	}
	return w.apart(ctx, d, "points", 0, rc, func() error {
		return d.write(ctx, "UPDATE points SET point = ? WHERE id = ?", b, rowKey(id))
	})
}
