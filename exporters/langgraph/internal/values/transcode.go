package values

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A TypedValue is a channel's value as a blob row has it.
type TypedValue struct {
	Channel string
	Type    string // "msgpack", "json", "bytes", "bytearray", "null", "empty"
	Value   []byte
}

// JoinCheckpoint makes the one document that SQLite holds from a checkpoint of PostgreSQL and
// the values of its channels. A value wins over one inside the checkpoint, as in the runtime.
// js tells the flavour: JSON text, else msgpack. sends are those that wait at a checkpoint of Python's
// below version 4, which SQLite has in the document.
func JoinCheckpoint(js bool, checkpoint []byte, vs []TypedValue, sends ...TypedValue) (doc []byte, losses []string, err error) {
	c, err := parse("json", checkpoint)
	if err != nil {
		return nil, nil, err
	}
	j := &joiner{js: js}
	if j.sends, err = j.list(sends); err != nil {
		return nil, nil, err
	}
	byName := map[string]bool{}
	for _, v := range vs {
		byName[v.Channel] = true
	}
	inline := c.field("channel_values")
	for f := range inline.fields() {
		name, ok := f.key.text()
		if !ok {
			return nil, nil, fmt.Errorf("%w: a channel's name is not text", ErrValue)
		}
		if byName[name] {
			continue
		}
		if js {
			j.add(name, f.value.b)
		} else {
			j.addJSON(name, f.value)
		}
	}
	for _, v := range vs {
		if err := j.value(v); err != nil {
			return nil, nil, fmt.Errorf("channel %s, type %s: %w", v.Channel, v.Type, err)
		}
	}
	return j.document(c), j.losses, nil
}

type joiner struct {
	js     bool
	names  []string
	parts  [][]byte
	sends  []byte // the list of them; nil: the checkpoint's own
	losses []string
}

func (j *joiner) add(name string, b []byte) {
	j.names, j.parts = append(j.names, name), append(j.parts, b)
}

// addJSON adds a value of JSON to a document in msgpack.
func (j *joiner) addJSON(name string, v val) {
	if TooLong(v.b) {
		j.losses = append(j.losses, "channel "+name+": "+NoLong)
	}
	j.add(name, packJSON(nil, v))
}

func (j *joiner) value(v TypedValue) error {
	switch v.Type {
	case "empty":
		return nil
	case "json":
		x, err := parse("json", v.Value)
		switch {
		case err != nil: // it would break the document
			return err
		case j.js:
			j.add(v.Channel, v.Value)
		default:
			j.addJSON(v.Channel, x)
		}
		return nil
	case "msgpack":
		if !j.js {
			_, err := parse("msgpack", v.Value)
			if err == nil { // what an application packed in a way of its own would break the document
				j.add(v.Channel, v.Value)
			}
			return err
		}
	case "null":
		if j.js {
			j.add(v.Channel, []byte("null"))
		} else {
			j.add(v.Channel, []byte{0xc0})
		}
		return nil
	case "bytes", "bytearray":
		if j.js {
			j.add(v.Channel, uint8Array(v.Value))
			return nil
		}
		if v.Type == "bytearray" {
			j.losses = append(j.losses, "channel "+v.Channel+": "+NoBytearray)
		}
		j.add(v.Channel, packBin(nil, v.Value))
		return nil
	}
	return fmt.Errorf("%w: a value of type %q cannot stand in a checkpoint document", ErrValue, v.Type)
}

// list is vs as one list of the document; nil where there are none.
func (j *joiner) list(vs []TypedValue) ([]byte, error) {
	if len(vs) == 0 {
		return nil, nil
	}
	of := joiner{js: j.js}
	for _, v := range vs {
		if err := of.value(v); err != nil {
			return nil, err
		}
	}
	j.losses = append(j.losses, of.losses...)
	if j.js {
		return slices.Concat([]byte{'['}, bytes.Join(of.parts, []byte{','}), []byte{']'}), nil
	}
	return append(packHeadOf(nil, len(of.parts), 0x90, 0xdc), bytes.Join(of.parts, nil)...), nil
}

// document writes the fields of c in their order, channel_values before channel_versions.
func (j *joiner) document(c val) []byte {
	var fs []field
	for f := range c.fields() {
		switch n, _ := f.key.text(); {
		case n == "channel_values" || n == "pending_sends" && j.sends != nil:
			continue
		case n == "pending_sends" && !sendsWait(f.value): // in PostgreSQL it may be a list of a name and bytes
			f.value = val{b: []byte("[]")}
		}
		fs = append(fs, f)
	}
	if j.js {
		var b bytes.Buffer
		b.WriteByte('{')
		for _, f := range fs {
			b.Write(f.key.b)
			b.WriteByte(':')
			b.Write(compact(f.value.b))
			b.WriteByte(',')
		}
		b.WriteString(`"channel_values":{`)
		for i, n := range j.names {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(jsonString(n))
			b.WriteByte(':')
			b.Write(j.parts[i])
		}
		b.WriteByte('}')
		if j.sends != nil {
			b.WriteString(`,"pending_sends":`)
			b.Write(j.sends)
		}
		b.WriteByte('}')
		return b.Bytes()
	}
	n := len(fs) + 1
	if j.sends != nil {
		n++
	}
	b := packMapHead(nil, n)
	for _, f := range fs {
		b = packJSON(b, f.key)
		b = packJSON(b, f.value)
	}
	b = packString(b, "channel_values")
	b = packMapHead(b, len(j.names))
	for i, n := range j.names {
		b = append(packString(b, n), j.parts[i]...)
	}
	if j.sends != nil {
		b = append(packString(b, "pending_sends"), j.sends...)
	}
	return b
}

// SplitCheckpoint takes SQLite's one document apart: the checkpoint as PostgreSQL holds it, and
// every channel value as a blob, which loses nothing that JSONB would. Sends that wait, which
// checkpoints below version 4 hold, are left out: PostgreSQL has them in the writes of the parent, and Python's library since
// 0.5 would take what stands in the document for them, as it is.
func SplitCheckpoint(js bool, doc []byte) (checkpoint []byte, vs []TypedValue, losses []string, err error) {
	tag := "msgpack"
	if js {
		tag = "json"
	}
	c, err := parse(tag, doc)
	if err != nil {
		return nil, nil, nil, err
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for f := range c.fields() {
		name, ok := f.key.text()
		if !ok {
			return nil, nil, nil, fmt.Errorf("%w: a key is not text", ErrValue)
		}
		if name == "channel_values" {
			for x := range f.value.fields() {
				n, ok := x.key.text()
				if !ok {
					return nil, nil, nil, fmt.Errorf("%w: a channel's name is not text", ErrValue)
				}
				vs = append(vs, typed(js, n, x.value))
			}
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(jsonString(name))
		out.WriteByte(':')
		b := full(f.value)
		if name == "pending_sends" {
			b = []byte("[]")
		} else if !js {
			if err := plainJSON(f.value); err != nil {
				return nil, nil, nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		out.Write(b)
	}
	out.WriteByte('}')
	return out.Bytes(), vs, losses, nil
}

// typed gives a value of a document the tag that a blob row has.
func typed(js bool, name string, v val) TypedValue {
	if js {
		if b, ok := fromUint8Array(v); ok {
			return TypedValue{name, "bytes", b}
		}
		return TypedValue{name, "json", bytes.Clone(v.b)}
	}
	switch v.kind() {
	case kNil:
		return TypedValue{name, "null", []byte{}}
	case kBytes:
		return TypedValue{name, "bytes", bytes.Clone(packBody(v.b))}
	}
	return TypedValue{name, "msgpack", bytes.Clone(v.b)}
}

// plainJSON refuses what JSON cannot hold: bytes, extensions, text that is not UTF-8 or holds NUL.
func plainJSON(v val) error {
	switch v.kind() {
	case kBytes, kExt:
		return fmt.Errorf("%w: holds bytes or objects, which JSONB cannot", ErrValue)
	case kString:
		if s, ok := v.text(); !ok || strings.ContainsRune(s, 0) {
			return fmt.Errorf("%w: holds text that JSONB cannot", ErrValue)
		}
	case kNumber:
		if n := v.number(); strings.HasPrefix(n, `"`) {
			return fmt.Errorf("%w: holds %s, which JSONB cannot", ErrValue, n)
		}
	case kArray:
		for x := range v.items() {
			if err := plainJSON(x); err != nil {
				return err
			}
		}
	case kMap:
		for f := range v.fields() {
			if f.key.kind() != kString {
				return fmt.Errorf("%w: holds a key that is not text", ErrValue)
			}
			if err := plainJSON(f.key); err != nil {
				return err
			}
			if err := plainJSON(f.value); err != nil {
				return err
			}
		}
	}
	return nil
}

const uint8ArrayHead = `{"lc":2,"type":"constructor","id":["Uint8Array"],"method":"from","args":[[`

func uint8Array(b []byte) []byte {
	out := []byte(uint8ArrayHead)
	for i, c := range b {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(c), 10)
	}
	return append(out, `]],"kwargs":{}}`...)
}

// fromUint8Array is the bytes of a Uint8Array in exactly the spelling that the runtime writes.
func fromUint8Array(v val) ([]byte, bool) {
	if !bytes.HasPrefix(v.b, []byte(uint8ArrayHead)) {
		return nil, false
	}
	b := []byte{}
	for list := range v.field("args").items() {
		for x := range list.items() {
			n, err := strconv.ParseUint(x.number(), 10, 8)
			if err != nil {
				return nil, false
			}
			b = append(b, byte(n))
		}
	}
	return b, bytes.Equal(uint8Array(b), v.b)
}

func compact(b []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return b
	}
	return out.Bytes()
}

func jsonString(s string) []byte { return Script(s) }

// Script is v, of texts and lists, in JSON as JavaScript writes it.
func Script(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return []byte(`""`)
	}
	return []byte(raw.Replace(strings.TrimRight(b.String(), "\n")))
}

// raw takes back what Go escapes and JavaScript does not. A backslash that is itself escaped begins nothing.
var raw = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")
