package homefiles

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/exitramp/exitramp/internal/lazyre"
)

// maxHead is how long the YAML at the start of a file may be.
const maxHead = 256 << 10

var errHead = errors.New("secrets may stand in its YAML in a form that is not understood: write them in one line, in quotes, or put them elsewhere")

var errTools = errors.New("a secret may stand in the list of tools of its head: put it into a variable, and the variable's name there")

// RedactHead takes secrets out of the YAML between --- and --- at the start of a file, and leaves every
// other byte as it is: of MCP servers, hooks and variables, the same as RedactJSON does. A head that
// names none of them is left alone, also where it is no YAML. A secret in a list of tools is an error: without a rule,
// such a list may allow more.
func RedactHead(doc []byte) (out []byte, secrets []Secret, err error) {
	from, to := headOf(doc)
	head := doc[from:to]
	if toolSecret(head) {
		return nil, nil, errTools
	}
	named := slices.ContainsFunc(programs(), func(n string) bool { return bytes.Contains(head, []byte(n)) })
	if !named {
		return doc, nil, nil
	}
	if len(head) > maxHead || bytes.Count(head, []byte("*")) > 1000 {
		return nil, nil, errHead
	}
	found, err := hidden(head)
	if err != nil {
		return nil, nil, err
	}
	last := 0
	for _, s := range found {
		if s.from < last { // an alias, said twice
			continue
		}
		out = append(append(out, head[last:s.from]...), `""`...)
		last = s.to
		secrets = append(secrets, s.Secret)
	}
	out = append(out, head[last:]...)
	if left, err := hidden(out); err != nil || len(left) > 0 {
		return nil, nil, errHead
	}
	return slices.Concat(doc[:from], out, doc[to:]), secrets, nil
}

// programs are the parts of a head that say what is started, and with what.
func programs() []string { return []string{"mcpServers", "hooks", "env"} }

var toolsKey = lazyre.New(`(?i)tools["']?\s*:`)

// toolSecret tells whether a list of tools in head holds a secret, as a rule about a command does. Such heads often are no
// YAML, and are read nevertheless: so lines are looked at.
func toolSecret(head []byte) bool {
	var tools []byte
	in := false
	for line := range bytes.Lines(head) {
		if !bytes.ContainsAny(line[:1], " \t-#\r\n") {
			in = toolsKey().Match(line)
		}
		if in {
			tools = append(tools, line...)
		}
	}
	tools = bytes.ReplaceAll(tools, []byte("Bash("), []byte(";Bash(")) // each is a command of its own
	return slices.ContainsFunc(secretText().FindAllIndex(tools, -1), func(at []int) bool {
		end := tools[at[1]-2 : at[1]]
		return !bytes.ContainsAny(end[1:], "*)") || bytes.ContainsAny(end[:1], "0123456789") // a rule for any value has none
	})
}

// headOf is where the YAML of doc begins and ends.
func headOf(doc []byte) (from, to int) {
	from = len(doc) - len(bytes.TrimPrefix(doc, []byte(bom)))
	first, rest, ok := bytes.Cut(doc[from:], []byte("\n"))
	if !ok || string(bytes.TrimRight(first, " \t\r")) != "---" {
		return 0, 0
	}
	from = len(doc) - len(rest)
	for at := from; at < len(doc); {
		line, next, _ := bytes.Cut(doc[at:], []byte("\n"))
		if string(bytes.TrimRight(line, " \t\r")) == "---" {
			return from, at
		}
		at = len(doc) - len(next)
	}
	return from, len(doc) // no end: all of it may be read as a head
}

// Front are the texts that the head of a file names, as name and description. Programs take heads
// that are no YAML, too: of those the lines count.
func Front(doc []byte) map[string]string {
	out := map[string]string{}
	from, to := headOf(doc)
	head := doc[from:to]
	if to == len(doc) || len(head) > maxHead { // no head, or one without an end
		return out
	}
	var all map[string]yaml.Node
	if yaml.Unmarshal(head, &all) == nil {
		for k, v := range all {
			if v.Kind == yaml.ScalarNode && v.Tag != "!!null" {
				out[k] = strings.TrimSpace(valid(v.Value))
			}
		}
		return out
	}
	for line := range strings.Lines(string(head)) {
		if k, v, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			out[k] = valid(strings.Trim(strings.TrimSpace(v), `"'`))
		}
	}
	return out
}

// A spot is where a secret stands in a head.
type spot struct {
	Secret
	from, to int
}

// hidden finds the secrets of a head, in order.
func hidden(head []byte) ([]spot, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(head))
	if err := d.Decode(&doc); err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errHead
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) { // a second document
		return nil, errHead
	}
	h := &heads{head: head, lines: []int{0}}
	for i, c := range head {
		if c == '\n' {
			h.lines = append(h.lines, i+1)
		}
	}
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if n := top.Content[i].Value; slices.Contains(programs(), n) {
			h.walk(top.Content[i+1], []string{n}, "", 0)
		} else if n == "<<" {
			return nil, errHead
		}
	}
	slices.SortStableFunc(h.found, func(a, b spot) int { return a.from - b.from })
	return h.found, h.err
}

type heads struct {
	head  []byte
	lines []int // where each line begins
	found []spot
	steps int
	err   error
}

// walk goes over what stands below names. before is the element that stands before n in a list.
func (h *heads) walk(n *yaml.Node, names []string, before string, depth int) {
	if h.steps++; depth > 32 || h.steps > 100_000 {
		h.err = errHead
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		h.walk(n.Alias, names, before, depth+1)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			h.walk(n.Content[i+1], append(names[:len(names):len(names)], n.Content[i].Value), "", depth+1)
		}
	case yaml.SequenceNode:
		last := ""
		for _, x := range n.Content {
			h.walk(x, names, last, depth+1)
			last = x.Value
		}
	case yaml.ScalarNode:
		if n.Tag != "!!null" && hides(names, n.Value, before) {
			h.add(n, names)
		}
	}
}

// add finds the bytes of a text. Forms of several lines are not understood, nor those with a tag.
func (h *heads) add(n *yaml.Node, names []string) {
	h.err = errors.Join(h.err, func() error {
		if n.Line < 1 || n.Line > len(h.lines) || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 || n.Anchor != "" {
			return errHead
		}
		from := h.lines[n.Line-1]
		line, _, _ := bytes.Cut(h.head[from:], []byte("\n"))
		at := 0 // a column counts characters
		for range n.Column - 1 {
			if at >= len(line) {
				return errHead
			}
			for at++; at < len(line) && line[at]&0xc0 == 0x80; at++ {
			}
		}
		rest := string(line[at:])
		end := len(n.Value) // a plain text stands there as it is
		switch {
		case n.Style&yaml.DoubleQuotedStyle != 0:
			for end = 1; end < len(rest) && rest[end] != '"'; end++ {
				if rest[end] == '\\' {
					end++
				}
			}
			end++
		case n.Style&yaml.SingleQuotedStyle != 0:
			for end = 1; end < len(rest) && (rest[end] != '\'' || strings.HasPrefix(rest[end:], "''")); end++ {
				if rest[end] == '\'' {
					end++
				}
			}
			end++
		case !strings.HasPrefix(rest, n.Value):
			return errHead
		}
		if end > len(rest) {
			return errHead
		}
		h.found = append(h.found, spot{secretAt(names), from + at, from + at + end})
		return nil
	}())
}
