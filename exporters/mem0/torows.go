package mem0

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const noField = "mem0 has no place for it"

// mappedMemory writes a memory.
func (w *writer) mappedMemory(ctx context.Context, m *pb.Memory) (replay.Receipt, error) {
	if w.run.From.GetProduct() == product {
		return w.other(ctx, m, false)
	}
	l, err := w.placeFor("", false)
	if err != nil {
		return replay.Receipt{}, err
	}
	scope, err := w.scopeFor(ctx, m.SpaceKey)
	if err != nil {
		return replay.Receipt{}, err
	}
	raw, said, err := w.payloadOf(ctx, m, scope)
	if errors.Is(err, errNoText) {
		return refused("%v", err)
	} else if err != nil {
		return replay.Receipt{}, err
	}
	return w.row(ctx, l, m, raw, said)
}

// mappedEntity writes an entity of mem0's other package, or of another store.
func (w *writer) mappedEntity(ctx context.Context, e *pb.Entity) (replay.Receipt, error) {
	return w.other(ctx, e, true)
}

// other writes a row of mem0 itself in the target's spelling.
func (w *writer) other(ctx context.Context, r agentstate.Record, entity bool) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	l, err := w.placeFor(parts[0], entity)
	if err != nil {
		return replay.Receipt{}, err
	}
	raw, beside, err := w.payloadIn(ctx, r)
	if err != nil {
		return replay.Receipt{}, err
	}
	if members(raw) == nil {
		return refused("its payload is no JSON object")
	}
	rc, err := w.row(ctx, l, r, w.renamed(raw, entity), map[string]reason{})
	if beside != "" && (rc.Action == replay.Created || rc.Action == replay.Same) {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "native.point", Grade: fidelity.Dropped, Why: "Qdrant's vectors " + beside + " stay behind: a memory has one vector here, and what mem0 makes for words it makes anew with the text"})
	}
	return rc, err
}

// row writes the payload of a memory or an entity, and says what is lost by it.
func (w *writer) row(ctx context.Context, l layout, r agentstate.Record, raw string, said map[string]reason) (replay.Receipt, error) {
	d, err := w.open(ctx, l.Place)
	if err != nil {
		return replay.Receipt{}, err
	}
	if _, err := w.dimensions(ctx, d, l); err != nil {
		return replay.Receipt{}, err
	}
	raw, why, err := w.held(ctx, l, raw)
	if err != nil || why != "" {
		return replay.Receipt{Action: replay.Refused, Why: why}, err
	}
	kind, from := agentstate.KindOf(r), r.GetMeta().GetKey()
	id := idFor(from)
	key := agentstate.Key(kind, l.Place, id)
	if ok, err := w.foreign.first(key, from); err != nil {
		return replay.Receipt{}, err
	} else if !ok { // a UUID that two records of other spaces share
		id = madeID(from)
		key = agentstate.Key(kind, l.Place, id)
	}
	p := readPayload([]byte(raw))
	got := l.record(key, l.space(&p), &p)
	labels, space := "what has no field of its own becomes metadata", "the scope of another space too"
	if w.run.From.GetProduct() == product {
		labels = "the packages spell a name in a payload differently"
	}
	if m, ok := r.(*pb.Memory); ok && m.SpaceKey == "" {
		space = "mem0 lists memories by user: it is named after the runtime that they come from"
	}
	for path, why := range map[string]string{"space_key": space, "meta.subject_keys": "the user in whose scope it is",
		"meta.view_of_keys": "it stands by itself there", "meta.labels.name": labels, "meta.labels.value": labels} {
		said[path] = reason{0, why}
	}
	if l.Form == pgForm && alikeLabels(r.GetMeta(), got.GetMeta()) {
		for _, p := range []string{"meta.labels.name", "meta.labels.value"} {
			said[p] = reason{fidelity.Equivalent, "JSONB keeps no order of members"}
		}
	}
	losses := w.differences(r, got, noField, said)
	rc, err := w.half(ctx, slot{d, l, from, key}, id, "payload", raw)
	if rc.Action == replay.Refused {
		w.away[from] = true
	}
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = losses
		if w.run.Vectors != nil && l.Form == pointsForm {
			rc.Losses = append(rc.Losses, fidelity.Loss{Path: "native.point", Grade: fidelity.Transformed, Why: "one pickle of payload and vector, which is made anew"})
		}
	}
	return rc, err
}

// alikeLabels tells whether two records have the same labels in any order.
func alikeLabels(a, b *pb.Meta) bool {
	n := map[string]int{}
	for _, l := range a.GetLabels() {
		n[l.Name+"\x00"+l.Value]++
	}
	for _, l := range b.GetLabels() {
		if n[l.Name+"\x00"+l.Value]--; n[l.Name+"\x00"+l.Value] < 0 {
			return false
		}
	}
	return len(a.GetLabels()) == len(b.GetLabels())
}

// half writes the payload or the vector of a row.
func (w *writer) half(ctx context.Context, at slot, id, column string, v any) (replay.Receipt, error) {
	if at.l.Form == pointsForm {
		return w.pointPart(ctx, at, id, column, v)
	}
	return w.part(ctx, at, map[string]any{"id": id, column: v})
}

// held is a payload as the target's store keeps it; why: it does not take it.
func (w *writer) held(ctx context.Context, l layout, raw string) (out, why string, err error) {
	switch l.Form {
	case pointsForm:
		b, err := pickleDocument([]byte(raw))
		if err != nil {
			return "", err.Error(), nil
		}
		v, err := unpickle(append(append([]byte{0x80, 4}, b...), '.'))
		x := &printer{limit: 8*len(b) + 1024}
		if err == nil {
			err = x.value(v, 0)
		}
		if err != nil {
			return "", err.Error(), nil
		}
		return string(x.b), "", nil
	case pgForm:
		if holdsNUL(raw) {
			return "", noNUL, nil
		}
		if halfAt([]byte(raw), 0) >= 0 {
			return "", "its payload holds a half character, which JSONB does not take", nil
		}
		if !utf8.ValidString(raw) {
			return "", "its payload is not UTF-8, which JSONB does not take", nil
		}
		if w.pg == nil {
			return raw, "", nil
		}
		err = w.atOnce(func() error { // two records may want one id: the first of them gets it
			out, why, err = w.pg.held(ctx, raw)
			return err
		})
		return out, why, err
	}
	return raw, "", nil
}

// floats are the numbers of a vector; nil: their form is not known.
func floats(e *pb.Embedding) (out []float64) {
	switch e.Element {
	case pb.Embedding_ELEMENT_FLOAT32:
		for v := e.Vector; len(v) >= 4; v = v[4:] {
			out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(v))))
		}
	case pb.Embedding_ELEMENT_FLOAT64:
		for v := e.Vector; len(v) >= 8; v = v[8:] {
			out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(v)))
		}
	}
	if len(out) == 0 || uint64(len(out)) != uint64(e.Dimensions) {
		return nil
	}
	return out
}

// mappedEmbedding gives a memory that was written its vector, if it is as long as the others there.
func (w *writer) mappedEmbedding(ctx context.Context, e *pb.Embedding) (replay.Receipt, error) {
	if w.away[e.OfKey] {
		return refused(notTaken)
	}
	target, ok := w.run.Target(e.OfKey)
	kind, parts := agentstate.SplitKey(target)
	if !ok || len(parts) != 2 || kind != "memory" && kind != "entity" {
		return skipped("what it is the vector of was not written"), nil
	}
	if e.Model != w.run.TargetModel && w.run.TargetModel != "" && w.run.Vectors == nil {
		return skipped("a vector of another model than the one that mem0 is said to use here: --embedder makes it anew"), nil
	}
	l := w.layouts[parts[0]]
	key := agentstate.Key("embedding", parts...)
	nums := floats(e)
	if nums == nil {
		return skipped("its numbers are of a form that mem0 does not have"), nil
	}
	d, err := w.open(ctx, l.Place)
	if err != nil {
		return replay.Receipt{}, err
	}
	known := w.run.Vectors != nil || e.Model != "" && e.Model == w.run.TargetModel
	if !known && w.foreign.used[l.Place] && w.run.From.GetProduct() != product { // as many numbers say nothing
		return skipped("a vector of another runtime, not known to be of the model of those that are there: --embedder makes it anew"), nil
	}
	dims, err := w.dimensions(ctx, d, l)
	if err != nil {
		return replay.Receipt{}, err
	}
	if dims != 0 && dims != len(nums) {
		return skipped(fmt.Sprintf("vectors of %s have %d numbers, this one has %d: it is of another embedding model", l.Place, dims, len(nums))), nil
	}
	if ok, err := w.foreign.first(key, e.Meta.Key); err != nil || !ok {
		return skipped("the memory has a vector already: mem0 keeps one"), err
	}
	w.foreign.dims[l.Place] = len(nums)
	got := l.vectorOf(nums)
	got.Meta, got.OfKey = &pb.Meta{Key: key}, target
	if l.Form == pointsForm {
		got.Meta.ViewOfKeys = []string{target}
	}
	losses := w.differences(e, got, noField, map[string]reason{
		"vector": {0, "kept as numbers of 32 bits"}, "element": {0, "kept as numbers of 32 bits"},
		"field": {0, "mem0 has one vector a memory, that of its text"}, "meta.view_of_keys": {fidelity.Equivalent, "one row holds both"},
	})
	var v any = got.Vector
	switch l.Form {
	case pgForm:
		v = formatVector(got.Vector)
	case pointsForm:
		v = nums
	}
	rc, err := w.half(ctx, slot{d, l, e.Meta.Key, key}, parts[1], "vector", v)
	if rc.Action == replay.Conflict {
		return skipped("the memory has a vector already: mem0 keeps one"), nil
	}
	if rc.Action == replay.Created || rc.Action == replay.Same {
		if len(rc.Losses) > 0 && !slices.ContainsFunc(losses, func(l fidelity.Loss) bool { return l.Path == "vector" }) {
			losses = append(losses, rc.Losses[0]) // of the vector: it has no native form there
		}
		rc.Losses = losses
	}
	return rc, err
}

// vectorOf is the Embedding that a reading makes of nums.
func (l *layout) vectorOf(nums []float64) *pb.Embedding {
	e := &pb.Embedding{Field: "text", Dimensions: uint32(len(nums)), Element: pb.Embedding_ELEMENT_FLOAT32}
	if l.Entities {
		e.Field = "name"
	}
	if l.Form == pointsForm { // Python's floats are wider than what an embedder gives
		for _, f := range nums {
			if float64(float32(f)) != f && !math.IsNaN(f) {
				e.Element = pb.Embedding_ELEMENT_FLOAT64
				break
			}
		}
	}
	if e.Element == pb.Embedding_ELEMENT_FLOAT64 {
		e.Vector = make([]byte, 8*len(nums))
		for i, f := range nums {
			binary.LittleEndian.PutUint64(e.Vector[8*i:], math.Float64bits(f))
		}
		return e
	}
	e.Vector = make([]byte, 4*len(nums))
	for i, f := range nums {
		binary.LittleEndian.PutUint32(e.Vector[4*i:], math.Float32bits(float32(f)))
	}
	return e
}
