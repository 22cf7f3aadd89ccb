package promptfoo

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A suite is what a file says.
type suite struct {
	description string
	cases       []testCase
	left        []left         // what the cases do not have
	judged      map[string]int // assertions that need a judge, by type
	unfilled    int            // cases whose prompt only promptfoo can fill
}

// A testCase is one test with one prompt and one value for each variable.
type testCase struct {
	id     string // unique in the file, of what the test says
	name   string
	input  harness.Input
	expect []*pb.Expectation
}

// builder makes the cases of a document.
type builder struct {
	out     *suite
	prompts []prompt
	doc     map[string]any
	base    map[string]any  // defaultTest
	seen    map[string]int  // ids of cases
	left    map[string]bool // places
}

// A prompt is what is sent, before variables are filled in.
type prompt struct {
	names    []string // that tests may choose it by
	labelled bool     // its text is no name
	text     string
	outside  bool // the text only names what is sent
}

// understand reads a document. Beyond maxCases cases it is refused.
func understand(v any) (*suite, error) {
	r := &refs{doc: v}
	v, err := r.value(v, "", nil)
	if err != nil {
		return nil, err
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is no mapping; want prompts, providers and tests")
	}
	if doc["prompts"] == nil && doc["tests"] == nil && doc["scenarios"] == nil {
		return nil, errors.New("it has neither prompts nor tests nor scenarios")
	}
	b := &builder{out: &suite{judged: map[string]int{}}, doc: doc, seen: map[string]int{}, left: map[string]bool{}}
	for _, place := range r.lost {
		b.leaveFor(place, nowhere)
	}
	b.out.description, _ = doc["description"].(string)
	b.readPrompts(doc["prompts"])
	b.base, _ = doc["defaultTest"].(map[string]any)
	if doc["defaultTest"] != nil && b.base == nil {
		b.leave("defaultTest")
	}
	if err := b.tests("tests", doc["tests"], nil, doc["scenarios"] == nil); err != nil {
		return nil, err
	}
	if err := b.scenarios(doc["scenarios"]); err != nil {
		return nil, err
	}
	b.files("", doc)
	b.unread()
	return b.out, nil
}

// leave notes what is not followed, once: a scenario comes to its tests with every setting.
func (b *builder) leave(place string) { b.leaveFor(place, outside) }

func (b *builder) leaveFor(place, why string) {
	if !b.left[place] {
		b.left[place] = true
		b.out.left = append(b.out.left, left{place, why})
	}
}

// fileLike tells whether a prompt only names what is sent, by promptfoo's rules.
func fileLike(s string) bool {
	for _, scheme := range []string{"file://", "exec:", "langfuse://", "portkey://", "helicone://"} { // the last three are kept by services
		if strings.HasPrefix(s, scheme) {
			return true
		}
	}
	if strings.ContainsAny(s, "\n{") || len(s) > 1024 {
		return false
	}
	dot, word := strings.LastIndexByte(s, '.'), !strings.ContainsAny(s, " \t")
	if word && strings.ContainsAny(s, `/\*`) { // a folder, a program, or a pattern
		return true
	}
	ext, function, named := strings.Cut(s[dot+1:], ":")
	switch {
	case dot < 1 || named && (function == "" || strings.ContainsAny(function, " \t")):
		return false
	case slices.Contains([]string{"cjs", "cts", "js", "mjs", "mts", "py", "ts"}, ext):
		return true
	case slices.Contains([]string{"bash", "bat", "cmd", "exe", "go", "pl", "ps1", "rb", "sh"}, ext):
		return word
	}
	return !named && slices.Contains([]string{"csv", "j2", "json", "jsonl", "md", "txt", "yaml", "yml"}, ext)
}

func (b *builder) readPrompts(v any) {
	switch v := v.(type) {
	case nil:
		b.prompts = []prompt{{text: "{{prompt}}"}}
	case string:
		b.prompt("prompts", prompt{text: v})
	case []any:
		for i, x := range v {
			place := "prompts[" + strconv.Itoa(i) + "]"
			switch x := x.(type) {
			case string:
				b.prompt(place, prompt{text: x})
			case map[string]any:
				p := prompt{}
				for _, name := range []string{"label", "id"} {
					if s, ok := x[name].(string); ok {
						p.names, p.labelled = append(p.names, s), p.labelled || name == "label"
					}
				}
				raw, _ := x["raw"].(string)
				id, _ := x["id"].(string)
				if p.text = cmp.Or(raw, id); p.text == "" || raw == "" && !p.labelled {
					b.leaveFor(place, "it has no text to send, and promptfoo refuses the suite: want raw, or label and id")
					continue
				}
				b.prompt(place, p)
			default:
				b.leave(place)
			}
		}
	default: // a mapping of files and labels, of older releases
		b.leave("prompts")
	}
}

func (b *builder) prompt(place string, p prompt) {
	if p.outside = fileLike(p.text); p.outside {
		b.leave(place)
	}
	if !p.labelled {
		p.names = append(p.names, p.text)
	}
	b.prompts = append(b.prompts, p)
}

// tests reads a list of tests, of a scenario where there is a setting. Without any, promptfoo sends the prompts alone.
func (b *builder) tests(place string, v any, setting map[string]any, alone bool) error {
	list, isList := v.([]any)
	if alone && (v == nil || isList && len(list) == 0) {
		return b.test(place, setting, nil)
	}
	switch v := v.(type) {
	case nil:
	case []any:
		for i, x := range v {
			at := place + "[" + strconv.Itoa(i) + "]"
			t, ok := x.(map[string]any)
			if !ok || t["path"] != nil && t["vars"] == nil && t["assert"] == nil {
				b.leave(at)
				continue
			}
			if err := b.test(at, setting, t); err != nil {
				return err
			}
		}
	default: // a file
		b.leave(place)
	}
	return nil
}

// scenarios are tests that run once for each of several settings.
func (b *builder) scenarios(v any) error {
	list, ok := v.([]any)
	if v != nil && !ok {
		b.leave("scenarios")
	}
	for i, x := range list {
		place := "scenarios[" + strconv.Itoa(i) + "]"
		s, ok := x.(map[string]any)
		configs, ok2 := s["config"].([]any)
		if !ok || !ok2 {
			b.leave(place)
			continue
		}
		for j, c := range configs {
			c, ok := c.(map[string]any)
			if !ok {
				b.leave(fmt.Sprintf("%s.config[%d]", place, j))
				continue
			}
			if err := b.tests(place+".tests", s["tests"], c, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// test makes the cases of one test: one a prompt and combination of variables.
func (b *builder) test(place string, setting, t map[string]any) error {
	t = whole(b.base, setting, t)
	vars, ok := t["vars"].(map[string]any)
	if t["vars"] != nil && !ok {
		b.leave(place + ".vars")
	}
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		if s, ok := vars[k].(string); ok && fetched(s) {
			b.leave(place + ".vars." + harness.Short(k))
		}
	}
	options, _ := t["options"].(map[string]any)
	combos := []map[string]any{vars}
	if options["disableVarExpansion"] != true {
		if combos, ok = combine(vars, maxCases); !ok {
			return fmt.Errorf("%s: its variables make more than %d cases", place, maxCases)
		}
	}
	for _, p := range b.chosen(place, t["prompts"]) {
		for _, vars := range combos {
			if len(b.out.cases) == maxCases {
				return fmt.Errorf("more than %d cases", maxCases)
			}
			b.one(p, vars, t, options)
		}
	}
	return nil
}

// chosen are the prompts that a test names; all, where it says nothing of them.
func (b *builder) chosen(place string, v any) []prompt {
	list, ok := v.([]any)
	if !ok {
		return b.prompts
	}
	var out []prompt
	used := make([]bool, len(list))
	for _, p := range b.prompts {
		found := false
		for i, x := range list {
			if s, ok := x.(string); ok && p.is(s) {
				found, used[i] = true, true
			}
		}
		if found {
			out = append(out, p)
		}
	}
	if slices.Contains(used, false) {
		b.leaveFor(place+".prompts", "it names a prompt that is not in the file")
	}
	return out
}

// is tells whether a test means p: by a name, by how names begin (support*), or by a group (support of support:short).
func (p *prompt) is(ref string) bool {
	begins, wild := strings.CutSuffix(ref, "*")
	return slices.ContainsFunc(p.names, func(name string) bool {
		return name == ref || wild && strings.HasPrefix(name, begins) || strings.HasPrefix(name, ref+":")
	})
}

// combine gives a variable that is a list of texts each of its values, for all such lists. What the first of a list is
// says what the list is: one of numbers or of lists is a value.
func combine(vars map[string]any, limit int) ([]map[string]any, bool) {
	out := []map[string]any{vars}
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		list, ok := vars[k].([]any)
		if !ok || len(list) == 0 {
			continue
		}
		if _, ok := list[0].(string); !ok {
			continue
		}
		if len(out)*len(list) > limit {
			return nil, false
		}
		var next []map[string]any
		for _, m := range out {
			for _, v := range list {
				c := maps.Clone(m)
				c[k] = v
				next = append(next, c)
			}
		}
		out = next
	}
	return out, true
}

func (b *builder) one(p prompt, vars, t, options map[string]any) {
	c := testCase{}
	c.name, _ = t["description"].(string)
	if len(vars) > 0 {
		c.input.Vars = harness.Encode(vars)
	}
	before, _ := options["prefix"].(string)
	behind, _ := options["suffix"].(string)
	text := before + p.text + behind
	switch {
	case options["transformVars"] != nil: // the variables are others by the time that they are filled in
		c.input.Template = text
		b.out.unfilled++
	case p.outside || fetched(before) || fetched(behind):
		c.input.Template = text
	default:
		b.fill(&c.input, text, vars)
	}
	c.expect = b.expectations(t, vars, options)
	var said []json.RawMessage
	for _, e := range c.expect {
		said = append(said, harness.Encode([]any{e.Form, e.Value.GetMediaType(), string(e.Value.GetInline())}))
	}
	sum := sha256.Sum256(harness.Encode([]any{text, vars, said, c.name}))
	c.id = hex.EncodeToString(sum[:8])
	if b.seen[c.id]++; b.seen[c.id] > 1 { // the same test twice
		c.id += "-" + strconv.Itoa(b.seen[c.id])
	}
	b.out.cases = append(b.out.cases, c)
}

// fill sets what is sent: a conversation where the prompt is one, else a text.
func (b *builder) fill(in *harness.Input, text string, vars map[string]any) {
	if t := strings.TrimSpace(text); strings.HasPrefix(t, "[") || strings.HasPrefix(t, "- role:") {
		if list, ok := conversation(t); ok {
			if filled, ok := renderAll(list, vars); ok {
				in.Messages = harness.Encode(filled)
				return
			}
		}
	}
	s, ok := render(text, vars)
	if json.Valid([]byte(text)) { // then values are put into its texts
		s, ok = renderJSON(text, vars)
	}
	if !ok {
		in.Template = text
		b.out.unfilled++
		return
	}
	if list, ok := conversation(strings.TrimSpace(s)); ok && strings.HasPrefix(strings.TrimSpace(s), "[") {
		in.Messages = harness.Encode(list)
		return
	}
	in.Text = s
}

// conversation is a list of messages, in JSON or YAML.
func conversation(s string) ([]any, bool) {
	if !strings.HasPrefix(s, "[") && !strings.HasPrefix(s, "- role:") {
		return nil, false
	}
	v, err := parse([]byte(s))
	list, ok := v.([]any)
	if err != nil || !ok || len(list) == 0 {
		return nil, false
	}
	for _, m := range list {
		if m, ok := m.(map[string]any); !ok || m["role"] == nil {
			return nil, false
		}
	}
	return list, true
}
