package langgraph

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// drillPlan is a plan of a drill: name, mode, source, archive, target, canary, days, targets and more. It is
// carried out in the folder of what it leaves, so that no path of this machine is printed.
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
output: .
ledger: drills.jsonl
keys: {sign: %s, trust: ops.key.pub}
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
  copy_deleted_by: %s
  promised_kinds: [conversation, message, memory, checkpoint, channelvalue, pendingwrite, interrupt]
next_review: %s
%s`

// finding is what the stressed drill finds, since it goes to another kind of database.
const finding = `findings:
  - id: F-1
    text: "One thread is encrypted by the runtime with a key of its own. PostgreSQL and SQLite lay checkpoints out differently, which needs that key; its 22 records stay in the archive. Into another PostgreSQL they go as they are."
    severity: medium
    owner: Operations
    due: %s
    retest: %s
    state: open
`

// drilled is the part of a statement that this test holds exitramp to.
type drilled struct {
	Predicate struct {
		Verdict string
		Drill   struct {
			ProviderBlocked struct {
				Method   string
				Enforced bool
			} `json:"providerBlocked"`
		} `json:"drill"`
		Checks []struct{ ID, Result, Why string } `json:"checks"`
	} `json:"predicate"`
}

// drill carries a plan out in dir, as a person would; the verdict has to be one of want. What was typed and
// printed is added to said.
func drill(t *testing.T, dir string, said *strings.Builder, name, plan string, want ...string) drilled {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	r := typed(t, dir, said, "drill", name+".yaml")
	b, err := os.ReadFile(filepath.Join(dir, name+".statement.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(r.all()))
	}
	var d drilled
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(want, d.Predicate.Verdict) {
		t.Fatalf("%s, want %v\n%s", d.Predicate.Verdict, want, tail(r.all()))
	}
	return d
}

// typed runs a command in dir, and adds what a person would see to said.
func typed(t *testing.T, dir string, said *strings.Builder, args ...string) result {
	t.Helper()
	r := run(t, dir, env.exitramp, append(args, "--progress=none")...)
	if r.code != 0 && r.code != 4 {
		t.Fatalf("exitramp %s: exit code %d\n%s", strings.Join(args, " "), r.code, tail(r.all()))
	}
	fmt.Fprintf(said, "$ exitramp %s\n%s\n", strings.Join(args, " "), strings.TrimSpace(r.out+"\n"+r.err))
	if r.code != 0 {
		fmt.Fprintf(said, "exit code %d\n", r.code)
	}
	said.WriteByte('\n')
	return r
}

// TestDrill drills the exit of a real LangGraph on PostgreSQL: planned, into another database, and
// stressed, from the archive alone, into a SQLite file. LangGraph itself judges both by going on from
// them. EXITRAMP_DRILL_OUT keeps what an outsider should see.
func TestDrill(t *testing.T) {
	s := made(t, python(t), "trip", "pg")
	dir, secret := t.TempDir(), t.TempDir()
	key := filepath.Join(secret, "ops.key")
	exitramp(t, done, "keygen", "--sign", "-o", key)
	pub, err := os.ReadFile(key + ".pub")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ops.key.pub"), pub, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	archive, canary := filepath.Join(secret, "q4.ctxa"), "likes trains"
	day := func(n int) string { return time.Now().AddDate(0, 0, n).Format(time.DateOnly) }
	var said strings.Builder

	target := postgres(t, "")
	drill(t, dir, &said, "q4", fmt.Sprintf(drillPlan, "q4", "planned", s.place.exitramp, archive, target.exitramp, key, canary, day(30), day(90),
		"targets: {rto: 4h, rpo: {\"*\": 24h}, impact_tolerance: one working day}\n"), "PASS", "PASS_WITH_LOSS")
	s.judge(t, "judge", "trip", target.python, s.facts)

	// The thread that is sealed with a key of its own cannot go from PostgreSQL to SQLite without it.
	file := sqlite(t, "arrived.sqlite")
	d := drill(t, dir, &said, "q4-stressed", fmt.Sprintf(drillPlan, "q4-stressed", "stressed", s.place.exitramp, archive, file.exitramp, key, canary, day(30), day(90),
		"targets: {rto: 4h, rpo: {\"*\": 24h}, impact_tolerance: one working day, survival: 0.8}\n"+fmt.Sprintf(finding, day(60), day(90))), "PASS", "PASS_WITH_LOSS")
	if b := d.Predicate.Drill.ProviderBlocked; !b.Enforced {
		t.Errorf("the provider was not kept out: %s", b.Method)
	}
	s.judge(t, "judge", "trip", file.python, s.facts, "--skip", "t-encrypted")

	for _, name := range []string{"q4", "q4-stressed"} {
		if r := typed(t, dir, &said, "report", name+".evidence.zip", "--trust", "ops.key.pub"); r.code != 0 {
			t.Errorf("report %s: exit code %d\n%s", name, r.code, tail(r.all()))
		}
	}
	typed(t, dir, &said, "drills", "drills.jsonl")
	t.Log("\n" + said.String())
	if out := os.Getenv("EXITRAMP_DRILL_OUT"); out != "" {
		kept(t, dir, out, said.String())
	}
}

// kept copies what an outsider should see; plans and journals have paths and keys of records in them.
func kept(t *testing.T, dir, out, said string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "transcript.txt"), []byte(strings.TrimSpace(said)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	names := []string{"transcript.txt", "ops.key.pub", "drills.jsonl"}
	for _, name := range []string{"q4", "q4-stressed"} {
		for _, suffix := range []string{".html", ".evidence.zip", ".statement.json", ".sigstore.json"} {
			names = append(names, name+suffix)
		}
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(out, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
