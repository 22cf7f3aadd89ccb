package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tasksPlan is a plan of a drill with tasks: name, mode, level, archive, target, and the tasks.
const tasksPlan = `name: %s
exercise: true
scenario: The provider ends the service; the shop's agent moves to a store of our own.
hypothesis: The agent remembers its customers' orders.
mode: %s
level: %s
source: langgraph+sqlite:source.sqlite
archive: %s
target: langgraph+sqlite:%s
keep: true
output: .
ledger: drills.jsonl
keys: {sign: ops.key, trust: ops.key.pub}
canaries:
  - {kind: message, contains: A-1041}
tasks:
  suite: promptfoo:suite.yaml
  cassette: tasks.ctxa
  source: [%[6]q, %[7]q]
  target: [%[6]q, %[7]q]
  cold: [%[6]q, %[7]q]
  runs: 2
targets: {rto: 4h, rpo: {"*": 24h}, impact_tolerance: one working day}
arrangement: {register_id: A, contract_sha256: 5f7c6b7a3f0f3c1f0c1f6a2d4b8e9a7c5d3e1f2a4b6c8d0e9f7a5b3c1d2e4f60, service: Shop, tenant_class: production, region: eu, promised_kinds: [conversation, message, checkpoint]}
next_review: 2099-01-01
`

// TestDrill: a drill of a real LangGraph agent whose model is a cassette: what its state was worth to the
// users' tasks is measured at R4, planned and stressed, with no model and no network.
func TestDrill(t *testing.T) {
	dir := t.TempDir()
	url, stop := model(t)
	env := []string{"OPENAI_BASE_URL=" + url}
	runner, err := filepath.Abs("python/runner.py")
	if err != nil {
		t.Fatal(err)
	}
	must(t, "", env, python(t), "python/talk.py", filepath.Join(dir, "source.sqlite"))
	if err := os.WriteFile(filepath.Join(dir, "suite.yaml"), []byte(suiteOfThree), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, dir, nil, exitramp(), "keygen", "--sign", "-o", "ops.key")
	cmd := python(t) + " " + runner
	// The tasks are recorded once with the model, with the state and without it.
	must(t, dir, nil, exitramp(), "record", "--upstream", url, "-o", "tasks.ctxa", "--", exitramp(), "test", "promptfoo:suite.yaml", "--runner", cmd, "--cold", cmd, "--state", "target=source.sqlite")
	must(t, dir, nil, exitramp(), "sign", "tasks.ctxa", "--key", "ops.key")
	stop()
	for _, d := range []struct{ name, mode, level, said string }{
		{"q4", "planned", "L4", "source 6 · target 6 · target without the state 2"},
		{"q4-stressed", "stressed", "L5", "source not run · target 6 · target without the state 2"},
	} {
		plan := fmt.Sprintf(tasksPlan, d.name, d.mode, d.level, "q4.ctxa", d.name+".sqlite", python(t), runner)
		if err := os.WriteFile(filepath.Join(dir, d.name+".yaml"), []byte(plan), 0o600); err != nil {
			t.Fatal(err)
		}
		r := must(t, dir, nil, exitramp(), "drill", d.name+".yaml", "--progress=none")
		if !strings.Contains(r.out, d.said) {
			t.Errorf("%s: no %q in\n%s%s", d.name, d.said, r.out, r.err)
		}
		b, err := os.ReadFile(filepath.Join(dir, d.name+".statement.json"))
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			Predicate struct {
				Checks []struct{ ID, Result, Why string }
				Replay []struct{ Feature, Level string }
			}
		}
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Predicate.Checks {
			if c.ID == "AC-40" && (c.Result != "pass" || !strings.HasPrefix(c.Why, "R4, ")) || c.ID == "AC-41" && c.Result != "pass" {
				t.Errorf("%s: %+v", d.name, c)
			}
			if c.ID == "AC-41" && d.mode == "planned" && !strings.Contains(c.Why, "retained lift 1.00 = (6/6 - 2/6) / (6/6 - 2/6)") {
				t.Errorf("%s: %s", d.name, c.Why)
			}
		}
		t.Log(r.out)
		if out := os.Getenv("EXITRAMP_DRILL_TASKS_OUT"); out != "" {
			html, err := os.ReadFile(filepath.Join(dir, d.name+".html"))
			if err == nil {
				err = os.WriteFile(filepath.Join(out, d.name+".html"), html, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
