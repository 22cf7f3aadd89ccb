package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/fidelity"
)

// members of a strategy of each type, as CreateMemory wants it.
func strategyMember(typ string) string {
	switch typ {
	case "SEMANTIC":
		return "semanticMemoryStrategy"
	case "SUMMARIZATION":
		return "summaryMemoryStrategy"
	case "USER_PREFERENCE":
		return "userPreferenceMemoryStrategy"
	case "EPISODIC":
		return "episodicMemoryStrategy"
	case "CUSTOM":
		return "customMemoryStrategy"
	}
	return ""
}

// createMemory turns the answer of GetMemory into the body of CreateMemory. Roles, keys, streams and
// topics are of the source's account, and give power: they are left out, and said.
func createMemory(doc json.RawMessage, m *memoryDoc, clientToken string) (body []byte, losses []fidelity.Loss, no string) {
	in := map[string]any{"name": m.Name, "eventExpiryDuration": m.EventExpiryDuration, "clientToken": clientToken}
	if m.EventExpiryDuration < 3 || m.EventExpiryDuration > 365 {
		in["eventExpiryDuration"] = min(max(m.EventExpiryDuration, 3), 365)
		losses = append(losses, loss("ttl_seconds", fidelity.Transformed, "the service takes 3 to 365 days"))
	}
	if m.Description != "" {
		in["description"] = m.Description
	}
	if m.IndexedKeys != nil {
		in["indexedKeys"] = m.IndexedKeys
	}
	if m.NamespaceKeys != nil {
		in["namespaceKeys"] = m.NamespaceKeys
	}
	leave := func(what string) {
		losses = append(losses, loss("native", fidelity.Dropped, what+" is of the source's account: set it in the target by hand"))
	}
	if m.Status == "FAILED" || m.Status == "DELETING" {
		losses = append(losses, loss("native", fidelity.Transformed, "it is "+m.Status+" in the source, and a working one is made"))
	}
	if m.ExecutionRoleArn != "" {
		leave("memoryExecutionRoleArn")
	}
	if m.EncryptionKeyArn != "" {
		leave("encryptionKeyArn")
	}
	if m.Streams != nil {
		leave("streamDeliveryResources")
	}
	var sts []any
	for _, s := range m.Strategies {
		member := strategyMember(s.Type)
		if member == "" {
			return nil, nil, fmt.Sprintf("strategy %s is of type %s, which this release does not know", s.Name, s.Type)
		}
		st := map[string]any{"name": s.Name}
		if s.Description != "" {
			st["description"] = s.Description
		}
		if t := s.templates(); len(t) > 0 {
			st["namespaceTemplates"] = t
		}
		if s.MemoryRecordSchema != nil {
			st["memoryRecordSchema"] = s.MemoryRecordSchema
		}
		if s.RecordExpiryDays > 0 {
			st["recordExpirySpecification"] = map[string]any{"recordExpiryDurationDays": s.RecordExpiryDays}
		}
		if s.Configuration != nil {
			c, what := configuration(s.Type, json.RawMessage(s.Configuration))
			if what != "" {
				leave(what + " of strategy " + s.Name)
			}
			for k, v := range c {
				st[k] = v
			}
		}
		sts = append(sts, map[string]any{member: st})
	}
	if len(sts) > 0 {
		in["memoryStrategies"] = sts
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, nil, "its native form cannot be written: " + err.Error()
	}
	return body, losses, ""
}

// configuration turns the configuration of a strategy, as it is answered, into the form in which it
// is given. what names a part that is left out.
func configuration(typ string, doc json.RawMessage) (out map[string]any, what string) {
	var c map[string]json.RawMessage
	if err := json.Unmarshal(doc, &c); err != nil {
		return nil, "configuration"
	}
	if c["selfManagedConfiguration"] != nil {
		return nil, "selfManagedConfiguration"
	}
	if typ == "EPISODIC" {
		var refl struct {
			Reflection struct {
				Episodic json.RawMessage `json:"episodicReflectionConfiguration"`
			}
		}
		if json.Unmarshal(doc, &refl) == nil && refl.Reflection.Episodic != nil {
			return map[string]any{"reflectionConfiguration": refl.Reflection.Episodic}, ""
		}
		return nil, "configuration"
	}
	if typ != "CUSTOM" {
		return nil, "" // the service's own defaults, spelt out
	}
	over := map[string]any{}
	member := ""
	for part, v := range c {
		if part == "type" || string(v) == "null" {
			continue
		}
		if part == "" {
			return nil, "configuration"
		}
		// {"extraction":{"customExtractionConfiguration":{"semanticExtractionOverride":{…}}}}
		var outer, inner map[string]json.RawMessage
		name := strings.ToUpper(part[:1]) + part[1:]
		if json.Unmarshal(v, &outer) != nil || json.Unmarshal(outer["custom"+name+"Configuration"], &inner) != nil || len(inner) != 1 {
			return nil, "configuration"
		}
		for k, x := range inner {
			kind, ok := strings.CutSuffix(k, name+"Override")
			if !ok || member != "" && member != kind+"Override" {
				return nil, "configuration"
			}
			member = kind + "Override"
			over[part] = x
		}
	}
	if member == "" {
		return nil, "configuration"
	}
	return map[string]any{"configuration": map[string]any{member: over}}, ""
}

// createMemory makes a memory and waits until it is there.
func (c *client) createMemory(ctx context.Context, body []byte) (*memoryDoc, error) {
	b, err := c.call(ctx, "CreateMemory", func(ctx context.Context) error {
		_, err := c.cp.CreateMemory(ctx, &cp.CreateMemoryInput{Name: aws.String("x"), EventExpiryDuration: aws.Int32(3)}, rawControl(body))
		return err
	})
	if err != nil {
		return nil, err
	}
	var out struct{ Memory memoryDoc }
	if err := json.Unmarshal(b, &out); err != nil || out.Memory.ID == "" {
		return nil, fmt.Errorf("%w: CreateMemory", ErrSchema)
	}
	for wait, end := 500*time.Millisecond, time.Now().Add(c.patience); ; wait = min(2*wait, 10*time.Second) {
		doc, err := c.getMemory(ctx, out.Memory.ID)
		if err != nil {
			return nil, err
		}
		var m memoryDoc
		if err := json.Unmarshal(doc, &m); err != nil {
			return nil, fmt.Errorf("%w: GetMemory", ErrSchema)
		}
		switch {
		case m.Status == "FAILED", m.Status == "DELETING":
			return nil, fmt.Errorf("agentcore: memory %s: the service could not make it: it is %s", m.ID, m.Status)
		case m.Status != "CREATING" && m.Status != "UPDATING":
			return &m, nil
		case time.Now().After(end):
			return nil, fmt.Errorf("%w: memory %s is %s for %s", ErrBusy, m.ID, m.Status, c.patience)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// empty tells whether a memory holds nothing yet.
func (c *client) empty(ctx context.Context, id string) (bool, error) {
	occupied := func(json.RawMessage) error { return errOccupied }
	err := c.listActors(ctx, id, 1, occupied)
	if err == nil {
		err = c.listRecords(ctx, id, scope{path: "/"}, 1, occupied)
	}
	if errors.Is(err, errOccupied) {
		return false, nil
	}
	return err == nil, err
}
