package agentcore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// memoryDoc is the part of a Memory that is read.
type memoryDoc struct {
	ID                  string        `json:"id"`
	Name                string        `json:"name"`
	Description         string        `json:"description"`
	EventExpiryDuration uint64        `json:"eventExpiryDuration"`
	CreatedAt           moment        `json:"createdAt"`
	UpdatedAt           moment        `json:"updatedAt"`
	Strategies          []strategyDoc `json:"strategies"`
	IndexedKeys         member        `json:"indexedKeys"`
	NamespaceKeys       member        `json:"namespaceKeys"`
	Status              string        `json:"status"`
	EncryptionKeyArn    string        `json:"encryptionKeyArn"`
	ExecutionRoleArn    string        `json:"memoryExecutionRoleArn"`
	Streams             member        `json:"streamDeliveryResources"`
}

type strategyDoc struct {
	StrategyID         string   `json:"strategyId"`
	Name               string   `json:"name"`
	Type               string   `json:"type"`
	Description        string   `json:"description"`
	Namespaces         []string `json:"namespaces"`
	NamespaceTemplates []string `json:"namespaceTemplates"`
	Configuration      member   `json:"configuration"`
	MemoryRecordSchema member   `json:"memoryRecordSchema"`
	RecordExpiryDays   uint64   `json:"recordExpiryDurationDays"`
	CreatedAt          moment   `json:"createdAt"`
}

// member is a member of an answer as it came. Null is as if it were not there: other endpoints write it.
type member []byte

func (m *member) UnmarshalJSON(doc []byte) error {
	if *m = nil; string(doc) != "null" {
		*m = append(member{}, doc...)
	}
	return nil
}

// MarshalJSON gives it back.
func (m member) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	return m, nil
}

func (s *strategyDoc) templates() []string {
	if len(s.NamespaceTemplates) > 0 {
		return s.NamespaceTemplates
	}
	return s.Namespaces
}

func memoryKey(mem string) string { return agentstate.Key("memoryspace", mem) }
func strategyKey(mem, strategy string) string {
	return agentstate.Key("memoryspace", mem, "strategy", strategy)
}
func namespaceKey(mem, strategy, ns string) string {
	return agentstate.Key("memoryspace", mem, "namespace", strategy, ns)
}
func recordKey(mem, id string) string { return agentstate.Key("memory", mem, id) }

// form is the project's word for a memory, by the type of its strategy.
func form(strategyType string) pb.Memory_Form {
	switch strategyType {
	case "SEMANTIC":
		return pb.Memory_FORM_SEMANTIC
	case "SUMMARIZATION":
		return pb.Memory_FORM_SUMMARY
	case "USER_PREFERENCE":
		return pb.Memory_FORM_PREFERENCE
	case "EPISODIC":
		return pb.Memory_FORM_EPISODIC
	}
	return pb.Memory_FORM_UNSPECIFIED
}

// spaces reads one memory: its definition, its strategies, and its records.
func (r *reading) spaces(ctx context.Context, id string) error {
	doc, err := r.c.getMemory(ctx, id)
	if gone(err) && id == r.s.o.Memory { // nothing of what was asked for
		return fmt.Errorf("%w: write one that ListMemories gives, or leave it out", err)
	}
	if err != nil {
		return r.gap("memoryspace", id, err, "memory")
	}
	var m memoryDoc
	if err := json.Unmarshal(doc, &m); err != nil {
		return r.gap("memoryspace", id, fmt.Errorf("%w: GetMemory", ErrSchema), "memory")
	}
	spaces := memorySpaces(id, doc, &m)
	if spaces[0].Meta.Labels, err = r.c.tagsOf(ctx, sort{arn: "arn"}, doc); err != nil {
		if err := r.gap("memoryspace", id+"/tags", err); err != nil {
			return err
		}
	}
	for _, s := range spaces {
		if !r.put(s) {
			return nil
		}
		r.pos.Relisted["memoryspace"]++
	}
	return r.records(ctx, id, &m)
}

// memorySpaces are the records of a Memory and, as readings of it, of its strategies.
func memorySpaces(id string, doc json.RawMessage, m *memoryDoc) []*pb.MemorySpace {
	top := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", agentstate.Document("Memory", "application/json", doc), id),
		Path: []string{m.Name}, TtlSeconds: m.EventExpiryDuration * 86400}
	top.Meta.CreatedUnixNano, top.Meta.UpdatedUnixNano = nanos(m.CreatedAt), nanos(m.UpdatedAt)
	top.Settings = settings(map[string]any{"description": m.Description, "indexedKeys": m.IndexedKeys, "namespaceKeys": m.NamespaceKeys})
	out := []*pb.MemorySpace{top}
	for _, s := range m.Strategies {
		sp := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, id, "strategy", s.StrategyID), Path: []string{m.Name, s.Name},
			Strategy: strings.ToLower(s.Type), TtlSeconds: s.RecordExpiryDays * 86400}
		if t := s.templates(); len(t) > 0 {
			sp.RawPath = t[0]
		}
		sp.Meta.CreatedUnixNano = nanos(s.CreatedAt)
		sp.Settings = settings(map[string]any{"description": s.Description, "configuration": s.Configuration, "memoryRecordSchema": s.MemoryRecordSchema})
		sp.Meta.ViewOfKeys = []string{top.Meta.Key}
		out = append(out, sp)
	}
	return out
}

// settings are what else a memory or a strategy is told, as JSON; absent: nothing. What is of the
// account, as roles and keys, is in the native form alone.
func settings(in map[string]any) *pb.Data {
	for k, v := range in {
		if doc, ok := v.(member); v == "" || ok && doc == nil {
			delete(in, k)
		}
	}
	doc, err := marshal(in)
	if err != nil || len(in) == 0 {
		return nil
	}
	return agentstate.Inline("application/json", doc)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
