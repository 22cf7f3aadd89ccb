package langgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// foreignMemory writes a memory of another runtime, or of the other language, as a store item.
func (w *writer) foreignMemory(ctx context.Context, m *pb.Memory) (replay.Receipt, error) {
	if w.lay.flavor() == "js+sqlite" {
		return replay.Receipt{}, refuse("the JavaScript library has no long-term store in SQLite")
	}
	losses := fidelity.Lost(m, "a store item has no place for it", "space_key", "name", "text", "data",
		"expires_unix_nano", "ttl_minutes", "meta.created_unix_nano", "meta.updated_unix_nano")
	lose := func(path string, g fidelity.Grade, why string) { losses = append(losses, loss(path, g, why)) }
	ns, err := w.namespaceFor(ctx, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if agentstate.Key("memoryspace", ns) != m.SpaceKey {
		lose("space_key", fidelity.Transformed, "the namespace as the store joins its labels")
	}
	name, err := w.named(ns, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if name != m.Name {
		lose("name", fidelity.Transformed, "an item needs a key of its own: it is made from the record's")
	}
	value, form, err := w.itemValue(ctx, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if form == "" && w.lay.engine == "postgres" {
		lose("data", fidelity.Equivalent, "JSONB keeps no order of members")
	}
	if form != "" {
		for _, p := range []string{"text", "data"} {
			lose(p, fidelity.Transformed, form)
		}
	}
	if err := w.ensure(ctx, storeTables, w.run.From); err != nil {
		return replay.Receipt{}, err
	}
	t := w.lay.t["store"]
	key := keyColumns("store", w.lay.js())
	row := map[string]cell{key[0]: textCell(ns), key[1]: textCell(name), "value": {kind: blob, b: value}}
	if w.lay.engine == "postgres" {
		row["value"] = cell{kind: text, b: value}
	}
	for _, c := range []struct {
		col, path string
		ns        int64
	}{{"created_at", "meta.created_unix_nano", m.Meta.CreatedUnixNano}, {"updated_at", "meta.updated_unix_nano", m.Meta.UpdatedUnixNano}, {"expires_at", "expires_unix_nano", m.ExpiresUnixNano}} {
		switch has := t.col(c.col) >= 0; {
		case c.ns == 0 && has && c.col != "expires_at":
			lose(c.path, fidelity.Defaulted, "not said: it is the time of the replay")
		case c.ns != 0 && !has:
			lose(c.path, fidelity.Dropped, "the target has no column for it")
		case c.ns != 0:
			row[c.col] = textCell(time.Unix(0, c.ns).UTC().Format("2006-01-02 15:04:05.999999-07:00"))
			if c.ns%1000 != 0 {
				lose(c.path, fidelity.Transformed, "kept to the microsecond")
			}
		}
	}
	if m.TtlMinutes != 0 {
		switch {
		case t.col("ttl_minutes") < 0:
			lose("ttl_minutes", fidelity.Dropped, "the target has no column for it; expires_at stays")
		case w.lay.engine == "postgres":
			row["ttl_minutes"] = cell{kind: integer, i: int64(minutes(m.TtlMinutes))}
			if m.TtlMinutes != math.Trunc(m.TtlMinutes) {
				lose("ttl_minutes", fidelity.Transformed, wholeMinutes)
			}
		default:
			row["ttl_minutes"] = cell{kind: real, f: m.TtlMinutes}
		}
	}
	rc, err := w.putItem(ctx, row, losses)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Target = agentstate.Key("memory", ns, name) // as a reading of the target yields it
	}
	return rc, err
}

// namespaceFor is the namespace of m's item: the path of its space, or the name of the product that
// it comes from.
func (w *writer) namespaceFor(ctx context.Context, m *pb.Memory) (string, error) {
	labels := []string{w.run.From.GetProduct()}
	if m.SpaceKey != "" {
		rec, err := w.resolver().Get(ctx, m.SpaceKey)
		if err != nil && !errors.Is(err, agentstate.ErrNotFound) && !errors.Is(err, agentstate.ErrUnsupported) {
			return "", err
		}
		if s, ok := rec.(*pb.MemorySpace); ok && len(s.Path) > 0 {
			labels = s.Path
		} else {
			_, parts := agentstate.SplitKey(m.SpaceKey)
			labels = append(labels, parts...)
		}
	}
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = w.label(l, i == 0)
	}
	return strings.Join(out, separator(w.lay.js())), nil
}

// label is l as the store takes it: it refuses labels that are empty, hold its separator, or come
// first and are called langgraph. Different labels stay different.
func (w *writer) label(l string, first bool) string {
	special := ".~\x00"
	if w.lay.js() {
		special = ".:%_\\~\x00"
	}
	if l == "" || first && l == "langgraph" {
		return "~" + l
	}
	var b strings.Builder
	for _, c := range []byte(l) {
		if strings.IndexByte(special, c) >= 0 {
			fmt.Fprintf(&b, "~%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// named is the key of m's item in the namespace ns. Where another record of the run has it already, the record's key
// is added: an item must not stand for two.
func (w *writer) named(ns string, m *pb.Memory) (name string, err error) {
	if w.names == nil {
		if w.names, err = diskmap.New(""); err != nil {
			return "", fmt.Errorf("langgraph: %w", err)
		}
	}
	for name = itemName(m); ; name += " (" + m.Meta.GetKey() + ")" {
		added, err := w.names.Add(ns+"\x00"+name, []byte(m.Meta.GetKey()))
		if added || err != nil {
			return name, err
		}
		if whose, _, err := w.names.View(ns + "\x00" + name); err != nil || string(whose) == m.Meta.GetKey() {
			return name, err
		}
	}
}

// itemName is the key of m's item inside its namespace: its name where that identifies it.
func itemName(m *pb.Memory) string {
	_, parts := agentstate.SplitKey(m.Meta.GetKey())
	last := parts[len(parts)-1]
	if m.Name == "" || m.Name == last {
		return strings.ReplaceAll(valid(last), "\x00", "~00")
	}
	return strings.ReplaceAll(valid(strings.Join(parts, "/")), "\x00", "~00")
}

// itemValue is the JSON object that m becomes; form says how, where it is not one already.
func (w *writer) itemValue(ctx context.Context, m *pb.Memory) (v []byte, form string, err error) {
	switch c := m.Content.(type) {
	case *pb.Memory_Text:
		v, err = json.Marshal(map[string]string{"text": c.Text})
		return v, `becomes {"text": …}: the store holds objects`, err
	case *pb.Memory_Data:
		if v, err = w.resolver().Data(ctx, c.Data); err != nil {
			return nil, "", err
		}
	}
	var compact bytes.Buffer
	if json.Compact(&compact, v) != nil {
		if !utf8.Valid(v) {
			return nil, "", refuse("its content is neither text nor JSON")
		}
		v, err = json.Marshal(map[string]string{"text": string(v)})
		return v, `becomes {"text": …}: the store holds objects`, err
	}
	if compact.Len() != len(v) {
		form = "the same JSON without spaces"
	}
	if !bytes.HasPrefix(compact.Bytes(), []byte("{")) {
		return []byte(`{"value":` + compact.String() + "}"), `becomes {"value": …}: the store holds objects`, nil
	}
	return compact.Bytes(), form, nil
}

// foreignEmbedding writes the vector of an item that came of another runtime, where it was made anew
// with the model of the store: vectors of another model are never written.
func (w *writer) foreignEmbedding(ctx context.Context, e *pb.Embedding) (replay.Receipt, error) {
	if w.lay.flavor() == "js+sqlite" {
		return replay.Receipt{}, refuse("the JavaScript library has no long-term store in SQLite")
	}
	target, ok := w.run.Target(e.OfKey)
	kind, item := agentstate.SplitKey(target)
	if !ok || kind != "memory" || len(item) != 2 {
		return skip("what it is the vector of was not written"), nil
	}
	if e.Element != pb.Embedding_ELEMENT_FLOAT32 {
		return replay.Receipt{}, refuse("the vector is in a form that is not understood")
	}
	field := e.Field
	if field == "" {
		field = "text"
	}
	if err := w.ensureFor(ctx, vectorTables, e); err != nil {
		return replay.Receipt{}, err
	}
	key := keyColumns("store_vectors", w.lay.js())
	row := map[string]cell{key[0]: textCell(item[0]), key[1]: textCell(item[1]), key[2]: textCell(field)}
	row["embedding"] = cell{kind: blob, b: e.Vector}
	if w.lay.engine == "postgres" {
		row["embedding"] = textCell(formatVector(e.Vector, e.Element))
	}
	if w.lay.js() {
		m, err := w.resolver().Get(ctx, e.OfKey)
		if err != nil {
			return replay.Receipt{}, err
		}
		row["text_content"] = textCell(m.(*pb.Memory).GetText())
	}
	losses := fidelity.Lost(e, "a row of vectors has no place for it", "of_key", "field", "vector", "element", "dimensions")
	for _, path := range []string{"meta.created_unix_nano", "meta.updated_unix_nano"} {
		losses = append(losses, loss(path, fidelity.Defaulted, "the time of the replay"))
	}
	rc, err := w.vector(ctx, e, row)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = append(rc.Losses, losses...)
		rc.Target = agentstate.Key("embedding", item[0], item[1], field) // as a reading of the target yields it
	}
	return rc, err
}
