package openaiagents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// items are the records of a list of items: the file is the conversation, each item a reading of it.
func (r *reading) items(f *document, b []byte) error {
	short := responses.Shorten(b)
	member, list, err := listIn(short)
	var torn *pb.Gap
	if err != nil {
		if sound, g := soundLines(short, f.rel); g != nil {
			list, torn, err = sound, g, nil
		}
	}
	if err != nil {
		if at := offset(err); at > 0 {
			err = fmt.Errorf("not JSON at byte %d", at)
		}
		return r.gaps(gap("conversation", f.rel, 1, err), gap("message", f.rel, 0, err))
	}
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", f.native("items", b), f.rel)}
	key := c.Meta.Key
	r.n["conversation"]++
	if torn == nil {
		r.n["message"] += countElements(short, member)
	} else {
		r.n["message"] += countLines(short)
	}
	if err := r.put(c); err != nil {
		return err
	}
	if torn != nil && !r.out.Gap(torn) {
		return r.out.Err()
	}
	if err := r.readItems(list, key, key, f.rel); err != nil || member == "" {
		return err
	}
	return r.kept(f, short, key, member)
}

// readItems puts the items of a session, as readings of the record that holds them. Their keys begin with parts.
func (r *reading) readItems(list []json.RawMessage, session, base string, parts ...string) error {
	for i, raw := range list {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, append(parts[:len(parts):len(parts)], strconv.Itoa(i))...), ConversationKey: session, Position: uint64(i + 1)}
		m.Meta.ViewOfKeys = []string{base}
		if len(raw) > 4*maxItem {
			m.Meta.Labels = append(m.Meta.Labels, unreadItem())
		} else {
			responses.Read(m, raw)
		}
		if err := r.put(m); err != nil {
			return err
		}
	}
	return nil
}

// countElements counts the elements of a document's list, which is its member or itself, or its values where it
// has one behind the other, by another route than listIn: no value is taken out of it.
func countElements(b []byte, member string) (n uint64) {
	v, one := jsonvalue.Parse(bytes.TrimPrefix(b, bom))
	switch {
	case !one || member == "" && v.IsObject():
		return countValues(bytes.TrimPrefix(b, bom))
	case member != "":
		v = v.Get(member)
	}
	v.Elements(func(jsonvalue.Value) { n++ })
	return n
}

// countValues counts the values that stand one behind the other.
func countValues(b []byte) (n uint64) {
	depth, quoted, escaped, word := 0, false, false, false
	for _, c := range b {
		begins := false
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted, begins, word = true, depth == 0, false
		case c == '{' || c == '[':
			begins, word = depth == 0, false
			depth++
		case c == '}' || c == ']':
			depth--
		case depth > 0:
		case c <= ' ':
			word = false
		default: // of a number, true, false or null
			begins, word = !word, true
		}
		if begins {
			n++
		}
	}
	return n
}

// listIn is the list of items in a document, and the name of the member that it is; empty: it is the
// document itself.
func listIn(b []byte) (member string, list []json.RawMessage, err error) {
	b = bytes.TrimPrefix(b, bom)
	if t := bytes.TrimSpace(b); len(t) == 0 || t[0] != '{' {
		err = json.Unmarshal(b, &list)
		return "", list, err
	}
	var o responses.Object
	if err := json.Unmarshal(b, &o); err != nil && inLines(b) == notOurs {
		return "", nil, err
	}
	for _, name := range members() {
		if json.Unmarshal(o[name], &list) == nil && begins(list) {
			return name, list, nil
		}
	}
	if inLines(b) != notOurs {
		list, err = lines(b)
		return "", list, err
	}
	return "", nil, errors.New("no list of items in it")
}

// lines are the values of a text that has one in each line.
func lines(b []byte) (list []json.RawMessage, err error) {
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var v json.RawMessage
		if err := d.Decode(&v); err == io.EOF {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// soundLines are the items of a text in lines, some of which are not JSON: a program that was ended while it
// wrote leaves half a line. The gap names them; nil: there are none, or it is no such text.
func soundLines(b []byte, rel string) (list []json.RawMessage, torn *pb.Gap) {
	b = bytes.TrimPrefix(b, bom)
	if inLines(b) == notOurs {
		return nil, nil
	}
	no, first, bad := 0, 0, uint64(0)
	for l := range bytes.Lines(b) {
		no++
		switch l = bytes.TrimSpace(l); {
		case len(l) == 0:
		case json.Valid(l):
			list = append(list, json.RawMessage(l))
		default:
			if bad++; bad == 1 {
				first = no
			}
		}
	}
	if bad == 0 || len(list) == 0 {
		return nil, nil
	}
	return list, gap("message", rel, bad, fmt.Errorf("%d lines are not JSON, the first is line %d: their bytes are in the conversation", bad, first))
}

// countLines counts the lines that say something.
func countLines(b []byte) (n uint64) {
	for l := range bytes.Lines(bytes.TrimPrefix(b, bom)) {
		if len(bytes.TrimSpace(l)) > 0 {
			n++
		}
	}
	return n
}
