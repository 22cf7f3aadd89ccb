package agentcorefake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The provider's own Go SDK ships the requests and answers that it was tested with, each with all
// members that there are. Each request of an operation that the fake knows is routed to it, and on
// both sides the members are those of the fake's model, down to the last: what the fake lets through
// or answers is what the SDK writes and reads.
func TestTheSDKsSnapshots(t *testing.T) {
	m, err := theModel()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, mod := range []string{"bedrockagentcore", "bedrockagentcorecontrol"} {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+mod).Output()
		if err != nil {
			t.Skip("SKIPPED: the SDK's module is not here: ", err)
		}
		dir := strings.TrimSpace(string(out))
		for op, o := range m.Operations {
			b, err := os.ReadFile(filepath.Join(dir, "request_snapshot", op+".request.snap"))
			if err != nil {
				continue // of the other module
			}
			seen++
			line, _, _ := strings.Cut(string(b), "\n")
			method, target, _ := strings.Cut(strings.TrimSpace(line), " ")
			path, query, _ := strings.Cut(target, "?")
			if got, _ := m.route(method, path); got != op {
				t.Errorf("%s %s is routed to %q, want %s", method, path, got, op)
			}
			prefix := ""
			if o.Plane == "control" {
				prefix = "c."
			}
			for side, suffix := range map[string]string{"request": "Input", "response": "Output"} {
				b, err := os.ReadFile(filepath.Join(dir, side+"_snapshot", op+"."+side+".snap"))
				if err != nil {
					t.Errorf("%s: %v", op, err)
					continue
				}
				doc := map[string]any{}
				if i := strings.Index(string(b), "\n{"); i >= 0 {
					if err := json.Unmarshal(b[i+1:], &doc); err != nil {
						t.Errorf("%s %s: %v", op, side, err)
					}
				}
				for n, e := range m.Shapes[prefix+op+suffix].Members {
					if e.Query != "" && !strings.Contains("&"+query, "&"+e.Query+"=") {
						t.Errorf("%s: the SDK does not send %s in the query", op, n)
					}
				}
				for _, d := range m.compare(op+suffix, prefix+op+suffix, doc) {
					t.Error(d)
				}
			}
		}
	}
	if seen != len(m.Operations) {
		t.Errorf("%d snapshots for %d operations", seen, len(m.Operations))
	}
}

// compare names the members that a snapshot of the SDK has and the model has not, and the reverse.
// Values are made up; a union has one of its members.
func (m *model) compare(path, name string, v any) []string {
	s, ok := m.Shapes[name]
	if !ok {
		return nil // a primitive, or a document
	}
	var out []string
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			out = append(out, m.compare(path+"[]", s.Members["member"].Target, x)...)
		}
	case map[string]any:
		for n, x := range v {
			e, ok := s.Members[n]
			if s.Type == "map" {
				e, ok = s.Members["value"], true
			}
			if !ok {
				out = append(out, fmt.Sprintf("%s.%s: the SDK has it, and the model of the fake has not", path, n))
				continue
			}
			out = append(out, m.compare(path+"."+n, e.Target, x)...)
		}
		for n, e := range s.Members {
			// The SDK's generator does not follow a shape that is in itself.
			if _, ok := v[n]; s.Type == "structure" && !ok && !e.Label && e.Query == "" && len(v) > 0 {
				out = append(out, fmt.Sprintf("%s.%s: the model of the fake has it, and the SDK has not", path, n))
			}
		}
	case string:
		if s.Type == "enum" && !slices.ContainsFunc(s.Enum, func(e string) bool { return strings.EqualFold(e, v) }) {
			out = append(out, fmt.Sprintf("%s: %s is none of %v", path, v, s.Enum))
		}
	}
	return out
}

func TestUnsignedAndUnknown(t *testing.T) {
	f, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(f)
	defer srv.Close()
	for path, want := range map[string]int{"/memories/": 403, "/nothing": 404} {
		r, err := http.Post(srv.URL+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	if len(Guesses()) == 0 {
		t.Error("a fake without guesses")
	}
	t.Logf("guesses:\n%s", strings.Join(Guesses(), "\n"))
}
