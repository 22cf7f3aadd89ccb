package openaiagents

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/responses"
)

// found notes a session. Its id is that of the object which its list is a member of, or the name under which it is kept.
func (k *keeping) found(list []json.RawMessage, way []step, in responses.Object) {
	s := kept{value: k.value, way: slices.Clone(way), list: list}
	var whole []string
	if k.line > 0 || len(way) == 0 {
		whole = append(whole, strconv.Itoa(k.line))
	}
	for _, x := range way {
		whole = append(whole, x.name)
	}
	s.whole = strings.Join(whole, "/")
	if n := len(way); n > 0 && in != nil {
		if slices.Contains(members(), way[n-1].name) {
			s.id = idOf(in)
			s.told = s.id != ""
			way = way[:n-1]
		}
		if n := len(way); s.id == "" && n > 0 && !way[n-1].element {
			s.id = way[n-1].name
		}
	}
	k.seen++
	line := strings.Join(append(whole[min(len(whole)-len(s.way), 1):], s.id, strconv.FormatBool(s.told), k.whose(in)), "\x00") // but for its number
	if i, ok := k.lately[line]; ok && k.sessions[i].goesOn(&s) {
		last := &k.sessions[i] // it keeps its name: what is added to the document takes it from none
		last.value, last.way, last.list = s.value, s.way, s.list
		return
	}
	if k.lately == nil {
		k.lately = map[string]int{}
	}
	k.lately[line] = len(k.sessions)
	k.sessions = append(k.sessions, s)
}

// whose is what the object of a list, and its line, say of whose session it is: two people may begin with the same words.
func (k *keeping) whose(in responses.Object) string {
	var line responses.Object
	_ = json.Unmarshal(k.value, &line) // it may be a list
	var out []string
	for _, o := range []responses.Object{in, line} {
		out = append(out, string(responses.First(o, "user", "userId", "user_id")), string(responses.First(o, "groupId", "group_id")))
	}
	return strings.Join(out, "\x00")
}

// goesOn tells whether later, from a line below, is a later state of s: programs add a line with all that was said so far for each turn.
func (s *kept) goesOn(later *kept) bool {
	return len(s.list) <= len(later.list) && slices.EqualFunc(s.list, later.list[:len(s.list)], func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
}

// idOf is the id in an object; empty: it has none.
func idOf(o responses.Object) string {
	v := responses.First(o, "id", "sessionId", "session_id", "threadId", "thread_id", "conversationId", "conversation_id")
	if n := json.Number(""); len(v) > 0 && v[0] != '"' && json.Unmarshal(v, &n) == nil {
		return n.String()
	}
	return responses.Plain(v)
}

// name gives each session an id of its own. A name that several are kept under is that of none: what is added to the document would
// get it from another. Those, the second one of an id, and one without any have the whole way.
func (k *keeping) name() {
	named, taken := map[string]int{}, map[string]bool{}
	for i := range k.sessions {
		switch s := &k.sessions[i]; {
		case !s.told:
			named[s.id]++
		case taken[s.id]:
			s.id, s.told = "", false
		default:
			taken[s.id] = true
		}
	}
	for i := range k.sessions {
		s := &k.sessions[i]
		if s.told {
			continue
		}
		if s.id == "" || named[s.id] > 1 || taken[s.id] {
			s.id = s.whole
		}
		for n := 2; taken[s.id]; n++ { // a program's id may read as a way
			s.id = s.whole + "/" + strconv.Itoa(n)
		}
		taken[s.id] = true
	}
}
