package main

import (
	"encoding/json"
	"strings"
	"time"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, clean(p))
		}
	}
	return strings.Join(out, "  ")
}

func count(n int, one, many string) string {
	if n == 0 {
		return ""
	}
	return plural(n, one, many)
}

// short is s on one line, at most n runes.
func short(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func expires(ns int64) string {
	if ns == 0 {
		return ""
	}
	return "expires " + time.Unix(0, ns).UTC().Format("2006-01-02")
}

func dataSize(d *pb.Data) string {
	switch {
	case d == nil:
		return "no value"
	case d.GetBlob() != nil:
		return bytesText(int64(d.GetBlob().GetSize()))
	}
	return bytesText(int64(len(d.GetInline())))
}

func dataText(d *pb.Data) string {
	if d == nil {
		return ""
	}
	if d.GetBlob() != nil {
		return dataSize(d) + " in a blob"
	}
	if s, ok := printable(d.GetInline()); ok {
		return compactJSON(s)
	}
	return dataSize(d) + " of data"
}

// questionText is what an interrupt asks.
func questionText(i *pb.Interrupt) string {
	if i.Question == nil {
		return "(nothing that can be read here: encrypted, or without a value)"
	}
	return clean(dataText(i.Question))
}

// runLength is how many letters, digits and signs of base64 on end are no text for people.
const runLength = 1024

// withoutRuns is s with a length in place of what looks like base64, as a picture that a tool gave is.
func withoutRuns(s string) string {
	var out strings.Builder
	from := 0 // of the run
	end := func(i int) {
		if n := i - from; n >= runLength {
			out.WriteString("[" + bytesText(int64(n)) + "]")
		} else {
			out.WriteString(s[from:i])
		}
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_' || c == '=' {
			continue
		}
		end(i)
		out.WriteByte(c)
		from = i + 1
	}
	end(len(s))
	return out.String()
}

// memoryText is what a memory says: its text, or the text field of its document.
func memoryText(m *pb.Memory) string {
	if t := m.GetText(); t != "" {
		return t
	}
	var doc map[string]any
	if json.Unmarshal(m.GetData().GetInline(), &doc) == nil {
		for _, f := range []string{"text", "data", "content", "memory", "value", "fact"} {
			if s := saysText(doc[f]); s != "" {
				return s
			}
		}
	}
	return dataText(m.GetData())
}

// saysText is the text of a field that holds nothing else: as it is, in lines (files of deepagents), or in an
// object of its own (memories of langmem). Empty: it is none.
func saysText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		for _, only := range v {
			if s, ok := only.(string); ok && len(v) == 1 {
				return s
			}
		}
	case []any:
		lines := make([]string, len(v))
		for i, line := range v {
			s, ok := line.(string)
			if !ok {
				return ""
			}
			lines[i] = s
		}
		return strings.Join(lines, "\n")
	}
	return ""
}

func roleText(m *pb.Message) string {
	role := strings.ToLower(strings.TrimPrefix(m.Role.String(), "ROLE_"))
	if m.NativeRole != "" {
		role = m.NativeRole
	}
	return join(role, strings.Join(m.AuthorPath, "/"), m.Model)
}

func partsText(ps []*pb.Part) string {
	var out []string
	for _, p := range ps {
		out = append(out, partText(p))
	}
	return strings.Join(out, " ")
}

func partText(p *pb.Part) string {
	switch b := p.Body.(type) {
	case *pb.Part_Text:
		return b.Text
	case *pb.Part_ToolCall:
		s := "calls " + b.ToolCall.Name + " " + string(b.ToolCall.ArgumentsJson)
		if b.ToolCall.Invalid {
			s += " (arguments not valid)"
		}
		return s
	case *pb.Part_ToolResult:
		s := "result "
		if b.ToolResult.IsError {
			s = "error "
		}
		return s + strings.TrimSpace(b.ToolResult.Name+" "+outputText(b.ToolResult.Output))
	case *pb.Part_Reasoning:
		if b.Reasoning.Text == "" {
			return "(hidden reasoning, bound to " + b.Reasoning.BoundTo + ")"
		}
		return "(thinks) " + b.Reasoning.Text
	case *pb.Part_Media:
		return join("media", b.Media.Name, b.Media.Url, dataSizeOrNone(b.Media.Data))
	case *pb.Part_Data:
		return withoutRuns(dataText(b.Data))
	case *pb.Part_Approval:
		switch {
		case b.Approval.Granted == nil:
			return "asks for approval of " + b.Approval.ToolCallId
		case *b.Approval.Granted:
			return "approved " + b.Approval.ToolCallId
		}
		return "declined " + b.Approval.ToolCallId
	case *pb.Part_Refusal:
		return "refuses: " + b.Refusal
	case *pb.Part_Citation:
		return join("cites", b.Citation.Title, b.Citation.Url, b.Citation.Quoted)
	}
	return ""
}

// outputText is what a tool gave: the texts of content blocks stand as they are, and each other block as its JSON.
func outputText(d *pb.Data) string {
	var blocks []json.RawMessage
	var out []string
	texts := 0
	_ = json.Unmarshal(d.GetInline(), &blocks) // what is no list is shown as it is
	for _, b := range blocks {
		var of struct {
			Type string
			Text *string
		}
		if json.Unmarshal(b, &of) == nil && of.Text != nil && (of.Type == "text" || strings.HasSuffix(of.Type, "put_text")) {
			texts++
			out = append(out, *of.Text)
			continue
		}
		out = append(out, withoutRuns(compactJSON(string(b))))
	}
	if texts == 0 {
		return withoutRuns(dataText(d))
	}
	return strings.Join(out, " ")
}

func dataSizeOrNone(d *pb.Data) string {
	if d == nil {
		return ""
	}
	return dataSize(d)
}
