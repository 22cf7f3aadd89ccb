package mcpmemory

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// An object is what one line says. Members that the server does not know stay in the line alone.
type object struct {
	kind         string // "entity", "relation", "opaque"
	name, typ    string // of an entity; typ of a relation too
	from, to     string
	observations []string
	texts        bool // what the line says in these fields are texts, and the observations a list of them
	plain        bool // nothing is in the line that is not in these fields
}

var errJSON = errors.New("not JSON, or null")

// parse takes a line apart. Names of members count by their exact case, and the last of two equal
// ones wins, as in JavaScript.
func parse(line []byte) (*object, error) {
	if !utf8.Valid(line) {
		// The server reads it with replacement characters, and so does json.
		line = bytes.ToValidUTF8(line, []byte("\ufffd"))
	}
	o := &object{kind: "opaque"}
	var typ, name, entityType, observations, from, to, relationType jsonvalue.Value
	members := 0
	v, ok := jsonvalue.Object(line, func(member []byte, v jsonvalue.Value) {
		members++
		switch string(member) {
		case "type":
			typ = v
		case "name":
			name = v
		case "entityType":
			entityType = v
		case "observations":
			observations = v
		case "from":
			from = v
		case "to":
			to = v
		case "relationType":
			relationType = v
		}
	})
	switch {
	case !ok || v.IsNull(): // the server asks null for its type, and fails
		return nil, errJSON
	case !v.IsObject(): // a number, a list: the server passes over it
	case typ.Is("entity"):
		o.kind, o.name, o.typ = "entity", textOf(name), textOf(entityType)
		o.texts = o.observe(observations) && name.IsText() && entityType.IsText()
	case typ.Is("relation"):
		o.kind, o.from, o.to, o.typ = "relation", textOf(from), textOf(to), textOf(relationType)
		o.texts = from.IsText() && to.IsText() && relationType.IsText()
	}
	o.plain = o.texts && members == 4 && !bytes.Contains(line, []byte(`\ud`)) && !bytes.Contains(line, []byte(`\uD`)) && !bytes.Contains(line, []byte("\ufffd"))
	return o, nil
}

// observe reads a list of texts. It is false where something else is among them: its JSON is read as
// the text, and what it was stands in the line alone.
func (o *object) observe(list jsonvalue.Value) bool {
	texts := list.IsList()
	if texts {
		o.observations = []string{}
	}
	list.Elements(func(v jsonvalue.Value) {
		texts = texts && v.IsText()
		o.observations = append(o.observations, textOf(v))
	})
	return texts
}

// textOf is v as a text: of what is none its JSON, so that two of them stay apart.
func textOf(v jsonvalue.Value) string {
	if v.IsText() {
		return v.Text()
	}
	return rewritten(v)
}

// parseLong reads the names out of the start of a line that is too long to be taken apart.
func parseLong(head []byte) *object {
	o := &object{kind: "opaque", texts: true} // as far as it is read
	d := json.NewDecoder(bytes.NewReader(head))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return o
	}
	fields := map[string]string{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			break
		}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			break // the long member
		}
		fields[k.(string)] = textOf(jsonvalue.Value(v))
	}
	switch fields["type"] {
	case "entity":
		o.kind, o.name, o.typ = "entity", fields["name"], fields["entityType"]
	case "relation":
		o.kind, o.from, o.to, o.typ = "relation", fields["from"], fields["to"], fields["relationType"]
	}
	return o
}

// key is the key of the record that the n-th line with this identity becomes, from 1. The server
// makes no second one, people do.
func (o *object) key(n string, line [32]byte) string {
	var parts []string
	switch o.kind {
	case "entity":
		parts = []string{o.name}
	case "relation":
		parts = []string{o.from, o.typ, o.to}
	default:
		parts = []string{"line", hexOf(line)}
	}
	if n != "" {
		parts = append(parts, n)
	}
	return agentstate.Key(o.kind, parts...)
}

// encode is the line as the server writes it.
func (o *object) encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if o.kind == "entity" {
		if o.observations == nil {
			o.observations = []string{}
		}
		e.Encode(struct {
			Type         string   `json:"type"`
			Name         string   `json:"name"`
			EntityType   string   `json:"entityType"`
			Observations []string `json:"observations"`
		}{"entity", o.name, o.typ, o.observations})
	} else {
		e.Encode(struct {
			Type         string `json:"type"`
			From         string `json:"from"`
			To           string `json:"to"`
			RelationType string `json:"relationType"`
		}{"relation", o.from, o.to, o.typ})
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// digest is equal for lines that say the same to the server.
func (o *object) digest(line []byte) [32]byte {
	if o.plain {
		return sha256.Sum256(o.encode())
	}
	return sha256.Sum256(line)
}
