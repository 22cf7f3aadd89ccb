package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/format"
)

// maxEvidence is how many bytes the input of report may have.
const maxEvidence = 256 << 20

type reportFlags struct {
	trust  trustFlags
	ledger string // of drills
	out    string
	json   bool
}

func (a *app) reportCmd() *cobra.Command {
	f := &reportFlags{}
	c := &cobra.Command{
		Use: "report STATEMENT|BUNDLE|PACK", Short: "Check the evidence of a drill, and show it",
		Long: `Reads a statement of a drill, its signature bundle, or an evidence pack; computes the verdict anew
from the checks; compares the files of the pack with the digests in the statement; and, with --trust,
checks the signature. Exit code 5 where verdict, digest or signature disagree. Without -o nothing is
written.

  report PACK --trust acme.pub         check it
  report PACK --ledger drills.jsonl    and that the ledger of drills has it, with these numbers
  report PACK -o DIR                   and take its files out
  report STATEMENT -o report.html      make the report anew, one file for any browser
  report STATEMENT -o DIR              and JUnit XML, CSV and OSCAL

A pack can be checked without exitramp; VERIFY.md in it says how.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.evidenceReport(args[0], f) },
	}
	c.Flags().StringVar(&f.trust.file, "trust", "", "`FILE` with public keys in PEM, of which one has to have signed the statement")
	c.Flags().IntVar(&f.trust.threshold, "threshold", 1, "by how many different keys of the trust file it has to be signed")
	c.Flags().StringArrayVar(&f.trust.bundles, "bundle", nil, "further signature `FILE` of the same statement; may be given again")
	c.Flags().StringArrayVar(&f.trust.tsa, "tsa-cert", nil, "certificate `FILE` of a time stamp authority: signatures need a time stamp by it (RFC 3161); may be given again")
	c.Flags().StringVar(&f.ledger, "ledger", "", "ledger `FILE` of drills, of which this one has to be an entry, as its statement says")
	c.Flags().StringVarP(&f.out, "output", "o", "", "`FILE.html` for the report, or a folder for it and what goes with it")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	return c
}

// given is what report was given.
type given struct {
	pack      *report.Packed // nil: a statement or a bundle
	statement []byte
	bundle    []byte // nil: not signed
	signed    []format.TrustedKey
	files     string // what became of their digests
	ledger    string // where the drill stands in it; empty: not asked
	signature string
}

func (a *app) evidenceReport(path string, f *reportFlags) error {
	g, err := readGiven(path)
	if err != nil {
		return refusedEvidence(path, err)
	}
	if err := g.inShort(); err != nil {
		return refusedEvidence(path, err)
	}
	if err := g.checkSignature(&f.trust); err != nil {
		return refusedEvidence(path, err)
	}
	st, err := evidence.ParseStatement(bytes.NewReader(g.statement), nil)
	if err != nil {
		return refusedEvidence(path, err)
	}
	files, err := g.checkFiles(st)
	if err != nil {
		return refusedEvidence(path, err)
	}
	if f.ledger != "" {
		if err := g.checkLedger(f.ledger, st); err != nil {
			return err
		}
	}
	written, err := writeReport(f.out, st, g, files)
	if err != nil {
		return err
	}
	return a.printEvidence(st, g, written, f.json)
}

// refusedEvidence gives what must not be believed its exit code.
func refusedEvidence(path string, err error) error {
	if e := (*exitError)(nil); errors.As(err, &e) {
		return &exitError{code: e.code, class: e.class, err: fmt.Errorf("%s: %w", path, err), hint: e.hint}
	}
	for _, bad := range []error{evidence.ErrStatement, evidence.ErrVerdict, report.ErrPack, report.ErrDigest, errEvidence} {
		if errors.Is(err, bad) {
			return &exitError{code: exitRefused, err: fmt.Errorf("%s: %w", path, err)}
		}
	}
	if format.Class(err) != "" {
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}

// errEvidence: parts of the evidence say different things.
var errEvidence = errors.New("the evidence does not agree with itself")

func readGiven(path string) (*given, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, absent(err, "a drill leaves NAME.evidence.zip and NAME.statement.json in the folder that output: of its plan names")
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxEvidence+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxEvidence {
		return nil, fmt.Errorf("%w: more than %s", report.ErrPack, bytesText(maxEvidence))
	}
	if bytes.HasPrefix(raw, []byte("PK")) {
		p, err := report.OpenPack(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return nil, err
		}
		return &given{pack: p, statement: p.Statement, bundle: p.Bundle}, nil
	}
	// What a bundle holds is looked at here, and believed in checkSignature alone.
	var b struct {
		Envelope struct {
			Payload string `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if json.Unmarshal(raw, &b) == nil && b.Envelope.Payload != "" {
		st, err := base64.StdEncoding.DecodeString(b.Envelope.Payload)
		if err != nil {
			return nil, fmt.Errorf("%w: the payload of the bundle is not base64", evidence.ErrStatement)
		}
		return &given{statement: st, bundle: raw}, nil
	}
	return &given{statement: raw}, nil
}

// inShort is an error for one of the short statements that lie beside a whole one.
func (g *given) inShort() error {
	var st struct {
		Type string `json:"predicateType"`
	}
	if json.Unmarshal(g.statement, &st) != nil || st.Type != report.TypeTestResult && st.Type != report.TypeSVR {
		return nil
	}
	return &exitError{code: exitRefused, class: "statement", err: fmt.Errorf("it says a drill in short (%s)", st.Type),
		hint: "a report is made of the whole one: NAME.statement.json, NAME.sigstore.json or NAME.evidence.zip"}
}

// checkSignature checks the bundle where somebody is trusted, and that it is about the statement in
// any case.
func (g *given) checkSignature(f *trustFlags) error {
	policy, err := f.policy("", false)
	if err != nil {
		return err
	}
	trust, _ := policy.(*format.Trust)
	switch {
	case g.bundle == nil && trust != nil:
		if _, err := evidence.ParseStatement(bytes.NewReader(g.statement), nil); errors.Is(err, evidence.ErrStatement) {
			return err // nobody signs what is none
		}
		hint := "its signature lies beside it, in NAME.sigstore.json: give that, or the pack; without --trust it is read, by whomever"
		if g.pack != nil {
			hint = "the pack has no statement.sigstore.json: ask for one of a drill whose plan has keys.sign; without --trust it is read, by whomever"
		}
		return &exitError{code: exitRefused, class: "unsigned", err: errors.New("nobody signed the statement"), hint: hint}
	case g.bundle == nil:
		g.signature = "not signed"
		return nil
	case trust == nil:
		g.signature = "not checked (give --trust FILE)"
		if g.pack != nil {
			inside, err := payload(g.bundle)
			if err != nil {
				return err
			}
			return same(inside, g.statement)
		}
		return nil
	}
	st, signed, err := format.CheckStatement(g.bundle, trust, evidence.PredicateType)
	if err != nil {
		return err
	}
	g.signed, g.signature = signed, signedBy(signed)
	return same(st, g.statement)
}

func payload(bundle []byte) ([]byte, error) {
	var b struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return nil, fmt.Errorf("%w: %s is no bundle", errEvidence, report.NameBundle)
	}
	return b.Envelope.Payload, nil
}

func same(signed, statement []byte) error {
	if !bytes.Equal(signed, statement) {
		return fmt.Errorf("%w: %s is another statement than the one in %s", errEvidence, report.NameStatement, report.NameBundle)
	}
	return nil
}

// checkFiles compares the files of a pack with the statement, and returns them. For a statement
// alone they are made anew.
func (g *given) checkFiles(st *evidence.Statement) ([]report.File, error) {
	if g.pack != nil {
		if err := g.pack.Check(st); err != nil {
			return nil, err
		}
		g.files = fmt.Sprintf("%s as the statement names them", count(len(g.pack.Files), "file", "files"))
		return g.pack.Files, nil
	}
	files, err := report.Artifacts(st)
	if err != nil {
		return nil, err
	}
	g.files = "not at hand: the statement alone was given"
	return files, nil
}

// checkLedger finds the drill in a ledger.
func (g *given) checkLedger(path string, st *evidence.Statement) error {
	all, _, err := readDrills(path)
	if err != nil {
		return err
	}
	e, err := drill.Find(all, st, g.statement)
	if err != nil {
		return changedLedger(path, err)
	}
	g.ledger = fmt.Sprintf("entry %d of %d, as the statement says", e.N, len(all))
	return nil
}

// writeReport writes files to a folder, or the report alone to a file, and returns their names.
func writeReport(out string, st *evidence.Statement, g *given, files []report.File) ([]string, error) {
	if out == "" {
		return nil, nil
	}
	if strings.HasSuffix(out, ".html") || strings.HasPrefix(out, "/dev/") {
		for _, f := range files {
			if f.Name == report.NameHTML {
				return []string{out}, writeFile(out, f.Data, 0o644)
			}
		}
		return nil, fmt.Errorf("no %s in the pack", report.NameHTML)
	}
	files = append(files[:len(files):len(files)], report.File{Name: report.NameStatement, Data: g.statement})
	if g.bundle != nil {
		files = append(files, report.File{Name: report.NameBundle, Data: g.bundle})
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(out) // names in a pack lead nowhere else
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var written []string
	for _, f := range files {
		name := filepath.FromSlash(f.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return written, err
		}
		if err := root.WriteFile(name+".part", f.Data, 0o644); err != nil {
			return written, err
		}
		if err := root.Rename(name+".part", name); err != nil {
			return written, err
		}
		written = append(written, filepath.Join(out, name))
	}
	return written, nil
}

// untested lists the statements that a drill has no answer to, and says how many there are.
func untested(p *evidence.Predicate) (open []string, asked int) {
	answered := map[string]bool{}
	for _, c := range p.Checks {
		answered[c.ID] = c.Result == evidence.Pass || c.Result == evidence.Warn || c.Result == evidence.Fail
	}
	open = []string{}
	for _, s := range evidence.Statements() {
		if asked++; !answered[s.ID] {
			open = append(open, s.ID)
		}
	}
	return open, asked
}

// ahead says so where a drill ended later than now; clocks may differ by an hour.
func ahead(ended time.Time) string {
	if time.Until(ended) > time.Hour {
		return ": IN THE FUTURE, by the clock of this machine"
	}
	return ""
}

func (a *app) printEvidence(st *evidence.Statement, g *given, written []string, asJSON bool) error {
	gates := evidence.DefaultGates()
	p := st.Predicate
	j := p.Judge(gates)
	open, asked := untested(p)
	a.result["verdict"], a.result["signature"] = j.Verdict, g.signature
	if asJSON {
		return a.printJSON(map[string]any{
			"verdict": j.Verdict, "word": p.Word(gates), "level": p.Drill.Level, "mode": p.Drill.Mode, "gates": j.Gates, "gates_held": j.Held, "held": j.Held, "reasons": j.Reasons, "exercise": p.Drill.Exercise,
			"manifest_sha256": p.Archive.ManifestSHA256, "signature": g.signature, "signed_by": signedByJSON(g.signed), "files": g.files, "ledger": g.ledger, "not_tested": open, "written": written,
		})
	}
	if p.Drill.Exercise {
		fmt.Fprintln(a.stdout, "EXERCISE ONLY")
	}
	fmt.Fprintf(a.stdout, "%s\n", p.Word(gates))
	for i, r := range j.Reasons {
		if i == few {
			fmt.Fprintf(a.stdout, "  and %s more\n", number(len(j.Reasons)-few))
			break
		}
		fmt.Fprintf(a.stdout, "  %s\n", clean(r))
	}
	by := ""
	if d := p.Tool.ConfigDigest; d.SHA256 != "" && d != evidence.Config(p.Drill.PlanDigest) {
		by = ", by other gates, statements or controls than the drill had"
	}
	fmt.Fprintf(a.stdout, "DRILL         %s, %s, began %s%s\n", clean(cmp.Or(p.Drill.Name, p.Drill.ID)), clean(string(p.Drill.Mode)), p.Drill.StartedAt.UTC().Format(time.DateOnly), ahead(p.Drill.EndedAt))
	fmt.Fprintf(a.stdout, "VERDICT       as the checks say, computed anew%s\nSIGNATURE     %s\nFILES         %s\n", by, clean(g.signature), g.files)
	if g.ledger != "" {
		fmt.Fprintf(a.stdout, "LEDGER        %s\n", g.ledger)
	}
	fmt.Fprintf(a.stdout, "NOT TESTED    %d of %d statements\n", len(open), asked)
	if sum := p.Archive.ManifestSHA256; sum != "" {
		fmt.Fprintf(a.stdout, "ARCHIVE       manifest.json sha256 %s\n", clean(sum))
	} else {
		fmt.Fprintln(a.stdout, "ARCHIVE       none: the drill ended before its digest was known")
	}
	for i, w := range written {
		if i == few {
			fmt.Fprintf(a.stderr, "and %s\n", plural(len(written)-few, "more file", "more files"))
			break
		}
		fmt.Fprintln(a.stderr, "wrote", w)
	}
	return nil
}
