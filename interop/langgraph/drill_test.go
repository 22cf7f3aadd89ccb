package langgraph

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drillPlan is a plan of a drill: name, mode, source, archive, target, folder, folder of keys, more.
const drillPlan = `name: %s
exercise: true
scenario: The provider ends the service; the agents move to a database of our own.
hypothesis: Every thread goes on where it was, also those that wait for a person.
mode: %s
level: L3
source: %s
archive: %s
target: %s
keep: true
output: %[6]s
ledger: %[6]s/drills.jsonl
keys: {sign: %[7]s/ops.key, trust: %[7]s/ops.key.pub}
canaries:
  - {kind: memory, contains: %q}
parties:
  operator: {name: Operations}
  observer: {name: Internal audit}
  approver: {name: Head of support}
stop_conditions: [anything but the drill's own records would be written]
assumptions:
  - {text: the database can be read while the service is down, held: true}
arrangement:
  register_id: ARR-2026-017
  contract_sha256: 5f7c6b7a3f0f3c1f0c1f6a2d4b8e9a7c5d3e1f2a4b6c8d0e9f7a5b3c1d2e4f60
  service: LangGraph on PostgreSQL
  tenant_class: production
  region: eu-central-1
  business_function: Customer support
  critical: false
  data_basis: made for this drill; nobody's data is in it
  copy_deleted_by: 2099-01-31
  promised_kinds: [conversation, message, memory, checkpoint, channelvalue, pendingwrite, interrupt]
next_review: 2099-02-28
%s`

// drilled is the part of 'drill --json' that this test holds exitramp to.
type drilled struct {
	Verdict   string
	Reasons   []string
	Predicate struct {
		Drill struct {
			ProviderBlocked struct {
				Method   string
				Enforced bool
			} `json:"providerBlocked"`
		} `json:"drill"`
		Checks []struct{ ID, Result, Why string } `json:"checks"`
	} `json:"predicate"`
}

// drill carries a plan out; the verdict has to be one of want.
func drill(t *testing.T, dir, plan string, want ...string) drilled {
	t.Helper()
	path := filepath.Join(dir, "plan.yaml")
	if name, _, ok := strings.Cut(strings.TrimPrefix(plan, "name: "), "\n"); ok {
		path = filepath.Join(dir, name+".yaml")
	}
	if err := os.WriteFile(path, []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	r := exitramp(t, []int{0, 4}, "drill", path, "--json")
	var d drilled
	if err := json.Unmarshal([]byte(r.out), &d); err != nil {
		t.Fatalf("%v\n%s", err, tail(r.all()))
	}
	for _, w := range want {
		if d.Verdict == w {
			return d
		}
	}
	t.Fatalf("%s, want %v: %s", d.Verdict, want, strings.Join(d.Reasons, "\n"))
	return d
}

// TestDrill drills the exit of a real LangGraph on PostgreSQL: planned, into another database, and
// stressed, from the archive alone, into a SQLite file. LangGraph itself judges both by going on from
// them. EXITRAMP_DRILL_OUT keeps what the drills left.
func TestDrill(t *testing.T) {
	s := made(t, python(t), "trip", "pg")
	dir := t.TempDir()
	if out := os.Getenv("EXITRAMP_DRILL_OUT"); out != "" {
		dir = out
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	keys := t.TempDir()
	exitramp(t, done, "keygen", "--sign", "-o", filepath.Join(keys, "ops.key"))
	archive, canary := filepath.Join(t.TempDir(), "q4.ctxa"), "likes trains"

	target := postgres(t, "")
	drill(t, dir, fmt.Sprintf(drillPlan, "q4", "planned", s.place.exitramp, archive, target.exitramp, dir, keys, canary,
		"targets: {rto: 4h, rpo: {\"*\": 24h}, impact_tolerance: one working day}\n"), "PASS", "PASS_WITH_LOSS")
	s.judge(t, "judge", "trip", target.python, s.facts)

	// The thread that is sealed with a key of its own cannot go from PostgreSQL to SQLite without it.
	file := sqlite(t, "arrived.sqlite")
	d := drill(t, dir, fmt.Sprintf(drillPlan, "q4-stressed", "stressed", s.place.exitramp, archive, file.exitramp, dir, keys, canary,
		"targets: {rto: 4h, rpo: {\"*\": 24h}, impact_tolerance: one working day, survival: 0.8}\n"), "PASS", "PASS_WITH_LOSS")
	if b := d.Predicate.Drill.ProviderBlocked; !b.Enforced {
		t.Errorf("the provider was not kept out: %s", b.Method)
	}
	s.judge(t, "judge", "trip", file.python, s.facts, "--skip", "t-encrypted")

	for _, name := range []string{"q4", "q4-stressed"} {
		r := exitramp(t, done, "report", filepath.Join(dir, name+".evidence.zip"), "--trust", filepath.Join(keys, "ops.key.pub"))
		t.Log(r.out)
	}
	t.Log(exitramp(t, done, "drills", filepath.Join(dir, "drills.jsonl")).out)
	if os.Getenv("EXITRAMP_DRILL_OUT") != "" {
		b, err := os.ReadFile(filepath.Join(keys, "ops.key.pub"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "ops.key.pub"), b, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
