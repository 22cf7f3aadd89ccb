package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/exitramp/exitramp/context/evidence"
)

var update = flag.Bool("update", false, "write testdata anew")

func all() map[string]*evidence.Statement {
	return map[string]*evidence.Statement{"full": full(), "bare": bare(), "hostile": hostile()}
}

// made is the artifacts of each statement of all. They are made once: most tests read the same ones.
var made = sync.OnceValues(func() (map[string][]File, error) {
	out := map[string][]File{}
	for name, st := range all() {
		files, err := Artifacts(st)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = files
	}
	return out, nil
})

// artifacts are those of the statement of that name, which stays as it is.
func artifacts(t *testing.T, name string) map[string][]byte {
	t.Helper()
	files, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return byName(files[name])
}

func artifactsOf(t *testing.T, st *evidence.Statement) map[string][]byte {
	t.Helper()
	files, err := Artifacts(st)
	if err != nil {
		t.Fatal(err)
	}
	return byName(files)
}

func byName(files []File) map[string][]byte {
	out := map[string][]byte{}
	for _, f := range files {
		out[f.Name] = f.Data
	}
	return out
}

// The statements in testdata are the ones of these tests, and can be read.
func TestTestdata(t *testing.T) {
	for _, name := range []string{"full", "bare"} {
		path := filepath.Join("testdata", name+".json")
		if *update {
			b, err := json.MarshalIndent(all()[name], "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := evidence.ParseStatement(f, nil)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(all()[name], got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s is stale: go test -update\n%s", path, d)
		}
	}
}

// What the plan says of parts of the service that end is in the report, and in a file of its own.
func TestSunset(t *testing.T) {
	files := artifacts(t, "full")
	if got := string(files["csv/sunset.csv"]); !strings.Contains(got, "assistants,2026-08-26") {
		t.Errorf("csv/sunset.csv: %q", got)
	}
	if !strings.Contains(string(files[NameHTML]), "assistants") {
		t.Errorf("%s does not say it", NameHTML)
	}
}

// What a phase did in a second, and how a kind was read and brought in, have a column; a phase without a time has no rate.
func TestRatesAndModes(t *testing.T) {
	st := full()
	p := st.Predicate
	p.Timing.Phases = []evidence.Phase{{Name: "export", Seconds: 4, Records: 1001}, {Name: "verify", Records: 1001}, {Name: "plan", Seconds: 1e-300, Records: 1001}}
	p.Kinds[0].SourceForm, p.Kinds[0].ImportMode, p.Kinds[0].ISO19941 = "verbatim", "preserve", &evidence.Facets{Syntactic: "held"}
	files := artifactsOf(t, st)
	for name, want := range map[string][]string{
		"csv/phases.csv": {"records_per_second", "\nexport,,4,1001,250,", "\nverify,,0,1001,,", "01,1001,,"},
		"csv/facets.csv": {"id,source_form,import_mode,", p.Kinds[0].Kind + ",verbatim,preserve,held"},
	} {
		for _, w := range want {
			if !strings.Contains(string(files[name]), w) {
				t.Errorf("%s: no %q in\n%s", name, w, files[name])
			}
		}
	}
}

// The same statement gives the same bytes, whatever verdict and artifacts are stored in it.
func TestSameBytes(t *testing.T) {
	for name, st := range all() {
		one, err := Artifacts(st)
		if err != nil {
			t.Fatal(name, err)
		}
		Attach(st, one)
		st.Predicate.Verdict = "PASS"
		two, err := Artifacts(st)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range one {
			if one[i].Name != two[i].Name || !bytes.Equal(one[i].Data, two[i].Data) {
				t.Errorf("%s: %s is another one", name, one[i].Name)
			}
		}
		others := 1
		if tree := st.Predicate.Archive.Tree(); tree != nil {
			if d := cmp.Diff(*tree, st.Subject[others]); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			others++
		}
		if st.Predicate.Target.StateDigest.SHA256 != "" {
			if s := st.Subject[others]; s.Name != evidence.SubjectState || s.Digest != st.Predicate.Target.StateDigest {
				t.Errorf("%s: subject %+v", name, s)
			}
			others++
		}
		if len(st.Subject) != len(one)+others || len(st.Predicate.Artifacts) != len(one) {
			t.Errorf("%s: %d files, %d subjects, %d artifacts", name, len(one), len(st.Subject), len(st.Predicate.Artifacts))
		}
	}
	if _, err := Artifacts(&evidence.Statement{}); err == nil {
		t.Error("a statement without predicate is taken")
	}
}

// Every table is RFC 4180 with as many cells as its header, and unique ids.
func TestCSV(t *testing.T) {
	for name := range all() {
		n := 0
		for file, data := range artifacts(t, name) {
			if !strings.HasSuffix(file, ".csv") {
				continue
			}
			n++
			r := csv.NewReader(bytes.NewReader(data))
			rows, err := r.ReadAll() // as many cells in each row
			if err != nil {
				t.Fatalf("%s: %s: %v", name, file, err)
			}
			if bytes.Count(data, []byte("\n")) != bytes.Count(data, []byte("\r\n")) || !bytes.HasSuffix(data, []byte("\r\n")) {
				t.Errorf("%s: %s: a line does not end with CRLF", name, file)
			}
			ids := map[string]bool{}
			for _, row := range rows[1:] {
				if ids[row[0]] || row[0] == "" {
					t.Errorf("%s: %s: id %.100q twice, or none", name, file, row[0])
				}
				ids[row[0]] = true
				for _, c := range row {
					if strings.ContainsAny(c[:min(1, len(c))], "=+@\t\r") || strings.ContainsAny(c, "\x00\x1b") {
						t.Errorf("%s: %s: cell %.60q is a formula or has control characters", name, file, c)
					}
				}
			}
		}
		if n < 20 {
			t.Errorf("%s: %d tables", name, n)
		}
	}
	data := artifacts(t, "full")
	for file, want := range map[string]string{
		"csv/kinds.csv":             "\r\nconversation,enumerated,RECONCILED,9120,9120,9120,0,9120,0,9105,14,0,1,0,0,0,0,0,0,0,4,4,92210,92210,0,0,9119,9119,0,0,9119,9120,\r\n",
		"csv/exclusions.csv":        "\r\nconversation,erasure,31,a tombstone of the archive stands for each,measured\r\nopaque,DA-25(2)(f),,The provider's own bookkeeping; the target makes its own,declared\r\n",
		"csv/replay.csv":            "\r\nanswer an order question,R5,25,23,4,0.7503,0.9778,true,judge command\r\nrefund with approval,R4,25,25,,,,,tool and arguments\r\n",
		"csv/artefacts.csv":         "manifest.json," + digits("3b9ac7d2") + ",AC-13\r\ndestination-state," + digits("57a7e0d1") + ",\"AC-13, AC-33\"\r\nq4.refused.ndjson,",
		"csv/repairs.csv":           "\r\nmessage.parent_key,message,parent_key,2\r\n",
		"csv/numbers.csv":           "\r\nrecovery-point,Worst recovery point,1 d 7 h,of conversations,at most 1 d,target missed\r\n",
		"csv/losses.csv":            "\r\nloss-1,conversation,branch_names,14,9120,dropped,the target has no named branches,,\r\n",
		"csv/outcomes.csv":          "\r\nmemory,12084,5911,131,3021,3021,0,0,0\r\n",
		"csv/checks.csv":            ",fail,measured,,true,\"recovery point of conversation: 1 d 7 h, target 1 d\",",
		"csv/controls.csv":          "DORA-28(8),DORA,",
		"csv/negative-controls.csv": "\r\ncontrol-1,flipped byte,digest,digest,true\r\n",
	} {
		if !bytes.Contains(data[file], []byte(want)) {
			t.Errorf("%s: want a row %q in\n%s", file, want, data[file])
		}
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+49 30": "'+49 30", "-5": "-5", "-5.5": "-5.5", "-2+3": "'-2+3", "@x": "'@x", " =1": "' =1", "\t=1": "' =1", "\r=1": "' =1", "＝1": "'＝1",
		"|calc": "'|calc", "a=b": "a=b", "1,5": "1,5", "": "", "x\ny": "x y", "-": "'-", "+1": "'+1", "1e5": "1e5", "-Inf": "'-Inf",
	} {
		if got := Cell(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestJUnit(t *testing.T) {
	for name, st := range all() {
		var got suites
		if err := xml.Unmarshal(artifacts(t, name)[NameJUnit], &got); err != nil {
			t.Fatal(name, err)
		}
		var tests, failures, skipped int
		for _, s := range got.Suites {
			if s.Tests != len(s.Cases) {
				t.Errorf("%s: %s: %d tests, %d cases", name, s.Name, s.Tests, len(s.Cases))
			}
			for _, c := range s.Cases {
				tests++
				if c.Failure != nil {
					failures++
				}
				if c.Skipped != nil {
					skipped++
				}
			}
		}
		if got.Tests != tests || got.Failures != failures || got.Skipped != skipped || len(got.Suites) != 3+len(st.Predicate.Kinds) {
			t.Errorf("%s: says %d, %d, %d; counted %d, %d, %d in %d suites", name, got.Tests, got.Failures, got.Skipped, tests, failures, skipped, len(got.Suites))
		}
	}
	text := string(artifacts(t, "full")[NameJUnit])
	for _, want := range []string{
		`<testsuite name="checks" tests="46" failures="2" errors="0" skipped="5">`,
		`<testsuite name="kind skill" tests="6" failures="0" errors="0" skipped="5">`,
		`<skipped message="not tested: this release does not measure it"></skipped>`,
		`<failure message="9,119 of 9,120 arrived" type="survival"></failure>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if text := string(artifacts(t, "bare")[NameJUnit]); !strings.Contains(text, `<testsuite name="checks" tests="46" failures="0" errors="0" skipped="46">`) {
		t.Errorf("what was not tested is not skipped:\n%s", text)
	}
}

// A finding is satisfied of what passed on a measured basis, and of nothing else.
func TestOSCAL(t *testing.T) {
	for name, st := range all() {
		raw := artifacts(t, name)[NameOSCAL]
		var doc oscalDoc
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		res := doc.Results.Results[0]
		if text := string(raw); name == "full" && strings.Count(text, `"urn:sha256:`+digits("57a7e0d1")+`"`) != 2 {
			t.Errorf("what was read back is not the evidence of two observations:\n%s", text)
		}
		checks := map[string]answer{}
		for _, a := range newBook(st.Predicate).checks {
			checks[a.ID] = a
		}
		if len(res.Observations) != 46 {
			t.Errorf("%s: %d observations", name, len(res.Observations))
		}
		for _, f := range res.Findings {
			a := checks[f.Title]
			want := map[bool]string{true: "satisfied", false: "not-satisfied"}[a.Result == evidence.Pass && a.Basis == evidence.Measured]
			if f.Target.Status.State != want || a.Result != evidence.Pass && a.Result != evidence.Fail {
				t.Errorf("%s: %s is %s on basis %q: %s", name, f.Title, a.Result, a.Basis, f.Target.Status.State)
			}
		}
		ncname := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9._-]*$`)
		id := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
		uuids := map[string]bool{}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case []any:
				for _, e := range v {
					walk(e)
				}
			case map[string]any:
				for k, e := range v {
					if s, ok := e.(string); ok {
						switch {
						case s == "" || strings.ContainsAny(s, "\n\r"):
							t.Errorf("%s: %s is empty or has more than a line", name, k)
						case k == "uuid" && (!id.MatchString(s) || uuids[s]):
							t.Errorf("%s: uuid %s is none, or there twice", name, s)
						case (k == "target-id" || k == "control-id") && !ncname.MatchString(s):
							t.Errorf("%s: %s %q is no NCName", name, k, s)
						}
						if k == "uuid" {
							uuids[s] = true
						}
					}
					walk(e)
				}
			}
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		walk(v)
	}
	var doc oscalDoc
	json.Unmarshal(artifacts(t, "bare")[NameOSCAL], &doc)
	if n := len(doc.Results.Results[0].Findings); n != 0 {
		t.Errorf("a drill that tested nothing has %d findings", n)
	}
}

// VERIFY.md and SHA256SUMS hold each other and the files.
func TestSums(t *testing.T) {
	files := artifacts(t, "full")
	sums := string(files[NameSums])
	if n := strings.Count(sums, "\n"); n != len(files)-1 {
		t.Errorf("%d lines for %d files", n, len(files)-1)
	}
	for name, data := range files {
		f := File{name, data}
		if line := f.Subject().Digest.SHA256 + "  " + name + "\n"; name != NameSums && !strings.Contains(sums, line) {
			t.Errorf("no line %q", line)
		}
	}
	for _, want := range []string{full().Predicate.Archive.ManifestSHA256, "cosign verify-blob-attestation", "openssl dgst -sha256 -verify", "sha256sum -c SHA256SUMS", "a known answer was not found", evidence.PredicateType} {
		if !strings.Contains(string(files[NameVerify]), want) {
			t.Errorf("VERIFY.md has no %q", want)
		}
	}
}
