package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestTree: a root that the predicate names has to be a subject, with the same leaves.
func TestTree(t *testing.T) {
	root := Digest{SHA256: strings.Repeat("7e", 32)}
	for name, tc := range map[string]struct {
		do   func(*Statement)
		want error
	}{
		"as it is":             {func(*Statement) {}, nil},
		"no subject":           {func(st *Statement) { st.Subject = st.Subject[:1] }, ErrStatement},
		"another root":         {func(st *Statement) { st.Subject[1].Digest.SHA256 = strings.Repeat("7f", 32) }, ErrStatement},
		"other leaves":         {func(st *Statement) { st.Subject[1].Annotations.Leaves++ }, ErrStatement},
		"another tree":         {func(st *Statement) { st.Subject[1].Annotations.Alg = "sum" }, ErrStatement},
		"leaves unsaid":        {func(st *Statement) { st.Subject[1].Annotations = nil }, ErrStatement},
		"shown by the archive": {func(st *Statement) { st.Predicate.Checks[0].Evidence = st.Subject[:1] }, nil},
		"shown by another archive": {func(st *Statement) {
			st.Predicate.Checks[0].Evidence = []Subject{{Name: "manifest.json", Digest: root}}
		}, ErrStatement},
		"no root is said": {func(st *Statement) { st.Predicate.Archive.TreeRoot = Digest{} }, nil},
	} {
		p := good()
		p.Archive.TreeRoot, p.Archive.TreeLeaves = root, 3
		p.Verdict = p.Judge(DefaultGates()).Verdict
		st := &Statement{Type: StatementType, PredicateType: PredicateType, Predicate: p, Subject: []Subject{
			{Name: "manifest.json", Digest: Digest{SHA256: p.Archive.ManifestSHA256}}, *p.Archive.Tree(),
		}}
		tc.do(st)
		b, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseStatement(bytes.NewReader(b), nil); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A count that nobody has is null in what others read, and none again when it is read.
func TestUnknownCounts(t *testing.T) {
	raw, err := json.Marshal(&Kind{Kind: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"reference":null`, `"duplicates":null`, `"recovered":null`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in %s", want, raw)
		}
	}
	k := Kind{Reference: new(uint64), Duplicates: new(uint64), Canaries: Canaries{Recovered: new(uint64)}}
	if err := json.Unmarshal(raw, &k); err != nil || k.Reference != nil || k.Duplicates != nil || k.Canaries.Recovered != nil {
		t.Errorf("%+v, %v", k, err)
	}
}
