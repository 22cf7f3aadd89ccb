package derive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A row is what an expression of Where sees of a record.
type row struct {
	Kind       string            `expr:"kind"`
	Key        string            `expr:"key"`
	Created    time.Time         `expr:"created"` // year 1: not said
	Updated    time.Time         `expr:"updated"`
	Derivation string            `expr:"derivation"` // "provided", "observed", "inferred", "system"; empty: not known
	Subjects   []string          `expr:"subjects"`
	Labels     map[string]string `expr:"labels"`       // the last value of each name
	Values     values            `expr:"label_values"` // all of them
	Record     map[string]any    `expr:"record"`       // all fields, as recordjson writes them
}

// Where is a Keep for an expression in the language of expr (github.com/expr-lang/expr), which sees
// kind, key, created, updated, derivation, subjects, labels and record:
//
//	kind == "memory" && created >= date("2026-01-01")
//	record.conversation_key == "conversation/chat-1001"
//
// A record may have several labels of one name: labels.topic == "billing" is true where one of them is billing,
// and labels.topic != "billing" where none is. label_values.topic is the list of them.
func Where(expression string) (func(agentstate.Record) (bool, error), error) {
	env := []expr.Option{expr.Env(row{}), expr.AsBool()}
	_, err := expr.Compile(expression, env...) // as it is written: what is wrong in it is said in its own words
	if err != nil {
		return nil, fmt.Errorf("derive: expression: %w", err)
	}
	prog, err := expr.Compile(expression, append(env, comparisons()...)...)
	if err != nil {
		return nil, fmt.Errorf("derive: expression: %w", err)
	}
	deep := strings.Contains(expression, "record")
	return func(r agentstate.Record) (bool, error) {
		m := r.GetMeta()
		e := row{
			Kind: agentstate.KindOf(r), Key: m.GetKey(), Created: at(m.GetCreatedUnixNano()), Updated: at(m.GetUpdatedUnixNano()),
			Derivation: Derivation(m.GetDerivation()), Subjects: m.GetSubjectKeys(), Labels: map[string]string{}, Values: values{},
		}
		for _, l := range m.GetLabels() {
			e.Labels[l.Name] = l.Value
			e.Values[l.Name] = append(e.Values[l.Name], l.Value)
		}
		if deep {
			d := json.NewDecoder(bytes.NewReader(recordjson.Append(nil, r)))
			d.UseNumber()
			if err := d.Decode(&e.Record); err != nil {
				return false, err
			}
			whole(e.Record)
		}
		v, err := expr.Run(prog, e)
		if err != nil {
			return false, fmt.Errorf("derive: %s: the expression cannot be evaluated; a field that not every record has is written record?.name", m.GetKey())
		}
		return v.(bool), nil // AsBool
	}, nil
}

// whole makes numbers of v what expressions compare: whole ones keep all of their digits, as times in nanoseconds
// need them.
func whole(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for k, x := range v {
			v[k] = whole(x)
		}
	case []any:
		for i, x := range v {
			v[i] = whole(x)
		}
	}
	return v
}

// Derivation is the word for d: "provided", "observed", "inferred", "system"; empty: not known.
func Derivation(d pb.Derivation) string {
	if d == pb.Derivation_DERIVATION_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(d.String(), "DERIVATION_"))
}

func at(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
