package agentcorefake

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// memory is one Memory resource.
type memory struct {
	id      string
	doc     map[string]any // as GetMemory answers
	made    time.Time
	actors  []string
	session map[string][]*session // by actor
	records []*record
}

type session struct {
	actor, id string
	made      time.Time
	events    []*event // ascending by id
}

// do carries out a valid request. The lock is held.
func (s *Server) do(r *request) (any, error) {
	switch r.op {
	case "CreateMemory":
		return s.once(r, s.createMemory)
	case "ListMemories":
		ids, next, err := page(s, r, s.order, func(id string) string { return id }, 10, 100)
		if err != nil {
			return nil, err
		}
		out := []any{}
		for _, id := range ids {
			d := s.memories[id].doc
			out = append(out, map[string]any{"arn": d["arn"], "id": id, "status": d["status"], "createdAt": d["createdAt"], "updatedAt": d["updatedAt"]})
		}
		return listed(map[string]any{"memories": out}, next), nil
	}
	if !strings.HasSuffix(s.model.Operations[r.op].URI, "") || r.labels["memoryId"] == "" {
		return s.control(r)
	}
	id := r.labels["memoryId"]
	id = id[strings.LastIndex(id, "/")+1:]
	m := s.memories[id]
	if m == nil {
		return nil, notFound("Memory not found: %s", id)
	}
	switch r.op {
	case "GetMemory":
		doc := maps.Clone(m.doc)
		if s.o.Now().Before(m.made.Add(s.o.Working)) {
			doc["status"] = "CREATING"
		}
		return map[string]any{"memory": doc}, nil
	case "DeleteMemory":
		delete(s.memories, id)
		s.order = slices.DeleteFunc(s.order, func(x string) bool { return x == id })
		return map[string]any{"memoryId": id, "status": "DELETING"}, nil
	case "ListActors":
		as, next, err := page(s, r, m.actors, func(a string) string { return a }, 100, 100)
		out := []any{}
		for _, a := range as {
			out = append(out, map[string]any{"actorId": a})
		}
		return listed(map[string]any{"actorSummaries": out}, next), err
	case "ListSessions":
		ss, next, err := page(s, r, m.session[r.str("actorId")], func(x *session) string { return x.id }, 100, 100)
		out := []any{}
		for _, x := range ss {
			out = append(out, map[string]any{"sessionId": x.id, "actorId": x.actor, "createdAt": stamp(x.made)})
		}
		return listed(map[string]any{"sessionSummaries": out}, next), err
	case "CreateEvent":
		return s.once(r, func(r *request) (any, error) { return s.createEvent(m, r) })
	case "ListEvents", "GetEvent", "DeleteEvent":
		return s.events(m, r)
	case "BatchCreateMemoryRecords":
		return s.once(r, func(r *request) (any, error) { return s.createRecords(m, r) })
	}
	return s.recordOp(m, r)
}

// once answers a client token that was seen with the earlier answer.
func (s *Server) once(r *request, f func(*request) (any, error)) (any, error) {
	t := r.str("clientToken")
	key := r.op + "|" + r.labels["memoryId"] + "|" + t
	if t != "" {
		if out, ok := s.tokens[key]; ok {
			return out, nil
		}
	}
	out, err := f(r)
	if err == nil && t != "" {
		s.tokens[key] = out
	}
	return out, err
}

// suffix is ten characters of its own for each call.
func (s *Server) suffix() string {
	s.serial++
	h := sha256.Sum256(fmt.Appendf(nil, "%s %d", s.o.Account, s.serial))
	return hex.EncodeToString(h[:])[:10]
}

var strategyTypes = map[string]string{
	"semanticMemoryStrategy": "SEMANTIC", "summaryMemoryStrategy": "SUMMARIZATION", "userPreferenceMemoryStrategy": "USER_PREFERENCE",
	"customMemoryStrategy": "CUSTOM", "episodicMemoryStrategy": "EPISODIC",
}

func (s *Server) createMemory(r *request) (any, error) {
	name := r.str("name")
	for _, m := range s.memories {
		if m.doc["name"] == name {
			return nil, invalid("Memory with name %s already exists", name)
		}
	}
	now := s.o.Now()
	id := name + "-" + s.suffix()
	doc := map[string]any{
		"arn": fmt.Sprintf("arn:aws:bedrock-agentcore:%s:%s:memory/%s", s.o.Region, s.o.Account, id),
		"id":  id, "status": "ACTIVE", "createdAt": stamp(now), "updatedAt": stamp(now), "strategies": []any{},
	}
	for _, k := range []string{"name", "description", "encryptionKeyArn", "memoryExecutionRoleArn", "eventExpiryDuration", "indexedKeys", "streamDeliveryResources", "namespaceKeys"} {
		if v, ok := r.body[k]; ok {
			doc[k] = v
		}
	}
	in, _ := r.body["memoryStrategies"].([]any)
	if len(in) > 6 {
		return nil, &apiError{status: 402, typ: "ServiceQuotaExceededException", msg: "6 strategies a memory"}
	}
	for _, x := range in {
		for kind, v := range x.(map[string]any) {
			doc["strategies"] = append(doc["strategies"].([]any), s.strategy(kind, v.(map[string]any), now))
		}
	}
	s.memories[id] = &memory{id: id, doc: doc, made: now, session: map[string][]*session{}}
	s.order = append(s.order, id)
	if tags, ok := r.body["tags"].(map[string]any); ok {
		s.shelf("Tags", doc["arn"].(string)).docs = []map[string]any{{"tags": tags}}
	}
	slices.Sort(s.order)
	return map[string]any{"memory": doc}, nil
}

func (s *Server) strategy(kind string, in map[string]any, now time.Time) map[string]any {
	st := map[string]any{"strategyId": in["name"].(string) + "-" + s.suffix(), "type": strategyTypes[kind], "status": "ACTIVE", "createdAt": stamp(now), "updatedAt": stamp(now)}
	for _, k := range []string{"name", "description", "memoryRecordSchema"} {
		if v, ok := in[k]; ok {
			st[k] = v
		}
	}
	if spec, ok := in["recordExpirySpecification"].(map[string]any); ok {
		st["recordExpiryDurationDays"] = spec["recordExpiryDurationDays"]
	}
	ns := in["namespaceTemplates"]
	if ns == nil {
		ns = in["namespaces"]
	}
	if ns == nil {
		ns = []any{"/strategies/{memoryStrategyId}/actors/{actorId}"}
	}
	st["namespaces"], st["namespaceTemplates"] = ns, ns
	if c, ok := in["configuration"].(map[string]any); ok {
		st["configuration"] = overrides(c)
	}
	if c, ok := in["reflectionConfiguration"].(map[string]any); ok {
		st["configuration"] = map[string]any{"reflection": map[string]any{"episodicReflectionConfiguration": c}}
	}
	return st
}

// overrides turns the configuration of a custom strategy into the form in which it is answered.
func overrides(in map[string]any) map[string]any {
	names := map[string][2]string{"semanticOverride": {"SEMANTIC_OVERRIDE", "semantic"}, "summaryOverride": {"SUMMARY_OVERRIDE", "summary"},
		"userPreferenceOverride": {"USER_PREFERENCE_OVERRIDE", "userPreference"}, "episodicOverride": {"EPISODIC_OVERRIDE", "episodic"}}
	for k, v := range in {
		if k == "selfManagedConfiguration" {
			return map[string]any{"type": "SELF_MANAGED", "selfManagedConfiguration": v}
		}
		out := map[string]any{"type": names[k][0]}
		for part, x := range v.(map[string]any) {
			part1 := strings.ToUpper(part[:1]) + part[1:]
			out[part] = map[string]any{"custom" + part1 + "Configuration": map[string]any{names[k][1] + part1 + "Override": x}}
		}
		return out
	}
	return nil
}

// event is one event.
type event struct {
	id      string
	ms      int64
	payload json.RawMessage
	rest    map[string]any // metadata, branch
}

func (e *event) json(m *memory, x *session, payloads bool) map[string]any {
	out := map[string]any{"memoryId": m.id, "actorId": x.actor, "sessionId": x.id, "eventId": e.id, "eventTimestamp": stamp(time.UnixMilli(e.ms))}
	for k, v := range e.rest {
		out[k] = v
	}
	if payloads {
		out["payload"] = e.payload
	}
	return out
}
