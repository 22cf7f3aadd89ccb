package openaiagents

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/responses"
	"github.com/exitramp/exitramp/internal/plainjson"
)

// jsonForm looks for what only run states and a list of items have. Where the first members do not
// tell, it looks through all of it: a program keeps its run states under any names.
func jsonForm(r io.ReadSeeker) form {
	head, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return notOurs
	}
	cut := len(head) == 1<<20
	head = bytes.TrimPrefix(head, bom)
	if bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n[{"), []byte(`"`+schemaVersion+`"`)) {
		return runState // also where the rest is cut off
	}
	list, top := listed(head)
	if (list == notOurs || list == oneItem) && cut { // the first item may be longer, or what stands before it; half a line may go on
		short := responses.Shortener{Keep: 1 << 10} // an item is told by its short members
		long := io.MultiReader(bytes.NewReader(head), io.LimitReader(r, 64<<20))
		for err == nil && len(short.Bytes()) < 8<<20 { // of pictures and texts the starts are left: few items are longer
			_, err = io.CopyN(&short, long, 1<<20)
		}
		if err != nil && err != io.EOF {
			return notOurs
		}
		list, top = listed(short.Bytes())
	}
	if list != notOurs && top {
		return list
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return notOurs
	}
	mentioned := mentions(r, schemaVersion)
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return notOurs
	}
	switch {
	case !mentioned && list == itemList && !alone(r):
		return keeper
	case !mentioned && (list != notOurs || !keeps(r)):
		return list
	case !mentioned:
		return keeper
	}
	b, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil || len(b) > maxJSON {
		return runState // which is said to be too long
	}
	if found, _ := states(b); len(found) > 0 {
		return runState
	}
	several := list == itemList && !alone(bytes.NewReader(b))
	if list == notOurs {
		k, _ := keptIn(b)
		several = k.any()
	}
	if several {
		return keeper
	}
	return list
}

// mostKept is how long a document that keeps sessions may be when its texts are cut: looking at one takes ten times as much memory.
const mostKept = 16 << 20

// keeps tells whether a document keeps sessions. Few documents of others say role, and of their long texts the starts are enough.
func keeps(r io.ReadSeeker) bool {
	mentioned := mentions(r, "role")
	if _, err := r.Seek(0, io.SeekStart); err != nil || !mentioned {
		return false
	}
	short := responses.Shortener{Keep: 1 << 10}
	for n := int64(0); ; {
		m, err := io.CopyN(&short, r, 1<<20)
		if n += m; n > maxJSON || len(short.Bytes()) > mostKept || err != nil && err != io.EOF {
			return false
		}
		if err == io.EOF {
			break
		}
	}
	k, _ := keptIn(short.Bytes())
	return k.any()
}

// listed is what a text is as a list of items; top: it is the list itself.
func listed(text []byte) (f form, top bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	switch t, err := d.Token(); {
	case err == nil && t == json.Delim('{'):
		if f := wrapped(d); f != notOurs {
			return f, false
		}
		f := inLines(text)
		return f, f != notOurs
	case err == nil && t == json.Delim('['):
		return listForm(d), true
	}
	f = inLines(text)
	return f, f != notOurs
}

// listForm is what the list is that d stands in: its first item may have items of a later release before it.
func listForm(d *json.Decoder) form {
	for n := 0; n < mostUnknown && d.More(); n++ {
		o := opening(d)
		if isItem(o) {
			return itemList
		}
		if t, err := d.Token(); err != nil || t != json.Delim('}') || responses.Plain(o["type"]) == "" {
			return notOurs
		}
		if !d.More() {
			return notOurs
		}
	}
	if t, err := d.Token(); err == nil && t == json.Delim(']') {
		return emptyList
	}
	return notOurs
}

// mostUnknown is how many items of types that this release does not know a list may begin with.
const mostUnknown = 16

// begins tells whether a list is one of items.
func begins(list []json.RawMessage) bool {
	for _, raw := range list[:min(len(list), mostUnknown)] {
		var o responses.Object
		if json.Unmarshal(raw, &o) != nil {
			return false
		}
		if isItem(o) {
			return true
		}
		if responses.Plain(o["type"]) == "" {
			return false
		}
	}
	return false
}

// opening is the object that d stands before, as far as its text goes: a member that is cut off is known by
// its name.
func opening(d *json.Decoder) responses.Object {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	o := responses.Object{}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string)
		if err != nil {
			break
		}
		v := json.RawMessage("null")
		switch err := d.Decode(&v); {
		case errors.Is(err, io.ErrUnexpectedEOF):
			o[name] = v
			return o
		case err != nil:
			return nil
		}
		o[name] = v
	}
	return o
}

// inLines is what a text is that has an item in its first line, and an object in each. The first line may be torn, where
// two items follow it.
func inLines(text []byte) form {
	f := soundInLines(text)
	if f != notOurs {
		return f
	}
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if first = bytes.TrimSpace(first); len(first) == 0 || json.Valid(first) || soundInLines(rest) != itemList {
		return notOurs
	}
	return itemList
}

// soundInLines is a list where the second line is an item, too; one item where that is half a line.
func soundInLines(text []byte) form {
	d := json.NewDecoder(bytes.NewReader(text))
	if !isItem(opening(d)) {
		return notOurs
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return notOurs
	}
	first, rest := text[:d.InputOffset()], bytes.TrimLeft(text[d.InputOffset():], " \t\r")
	switch {
	case bytes.Contains(first, []byte("\n")), !bytes.HasPrefix(rest, []byte("\n")):
		return notOurs
	case len(bytes.TrimSpace(rest)) == 0:
		return oneItem
	case isItem(opening(json.NewDecoder(bytes.NewReader(rest)))):
		return itemList
	case torn(bytes.TrimSpace(rest)):
		return oneItem
	}
	return notOurs
}

// torn tells whether a text is half a line, too short to say what it is of.
func torn(text []byte) bool {
	return len(text) < 1<<12 && text[0] == '{' && !bytes.Contains(text, []byte("\n")) && !json.Valid(text)
}

// members are the names under which programs put the items of a session into an object of their own.
func members() []string { return []string{"items", "history"} }

// wrapped is what the object is that d stands in. Where its list is empty nobody can tell.
func wrapped(d *json.Decoder) form {
	for d.More() {
		var v json.RawMessage
		name, err := d.Token()
		if err != nil {
			return notOurs
		}
		if s, _ := name.(string); !slices.Contains(members(), s) {
			if d.Decode(&v) != nil {
				return notOurs
			}
			continue
		}
		if t, err := d.Token(); err != nil || t == json.Delim('{') {
			return notOurs
		} else if t == json.Delim('[') && listForm(d) == itemList {
			return itemList
		} else if t == json.Delim('[') {
			return notOurs
		}
	}
	return notOurs
}

// bom is what some programs write before a text.
var bom = []byte("\xef\xbb\xbf")

// mentions tells whether what is in r, to its end.
func mentions(r io.Reader, what string) bool {
	buf := make([]byte, 1<<16)
	for kept := 0; ; {
		n, err := r.Read(buf[kept:])
		if n += kept; bytes.Contains(buf[:n], []byte(what)) {
			return true
		}
		if err != nil {
			return false
		}
		kept = copy(buf, buf[max(0, n-len(what)):n])
	}
}

// alone tells whether an object is all that is in r: sets of data have one in each line. One that is cut off
// is alone, and so is one before the end of a longer text that it was written over.
func alone(r io.Reader) bool {
	b := bufio.NewReaderSize(io.LimitReader(r, maxJSON), 1<<16)
	if head, _ := b.Peek(len(bom)); bytes.Equal(head, bom) {
		b.Discard(len(bom))
	}
	depth, ended, quoted, escaped := 0, false, false, false
	for {
		c, err := b.ReadByte()
		switch {
		case err != nil:
			return true
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case ended:
			return c != '{' && c != '['
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
			ended = depth == 0
		}
	}
}

// schemaVersion is the member that every run state has.
const schemaVersion = "$schemaVersion"

// deepest is how deep in a program's own document a run state is looked for.
const deepest = 8

// states are the run states in a document: it is one, or a program has put one or several into an object,
// a list, a text or lines of its own. With an error they are those before it.
func states(b []byte) (out []json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(plainjson.QuoteWords(bytes.TrimPrefix(b, bom))))
	for {
		var v json.RawMessage
		if err := d.Decode(&v); err == io.EOF {
			return out, nil
		} else if err != nil {
			return out, fmt.Errorf("not JSON at byte %d", max(offset(err), d.InputOffset()))
		}
		out = statesIn(out, v, 0)
	}
}

func statesIn(out []json.RawMessage, v json.RawMessage, depth int) []json.RawMessage {
	if depth > deepest || !bytes.Contains(v, []byte(schemaVersion)) {
		return out
	}
	switch v[0] {
	case '"':
		if s, ok := responses.Text(v); ok {
			if b := plainjson.QuoteWords([]byte(s)); json.Valid(b) {
				out = statesIn(out, bytes.TrimSpace(b), depth+1)
			}
		}
	case '[':
		var list []json.RawMessage
		json.Unmarshal(v, &list)
		for _, x := range list {
			out = statesIn(out, x, depth+1)
		}
	case '{':
		var o responses.Object
		json.Unmarshal(v, &o)
		if o[schemaVersion] != nil && (depth < 2 || responses.First(o, "current_agent", "currentAgent") != nil) {
			return append(out, v)
		}
		for _, name := range sorted(o) {
			out = statesIn(out, o[name], depth+1)
		}
	}
	return out
}

// isItem tells what programs write out of sessions from other lists of objects.
func isItem(o responses.Object) bool {
	typ := responses.Plain(o["type"])
	switch typ {
	case "message", "":
		role := responses.Plain(o["role"])
		return (role == "user" || role == "assistant" || role == "system" || role == "developer") && len(o["content"]) > 0
	case "reasoning", "compaction", "item_reference", "mcp_list_tools", "mcp_approval_request":
		return len(o["id"]) > 0 || len(o["encrypted_content"]) > 0
	case "mcp_approval_response":
		return len(o["approval_request_id"]) > 0
	}
	for _, suffix := range []string{"_call", "_call_output", "_call_result", "_output"} {
		if tool, ok := strings.CutSuffix(typ, suffix); ok && slices.Contains(calls(), tool) {
			return len(o["id"]) > 0 || responses.Plain(responses.First(o, "callId", "call_id")) != ""
		}
	}
	return false
}

// calls are the tools that items of sessions are calls of: other programs keep lists of phone calls.
func calls() []string {
	return []string{"function", "custom_tool", "hosted_tool", "mcp", "shell", "local_shell", "apply_patch", "computer", "tool_search",
		"file_search", "web_search", "image_generation", "code_interpreter", "program"}
}
