package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestTextForPeople: what people write is shown as they wrote it, what would steer a terminal is not, and what is no
// text is a length.
func TestTextForPeople(t *testing.T) {
	picture := strings.Repeat("iVBORw0KGgo+/", 100)
	for _, c := range []struct{ in, want string }{
		{"plain, with\ttabs\nand lines", "plain, with\ttabs\nand lines"},
		{"lines of\r\nWindows\r\n", "lines of\nWindows\n"},
		{"vingt\u00a0% \u202f! \u3000", "vingt\u00a0% \u202f! \u3000"},
		{"می\u200cخواهم", "می\u200cخواهم"},
		{"👩\u200d💻", "👩\u200d💻"},
		{"\x1b[31mred\x1b[0m", "�[31mred�[0m"},
		{"back\u202ewards\u2066", "back�wards�"},
		{"over\rwritten", "over�written"},
		{"a\x00b", "3 B of data"},
		{"\xff\xfe", "2 B of data"},
		{`[{"type":"text","text":"see"},{"type":"image","base64":"` + picture + `"}]`, `see {"type":"image","base64":"[1 kB]"}`},
		{`[{"type":"text","text":"no\nsuch page"}, "x"]`, "no\nsuch page \"x\""},
		{`[{"type":"flight","text":"LX 1"}]`, `[{"type":"flight","text":"LX 1"}]`},
		{"sha256:" + picture[:64], "sha256:" + picture[:64]},
	} {
		p := &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Name: "t", Output: &pb.Data{Body: &pb.Data_Inline{Inline: []byte(c.in)}}}}}
		if got := partText(p); got != strings.TrimSpace("result t "+c.want) {
			t.Errorf("%q: %q", c.in, got)
		}
	}
	for _, c := range []struct {
		question *pb.Data
		want     string
	}{
		{nil, "(nothing that can be read here: encrypted, or without a value)"},
		{&pb.Data{Body: &pb.Data_Inline{Inline: []byte(`{"q": 1}`)}}, `{"q": 1}`},
	} {
		if got := questionText(&pb.Interrupt{Question: c.question}); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestFailedIsShown: of a thread that failed a person sees which node and with which error, and where all of it stands;
// what the error says may hold secrets.
func TestFailedIsShown(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "x.ctxa")
	for _, args := range [][]string{{"export", "langgraph+sqlite:../../exporters/langgraph/testdata/python.sqlite", archive}, {"show", archive, "conversation/t-failed"}, {"show", archive, "conversation/t-done"}} {
		var out bytes.Buffer
		if code := newApp(&out, &out).run(t.Context(), args); code != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, code, &out)
		}
		failed := strings.HasSuffix(args[len(args)-1], "failed")
		if said := strings.Contains(out.String(), "\nFAILED  worker  RuntimeError\n  pendingwrite/t-failed/"); said != failed || strings.Contains(out.String(), "boom") {
			t.Errorf("%v:\n%s", args, &out)
		}
	}
}
