package cassette

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// chatThought are the members in which servers of this API give a model's thought. OpenAI's has none.
func chatThought() []string { return []string{"reasoning_content", "reasoning"} }

// chatOwn tells whether a member of a message is one that is known here.
func chatOwn(name string) bool {
	return slices.Contains(append(chatThought(), "role", "content", "refusal", "function_call", "tool_calls"), name)
}

// joined is a member that is not known here with one more piece: lists and texts go on, and so do the texts of a sound.
func joined(was any, raw json.RawMessage) any {
	var more any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&more) != nil || more == nil {
		return was
	}
	switch more := more.(type) {
	case []any:
		list, _ := was.([]any)
		return append(list, more...)
	case string:
		s, _ := was.(string)
		return s + more
	case map[string]any:
		m, ok := was.(map[string]any)
		if !ok {
			return more
		}
		for k, v := range more {
			s, isText := v.(string)
			if before, ok := m[k].(string); ok && isText && (k == "data" || k == "transcript") {
				v = before + s
			}
			m[k] = v
		}
		return m
	}
	return more
}

// A chatDelta is a piece of a choice.
type chatDelta struct {
	Index        int                        `json:"index"`
	Delta        map[string]json.RawMessage `json:"delta"`
	Logprobs     map[string]json.RawMessage `json:"logprobs"`
	FinishReason *string                    `json:"finish_reason"`
}

// A chatJoiner makes choices of their pieces.
type chatJoiner struct{ choices []*joinedChoice }

type joinedChoice struct {
	index    int
	texts    map[string]string
	calls    []chatCall
	function *chatFunction
	logprobs map[string][]json.RawMessage
	more     map[string]any // other members: sources, pictures, sound
	reason   any
}

// add takes a piece; true: its choice has ended.
func (j *chatJoiner) add(d *chatDelta) bool {
	n := slices.IndexFunc(j.choices, func(c *joinedChoice) bool { return c.index == d.Index })
	if n < 0 {
		n = len(j.choices)
		j.choices = append(j.choices, &joinedChoice{index: d.Index, texts: map[string]string{}, logprobs: map[string][]json.RawMessage{}, more: map[string]any{}})
	}
	c := j.choices[n]
	for _, name := range append(chatThought(), "content", "refusal") {
		var s string
		if json.Unmarshal(d.Delta[name], &s) == nil {
			c.texts[name] += s
		}
	}
	var f *chatFunction
	if json.Unmarshal(d.Delta["function_call"], &f) == nil && f != nil {
		if c.function == nil {
			c.function = &chatFunction{}
		}
		c.function.Name += f.Name
		c.function.Arguments += f.Arguments
	}
	var calls []chatCall
	_ = json.Unmarshal(d.Delta["tool_calls"], &calls)
	for i := range calls {
		c.call(&calls[i])
	}
	for name, raw := range d.Delta {
		if chatOwn(name) {
			continue
		}
		if v := joined(c.more[name], raw); v != nil {
			c.more[name] = v
		}
	}
	for name, raw := range d.Logprobs {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil && list != nil {
			c.logprobs[name] = append(c.logprobs[name], list...)
		}
	}
	if d.FinishReason != nil {
		c.reason = *d.FinishReason
	}
	return d.FinishReason != nil
}

// call takes a piece of a call. Some servers give every call the same place: one with a name and another id is another call,
// and so is one with a name and no id behind a call that is whole.
func (c *joinedChoice) call(d *chatCall) {
	n := len(c.calls) - 1
	for n >= 0 && c.calls[n].Index != d.Index {
		n--
	}
	named := d.Function.Name != "" || d.Custom != nil && d.Custom.Name != ""
	other := func(x *chatCall) bool {
		if d.ID != "" {
			return x.ID != "" && d.ID != x.ID
		}
		return x.ID == "" && json.Valid([]byte(x.Function.Arguments))
	}
	if n < 0 || named && other(&c.calls[n]) {
		n, c.calls = len(c.calls), append(c.calls, chatCall{Index: d.Index, Type: "function"})
	}
	x := &c.calls[n]
	if d.ID != "" {
		x.ID = d.ID
	}
	if d.Custom != nil {
		if x.Custom == nil {
			x.Custom, x.Type = &chatCustom{}, "custom"
		}
		x.Custom.Name += d.Custom.Name
		x.Custom.Input += d.Custom.Input
	}
	x.Function.Name += d.Function.Name
	x.Function.Arguments += d.Function.Arguments
}

// whole is the choice as it is where it is not streamed.
func (c *joinedChoice) whole() map[string]any {
	m := map[string]any{"role": "assistant", "content": nil, "refusal": nil}
	maps.Copy(m, c.more)
	for name, s := range c.texts {
		if s != "" {
			m[name] = s
		}
	}
	if c.function != nil {
		m["function_call"] = c.function
	}
	if len(c.calls) > 0 {
		for i := range c.calls {
			c.calls[i].Index = 0
		}
		m["tool_calls"] = c.calls
	}
	out := map[string]any{"index": c.index, "message": m, "logprobs": nil, "finish_reason": c.reason}
	if len(c.logprobs) > 0 {
		out["logprobs"] = c.logprobs
	}
	return out
}
