package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
)

// Types of the predicates of [Summaries], as in-toto names them.
const (
	TypeTestResult = "https://in-toto.io/attestation/test-result/v0.1"
	TypeSVR        = "https://in-toto.io/attestation/svr/v0.2"
)

// Names of the files of [Summaries].
const (
	NameTestResult = "test-result.json"
	NameSVR        = "svr.json"
)

// verifierID names whoever says what holds in a simple verification result. Its number grows when a property
// comes to mean something else.
const verifierID = "https://github.com/exitramp/exitramp/exit-drill/verifier/v1"

// summary is an in-toto Statement v1 with a predicate of others.
type summary struct {
	Type          string             `json:"_type"`
	Subject       []evidence.Subject `json:"subject"`
	PredicateType string             `json:"predicateType"`
	Predicate     any                `json:"predicate"`
}

type testResult struct {
	Result        string             `json:"result"`
	Configuration []evidence.Subject `json:"configuration"`
	PassedTests   []string           `json:"passedTests"`
	WarnedTests   []string           `json:"warnedTests"`
	FailedTests   []string           `json:"failedTests"`
}

type svr struct {
	Verifier struct {
		ID       string             `json:"id"`
		Policies []evidence.Subject `json:"policies"`
	} `json:"verifier"`
	TimeCreated time.Time `json:"timeCreated"`
	Properties  []string  `json:"properties"`
}

// Summaries makes two short statements of a whole one, for programs that know in-toto's predicates and not ours: a
// test result, and a simple verification result. Each is about what the whole one is about, and about the whole one
// itself, signed, byte for byte. They are to be signed as it is, and go where it goes: neither of them has a place for
// what was not tested. So a gate that was not tested makes a test result FAILED, and only a drill that passed has
// properties.
func Summaries(st *evidence.Statement, signed []byte) ([]File, error) {
	if st.Predicate == nil {
		return nil, fmt.Errorf("report: the statement has no predicate")
	}
	b := newBook(st.Predicate)
	sum := sha256.Sum256(signed)
	about := []evidence.Subject{{Name: NameStatement, Digest: evidence.Digest{SHA256: hex.EncodeToString(sum[:])}}}
	for _, s := range st.Subject {
		switch s.Name {
		case evidence.SubjectManifest, evidence.SubjectTree, evidence.SubjectState:
			about = append(about, s)
		}
	}
	rules := []evidence.Subject{}
	for _, r := range []evidence.Subject{{Name: "plan", Digest: b.Drill.PlanDigest}, {Name: "config", Digest: b.Tool.ConfigDigest}} {
		if r.Digest.SHA256 != "" {
			rules = append(rules, r)
		}
	}
	v := svr{TimeCreated: b.Drill.EndedAt.UTC(), Properties: b.properties()}
	v.Verifier.ID, v.Verifier.Policies = verifierID, rules
	var files []File
	for _, f := range []struct {
		name, kind string
		predicate  any
	}{{NameTestResult, TypeTestResult, b.testResult(rules)}, {NameSVR, TypeSVR, v}} {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(summary{evidence.StatementType, about, f.kind, f.predicate}); err != nil {
			return nil, fmt.Errorf("report: %s: %w", f.name, err)
		}
		files = append(files, File{f.name, out.Bytes()})
	}
	return files, nil
}

// testResult has the verdict, each check, and each negative control as a test. What was not tested is in none of
// the lists.
func (b *book) testResult(rules []evidence.Subject) *testResult {
	t := &testResult{Result: "FAILED", Configuration: rules, PassedTests: []string{}, WarnedTests: []string{}, FailedTests: []string{}}
	add := func(name string, r evidence.Result) {
		switch r {
		case evidence.Pass:
			t.PassedTests = append(t.PassedTests, name)
		case evidence.Warn:
			t.WarnedTests = append(t.WarnedTests, name)
		case evidence.Fail:
			t.FailedTests = append(t.FailedTests, name)
		}
	}
	switch b.judged.Verdict {
	case evidence.VerdictPass:
		t.Result = "PASSED"
	case evidence.VerdictPassWithLoss:
		t.Result = "WARNED"
	}
	add("verdict", b.verdictResult())
	for i := range b.checks {
		if c := &b.checks[i]; c.Result == evidence.Fail || c.Basis != "" { // on no basis nothing was tested
			add(c.ID, c.Result)
		}
	}
	for i := range b.NegativeControls {
		n := &b.NegativeControls[i]
		add("refused: "+clean(n.What), tested(true, n.Refused()))
	}
	return t
}

// properties are what holds of a drill that passed, and rests on more than somebody's word.
func (b *book) properties() []string {
	p := []string{}
	mode := strings.ToUpper(fmt.Sprintf("EXITRAMP_%s_%s", b.Drill.Level, b.Drill.Mode))
	switch b.judged.Verdict {
	case evidence.VerdictPass:
		p = append(p, mode)
	case evidence.VerdictPassWithLoss:
		p = append(p, mode+"_WITH_LOSS")
	default:
		return p
	}
	var planted uint64
	for i := range b.Kinds {
		planted += b.Kinds[i].Canaries.Planted // of a drill that passed, all were found again
	}
	if planted > 0 {
		p = append(p, "EXITRAMP_CANARIES_ALL")
	}
	p = append(p, "EXITRAMP_CONTROLS_REFUSED") // or it would not have passed
	if b.Drill.Mode == evidence.Stressed && b.Drill.ProviderBlocked.Enforced {
		p = append(p, "EXITRAMP_PROVIDER_BLOCKED")
	}
	for i := range b.checks {
		if c := &b.checks[i]; c.Result == evidence.Pass && (c.Basis == evidence.Measured || c.Basis == evidence.Derived) {
			p = append(p, "EXITRAMP_"+strings.ReplaceAll(c.ID, "-", "_"))
		}
	}
	return p
}
