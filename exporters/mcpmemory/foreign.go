package mcpmemory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The server holds an entity's name, type and observations, and a relation's two names and type.
const noField = "the memory server has no place for it"

// memoryType is the type of an entity that stands for a memory of another runtime.
const memoryType = "memory"

// foreign writes a record of another runtime from its mapped fields.
func (w *writer) foreign(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	switch r := r.(type) {
	case *pb.Memory:
		return w.memory(ctx, r)
	case *pb.Entity:
		return w.entity(r)
	case *pb.Relation:
		return w.relation(r)
	}
	return replay.Receipt{Action: replay.Skipped, Why: "the memory server has no " + agentstate.KindOf(r)}, nil
}

// memory becomes an entity with one observation: reading it back gives that observation.
func (w *writer) memory(ctx context.Context, m *pb.Memory) (replay.Receipt, error) {
	if len(m.Meta.ViewOfKeys) > 0 && agentstate.KindOfKey(m.Meta.ViewOfKeys[0]) == "entity" {
		return replay.Receipt{Action: replay.Skipped, Why: "stands in its entity", NoLoss: true}, nil
	}
	text := m.GetText()
	losses := fidelity.Lost(m, noField, "text", "data", "name", "tags")
	if d := m.GetData(); d != nil {
		b, err := w.run.Source.Data(ctx, d)
		if err != nil && !errors.Is(err, agentstate.ErrUnsupported) {
			return replay.Receipt{}, fmt.Errorf("mcpmemory: %s: %w", m.Meta.Key, err)
		}
		if err != nil || int64(len(b)) > maxLine {
			return replay.Receipt{Action: replay.Refused, Why: "its content is too long for one observation"}, nil
		}
		var only struct {
			Text *string `json:"text"`
		}
		why := "a document becomes the text of an observation"
		if json.Unmarshal(b, &only) == nil && only.Text != nil && strings.Count(string(b), `":`) == 1 {
			text, why = *only.Text, `{"text": …} becomes the text of an observation`
		} else {
			text = strings.ToValidUTF8(string(b), "\ufffd")
		}
		losses = append(losses, fidelity.Loss{Path: "data", Grade: fidelity.Transformed, Why: why}, fidelity.Loss{Path: "text", Grade: fidelity.Defaulted, Why: why})
	}
	name, err := w.named(m.Meta.Key, joined(m.Meta.Key))
	if err != nil {
		return replay.Receipt{}, err
	}
	o := &object{kind: "entity", name: name, typ: memoryType, observations: []string{text}, plain: true}
	losses = append(losses, fidelity.Loss{Path: "meta.view_of_keys", Grade: fidelity.Defaulted, Why: "it is read as an observation of its entity"})
	if m.Name != o.name {
		losses = append(losses, fidelity.Loss{Path: "name", Grade: fidelity.Transformed, Why: "names are unique there: it is the memory's key"})
	}
	if len(m.Tags) != 1 || m.Tags[0] != memoryType {
		losses = append(losses, fidelity.Loss{Path: "tags", Grade: fidelity.Transformed, Why: "the type of the entity is " + memoryType})
	}
	rc, err := w.made(o, losses)
	if rc.Target != "" {
		rc.Target = o.memoryKey(rc.Target, text)
	}
	return rc, err
}

func (w *writer) entity(e *pb.Entity) (replay.Receipt, error) {
	o := &object{kind: "entity", name: e.Name, observations: e.Observations, plain: true}
	kept := []string{"name", "observations", "types"}
	losses := fidelity.Lost(e, noField, append(kept, "summary")...)
	if len(e.Types) > 0 {
		o.typ = e.Types[0]
	}
	if len(e.Types) > 1 {
		losses = append(losses, fidelity.Loss{Path: "types", Grade: fidelity.Transformed, Why: "an entity has one type there: the first"})
	}
	if e.Summary != "" {
		o.observations = append(o.observations[:len(o.observations):len(o.observations)], e.Summary)
		const why = "a summary becomes the last observation"
		losses = append(losses, fidelity.Loss{Path: "summary", Grade: fidelity.Transformed, Why: why}, fidelity.Loss{Path: "observations", Grade: fidelity.Transformed, Why: why})
	}
	if o.name == "" {
		o.name = joined(e.Meta.Key)
		losses = append(losses, fidelity.Loss{Path: "name", Grade: fidelity.Defaulted, Why: "an entity has no id there but its name: it is the record's key"})
	}
	name, err := w.named(e.Meta.Key, o.name)
	if err != nil {
		return replay.Receipt{}, err
	}
	if name != o.name {
		losses = append(losses, fidelity.Loss{Path: "name", Grade: fidelity.Transformed, Why: "another record has this name, and an entity has no id there but its name: the record's key is added"})
	}
	o.name = name
	return w.made(o, losses)
}

// joined is a record's key as a name.
func joined(key string) string {
	_, parts := agentstate.SplitKey(key)
	return strings.ToValidUTF8(strings.Join(parts, "/"), "\ufffd")
}

// named is the name that a record gets, which its relations say: where another record of this run has it,
// its key comes behind it.
func (w *writer) named(key, name string) (string, error) {
	first, taken, err := w.keys.seen.Get("called " + name)
	for err == nil && taken && string(first) != key {
		name += " (" + key + ")"
		first, taken, err = w.keys.seen.Get("called " + name)
	}
	if err == nil && !taken {
		err = w.keys.seen.Put("called "+name, []byte(key))
	}
	if err == nil {
		err = w.keys.seen.Put("name of "+key, []byte(name))
	}
	if err != nil {
		return "", fmt.Errorf("mcpmemory: %w", err)
	}
	return name, nil
}

func (w *writer) relation(r *pb.Relation) (replay.Receipt, error) {
	losses := fidelity.Lost(r, noField, "from_key", "to_key", "type", "fact")
	o := &object{kind: "relation", typ: r.Type, plain: true}
	for _, end := range []struct {
		path, key string
		name      *string
	}{{"from_key", r.FromKey, &o.from}, {"to_key", r.ToKey, &o.to}} {
		v, ok, err := w.keys.seen.Get("name of " + end.key)
		if err != nil {
			return replay.Receipt{}, fmt.Errorf("mcpmemory: %w", err)
		}
		*end.name = string(v)
		if ok && agentstate.KindOfKey(end.key) != "entity" {
			losses = append(losses, fidelity.Loss{Path: end.path, Grade: fidelity.Transformed, Why: "it leads to the entity that the memory became"})
		}
		if ok {
			continue
		}
		*end.name = joined(end.key)
		if end.key != agentstate.Key("entity", *end.name) {
			losses = append(losses, fidelity.Loss{Path: end.path, Grade: fidelity.Transformed, Why: "it dangles, and a relation names its ends"})
		}
	}
	if r.Fact != "" {
		losses = append(losses, fidelity.Loss{Path: "fact", Grade: fidelity.Dropped, Why: noField})
	}
	return w.made(o, losses)
}

// made puts the line of o. Two records of one identity that differ, such as two facts between the
// same entities, need a second line.
func (w *writer) made(o *object, losses []fidelity.Loss) (replay.Receipt, error) {
	line := o.encode()
	sum := o.digest(line)
	rc, err := w.put(o.key("", sum), sum, append([]byte{o.kind[0], 'L'}, line...))
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = losses
	}
	return rc, err
}
