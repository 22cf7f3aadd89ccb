package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// inShort are the summaries of st, read back: the test result's predicate, and the properties.
func inShort(t *testing.T, st *evidence.Statement) (r testResult, properties []string) {
	t.Helper()
	signed := []byte("the bytes that were signed")
	files, err := Summaries(st, signed)
	if err != nil || len(files) != 2 {
		t.Fatal(len(files), err)
	}
	for i, predicate := range []any{&r, &struct{ Properties *[]string }{&properties}} {
		s := summary{Predicate: predicate}
		if err := json.Unmarshal(files[i].Data, &s); err != nil {
			t.Fatal(err)
		}
		if s.Type != evidence.StatementType || s.PredicateType != []string{TypeTestResult, TypeSVR}[i] {
			t.Errorf("%s is of %s", files[i].Name, s.PredicateType)
		}
		if d := s.Subject[0]; d.Name != NameStatement || d.Digest.SHA256 != fmt.Sprintf("%x", sha256.Sum256(signed)) {
			t.Errorf("%s is about %+v", files[i].Name, d)
		}
		if strings.Contains(string(files[i].Data), "null") {
			t.Errorf("%s: %s", files[i].Name, files[i].Data)
		}
	}
	return r, properties
}

// TestSummaries: what a test result and a simple verification result say of drills that ended in each verdict. Neither
// makes a drill better than it is.
func TestSummaries(t *testing.T) {
	for _, tt := range []struct {
		name, result string
		change       func(p *evidence.Predicate)
		want, not    []string // properties
	}{
		{"passed", "PASSED", func(p *evidence.Predicate) {},
			[]string{"EXITRAMP_L3_STRESSED", "EXITRAMP_CONTROLS_REFUSED", "EXITRAMP_CANARIES_ALL", "EXITRAMP_PROVIDER_BLOCKED", "EXITRAMP_AC_33"}, []string{"EXITRAMP_AC_1"}},
		{"with loss", "WARNED", func(p *evidence.Predicate) { answerAs(p, "AC-33", evidence.Warn) },
			[]string{"EXITRAMP_L3_STRESSED_WITH_LOSS"}, []string{"EXITRAMP_L3_STRESSED", "EXITRAMP_AC_33"}},
		{"gate not tested", "FAILED", func(p *evidence.Predicate) { answerAs(p, "AC-33", evidence.Untold) }, nil, nil},
		{"failed", "FAILED", func(p *evidence.Predicate) { answerAs(p, "AC-33", evidence.Fail) }, nil, nil},
		{"broken", "FAILED", func(p *evidence.Predicate) { p.NegativeControls = nil }, nil, nil},
		{"on no basis", "FAILED", func(p *evidence.Predicate) { p.Checks[indexOf(p, "AC-33")].Basis = "" }, nil, nil},
		{"control not refused", "FAILED", func(p *evidence.Predicate) { p.NegativeControls[1].Observed = "" }, nil, nil},
		{"planned", "PASSED", func(p *evidence.Predicate) { p.Drill.Mode = evidence.Planned }, []string{"EXITRAMP_L3_PLANNED"}, []string{"EXITRAMP_L3_STRESSED", "EXITRAMP_PROVIDER_BLOCKED"}},
		{"nothing planted", "PASSED", func(p *evidence.Predicate) {
			for i := range p.Kinds {
				p.Kinds[i].Canaries = evidence.Canaries{}
			}
		}, []string{"EXITRAMP_L3_STRESSED"}, []string{"EXITRAMP_CANARIES_ALL"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := passed(t)
			tt.change(st.Predicate)
			r, properties := inShort(t, st)
			checkListed(t, st.Predicate, &r)
			if r.Result != tt.result || len(r.Configuration) != 2 {
				t.Errorf("%s, want %s: %v", r.Result, tt.result, st.Predicate.Judge(nil).Reasons)
			}
			if tt.want == nil && len(properties) > 0 {
				t.Errorf("a drill that did not pass has %v", properties)
			}
			for _, w := range tt.want {
				if !slices.Contains(properties, w) {
					t.Errorf("no %s in %v", w, properties)
				}
			}
			for _, n := range tt.not {
				if slices.Contains(properties, n) {
					t.Errorf("%s in %v", n, properties)
				}
			}
		})
	}
}

// checkListed: a check, each control and the verdict are in the list of what became of them, and in no other.
func checkListed(t *testing.T, p *evidence.Predicate, r *testResult) {
	t.Helper()
	want := map[string]evidence.Result{"verdict": map[evidence.Verdict]evidence.Result{
		evidence.VerdictPass: evidence.Pass, evidence.VerdictPassWithLoss: evidence.Warn, evidence.VerdictFail: evidence.Fail, evidence.VerdictInvalid: evidence.Fail}[p.Judge(nil).Verdict]}
	if c := p.Checks[indexOf(p, "AC-33")]; c.Basis != "" {
		want["AC-33"] = c.Result
	} else {
		want["AC-33"] = evidence.Untold
	}
	for i := range p.NegativeControls {
		n := &p.NegativeControls[i]
		want["refused: "+n.What] = tested(true, n.Observed == n.Expected)
	}
	for name, result := range want {
		for is, list := range map[evidence.Result][]string{evidence.Pass: r.PassedTests, evidence.Warn: r.WarnedTests, evidence.Fail: r.FailedTests} {
			if in := slices.Contains(list, name); in != (result == is) {
				t.Errorf("%s is %q, and among those that are %s: %v", name, result, is, in)
			}
		}
	}
}

// TestSummariesAbout: they are about the statement and what it is about, and not about its files; a drill that ended
// before there was an archive is about its statement alone. A digest that is not known is no configuration.
func TestSummariesAbout(t *testing.T) {
	st := full()
	files, err := Artifacts(st)
	if err != nil {
		t.Fatal(err)
	}
	for _, early := range []bool{false, true} {
		want, configured := []string{NameStatement, evidence.SubjectManifest, evidence.SubjectTree, evidence.SubjectState}, 2
		if p := st.Predicate; early {
			p.Archive, p.Target, p.Tool.ConfigDigest = evidence.Archive{}, evidence.Runtime{}, evidence.Digest{}
			p.Drill.Stopped = &evidence.Stop{Phase: "export", Why: "gone"}
			want, configured = want[:1], 1
		}
		Attach(st, files)
		short, err := Summaries(st, []byte("signed"))
		if err != nil {
			t.Fatal(err)
		}
		r := &testResult{}
		s := summary{Predicate: r}
		if err := json.Unmarshal(short[0].Data, &s); err != nil {
			t.Fatal(err)
		}
		var about []string
		for _, x := range s.Subject {
			about = append(about, x.Name)
		}
		if !slices.Equal(about, want) || len(r.Configuration) != configured {
			t.Errorf("it is about %v, want %v; configured by %v", about, want, r.Configuration)
		}
	}
}

// passed is a stressed drill at L3 of which all gates hold.
func passed(t *testing.T) *evidence.Statement {
	t.Helper()
	st := full()
	p := st.Predicate
	p.Drill.Level, p.Drill.Mode, p.Drill.Stopped, p.Drill.ProviderBlocked.Enforced = evidence.L3, evidence.Stressed, nil, true
	p.Authority.Widened, p.Authority.Raised, p.Safety.Revived, p.Safety.InjectionEffective = 0, 0, 0, 0
	p.Tool.ConfigDigest = evidence.Config(p.Drill.PlanDigest)
	p.Targets.RPOSeconds = map[string]uint64{"*": 2 * 86400} // so that AC-42 may pass
	for i := range p.Checks {
		p.Checks[i].Result, p.Checks[i].Basis = evidence.Pass, evidence.Measured
	}
	p.Checks[indexOf(p, "AC-1")].Basis = evidence.Declared
	for i := range p.NegativeControls {
		p.NegativeControls[i].Observed = p.NegativeControls[i].Expected
	}
	for i := range p.Kinds {
		k := &p.Kinds[i]
		n := k.Canaries.Planted
		k.Coverage, k.Class, k.Canaries.Recovered = "RECONCILED", "enumerated", &n
	}
	if j := p.Judge(nil); j.Verdict != evidence.VerdictPass {
		t.Fatal(j.Verdict, j.Reasons)
	}
	return st
}

func indexOf(p *evidence.Predicate, id string) int {
	return slices.IndexFunc(p.Checks, func(c evidence.Check) bool { return c.ID == id })
}

func answerAs(p *evidence.Predicate, id string, r evidence.Result) {
	p.Checks[indexOf(p, id)].Result = r
}
