package exitdrill_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
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
		id, recipient, err := format.GenerateIdentity(name == "ops") // the classic key opens twice as fast
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

func (p *place) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// approvals are the keys of all that gives power in the sample.
const approvals = "policy/refunds\ntool/refund\ntoolserver/orders\ntoolgrant/ada/refund\ncredential/orders\nagent/support\nskill/refunds\ntrigger/nightly\nmessage/t1/system\n"

// sealed is a plan whose archive is encrypted. A third of the time of such a drill goes to keys, which most tests are not about.
func (p *place) sealed(edit ...string) *drill.Plan {
	p.t.Helper()
	return p.plan(append([]string{"identities: []", "recipients: [DIR/ops.age.pub], identities: [DIR/ops.age]"}, edit...)...)
}

// plan is a good plan, changed by the pairs of old and new text. Its archive is signed, and not encrypted.
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
keys: {sign: DIR/ops.key, trust: DIR/ops.key.pub, identities: []}
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
