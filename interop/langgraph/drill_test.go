package langgraph

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// drillPlan is a plan of a drill into two targets: name, mode, source, archive, the targets, and more. It is
// carried out in the folder of what it leaves, so that no path of this machine is printed.
const drillPlan = `name: %s
exercise: true
scenario: The provider ends the service; the agents move to a database of our own, and what they remember to a service in JavaScript as well.
hypothesis: Every thread goes on where it was, also those that wait for a person; the other service finds every memory.
mode: %s
level: L3
source: %s
archive: %s
into:
  - name: python
    target: %s
  - name: js
    target: %s
    kinds: [memory, embedding]
    embedder: {command: [%q, python/embed.py]}
keep: true
output: %s
ledger: %s
keys: {sign: %s, trust: %s, recipients: [%[17]s/recipients], identities: [%[17]s/ops.age], escrow: [%[17]s/escrow.age]}
canaries:
  - {kind: memory, contains: likes trains}
  - {kind: message, contains: Weather in}
recall: {queries: 5, k: 2}
logs: {kinds: [checkpoint], days: 180, since: %[12]s}
metadata:
  - {kind: checkpoint, path: step}
  - {kind: checkpoint, path: meta.created_unix_nano}
  - {kind: memory, path: meta.updated_unix_nano}
provider:
  register: {url: "https://github.com/langchain-ai/langgraph/tree/main/libs/checkpoint-postgres", retrieved: %[12]s, file: %[13]s}
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
  copy_deleted_by: %[14]s
  promised_kinds: [conversation, message, memory, checkpoint, channelvalue, pendingwrite, interrupt]
costs:
  - {item: egress, amount: "0.00", currency: EUR, class: switching}
accepted_losses:
%[18]sfindings:
  - id: F-1
    text: "LangGraph for Python and for JavaScript do not read each other's checkpoints: memories move, and are searched there with vectors that are made anew; conversations and unfinished work stay with Python."
    severity: medium
    owner: Operations
    due: %[15]s
    retest: %[15]s
    state: open
next_review: %[15]s
targets: {rto: 4h, rpo: {"*": 24h}, impact_tolerance: one working day, survival: %[16]s}
`

// finding is what the stressed drill finds besides, since it goes to another kind of database.
const finding = `  - id: F-2
    text: "One thread is encrypted by the runtime with a key of its own. PostgreSQL and SQLite lay checkpoints out differently, which needs that key; its 29 records stay in the archive. Into another PostgreSQL they go as they are."
    severity: medium
    owner: Operations
    due: %[1]s
    retest: %[1]s
    state: open
next_review:`

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

// drill carries a plan out in dir, as a person would, and reads what it left for each target: its verdict
// has to be a PASS, with losses or without. What was typed and printed is added to said.
func drill(t *testing.T, dir string, said *strings.Builder, name, plan string, targets ...string) map[string]drilled {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	// The plan's folder has what is kept; its programs are beside this test.
	r := typed(t, dir, said, "drill", name+".yaml")
	out := map[string]drilled{}
	for _, target := range targets {
		b, err := os.ReadFile(filepath.Join(dir, name+"-"+target+".statement.json"))
		if err != nil {
			t.Fatalf("%v\n%s", err, tail(r.all()))
		}
		var d drilled
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains([]string{"PASS", "PASS_WITH_LOSS"}, d.Predicate.Verdict) {
			t.Fatalf("%s: %s\n%s", target, d.Predicate.Verdict, tail(r.all()))
		}
		for _, c := range d.Predicate.Checks {
			if slices.Contains([]string{"AC-15", "AC-16", "AC-18", "AC-21", "AC-39"}, c.ID) && c.Result == "not_tested" {
				t.Errorf("%s: %s was not tested: %s", target, c.ID, c.Why)
			}
		}
		out[target] = d
	}
	return out
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

// bySocket is the URL of a database with the folder of the server's socket in place of its address: a
// stressed drill has no network. Without such a folder it is the URL as it is.
func bySocket(t *testing.T, u string) string {
	t.Helper()
	x, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("EXITRAMP_INTEROP_PGSOCKET")
	need(t, "a socket of PostgreSQL", dir)
	q := x.Query()
	q.Set("host", dir)
	q.Set("port", x.Port())
	x.RawQuery, x.Host = q.Encode(), ""
	return x.String()
}

// TestDrill drills the exit of a real LangGraph for Python on PostgreSQL: planned and stressed, from the
// archive alone, each into two targets. One is of Python again: another PostgreSQL, and a SQLite file. The
// other is a store that LangGraph.js made, which takes the memories, with vectors of its own. The runtimes
// judge: Python goes on from all threads, JavaScript finds the memories and searches them.
// EXITRAMP_DRILL_OUT keeps what an outsider should see.
func TestDrill(t *testing.T) {
	s := made(t, python(t), "trip", "pg")
	js := javascript(t)
	dir, secret := t.TempDir(), t.TempDir()
	key := filepath.Join(secret, "ops.key")
	exitramp(t, done, "keygen", "--sign", "-o", key)
	for _, name := range []string{"ops.age", "escrow.age"} {
		exitramp(t, done, "keygen", "-o", filepath.Join(secret, name))
	}
	pub, err := os.ReadFile(key + ".pub")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ops.key.pub"), pub, 0o644)
	}
	if err == nil {
		err = recipients(secret, "ops.age", "escrow.age")
	}
	if err == nil { // programs that the plan names
		err = os.CopyFS(filepath.Join(dir, "python"), os.DirFS("python"))
	}
	if err != nil {
		t.Fatal(err)
	}
	archive, register := filepath.Join(secret, "q4.ctxa"), filepath.Join(secret, "tables.sql")
	s.script(t, "register", register)
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	// The schema is that of each archive of this release.
	first := filepath.Join(secret, "first.ctxa")
	exitramp(t, done, "export", s.place.exitramp, first)
	reader := second(t, first, filepath.Join(secret, "schema"))
	var said strings.Builder
	plan := func(name, mode, python, js, survival string) string {
		return fmt.Sprintf(drillPlan, name, mode, s.place.exitramp, archive, python, js, env.python, ".", "drills.jsonl", key, "ops.key.pub",
			day(0), register, day(30), day(90), survival, secret, accepted(day(90))) + reader
	}
	// store is an empty store that LangGraph.js has set up.
	store := func() place {
		p := postgres(t, "")
		js.script(t, "make", "setup", p.js, "trip")
		return p
	}

	own, other := postgres(t, ""), store()
	drill(t, dir, &said, "q4", plan("q4", "planned", own.exitramp, other.exitramp, "1"), "python", "js")
	s.judge(t, "judge", "trip", own.python, s.facts)
	js.judge(t, "arrived", other.js)

	// The thread that is sealed with a key of its own cannot go from PostgreSQL to SQLite without it.
	file, third := sqlite(t, "arrived.sqlite"), store()
	stressed := strings.Replace(plan("q4-stressed", "stressed", file.exitramp, bySocket(t, third.exitramp), "0.8"), "next_review:", fmt.Sprintf(finding, day(90)), 1)
	for name, d := range drill(t, dir, &said, "q4-stressed", stressed, "python", "js") {
		if b := d.Predicate.Drill.ProviderBlocked; !b.Enforced {
			t.Errorf("%s: the provider was not kept out: %s", name, b.Method)
		}
	}
	s.judge(t, "judge", "trip", file.python, s.facts, "--skip", "t-encrypted")
	js.judge(t, "arrived", third.js)

	for _, name := range drills {
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

// accepted are the losses that JavaScript means: what stays with Python.
func accepted(until string) string {
	var b strings.Builder
	for _, kind := range []string{"checkpoint", "channelvalue", "pendingwrite", "interrupt", "conversation", "message"} {
		fmt.Fprintf(&b, "  - {kind: %s, into: js, by: Head of support, until: %s, why: the service in JavaScript begins its own conversations}\n", kind, until)
	}
	return b.String()
}

// recipients writes the public keys of the files names in dir into one file.
func recipients(dir string, names ...string) error {
	var out []string
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			if _, key, ok := strings.Cut(strings.TrimSpace(line), "# public key: "); ok {
				out = append(out, key)
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "recipients"), []byte(strings.Join(out, "\n")+"\n"), 0o600)
}

// second is the second reader, in a plan, where it is installed. It is told the schema of an archive.
func second(t *testing.T, archive, schema string) string {
	t.Helper()
	reader := os.Getenv("EXITRAMP_INTEROP_SECONDREADER")
	if reader == "" {
		return ""
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if !strings.Contains(f.Name, "/data/schema/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(io.LimitReader(r, 8<<20))
		if err == nil {
			err = os.WriteFile(schema, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	program, err := filepath.Abs("../secondreader/second.py")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("second_reader: [%q, -B, %q, read, --schema, %q, -i, %q]\n", reader, program, schema, filepath.Join(filepath.Dir(schema), "ops.age"))
}

// drills are those that are carried out.
var drills = []string{"q4-python", "q4-js", "q4-stressed-python", "q4-stressed-js"}

// kept copies what an outsider should see; plans and journals have paths and keys of records in them.
func kept(t *testing.T, dir, out, said string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "transcript.txt"), []byte(strings.TrimSpace(said)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	names := []string{"transcript.txt", "ops.key.pub", "drills.jsonl"}
	for _, name := range drills {
		for _, suffix := range []string{".html", ".evidence.zip", ".statement.json", ".sigstore.json", ".test-result.sigstore.json", ".svr.sigstore.json"} {
			names = append(names, name+suffix)
		}
		if strings.Contains(name, "stressed") { // what the system showed of the block
			names = append(names, name+".block.txt")
		}
		if os.Getenv("EXITRAMP_INTEROP_SECONDREADER") != "" { // what it found
			names = append(names, name+".second-reader.json")
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
