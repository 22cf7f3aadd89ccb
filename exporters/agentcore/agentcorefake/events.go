package agentcorefake

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

func (s *Server) createEvent(m *memory, r *request) (any, error) {
	at, _ := r.body["eventTimestamp"].(json.Number).Float64()
	e := &event{ms: int64(math.Round(at * 1000)), payload: r.raw["payload"], rest: map[string]any{}}
	if v, ok := r.body["metadata"]; ok {
		e.rest["metadata"] = v
	}
	actor, id := r.str("actorId"), r.str("sessionId")
	if id == "" {
		id = "s" + s.suffix()
	}
	x := m.find(actor, id)
	branch, _ := r.body["branch"].(map[string]any)
	if branch == nil {
		branch = map[string]any{"name": "main"}
	}
	if root, ok := branch["rootEventId"].(string); ok {
		if x == nil || !slices.ContainsFunc(x.events, func(e *event) bool { return e.id == root }) {
			return nil, invalid("branch.rootEventId: no event %s in this session", root)
		}
	} else if name := branch["name"]; name != "main" && !x.has(name) {
		return nil, invalid("branch.rootEventId: required for a new branch")
	}
	e.rest["branch"] = branch
	if x == nil {
		x = &session{actor: actor, id: id, made: s.o.Now()}
		if len(m.session[actor]) == 0 {
			m.actors = append(m.actors, actor)
			slices.Sort(m.actors)
		}
		m.session[actor] = append(m.session[actor], x)
	}
	s.serial++
	h := sha256.Sum256(fmt.Appendf(nil, "event %s %d", m.id, s.serial))
	e.id = fmt.Sprintf("%019d#%s", e.ms, hex.EncodeToString(h[:4]))
	i := sort.Search(len(x.events), func(i int) bool { return x.events[i].id > e.id })
	x.events = slices.Insert(x.events, i, e)
	return map[string]any{"event": e.json(m, x, true)}, nil
}

func (m *memory) find(actor, id string) *session {
	for _, x := range m.session[actor] {
		if x.id == id {
			return x
		}
	}
	return nil
}

func (x *session) has(branch any) bool {
	return x != nil && slices.ContainsFunc(x.events, func(e *event) bool { return e.rest["branch"].(map[string]any)["name"] == branch })
}

func (s *Server) events(m *memory, r *request) (any, error) {
	x := m.find(r.str("actorId"), r.str("sessionId"))
	if r.op == "ListEvents" {
		if x == nil {
			return map[string]any{"events": []any{}}, nil
		}
		payloads := true
		if v, ok := r.body["includePayloads"].(bool); ok {
			payloads = v
		}
		all := make([]*event, 0, len(x.events))
		for _, e := range slices.Backward(x.events) { // newest first
			if matches(e, r.body["filter"]) {
				all = append(all, e)
			}
		}
		es, next, err := page(s, r, all, func(e *event) string { return e.id }, 100, 100)
		out := []any{}
		for _, e := range es {
			out = append(out, e.json(m, x, payloads))
		}
		return listed(map[string]any{"events": out}, next), err
	}
	id := r.str("eventId")
	i := -1
	if x != nil {
		i = slices.IndexFunc(x.events, func(e *event) bool { return e.id == id })
	}
	if i < 0 {
		return nil, notFound("Event not found: %s", id)
	}
	if r.op == "GetEvent" {
		return map[string]any{"event": x.events[i].json(m, x, true)}, nil
	}
	x.events = slices.Delete(x.events, i, i+1)
	if len(x.events) == 0 {
		m.session[x.actor] = slices.DeleteFunc(m.session[x.actor], func(y *session) bool { return y == x })
		if len(m.session[x.actor]) == 0 {
			m.actors = slices.DeleteFunc(m.actors, func(a string) bool { return a == x.actor })
		}
	}
	return map[string]any{"eventId": id}, nil
}

func matches(e *event, filter any) bool {
	f, _ := filter.(map[string]any)
	if b, ok := f["branch"].(map[string]any); ok && e.rest["branch"].(map[string]any)["name"] != b["name"] {
		return false
	}
	conds, _ := f["eventMetadata"].([]any)
	md, _ := e.rest["metadata"].(map[string]any)
	for _, c := range conds {
		c := c.(map[string]any)
		left, _ := c["left"].(map[string]any)
		key, _ := left["metadataKey"].(string)
		v, there := md[key]
		switch c["operator"] {
		case "EXISTS":
			if !there {
				return false
			}
		case "NOT_EXISTS":
			if there {
				return false
			}
		case "EQUALS_TO":
			right, _ := c["right"].(map[string]any)
			if a, b := fmt.Sprint(v), fmt.Sprint(right["metadataValue"]); !there || a != b {
				return false
			}
		}
	}
	return true
}

// below tells whether a namespace is path or under it.
func below(ns, path string) bool {
	p := strings.TrimSuffix(path, "/")
	return p == "" || strings.TrimSuffix(ns, "/") == p || strings.HasPrefix(ns, p+"/")
}
