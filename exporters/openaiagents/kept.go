package openaiagents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A program may keep several sessions in one document. A session is a list of items there: one that is called as members says, at any
// depth, or one with an item that the Responses API alone writes. Other lists of a role and a content are prompts and sets of data.

// A kept session is known by the way to its list: names of members, and numbers of elements.
type kept struct {
	value json.RawMessage // of the document, which may have one in each line
	way   []string        // in value
	id    string
	list  []json.RawMessage
}

// A keeping is what a document holds of sessions.
type keeping struct {
	sessions []kept
	ids      map[string]bool
	loose    int // items alone, and lists in texts: nothing says what session they are of
	lines    bool
	line     int
	value    json.RawMessage
}

func (k *keeping) any() bool { return len(k.sessions)+k.loose > 0 }

// mostLines is after how many lines, or elements of a list, without an item a document is a set of data.
const mostLines = 1 << 10

// keptIn looks for sessions in a document. With an error they are those before it.
func keptIn(b []byte) (*keeping, error) {
	k := &keeping{ids: map[string]bool{}}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, bom)))
	for ; k.line < mostLines || k.any(); k.line++ {
		k.value = nil
		if err := d.Decode(&k.value); err == io.EOF {
			break
		} else if err != nil {
			return k, err
		}
		k.lines = k.lines || d.More()
		k.look(k.value, nil, nil, false)
	}
	return k, nil
}

// look looks at v, to which way leads. in is the object that it is a member of; named: a list counts by its name alone.
func (k *keeping) look(v json.RawMessage, way []string, in responses.Object, named bool) {
	if len(way) > deepest {
		return
	}
	name := ""
	if len(way) > 0 && in != nil {
		name = way[len(way)-1]
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
		if isSession(list, slices.Contains(members(), name), named) {
			k.sessions = append(k.sessions, kept{k.value, slices.Clone(way), k.name(way, in), list})
			return
		}
		for i, x := range list {
			if i == mostLines && !k.any() {
				break
			}
			k.look(x, append(way, strconv.Itoa(i)), nil, named)
		}
	case '{':
		k.object(v, way, name, named)
	}
}

func (k *keeping) object(v json.RawMessage, way []string, name string, named bool) {
	var o responses.Object
	json.Unmarshal(v, &o)
	switch {
	case o[schemaVersion] != nil, o["output"] != nil && o["usage"] != nil: // a run state, and an answer of the API, are no sessions
		return
	case isItem(o):
		if name == "item" || k.lines && name != "" && ofResponses(o) {
			k.loose++
		}
		return
	}
	before, skip := len(k.sessions), []string{}
	for _, m := range members() { // of several, one is the session: the others are parts of it, as in the result of a run
		if len(o[m]) > 0 && o[m][0] == '[' && len(k.sessions) == before {
			k.look(o[m], append(way, m), o, named)
			skip = append(skip, m)
		} else if len(k.sessions) > before {
			skip = append(skip, m)
		}
	}
	named = named || len(k.sessions) > before
	for _, m := range sorted(o) {
		if !slices.Contains(skip, m) {
			k.look(o[m], append(way, m), o, named)
		}
	}
}

// name is the id of the session at way: that of the object which its list is a member of, or the name under which it is kept; else the
// whole way. A second session of an id has its way.
func (k *keeping) name(way []string, in responses.Object) (id string) {
	whole := way
	if k.lines {
		whole = append([]string{strconv.Itoa(k.line)}, way...)
	}
	if n := len(way); n > 0 && in != nil {
		if slices.Contains(members(), way[n-1]) {
			id = responses.Plain(responses.First(in, "id", "sessionId", "session_id", "threadId", "thread_id", "conversationId", "conversation_id"))
			way = way[:n-1]
		}
		if _, err := strconv.Atoi(strings.Join(way[max(0, len(way)-1):], "")); id == "" && len(way) > 0 && err != nil {
			id = way[len(way)-1]
		}
	}
	if id == "" || k.ids[id] {
		id = strings.Join(whole, "/")
	}
	k.ids[id] = true
	return id
}

// isSession tells whether a list is one of items; one without a name has to have what the Responses API alone writes.
func isSession(list []json.RawMessage, ours, named bool) bool {
	if !begins(list) || named && !ours {
		return false
	}
	return ours || slices.ContainsFunc(list, func(raw json.RawMessage) bool {
		var o responses.Object
		return json.Unmarshal(raw, &o) == nil && ofResponses(o)
	})
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
	for _, step := range s.way {
		if v.IsObject() {
			v = v.Get(step)
			continue
		}
		at, i := jsonvalue.Value(nil), 0
		v.Elements(func(x jsonvalue.Value) {
			if strconv.Itoa(i) == step {
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
	short := responses.Shorten(b)
	b, secrets := withoutKeys(b)
	f.secrets = secrets > 0
	o := &pb.Opaque{Meta: agentstate.Meta("opaque", f.native("sessions", b), f.rel)}
	r.n["opaque"]++
	if err := r.put(o); err != nil {
		return err
	}
	return r.kept(f, short, o.Meta.Key, "")
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
	return slices.DeleteFunc(k.sessions, func(s kept) bool { return len(s.way) == 1 && s.way[0] == but }), gaps
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
