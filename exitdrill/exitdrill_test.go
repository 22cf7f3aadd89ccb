package exitdrill_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exitdrill"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestPass(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.sealed())
	if w := out.Predicate.Word(evidence.DefaultGates()); w != "PASS at L3, 18 gates" {
		t.Errorf("%s: %v", w, out.Judgement.Reasons)
	}
	if k := kind(out, "memory"); k.Archived != 6 || k.Matched != 6 || k.Canaries.Recovered == nil || *k.Canaries.Recovered != 1 || k.Coverage != "RECONCILED" && k.Coverage != "LISTED" {
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
	for _, n := range []int{32, 38} { // 0 of 0 is said to be that
		if why := check(out, n).Why; !strings.Contains(why, "so this shows nothing") {
			t.Errorf("AC-%d: %s", n, why)
		}
	}
	if why := check(out, 29).Why; strings.Contains(why, "shows nothing") { // of 1 grant
		t.Errorf("AC-29: %s", why)
	}
	rows := out.Predicate.Replay
	if i := slices.IndexFunc(rows, func(r evidence.Replayed) bool { return r.Feature == evidence.FeatureAll }); i < 0 || rows[i].Level != "R3" || rows[i].Runs != 1 || rows[i].Passed != 1 ||
		!strings.HasPrefix(check(out, 40).Why, "R3, ") {
		t.Errorf("%+v, and AC-40 says %s", rows, check(out, 40).Why)
	}
	for _, r := range rows {
		if r.Equal == nil || *r.Equal != 1 || r.CI95 != nil || (r.Shared == nil) != (r.Feature == evidence.FeatureAll) {
			t.Errorf("%+v", r)
		}
	}
	// Again, and it is the next entry; what is there already shows nothing.
	out = p.run(p.sealed("name: q", "name: r", "mode: planned", "mode: stressed"))
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
	t.Parallel()
	for level, want := range map[string]struct {
		word   string
		phases string
	}{
		"L1": {"PASS at L1, 11 gates", "export verify read controls"},
		"L2": {"PASS at L2, 12 gates", "export verify neutral store read-back controls"},
		"L3": {"PASS at L3, 18 gates", "export verify plan replay read-back controls"},
	} {
		p := newPlace(t)
		plan := p.plan
		if level == "L2" { // whose neutral store is in the clear, and its archive is not
			plan = p.sealed
		}
		out := p.run(plan("level: L3", "level: "+level))
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
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl, which is the authority")
	}
	p := newPlace(t)
	down := true
	p.opts.Timestamp = p.authority(&down)
	pl := p.plan("identities: []}", "identities: [], tsa: https://tsa.example, tsa_certs: [DIR/tsa.pem]}")
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
	t.Parallel()
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
	t.Parallel()
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

// TestArchiveFolder: the folder of the archive is made, as that of the evidence is.
func TestArchiveFolder(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if out := p.run(p.plan("archive: DIR/a.ctxa", "archive: DIR/not/there/a.ctxa")); out.Judgement.Verdict != evidence.VerdictPass {
		t.Errorf("%+v", out.Judgement)
	}
}

// TestUnsigned: nobody's archive cannot pass.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pl := p.plan("sign: DIR/ops.key, trust: DIR/ops.key.pub, identities: []", "identities: []")
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
