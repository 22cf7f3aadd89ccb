// Package report turns a statement about a drill into what people read and machines take in: one
// HTML file that a lawyer prints, JUnit XML, a CSV file behind every number, OSCAL assessment
// results, and the evidence pack that holds them with the statement and its signature.
//
// All of it is a function of the statement: the same statement gives the same bytes. The order is
//
//	files, err := report.Artifacts(st)     // before st is signed
//	report.Attach(st, files)               // their digests go into st
//	payload, err := json.Marshal(st)       // whoever signs, signs these bytes
//	err = report.Pack(w, payload, bundle, files)
//
// A statement holds no text of a record, so no file has any.
package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

// Names of files of the evidence pack.
const (
	NameHTML      = "report.html"
	NameJUnit     = "junit.xml"
	NameOSCAL     = "oscal-ar.json"
	NameVerify    = "VERIFY.md"
	NameSums      = "SHA256SUMS" // of the files above and those in csv/
	NameStatement = "statement.json"
	NameBundle    = "statement.sigstore.json"
)

// File is one file of the pack. Names have slashes.
type File struct {
	Name string
	Data []byte
}

// Subject is the file as a statement names it.
func (f *File) Subject() evidence.Subject {
	sum := sha256.Sum256(f.Data)
	return evidence.Subject{Name: f.Name, Digest: evidence.Digest{SHA256: hex.EncodeToString(sum[:])}}
}

// Artifacts makes the files of the pack: the report, JUnit XML, OSCAL, a CSV file a table, how to
// verify them, and their sums. The verdict in them is computed anew; what st stores of it, and of
// earlier artifacts, is not looked at.
func Artifacts(st *evidence.Statement) ([]File, error) {
	if st.Predicate == nil {
		return nil, fmt.Errorf("report: the statement has no predicate")
	}
	b := newBook(st.Predicate)
	html, err := b.html()
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", NameHTML, err)
	}
	junit, err := b.junit()
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", NameJUnit, err)
	}
	oscal, err := b.oscal()
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", NameOSCAL, err)
	}
	verify, err := b.verify()
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", NameVerify, err)
	}
	files := []File{{NameVerify, verify}}
	for _, t := range b.tables {
		files = append(files, File{t.file(), t.csv()})
	}
	files = append(files, File{NameJUnit, junit}, File{NameOSCAL, oscal}, File{NameHTML, html})
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return append(files, File{NameSums, sums(files)}), nil
}

// sums lists files as sha256sum -c reads them.
func sums(files []File) []byte {
	var out strings.Builder
	for i := range files {
		s := files[i].Subject()
		fmt.Fprintf(&out, "%s  %s\n", s.Digest.SHA256, s.Name)
	}
	return []byte(out.String())
}

// Attach lists files in st, as artifacts and as subjects, in place of those that it had. The first
// subject is the archive's manifest.json, unless the drill ended before it knew that; then come the root
// of its records, and what was read back from the target. So a signature of st is one of each file.
func Attach(st *evidence.Statement, files []File) {
	st.Subject, st.Predicate.Artifacts = nil, nil
	if sum := st.Predicate.Archive.ManifestSHA256; sum != "" {
		st.Subject = append(st.Subject, evidence.Subject{Name: evidence.SubjectManifest, Digest: evidence.Digest{SHA256: sum}})
	}
	if t := st.Predicate.Archive.Tree(); t != nil {
		st.Subject = append(st.Subject, *t)
	}
	if sum := st.Predicate.Target.StateDigest; sum.SHA256 != "" {
		st.Subject = append(st.Subject, evidence.Subject{Name: evidence.SubjectState, Digest: sum})
	}
	for i := range files {
		s := files[i].Subject()
		st.Subject = append(st.Subject, s)
		st.Predicate.Artifacts = append(st.Predicate.Artifacts, s)
	}
}

// book is a statement with what is computed of it.
type book struct {
	*evidence.Predicate
	gates   *evidence.Gates
	catalog *evidence.Catalog
	judged  *evidence.Judgement
	checks  []answer
	numbers []figure
	losses  []evidence.Loss // the gravest first
	tables  []*table
}

// answer is a statement of the catalog with its check.
type answer struct {
	evidence.Asked
	Result evidence.Result
	Basis  evidence.Basis
	By     string
	Why    string
	Gate   bool
	// Evidence shows it.
	Evidence []evidence.Subject
}

func newBook(p *evidence.Predicate) *book {
	b := &book{Predicate: p, gates: evidence.DefaultGates(), catalog: evidence.DefaultCatalog()}
	b.judged = p.Judge(b.gates)
	gates := b.gates.At(p.Drill.Level)
	given := map[string]evidence.Check{}
	for _, c := range p.Checks {
		given[c.ID] = c
	}
	for _, s := range b.catalog.Statements {
		c, ok := given[s.ID]
		if !ok {
			c = evidence.Check{Result: evidence.Untold, Why: "the statement has no such check"}
		}
		if c.Result != evidence.Pass && c.Result != evidence.Fail && c.Result != evidence.Warn {
			c.Result = evidence.Untold
		}
		b.checks = append(b.checks, answer{s, c.Result, c.Basis, c.By, c.Why, slices.Contains(gates, s.ID), c.Evidence})
	}
	b.losses = ranked(p.Losses)
	b.numbers = b.figures()
	b.tables = b.allTables()
	return b
}

// Title is the name of the drill, or else its id.
func (b *book) Title() string { return cmp.Or(b.Drill.Name, b.Drill.ID) }

// answered is the check of a statement.
func (b *book) answered(id string) *answer {
	for i := range b.checks {
		if b.checks[i].ID == id {
			return &b.checks[i]
		}
	}
	return nil
}

// count is how many checks ended so.
func (b *book) count(r evidence.Result) (n int) {
	for i := range b.checks {
		if b.checks[i].Result == r {
			n++
		}
	}
	return n
}
