package mapping

import (
	"bytes"
	"encoding/json"
	"slices"
)

// member is a member of a JSON object: where its name and its value stand.
type member struct {
	name     string
	at, end  int // of the name, quotes included
	val, fin int
}

// members are those of the JSON object doc; false: it is none.
func members(doc []byte) ([]member, bool) {
	d := json.NewDecoder(bytes.NewReader(doc))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var out []member
	for d.More() {
		before := int(d.InputOffset())
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, false
		}
		m := member{name: name, at: before + bytes.IndexByte(doc[before:], '"'), end: int(d.InputOffset())}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return nil, false
		}
		m.fin = int(d.InputOffset())
		m.val = m.fin - len(v)
		out = append(out, m)
	}
	_, err := d.Token()
	return out, err == nil
}

// renameMembers is doc with other names of members; all else stays to the byte. false: nothing
// changes, since none is there, doc is no object, or a new name is taken.
func renameMembers(doc []byte, names map[string]string) ([]byte, bool) {
	if len(names) == 0 {
		return nil, false
	}
	ms, ok := members(doc)
	if !ok {
		return nil, false
	}
	final := map[string]bool{}
	changes := false
	for _, m := range ms {
		to, ok := names[m.name]
		if !ok {
			to = m.name
		}
		changes = changes || to != m.name
		if final[to] {
			return nil, false
		}
		final[to] = true
	}
	if !changes {
		return nil, false
	}
	var out []byte
	at := 0
	for _, m := range ms {
		to, ok := names[m.name]
		if !ok || to == m.name {
			continue
		}
		quoted, err := json.Marshal(to)
		if err != nil {
			return nil, false
		}
		out = append(append(out, doc[at:m.at]...), quoted...)
		at = m.end
	}
	return append(out, doc[at:]...), true
}

// renameSchema renames arguments in a JSON Schema: its properties, and which are required.
func renameSchema(doc []byte, names map[string]string) ([]byte, bool) {
	ms, ok := members(doc)
	if !ok || len(names) == 0 {
		return nil, false
	}
	changed := false
	for _, m := range slices.Backward(ms) {
		val := doc[m.val:m.fin]
		var to []byte
		switch m.name {
		case "properties":
			if to, ok = renameMembers(val, names); !ok {
				continue
			}
		case "required":
			var list []string
			if json.Unmarshal(val, &list) != nil {
				continue
			}
			any := false
			for i, s := range list {
				if n, ok := names[s]; ok && n != s {
					list[i], any = n, true
				}
			}
			var err error
			if to, err = json.Marshal(list); err != nil || !any {
				continue
			}
		default:
			continue
		}
		changed = true
		doc = slices.Concat(doc[:m.val], to, doc[m.fin:])
	}
	return doc, changed
}
