package exitdrill_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/promptfoo"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// place is where one test drills: a folder with keys, and runtimes in memory.
type place struct {
	t        *testing.T
	dir      string
	runtimes map[string]*memstate.Runtime
	opts     exitdrill.Options
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, dir: t.TempDir(), runtimes: map[string]*memstate.Runtime{}}
	for _, name := range []string{"ops", "other"} {
		private, public, err := format.GenerateSigningKey(name == "other")
		if err != nil {
			t.Fatal(err)
		}
		p.write(name+".key", private)
		p.write(name+".key.pub", "# "+name+"\n"+public)
		id, recipient, err := format.GenerateIdentity(false)
		if err != nil {
			t.Fatal(err)
		}
		p.write(name+".age", id+"\n")
		p.write(name+".age.pub", recipient+"\n")
	}
	src := memstate.NewRuntime(nil)
	for r, err := range memstate.Sample(6).Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := r.(*pb.Artifact); ok { // its bytes lie outside, and a runtime that is Set has none
			m.Data = agentstate.Inline("text/plain", []byte("small"))
			m.Size = 5
		}
		if agentstate.IsState(agentstate.KindOf(r)) && len(r.GetMeta().ViewOfKeys) == 0 {
			src.Set(r)
		}
	}
	p.runtimes["source"], p.runtimes["target"] = src, memstate.NewRuntime(nil)
	open := func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if rt := p.runtimes[u.Opaque]; rt != nil {
			return rt, nil
		}
		return nil, fmt.Errorf("mem: no runtime %s", u.Opaque)
	}
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: open})
	p.opts.Tool = evidence.Tool{Name: "test", Version: "1", Modules: evidence.Digest{SHA256: strings.Repeat("ab", 32)}}
	p.opts.Independent = func(context.Context, string, []format.TrustedKey) (string, error) { return "this test", nil }
	return p
}

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// approvals are the keys of all that gives power in the sample.
const approvals = "policy/refunds\ntool/refund\ntoolserver/orders\ntoolgrant/ada/refund\ncredential/orders\nagent/support\nskill/refunds\ntrigger/nightly\nmessage/t1/system\n"

// plan is a good plan, changed by the pairs of old and new text.
func (p *place) plan(edit ...string) *drill.Plan {
	p.t.Helper()
	p.write("approvals", approvals)
	text := `
name: q
exercise: true
scenario: the provider ends
mode: planned
level: L3
source: mem:source
archive: DIR/a.ctxa
target: mem:target
keep: true
output: DIR/out
ledger: DIR/out/drills.jsonl
keys: {sign: DIR/ops.key, trust: DIR/ops.key.pub, recipients: [DIR/ops.age.pub], identities: [DIR/ops.age]}
replay: {approve: DIR/approvals}
canaries:
  - {kind: memory, path: text, contains: likes tea 0003}
  - {key: message/t1/0002, contains: order 1}
targets: {rto: 1h, rpo: {"*": 30000d}}
arrangement: {register_id: A, contract_sha256: "` + strings.Repeat("0", 64) + `", service: S, tenant_class: production, region: eu, promised_kinds: [memory, message]}
next_review: 2099-01-01
`
	for i := 0; i < len(edit); i += 2 {
		if !strings.Contains(text, edit[i]) {
			p.t.Fatalf("the plan has no %q", edit[i])
		}
		text = strings.ReplaceAll(text, edit[i], edit[i+1])
	}
	pl, err := drill.ReadPlan(strings.NewReader(strings.ReplaceAll(text, "DIR", p.dir)))
	if err != nil {
		p.t.Fatal(err)
	}
	return pl
}

// run runs a drill to its end, and checks what every drill leaves.
func (p *place) run(pl *drill.Plan) *drill.Outcome {
	p.t.Helper()
	out, err := exitdrill.Run(p.t.Context(), pl, &p.opts)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(out.Predicate.Checks) != 46 {
		p.t.Errorf("%d checks", len(out.Predicate.Checks))
	}
	for i, c := range out.Predicate.Checks {
		if c.ID != fmt.Sprintf("AC-%d", i+1) || c.Why == "" || c.Result == "" || c.Basis == "" && c.Result != evidence.Untold {
			p.t.Errorf("%+v", c)
		}
	}
	b, err := os.ReadFile(pl.Statement())
	if err != nil || !bytes.Equal(b, out.Statement) {
		p.t.Error("the statement is not the file", err)
	}
	if out.Judgement.Verdict == evidence.VerdictInvalid {
		p.t.Errorf("INVALID: %v", out.Judgement.Reasons)
	}
	for _, text := range []string{"likes tea", "order 1", "principal/ada", "message/t1"} {
		if bytes.Contains(b, []byte(text)) {
			p.t.Errorf("the statement holds %q", text)
		}
	}
	raw, err := os.ReadFile(filepath.Join(p.dir, "out", pl.Name+".sigstore.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(p.dir, "ops.key.pub"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	keys, err := format.ParseTrust(f)
	if err != nil {
		p.t.Fatal(err)
	}
	if got, _, err := format.CheckStatement(raw, &format.Trust{Keys: keys}, evidence.PredicateType); err != nil || !bytes.Equal(got, b) {
		p.t.Error("the bundle is not of the statement", err)
	}
	return out
}

func check(out *drill.Outcome, n int) evidence.Check { return out.Predicate.Checks[n-1] }

// kind is what became of a kind.
func kind(out *drill.Outcome, name string) evidence.Kind {
	for _, k := range out.Predicate.Kinds {
		if k.Kind == name {
			return k
		}
	}
	return evidence.Kind{}
}

func TestPass(t *testing.T) {
	p := newPlace(t)
	out := p.run(p.plan())
	if w := out.Predicate.Word(evidence.DefaultGates()); w != "PASS at L3, 18 gates" {
		t.Errorf("%s: %v", w, out.Judgement.Reasons)
	}
	if k := kind(out, "memory"); k.Archived != 6 || k.Matched != 6 || k.Canaries.Recovered != 1 || k.Coverage != "RECONCILED" && k.Coverage != "LISTED" {
		t.Errorf("%+v", k)
	}
	if len(out.Predicate.NegativeControls) != 5 {
		t.Errorf("%+v", out.Predicate.NegativeControls)
	}
	a := out.Predicate.Authority
	if a.Grants != 1 || a.Reproduced != 1 || a.Widened != 0 || len(a.Reconsent) != 0 {
		t.Errorf("%+v", a)
	}
	if n := p.runtimes["target"].Len(); n != p.runtimes["source"].Len() {
		t.Errorf("%d records in the target", n)
	}
	if out.Predicate.Drill.Name != "q" {
		t.Errorf("its name is %q", out.Predicate.Drill.Name)
	}
	rows := out.Predicate.Replay
	if i := slices.IndexFunc(rows, func(r evidence.Replayed) bool { return r.Feature == "state" }); i < 0 || rows[i].Level != "R3" || rows[i].Runs != 1 || rows[i].Passed != 1 ||
		!strings.HasPrefix(check(out, 40).Why, "R3, ") {
		t.Errorf("%+v, and AC-40 says %s", rows, check(out, 40).Why)
	}
	// Again, and it is the next entry; what is there already shows nothing.
	out = p.run(p.plan("name: q", "name: r", "mode: planned", "mode: stressed"))
	if out.Predicate.Drill.LedgerIndex != 1 || out.Predicate.Drill.PrevDigest.SHA256 == "" || check(out, 33).Result != evidence.Untold || out.Judgement.Verdict != evidence.VerdictFail ||
		!strings.Contains(strings.Join(out.Hints, " "), "in the target before") {
		t.Errorf("%+v %v %v", check(out, 33), out.Judgement, out.Hints)
	}
	b, err := os.ReadFile(filepath.Join(p.dir, "out", "drills.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if es, _, err := drill.ReadLedger(bytes.NewReader(b)); err != nil || len(es) != 2 || es[0].Due == 0 || es[0].Arrived != es[0].Due || es[1].Due != 0 || es[1].Arrived != 0 {
		t.Errorf("%v: %+v", err, es)
	}
}

// TestLevels: each level has its phases and its gates.
func TestLevels(t *testing.T) {
	for level, want := range map[string]struct {
		word   string
		phases string
	}{
		"L1": {"PASS at L1, 11 gates", "export verify read controls"},
		"L2": {"PASS at L2, 12 gates", "export verify neutral store read-back controls"},
		"L3": {"PASS at L3, 18 gates", "export verify plan replay read-back controls"},
	} {
		p := newPlace(t)
		out := p.run(p.plan("level: L3", "level: "+level))
		var phases []string
		for _, ph := range out.Predicate.Timing.Phases {
			phases = append(phases, ph.Name)
		}
		if w := out.Predicate.Word(evidence.DefaultGates()); w != want.word || strings.Join(phases, " ") != want.phases {
			t.Errorf("%s: %s, %v: %v", level, w, phases, out.Judgement.Reasons)
		}
		if files, _ := filepath.Glob(filepath.Join(p.dir, "out", ".*")); len(files) > 0 {
			t.Errorf("%s: left %v", level, files)
		}
	}
}

// TestHeld: without approvals, nothing that gives power arrives, and that is a loss that is said.
func TestHeld(t *testing.T) {
	p := newPlace(t)
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {}"))
	a := out.Predicate.Authority
	if a.Reproduced != 0 || a.Reduced == 0 || len(a.Reconsent) == 0 || a.Widened != 0 {
		t.Errorf("%+v", a)
	}
	if k := kind(out, "toolgrant"); k.Quarantined != 1 || k.Imported != 0 {
		t.Errorf("%+v", k)
	}
	if v := out.Judgement.Verdict; v != evidence.VerdictPassWithLoss {
		t.Errorf("%s %v", v, out.Judgement.Reasons)
	}
}

// TestTargets: what a target does to a state ends in the verdict, and in the statement that it is about.
func TestTargets(t *testing.T) {
	t.Parallel()
	memory := func(r agentstate.Record, f func(*pb.Memory)) []fidelity.Loss {
		if m, ok := r.(*pb.Memory); ok {
			f(m)
		}
		return nil
	}
	for name, tc := range map[string]struct {
		rt      memstate.RuntimeOptions
		set     []agentstate.Record
		edit    []string
		slow    bool // every look at the clock is 20 minutes after the one before
		verdict evidence.Verdict
		fails   []int
	}{
		"own ids": {rt: memstate.RuntimeOptions{OwnIDs: true}, verdict: evidence.VerdictPass},
		"refuses one": {rt: memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
			if r.GetMeta().Key == "memory/ada/0002" {
				return "too long"
			}
			return ""
		}}, verdict: evidence.VerdictFail, fails: []int{33}},
		"refuses one and that is good enough": {rt: memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
			if r.GetMeta().Key == "memory/ada/0002" {
				return "too long"
			}
			return ""
		}}, edit: []string{`rpo: {"*": 30000d}`, `rpo: {"*": 30000d}, survival: 0.9`}, verdict: evidence.VerdictPassWithLoss},
		"keeps less and says so": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			m, ok := r.(*pb.Memory)
			if !ok {
				return nil
			}
			m.Tags = nil
			return []fidelity.Loss{{Key: m.Meta.Key, Path: "tags", Grade: fidelity.Dropped, Why: "no tags here"}}
		}}, verdict: evidence.VerdictPassWithLoss},
		"keeps less and does not say so": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			return memory(r, func(m *pb.Memory) { m.Tags = nil })
		}}, verdict: evidence.VerdictFail, fails: []int{33, 34}},
		"loses a known answer": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			return memory(r, func(m *pb.Memory) { m.Content = &pb.Memory_Text{Text: "x"} })
		}}, verdict: evidence.VerdictFail, fails: []int{11, 33, 34}},
		"raises a role": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			if m, ok := r.(*pb.Message); ok && m.Role == pb.Role_ROLE_TOOL {
				m.Role = pb.Role_ROLE_SYSTEM
			}
			return nil
		}}, verdict: evidence.VerdictFail, fails: []int{29, 33, 34, 38}},
		"widens a grant": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			if g, ok := r.(*pb.ToolGrant); ok {
				g.ApprovalMode = pb.ToolGrant_APPROVAL_MODE_NEVER
			}
			return nil
		}}, verdict: evidence.VerdictFail, fails: []int{29, 33, 34}},
		"takes an instruction for the operator's": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			return memory(r, func(m *pb.Memory) { m.Form = pb.Memory_FORM_BLOCK })
		}}, edit: []string{"contains: likes tea 0003", "contains: likes tea 0003, injection: true"}, verdict: evidence.VerdictFail, fails: []int{29, 33, 34, 38}},
		"forgets a result": {rt: memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
			if m, ok := r.(*pb.Message); ok && m.NativeId == "0006" {
				return "no"
			}
			return ""
		}}, edit: []string{`rpo: {"*": 30000d}`, `rpo: {"*": 30000d}, survival: 0.9`}, verdict: evidence.VerdictPassWithLoss},
		"is not empty": {set: []agentstate.Record{&pb.Memory{Meta: agentstate.Meta("memory", nil, "other"), Content: &pb.Memory_Text{Text: "likes tea 0003"}}},
			verdict: evidence.VerdictPass},
		"holds something else": {set: []agentstate.Record{&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", "0003"), Content: &pb.Memory_Text{Text: "likes tea 0003, too"}}},
			verdict: evidence.VerdictFail, fails: []int{11, 33}},
		"too slow":  {slow: true, verdict: evidence.VerdictFail, fails: []int{42}},
		"too old":   {edit: []string{`rpo: {"*": 30000d}`, `rpo: {memory: 1d}`}, verdict: evidence.VerdictFail, fails: []int{42}},
		"too much":  {edit: []string{"next_review", "full_volume_records: 18446744073709551615\nnext_review"}, verdict: evidence.VerdictFail, fails: []int{42}},
		"no review": {edit: []string{"next_review: 2099-01-01", ""}, verdict: evidence.VerdictPartial},
		"missing":   {edit: []string{"promised_kinds: [memory, message]", "promised_kinds: [memory, message, skill]"}, verdict: evidence.VerdictPass},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.runtimes["target"] = memstate.NewRuntime(&tc.rt)
			for _, r := range tc.set {
				p.runtimes["target"].Set(r)
			}
			if tc.slow {
				at := time.Now()
				p.opts.Now = func() time.Time { at = at.Add(20 * time.Minute); return at }
			}
			out := p.run(p.plan(tc.edit...))
			if name == "refuses one" && !slices.ContainsFunc(out.Predicate.Losses, func(l evidence.Loss) bool { return l.Why == "refused by the target: too long" && l.Count == 1 }) {
				t.Errorf("nobody says why: %+v", out.Predicate.Losses)
			}
			var fails []int
			for i, c := range out.Predicate.Checks {
				if c.Result == evidence.Fail {
					fails = append(fails, i+1)
				}
			}
			if out.Judgement.Verdict != tc.verdict || !slices.Equal(fails, tc.fails) {
				t.Errorf("%s, failed %v: %v", out.Judgement.Verdict, fails, out.Judgement.Reasons)
			}
		})
	}
}

// TestParties: one key in two roles is nobody independent.
func TestParties(t *testing.T) {
	for parties, want := range map[string]evidence.Result{
		"{operator: {name: a, key: k1}, observer: {name: b, key: k2}, approver: {name: c, key: k3}}": evidence.Pass,
		"{operator: {name: a, key: k1}, observer: {name: b, key: k2}, approver: {name: c, key: k1}}": evidence.Warn,
		"{operator: {name: a, key: SIGNER}, observer: {name: b}, approver: {name: c}}":               evidence.Warn,
		"{operator: {name: a}, observer: {name: a}, approver: {name: c}}":                            evidence.Warn,
		"{operator: {name: a}, observer: {name: b}}":                                                 evidence.Untold,
	} {
		p := newPlace(t)
		b, err := os.ReadFile(filepath.Join(p.dir, "ops.key.pub"))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := format.ParseTrust(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		out := p.run(p.plan("level: L3", "level: L1", "next_review", "hypothesis: h\nstop_conditions: [s]\nparties: "+strings.ReplaceAll(parties, "SIGNER", keys[0].ID)+"\nnext_review"))
		if c := check(out, 5); c.Result != want {
			t.Errorf("%s: %+v", parties, c)
		}
	}
}

// TestErased: what must not come back does not, and a target that has it still is found out.
func TestErased(t *testing.T) {
	for _, there := range []bool{false, true} {
		p := newPlace(t)
		p.write("erased", "memory/ada/0002\n")
		if there {
			p.runtimes["target"].Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", "0002"), Content: &pb.Memory_Text{Text: "likes tea 0002"}})
		}
		out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, tombstones: [DIR/erased]}"))
		s := out.Predicate.Safety
		if s.Tombstones != 1 || (s.Revived == 1) != there || (out.Judgement.Verdict == evidence.VerdictFail) != there {
			t.Errorf("%v: %+v, %v", there, s, out.Judgement)
		}
	}
}

// TestMap: a drill renames on the way, and finds a known answer under its new name.
func TestMap(t *testing.T) {
	p := newPlace(t)
	p.write("map.yaml", "principals: {ada: eve}\ntools: {refund: repay}\n")
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, map: DIR/map.yaml}", "{key: message/t1/0002, contains: order 1}", "{key: principal/ada}"))
	if k := kind(out, "principal"); k.Canaries.Recovered != 1 || check(out, 11).Result != evidence.Pass {
		t.Errorf("%+v %+v", k, check(out, 11))
	}
	if v := out.Judgement.Verdict; v != evidence.VerdictPass && v != evidence.VerdictPassWithLoss {
		t.Error(out.Judgement)
	}
}

// authority is a time stamp authority, by openssl; down makes it answer nothing.
func (p *place) authority(down *bool) func(context.Context, string, []byte) ([]byte, error) {
	p.write("conf", "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = t\n[stamp]\nbasicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = critical,timeStamping\n"+
		"[tsa]\ndefault_tsa = one\n[one]\nserial = serial\ncrypto_device = builtin\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256\ness_cert_id_alg = sha256\n")
	p.write("serial", "01\n")
	run := func(args ...string) {
		cmd := exec.Command("openssl", args...)
		cmd.Dir = p.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Fatalf("openssl %s: %v\n%s", args[0], err, out)
		}
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem", "-config", "conf", "-extensions", "stamp", "-days", "30")
	return func(_ context.Context, url string, request []byte) ([]byte, error) {
		if url != "https://tsa.example" {
			p.t.Errorf("asked %s", url)
		}
		if *down {
			return nil, errors.New("503")
		}
		p.write("request", string(request))
		run("ts", "-reply", "-config", "conf", "-queryfile", "request", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "answer")
		return os.ReadFile(filepath.Join(p.dir, "answer"))
	}
}

// TestTimeStamp: an authority vouches for when the archive and the statement were signed; one that does
// not answer breaks the drill off, and it goes on.
func TestTimeStamp(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl, which is the authority")
	}
	p := newPlace(t)
	down := true
	p.opts.Timestamp = p.authority(&down)
	pl := p.plan("identities: [DIR/ops.age]}", "identities: [DIR/ops.age], tsa: https://tsa.example, tsa_certs: [DIR/tsa.pem]}")
	if _, err := exitdrill.Run(t.Context(), pl, &p.opts); !errors.Is(err, drill.ErrBroken) {
		t.Fatalf("nobody answers: %v", err)
	}
	down = false
	out := p.run(pl)
	if c := check(out, 24); c.Result != evidence.Pass || out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("%+v, %v", c, out.Judgement)
	}
}

// TestRecall: what searches by vector find is compared where the plan asks for it.
func TestRecall(t *testing.T) {
	p := newPlace(t)
	out := p.run(p.plan("next_review", "recall: {queries: 5, k: 2, seed: 7}\nnext_review"))
	// The sample's vectors are no numbers: nothing can be searched, and that is said.
	if c := check(out, 39); c.Result != evidence.Untold || !strings.Contains(c.Why, "vectors") {
		t.Errorf("%+v", c)
	}
	p = newPlace(t)
	for i := range 6 {
		p.runtimes["source"].Set(&pb.Embedding{Meta: agentstate.Meta("embedding", nil, "ada", fmt.Sprintf("%04d", i+1)), OfKey: fmt.Sprintf("memory/ada/%04d", i+1), Field: "text", Model: "e1",
			Dimensions: 2, Element: pb.Embedding_ELEMENT_FLOAT32, Vector: binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, math.Float32bits(1)), math.Float32bits(float32(i)))})
	}
	out = p.run(p.plan("next_review", "recall: {queries: 5, k: 2, seed: 7}\nnext_review"))
	if c, rc := check(out, 39), out.Predicate.Recall; c.Result != evidence.Pass || rc == nil || rc.Overlap != 1 || rc.K != 2 {
		t.Errorf("%+v %+v", c, rc)
	}
}

// TestTearDown: without keep, what was replayed is taken out again.
func TestTearDown(t *testing.T) {
	p := newPlace(t)
	before := memstate.NewRuntime(nil)
	before.Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "mine")})
	p.runtimes["target"] = before
	out := p.run(p.plan("keep: true", "keep: false"))
	if n := before.Len(); n != 1 || out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("%d records left, %v", n, out.Judgement)
	}
	if !strings.Contains(strings.Join(out.Predicate.Limits, " "), "0 were left there") {
		t.Error(out.Predicate.Limits)
	}
}

// TestStopped: an exit that ends early is a FAIL, with the class of the refusal.
func TestStopped(t *testing.T) {
	t.Parallel()
	flip := func(p *place) {
		path := filepath.Join(p.dir, "a.ctxa")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/3] ^= 1
		p.write("a.ctxa", string(b))
	}
	for name, tc := range map[string]struct {
		edit         []string
		do           func(p *place)
		phase, class string
	}{
		"altered":       {nil, flip, "verify", "digest"},
		"cut off":       {nil, func(p *place) { os.Truncate(filepath.Join(p.dir, "a.ctxa"), 5000) }, "verify", "truncated"},
		"wrong key":     {[]string{"identities: [DIR/ops.age]", "identities: [DIR/other.age]"}, nil, "verify", "no-identity"},
		"wrong escrow":  {[]string{"identities: [DIR/ops.age]", "identities: [DIR/ops.age], escrow: [DIR/other.age]"}, nil, "verify", "no-identity"},
		"not trusted":   {[]string{"trust: DIR/ops.key.pub", "trust: DIR/other.key.pub"}, nil, "verify", "untrusted"},
		"no archive":    {nil, func(p *place) { os.Remove(filepath.Join(p.dir, "a.ctxa")) }, "verify", ""},
		"no target":     {[]string{"target: mem:target", "target: mem:gone"}, nil, "plan", ""},
		"no such thing": {[]string{"target: mem:target", "target: nosuch:x"}, nil, "plan", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.run(p.plan("level: L3", "level: L1"))
			if tc.do != nil {
				tc.do(p)
			}
			delete(p.runtimes, "source") // a stressed drill does not open it
			out := p.run(p.plan(append(tc.edit, "name: q", "name: s", "mode: planned", "mode: stressed")...))
			s := out.Predicate.Drill.Stopped
			if s == nil || s.Phase != tc.phase || s.Class != tc.class || out.Judgement.Verdict != evidence.VerdictFail {
				t.Errorf("%+v, %v", s, out.Judgement)
			}
		})
	}
	p := newPlace(t)
	delete(p.runtimes, "source")
	if out := p.run(p.plan()); out.Predicate.Drill.Stopped == nil || out.Predicate.Drill.Stopped.Phase != "export" || out.Judgement.Verdict != evidence.VerdictFail {
		t.Errorf("no source: %+v", out.Judgement)
	}
}

// TestBroken: broken off at any step of the replay and run again, the drill ends as one that was not:
// nothing lost, nothing twice, and the evidence says so.
func TestBroken(t *testing.T) {
	t.Parallel()
	steps := 0
	{
		p := newPlace(t)
		p.runtimes["target"] = memstate.NewRuntime(&memstate.RuntimeOptions{Fail: func(s memstate.Step) error { steps = s.N; return nil }})
		p.run(p.plan())
	}
	broken := 0
	for n := 1; n <= steps; n += 11 {
		p := newPlace(t)
		failed := false
		rt := memstate.NewRuntime(&memstate.RuntimeOptions{Fail: func(s memstate.Step) error {
			if s.N == n && !failed {
				failed = true
				return errors.New("the line is dead")
			}
			return nil
		}})
		p.runtimes["target"] = rt
		early, err := exitdrill.Run(t.Context(), p.plan(), &p.opts)
		if err == nil && early.Predicate.Drill.Stopped != nil && early.Predicate.Drill.Stopped.Phase == "plan" {
			continue // nothing was written
		}
		if !errors.Is(err, drill.ErrBroken) {
			t.Fatalf("step %d: %v", n, err)
		}
		broken++
		if _, err := os.Stat(p.plan().Statement()); err == nil {
			t.Fatalf("step %d: a drill that was broken off left a statement", n)
		}
		out := p.run(p.plan())
		if out.Judgement.Verdict != evidence.VerdictPass || out.Predicate.Drill.Attempts != 2 || rt.Len() != p.runtimes["source"].Len() {
			t.Fatalf("step %d: %v, %d attempts, %d records", n, out.Judgement, out.Predicate.Drill.Attempts, rt.Len())
		}
		if !slices.ContainsFunc(out.Predicate.Obstacles, func(o evidence.Obstacle) bool { return strings.Contains(o.What, "2 attempts") }) {
			t.Fatalf("step %d: the evidence does not say it: %+v", n, out.Predicate.Obstacles)
		}
	}
	if broken < 7 {
		t.Errorf("broken off %d times", broken)
	}
}

// TestBrokenAfterSeal: killed between the archive and the note that it is there, a drill goes on with it.
func TestBrokenAfterSeal(t *testing.T) {
	for _, edit := range [][]string{nil, {"sign: DIR/ops.key, ", ""}} {
		p := newPlace(t)
		pl := p.plan(edit...)
		ctx, cancel := context.WithCancel(t.Context())
		p.opts.Progress = func(phase string, _ agentstate.Record) {
			if phase == "verify" {
				cancel()
			}
		}
		if _, err := exitdrill.Run(ctx, pl, &p.opts); !errors.Is(err, drill.ErrBroken) {
			t.Fatal(err)
		}
		path := filepath.Join(p.dir, "out", "q.drill.json")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p.write("out/q.drill.json", strings.Replace(string(b), `"sealed":true`, `"sealed":false`, 1))
		p.opts.Progress = nil
		out, err := exitdrill.Run(t.Context(), pl, &p.opts)
		if err != nil || out.Predicate.Drill.Attempts != 2 || edit == nil && out.Judgement.Verdict != evidence.VerdictPass || out.Predicate.Archive.ManifestSHA256 == "" && edit == nil {
			t.Errorf("%v: %v, %+v", edit, err, out)
		}
		if s := out.Predicate.Drill.Stopped; s != nil && s.Phase == "export" {
			t.Errorf("%v: %+v", edit, s)
		}
	}
}

// TestTwice: two runs do not carry out one drill.
func TestTwice(t *testing.T) {
	p := newPlace(t)
	pl := p.plan()
	asked := false
	p.opts.Progress = func(phase string, _ agentstate.Record) {
		if phase != "replay" || asked {
			return
		}
		asked = true
		if _, err := exitdrill.Run(t.Context(), pl, &exitdrill.Options{Registry: p.opts.Registry}); !errors.Is(err, drill.ErrRunning) {
			t.Errorf("a second run: %v", err)
		}
	}
	if out := p.run(pl); !asked || out.Predicate.Drill.Attempts != 1 || out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("%v: %+v", asked, out.Judgement)
	}
	if left, _ := filepath.Glob(filepath.Join(p.dir, "out", "*.lock")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestLedgerDamaged: a drill ends all the same, and says that the ledger was changed.
func TestLedgerDamaged(t *testing.T) {
	p := newPlace(t)
	p.run(p.plan())
	path := filepath.Join(p.dir, "out", "drills.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p.write("out/drills.jsonl", strings.Replace(string(b), `"PASS"`, `"FAIL"`, 1)+string(b))
	out := p.run(p.plan("name: q", "name: r", "mode: planned", "mode: stressed"))
	if check(out, 25).Result != evidence.Fail {
		t.Errorf("%+v", check(out, 25))
	}
}

// TestUnsigned: nobody's archive cannot pass.
func TestUnsigned(t *testing.T) {
	p := newPlace(t)
	pl := p.plan("sign: DIR/ops.key, trust: DIR/ops.key.pub, recipients: [DIR/ops.age.pub], identities: [DIR/ops.age]", "identities: []")
	out, err := exitdrill.Run(t.Context(), pl, &p.opts)
	if err != nil {
		t.Fatal(err)
	}
	if check(out, 22).Result != evidence.Untold || out.Judgement.Verdict != evidence.VerdictPartial || len(out.Predicate.NegativeControls) != 3 {
		t.Errorf("%+v %v %+v", check(out, 22), out.Judgement, out.Predicate.NegativeControls)
	}
	for i := range out.Predicate.NegativeControls {
		if n := &out.Predicate.NegativeControls[i]; !n.Refused() {
			t.Errorf("%+v", n)
		}
	}
}

// runner answers tasks, as docs/runner.md says, when this binary is started as one: what the agent of
// each side knows.
func runner(side string) {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var r harness.Request
		if in.Decode(&r) != nil {
			return
		}
		text := "who are you?"
		if side != "cold" && r.State == "mem:"+side {
			text = "you like tea"
		}
		if out.Encode(harness.Answer{ID: r.ID, Output: harness.Encode(text)}) != nil {
			return
		}
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "runner" {
		runner(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// TestTasks: at L4 the users' tasks decide, and what the state was worth to them is said.
func TestTasks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		target  string
		verdict evidence.Verdict
		result  evidence.Result
	}{"as before": {"target", evidence.VerdictPass, evidence.Pass}, "forgot": {"cold", evidence.VerdictFail, evidence.Fail}} {
		p := newPlace(t)
		p.opts.Registry = p.opts.Registry.With(promptfoo.Drivers()...)
		p.write("suite.yaml", "prompts: ['{{q}}']\nproviders: [echo]\ntests:\n  - vars: {q: 'what do I like?'}\n    assert: [{type: contains, value: tea}]\n")
		out := p.run(p.plan("level: L3", "level: L4", "next_review", fmt.Sprintf("tasks: {suite: %q, source: [%q, runner, source], target: [%q, runner, %s], cold: [%q, runner, cold], runs: 2}\nnext_review",
			"promptfoo:"+filepath.Join(p.dir, "suite.yaml"), os.Args[0], os.Args[0], tc.target, os.Args[0])))
		c := out.Predicate.Continuity
		if out.Judgement.Verdict != tc.verdict || check(out, 40).Result != tc.result || c == nil || c.Source != 2 || c.Cold != 0 || c.Runs != 2 || c.Tasks != 1 {
			t.Errorf("%s: %v, %+v, %+v", name, out.Judgement, check(out, 40), c)
		}
	}
	// L5 is L4 without the provider, who has to be kept out from outside of the process.
	for enforced, want := range map[bool]evidence.Verdict{true: evidence.VerdictPass, false: evidence.VerdictFail} {
		p := newPlace(t)
		p.opts.Registry = p.opts.Registry.With(promptfoo.Drivers()...)
		p.write("suite.yaml", "prompts: ['{{q}}']\nproviders: [echo]\ntests:\n  - vars: {q: 'what do I like?'}\n    assert: [{type: contains, value: tea}]\n")
		p.run(p.plan("level: L3", "level: L1"))
		p.opts.Blocked = evidence.Block{Method: "empty network namespace", Enforced: enforced}
		out := p.run(p.plan("name: q", "name: s", "mode: planned", "mode: stressed", "level: L3", "level: L5", "next_review", fmt.Sprintf("tasks: {suite: %q, source: [nobody], target: [%q, runner, target]}\nnext_review",
			"promptfoo:"+filepath.Join(p.dir, "suite.yaml"), os.Args[0])))
		if out.Judgement.Verdict != want || check(out, 41).Result != evidence.Untold {
			t.Errorf("enforced %v: %v", enforced, out.Judgement)
		}
	}
	// Without tasks L4 cannot be passed.
	p := newPlace(t)
	if out := p.run(p.plan("level: L3", "level: L4")); out.Judgement.Verdict != evidence.VerdictPartial {
		t.Error(out.Judgement)
	}
}
