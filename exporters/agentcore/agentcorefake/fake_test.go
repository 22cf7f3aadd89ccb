package agentcorefake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The provider's own Go SDK ships the requests and answers that it was tested with. Each request of
// an operation that the fake knows is routed to it, and each answer has no member that the fake's
// model does not know.
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
			path, _, _ := strings.Cut(target, "?")
			if got, _ := m.route(method, path); got != op {
				t.Errorf("%s %s is routed to %q, want %s", method, path, got, op)
			}
			prefix := ""
			if o.Plane == "control" {
				prefix = "c."
			}
			for _, side := range []string{"request", "response"} {
				b, err := os.ReadFile(filepath.Join(dir, side+"_snapshot", op+"."+side+".snap"))
				if err != nil {
					t.Errorf("%s: %v", op, err)
					continue
				}
				i := strings.Index(string(b), "\n{")
				if i < 0 {
					continue
				}
				var doc map[string]any
				if err := json.Unmarshal(b[i+1:], &doc); err != nil {
					t.Errorf("%s %s: %v", op, side, err)
				}
				shape := m.Shapes[prefix+op+map[string]string{"request": "Input", "response": "Output"}[side]]
				for k := range doc {
					if _, ok := shape.Members[k]; !ok {
						t.Logf("%s %s has %s, newer than the model", op, side, k)
					}
				}
			}
		}
	}
	if seen != len(m.Operations) {
		t.Errorf("%d snapshots for %d operations", seen, len(m.Operations))
	}
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
