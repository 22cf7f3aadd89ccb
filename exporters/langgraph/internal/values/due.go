package values

import "strings"

// NodeOf is the node that a channel of this name triggers, in a checkpoint of version v; empty: it is no such
// channel. Below version 3 they had other names.
func NodeOf(channel string, v int64) string {
	if node, ok := strings.CutPrefix(channel, "branch:to:"); ok {
		return node
	}
	last := channel[strings.LastIndexByte(channel, ':')+1:]
	switch n := strings.Count(channel, ":"); {
	case strings.HasPrefix(channel, "join:") && n > 1,
		v < 3 && strings.HasPrefix(channel, "branch:") && n == 3,
		v < 3 && strings.HasPrefix(channel, "start:"):
		return last
	}
	return ""
}

// Due tells whether the node of a channel that NodeOf knows is due by the channel's value. A node that is deferred waits
// until all others have ended: then the value is a pair, and its second half says so. A join waits for all nodes that
// stand in its name.
func Due(channel, serializer string, b []byte) bool {
	nodes, join := strings.CutPrefix(channel, "join:")
	v, err := parse(serializer, b)
	if err != nil { // one without a body, or that is not understood
		return !join
	}
	if o, ok := v.object(); ok && !v.pack && o.class() == "undefined" {
		return false // JavaScript's, of a deferred node that does not wait
	}
	if deferred, ready := pairOf(v); deferred {
		return ready
	}
	if !join {
		return true
	}
	return spelled(nodes[:max(strings.LastIndexByte(nodes, ':'), 0)], members(v))
}

// spelled tells whether list is some of names with + between them: in any order, each as often as it was waited for. A
// name may hold a + itself.
func spelled(list string, names []string) bool {
	length := -1 // of all names with the sign between them
	for _, name := range names {
		length += len(name) + 1
	}
	begins := make([]bool, len(list)+2) // where a name may begin
	begins[0] = true
	left := 1 << 25 // bytes to compare; no graph that anybody runs has more
	for at := range len(list) {
		if !begins[at] {
			continue
		}
		if left -= length; left < 0 {
			return length == len(list)
		}
		for _, name := range names {
			end := at + len(name)
			if strings.HasPrefix(list[at:], name) && (end == len(list) || list[end] == '+') {
				begins[end+1] = true
			}
		}
	}
	return begins[len(list)+1]
}

// pairOf reads [value, bool].
func pairOf(v val) (is, yes bool) {
	var parts []val
	for x := range v.items() {
		if parts = append(parts, x); len(parts) > 2 {
			return false, false
		}
	}
	if len(parts) != 2 || parts[1].kind() != kBool {
		return false, false
	}
	return true, parts[1].yes()
}

// members are the texts in a list, or in a set.
func members(v val) (out []string) {
	if o, ok := v.object(); ok {
		v = o.args
	}
	for x := range v.items() {
		if x.kind() == kArray { // a set's one argument
			out = append(out, members(x)...)
		} else if s, ok := x.text(); ok {
			out = append(out, s)
		}
	}
	return out
}

// Ran tells whether a channel says that the node of its name has run: so the edges behind a node were triggered below
// version 3, which only its graph knows.
func Ran(channel, serializer string, b []byte) bool {
	v, err := parse(serializer, b)
	if err != nil {
		return false
	}
	s, ok := v.text()
	return ok && s == channel
}

// OwnChannels tells whether a node has seen a channel that triggers none by its name: so it is in a graph that was put
// together without the library's builders, and which nodes are due only its program knows. Below version 3 every
// graph looks so.
func OwnChannels(serializer string, doc []byte, v int64) bool {
	for node, channel := range Seen(serializer, doc) {
		if v > 2 && !strings.HasPrefix(node, "__") && !strings.HasPrefix(channel, "__") && NodeOf(channel, v) == "" {
			return true
		}
	}
	return false
}
