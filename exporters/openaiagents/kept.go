package openaiagents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	"github.com/exitramp/exitramp/internal/plainjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A program may keep several sessions in one document. A session is a list of items there: one that is called as members says, at any
// depth, one with an answer that the Responses API alone writes, or one beside such a list. Other lists of a role and a content are
// prompts, requests and sets of data.

// A kept session is known by the way to its list.
type kept struct {
	value json.RawMessage // of the document, which may have one in each line
	way   []step          // in value
	whole string          // the way, with the line
	id    string
	told  bool // by a member of its object
	list  []json.RawMessage
}

// A step is the name of a member, or the number of an element.
type step struct {
	name    string
	element bool
}

// A sign is what makes a list of items a session.
type sign int

const (
	byAnswer   sign = iota // its name, or an answer in it
	byName                 // its name alone: it is in an object that has a session
	byNeighbor             // nothing more: a list beside it has an answer
)

// A keeping is what a document holds of sessions.
type keeping struct {
	sessions []kept
	seen     int            // of them, each state by itself
	lately   map[string]int // the last one of a way in its line and an id
	loose    int            // items alone, and lists in texts: nothing says what session they are of
	lines    bool
	line     int
	value    json.RawMessage
}

func (k *keeping) any() bool { return len(k.sessions)+k.loose > 0 }

// mostLines is after how many lines, or elements of a list, without an item a document is a set of data.
const mostLines = 1 << 10

// keptIn looks for sessions in a document. With an error they are those before it.
func keptIn(b []byte) (*keeping, error) {
	k := &keeping{}
	defer k.name()
	d := json.NewDecoder(bytes.NewReader(plainjson.QuoteWords(bytes.TrimPrefix(b, bom))))
	for ; k.line < mostLines || k.any(); k.line++ {
		k.value = nil
		if err := d.Decode(&k.value); err == io.EOF {
			break
		} else if err != nil {
			return k, err
		}
		k.lines = k.lines || d.More()
		k.look(k.value, nil, nil, byAnswer)
	}
	return k, nil
}

// look looks at v, to which way leads. in is the object that it is a member of.
func (k *keeping) look(v json.RawMessage, way []step, in responses.Object, by sign) {
	if len(way) > deepest {
		return
	}
	called := ""
	if in != nil {
		called = way[len(way)-1].name
	}
	switch v[0] {
	case '"':
		if s, ok := responses.Text(v); ok && (strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{")) && !strings.Contains(s, schemaVersion) {
			if f, _ := listed([]byte(s)); f == itemList {
				k.loose++
			}
		}
	case '[':
		var list []json.RawMessage
		json.Unmarshal(v, &list)
		if isSession(list, called, by) {
			k.found(list, way, in)
			return
		}
		by = amid(by, slices.Values(list[:min(len(list), mostLines)]))
		for i, x := range list {
			if i == mostLines && !k.any() {
				break
			}
			k.look(x, append(way, step{strconv.Itoa(i), true}), nil, by)
		}
	case '{':
		k.object(v, way, called, by)
	}
}

func (k *keeping) object(v json.RawMessage, way []step, called string, by sign) {
	var o responses.Object
	json.Unmarshal(v, &o)
	switch {
	case o[schemaVersion] != nil, o["output"] != nil && o["usage"] != nil && o["items"] == nil && o["history"] == nil:
		return // a run state, and an answer of the API, are no sessions; the result of a run has one
	case isItem(o):
		if called == "item" || k.lines && called != "" && ofResponses(o) {
			k.loose++
		}
		return
	}
	before, skip := k.seen, []string{}
	for _, m := range members() { // of several, one is the session: the others are parts of it, as in the result of a run
		if len(o[m]) > 0 && o[m][0] == '[' && k.seen == before {
			k.look(o[m], append(way, step{name: m}), o, by)
			skip = append(skip, m)
		} else if k.seen > before {
			skip = append(skip, m)
		}
	}
	if k.seen > before {
		by = byName
	}
	by = amid(by, maps.Values(o))
	for _, m := range sorted(o) {
		if !slices.Contains(skip, m) {
			k.look(o[m], append(way, step{name: m}), o, by)
		}
	}
}

// amid is by what a list among all is a session.
func amid(by sign, all iter.Seq[json.RawMessage]) sign {
	if by == byName {
		return by
	}
	for v := range all {
		var list []json.RawMessage
		if v[0] == '[' && json.Unmarshal(v, &list) == nil && isSession(list, "", byAnswer) {
			return byNeighbor
		}
	}
	return byAnswer
}

// isSession tells whether a list that is called so is a session.
func isSession(list []json.RawMessage, called string, by sign) bool {
	ours := slices.Contains(members(), called)
	switch {
	case !begins(list) || by == byName && !ours:
		return false
	case ours || by == byNeighbor:
		return true
	}
	return slices.ContainsFunc(list, func(raw json.RawMessage) bool {
		var o responses.Object
		return json.Unmarshal(raw, &o) == nil && ofResponses(o) && !asks(o)
	})
}

// asks tells whether an item is what a model is asked: prompts and sets of data have such, too.
func asks(o responses.Object) bool {
	role := responses.Plain(o["role"])
	return role != "" && role != "assistant"
}

// ofResponses tells whether an object is an item that no other API writes.
func ofResponses(o responses.Object) bool {
	if typ := responses.Plain(o["type"]); typ != "" && typ != "message" {
		return isItem(o)
	}
	var parts []struct{ Type string }
	json.Unmarshal(o["content"], &parts)
	for _, p := range parts {
		if strings.HasPrefix(p.Type, "input_") || strings.HasPrefix(p.Type, "output_") {
			return isItem(o)
		}
	}
	return false
}

// count counts the items by another route: no value is taken out of the document.
func (s *kept) count() (n uint64) {
	v, _ := jsonvalue.Parse(s.value)
	for _, to := range s.way {
		if !to.element {
			v = v.Get(to.name)
			continue
		}
		at, i := jsonvalue.Value(nil), 0
		v.Elements(func(x jsonvalue.Value) {
			if strconv.Itoa(i) == to.name {
				at = x
			}
			i++
		})
		v = at
	}
	v.Elements(func(jsonvalue.Value) { n++ })
	return n
}

// keeper puts a document of a program's own that keeps sessions: it is carried as it is, and they are readings of it.
func (r *reading) keeper(f *document, b []byte) error {
	b = f.withoutKeys(b)
	if err := r.key(f); err != nil {
		return err
	}
	o := &pb.Opaque{Meta: agentstate.Meta("opaque", f.native("sessions", b), f.rel)}
	r.n["opaque"]++
	if err := r.put(o); err != nil {
		return err
	}
	return r.kept(f, responses.Shorten(b), o.Meta.Key, "")
}

// kept puts the sessions that a document keeps, but that of the member but, as readings of the record that holds it.
func (r *reading) kept(f *document, short []byte, base, but string) error {
	sessions, gaps := keptBut(short, f.rel, but)
	for i := range sessions {
		if err := r.keptSession(f, &sessions[i], base); err != nil {
			return err
		}
	}
	return r.gaps(gaps...)
}

// keptBut is keptIn without the session that is the member but, and with what could not be read.
func keptBut(short []byte, rel, but string) (sessions []kept, gaps []*pb.Gap) {
	k, err := keptIn(short)
	switch {
	case err != nil:
		err = fmt.Errorf("not JSON at byte %d: the file is carried as it is, with the sessions before that", offset(err))
	case k.loose > 0:
		err = errors.New("nothing says of which session items are: each stands alone in an object of a program's own, or lists of them are in texts; the file is carried as it is")
	}
	if err != nil {
		gaps = []*pb.Gap{gap("conversation", rel, 0, err), gap("message", rel, 0, err)}
	}
	return slices.DeleteFunc(k.sessions, func(s kept) bool { return len(s.way) == 1 && s.way[0].name == but }), gaps
}

func (r *reading) keptSession(f *document, s *kept, base string) error {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, f.rel, s.id), Title: valid(s.id)}
	c.Meta.ViewOfKeys = []string{base}
	r.n["conversation"]++
	r.n["message"] += s.count()
	if err := r.put(c); err != nil {
		return err
	}
	return r.readItems(s.list, c.Meta.Key, base, f.rel, s.id)
}
