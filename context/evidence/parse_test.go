package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseStatement(t *testing.T) {
	p := good()
	raw := statement(t, p)
	st, err := ParseStatement(bytes.NewReader(raw), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, st.Predicate); d != "" {
		t.Error(d)
	}
	edit := func(old, new string) func() []byte {
		return func() []byte {
			if !bytes.Contains(raw, []byte(old)) {
				t.Fatalf("no %s in the statement", old)
			}
			return bytes.Replace(raw, []byte(old), []byte(new), 1)
		}
	}
	for _, tc := range []struct {
		name string
		raw  func() []byte
		want error
		why  string
	}{
		{"unknown fields", edit(`"predicate":{`, `"more":{"a":[1,{"b":null}]},"predicate":{"later":{"verdict":"FAIL"},`), nil, ""},
		{"unknown field of a kind", edit(`"kind":"memory"`, `"kind":"memory","shards":[3]`), nil, ""},
		{"spaces", func() []byte { return []byte(" " + string(raw) + "\n") }, nil, ""},
		{"empty", func() []byte { return nil }, ErrStatement, "not JSON"},
		{"a list", func() []byte { return []byte("[]") }, ErrStatement, "missing"},
		{"a number", func() []byte { return []byte("1") }, ErrStatement, "missing"},
		{"null", func() []byte { return []byte("null") }, ErrStatement, "missing"},
		{"cut", func() []byte { return raw[:len(raw)-1] }, ErrStatement, ""},
		{"more after it", func() []byte { return append(slices.Clone(raw), raw...) }, ErrStatement, "after the end"},
		{"not UTF-8", edit(`"q4"`, "\"q\xff\""), ErrStatement, "UTF-8"},
		{"too large", func() []byte { return append(slices.Clone(raw), bytes.Repeat([]byte(" "), MaxStatement)...) }, ErrStatement, "more than"},
		{"too deep", edit(`"predicate":{`, `"predicate":{"x":`+strings.Repeat("[", 99)+strings.Repeat("]", 99)+`,`), ErrStatement, "deep"},
		{"key twice", edit(`"verdict":`, `"verdict":"FAIL","verdict":`), ErrStatement, `"verdict" twice`},
		{"a number that no float64 holds", edit(`"predicate":{`, `"predicate":{"x":1e999,`), ErrStatement, "1e999"},
		{"unknown key twice", edit(`"predicate":{`, `"predicate":{"x":{"y":1,"y":2},`), ErrStatement, `"y" twice`},
		{"key in another case", edit(`"verdict":`, `"Verdict":`), ErrStatement, `want "verdict"`},
		{"both cases", edit(`"verdict":`, `"VERDICT":"FAIL","verdict":`), ErrStatement, `want "verdict"`},
		{"letters that fold", edit(`"subject":`, `"ſubject":[],"subject":`), ErrStatement, `want "subject"`},
		{"no verdict", edit(`,"verdict":"PASS"`, ``), ErrStatement, "predicate.verdict is missing"},
		{"verdict elsewhere", edit(`,"verdict":"PASS"`, `,"x":{"verdict":"PASS"}`), ErrStatement, "predicate.verdict is missing"},
		{"a key that looks like a path", edit(`,"verdict":"PASS"}`, `},"predicate.verdict":"PASS"`), ErrStatement, "predicate.verdict is missing"},
		{"no list of what was not tested", edit(`"notTested":[],`, ``), ErrStatement, "predicate.notTested is missing"},
		{"it is null", edit(`"notTested":[]`, `"notTested":null`), ErrStatement, "notTested is null"},
		{"no checks", edit(`"checks":[`, `"tests":[`), ErrStatement, "predicate.checks is missing"},
		{"no kinds", edit(`"kinds":[`, `"sorts":[`), ErrStatement, "predicate.kinds is missing"},
		{"predicate null", func() []byte { return edit(`"predicate":{`, `"predicate":null,"p":{`)() }, ErrStatement, ""},
		{"another type", edit(StatementType, "https://in-toto.io/Statement/v0.1"), ErrStatement, "_type"},
		{"another predicate", edit(PredicateType, "https://example.org/x"), ErrStatement, "predicateType"},
		{"no subject", edit(`"subject":[{`, `"subject":[],"s":[{`), ErrStatement, "no subject"},
		{"about another archive", edit(`"sha256":"ab`, `"sha256":"ac`), ErrStatement, "none of the subjects"},
		{"about the archive by another name", edit(`"subject":[{"name":"manifest.json"`, `"subject":[{"name":"other.json"`), ErrStatement, "none of the subjects"},
		{"about two archives", edit(`"subject":[`, `"subject":[{"name":"manifest.json","digest":{"sha256":"`+strings.Repeat("cd", 32)+`"}},`), ErrStatement, `subject "manifest.json" twice`},
		{"a file that is no subject", edit(`"notTested":[`, `"artifacts":[{"name":"report.html","digest":{"sha256":"00"}}],"notTested":[`), ErrStatement, `file "report.html" of the pack`},
		{"about another state of the target", edit(`"target":{`, `"target":{"stateDigest":{"sha256":"`+strings.Repeat("cd", 32)+`"},`), ErrStatement, "what was read back is none"},
		{"about the state of the target", func() []byte {
			sum := strings.Repeat("cd", 32)
			b := edit(`"target":{`, `"target":{"stateDigest":{"sha256":"`+sum+`"},`)()
			return bytes.Replace(b, []byte(`"subject":[`), []byte(`"subject":[{"name":"destination-state","digest":{"sha256":"`+sum+`"}},`), 1)
		}, nil, ""},
		{"stopped, without an archive", func() []byte {
			p := &Predicate{
				Drill: Drill{Exercise: true, Mode: Planned, Level: L1, Stopped: &Stop{Phase: "verify", Why: "no such file"}},
				Kinds: []Kind{}, Checks: []Check{}, NotTested: []string{},
			}
			return bytes.Replace(statement(t, p), []byte(`"sha256":""`), []byte(`"sha256":"00"`), 1)
		}, nil, ""},
		{"a count below zero", edit(`"archived":10`, `"archived":-10`), ErrStatement, "not as the predicate is"},
		{"a count that is text", edit(`"archived":10`, `"archived":"10"`), ErrStatement, "not as the predicate is"},
		{"a kinder verdict", edit(`"verdict":"PASS"`, `"verdict":"PASS_WITH_LOSS"`), ErrVerdict, "want PASS, got"},
		{"a gate that failed", edit(`"id":"AC-33","result":"pass"`, `"id":"AC-33","result":"fail"`), ErrVerdict, "want FAIL"},
		{"kinds null", func() []byte {
			return slices.Concat(raw[:bytes.Index(raw, []byte(`"kinds":`))], []byte(`"kinds":null,`), raw[bytes.Index(raw, []byte(`"authority":`)):])
		}, ErrVerdict, "want INVALID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st, err := ParseStatement(bytes.NewReader(tc.raw()), nil)
			if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), tc.why) {
				t.Errorf("error %v, want %q", err, tc.why)
			}
			if (st != nil) != (err == nil || errors.Is(err, ErrVerdict)) {
				t.Errorf("statement %v beside error %v", st != nil, err)
			}
		})
	}
}

// FuzzParseStatement: whatever is read has the verdict that its checks bear, and is read again from
// what it marshals to.
func FuzzParseStatement(f *testing.F) {
	for _, p := range []*Predicate{good(), {}, func() *Predicate { p := good(); p.answer("AC-33", Fail); return p }()} {
		p.Archive.ManifestSHA256 = strings.Repeat("ab", 32)
		f.Add(statement(f, p))
	}
	seeds, err := filepath.Glob("report/testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range seeds {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		st, err := ParseStatement(bytes.NewReader(raw), nil)
		if err != nil {
			return
		}
		if j := st.Predicate.Judge(DefaultGates()); j.Verdict != st.Predicate.Verdict {
			t.Errorf("verdict %s, and the checks say %s", st.Predicate.Verdict, j.Verdict)
		}
		b, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseStatement(bytes.NewReader(b), nil)
		if err != nil {
			t.Fatalf("its own spelling is refused: %v", err)
		}
		if d := cmp.Diff(st, again, cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	})
}

// TestParseStopped: a drill that ended before there was an archive is about its plan alone.
func TestParseStopped(t *testing.T) {
	p := good()
	p.Archive.ManifestSHA256, p.Drill.Stopped = "", &Stop{Phase: "verify", Why: "cut off"}
	st, err := ParseStatement(bytes.NewReader(statement(t, p)), nil)
	if err != nil || st.Predicate.Verdict != VerdictFail {
		t.Error(err)
	}
	p.Drill.Stopped = nil
	if st, err = ParseStatement(bytes.NewReader(statement(t, p)), nil); err == nil && st.Predicate.Verdict != VerdictInvalid {
		t.Errorf("no archive, and it did not end before one: %s", st.Predicate.Verdict)
	}
}

// TestEarlier: a statement that an earlier release signed, without fields that came later, has its verdict.
func TestEarlier(t *testing.T) {
	f, err := os.Open("testdata/earlier.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := ParseStatement(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := st.Predicate
	if p.Verdict != VerdictPassWithLoss || p.Target.StateDigest != (Digest{}) || p.Archive.Schemas != nil || p.Obligations != nil {
		t.Errorf("%s, %+v, %+v", p.Verdict, p.Target, p.Archive.Schemas)
	}
}
