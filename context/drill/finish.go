package drill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// judge answers the statements and spells the statement. From here on the drill is what it is: broken
// off now, it leaves the same.
func (r *run) judge(l *Ledger, damaged error) error {
	salt := evidence.NewSalt()
	r.clock()
	r.behind(l)
	r.st.Proof = nil
	if r.p.Mode == evidence.Stressed {
		r.st.Proof = r.e.BlockProof
	}
	p := r.predicate(salt)
	if l != nil {
		p.Drill.LedgerIndex, p.Drill.PrevDigest = l.Next()
		p.Trend = l.trend()
	}
	p.Checks = r.checks(p, l, damaged)
	if err := r.show(p); err != nil {
		return err
	}
	p.Obligations = evidence.DefaultCatalog().Obligations()
	gates := evidence.DefaultGates().At(p.Drill.Level)
	for i := range p.Checks {
		c := &p.Checks[i]
		c.Gate = slices.Contains(gates, c.ID)
		if c.Result == evidence.Untold {
			p.NotTested = append(p.NotTested, c.ID+": "+c.Why)
		}
	}
	p.Verdict = p.Judge(evidence.DefaultGates()).Verdict
	var err error
	if r.st.Statement, err = r.statement(p); err != nil {
		return err
	}
	r.st.Salt = hex.EncodeToString(salt[:])
	r.st.Entry = entryOf(p, r.st.Statement, r.facts)
	r.st.Entry.N, r.st.Entry.Prev = p.Drill.LedgerIndex, p.Drill.PrevDigest.SHA256
	before := uint64(0)
	for _, k := range p.Kinds {
		if k.Kind != "opaque" {
			before += k.Before
		}
	}
	if r.st.Report != nil && r.st.Report.Actions[replay.Refused] > 0 {
		r.st.Hints = append(r.st.Hints, fmt.Sprintf("why the target did not take a record stands, with its key, in %s", r.file(refusedFile)))
	}
	if before > 0 {
		r.st.Hints = append(r.st.Hints, fmt.Sprintf("%d records were in the target before, and show nothing: drill into a place that is empty", before))
	}
	if r.undo != nil && r.undo.LeftN > 0 {
		r.st.Hints = append(r.st.Hints, fmt.Sprintf("%d records stay in the target: they were changed since, or were there before", r.undo.LeftN))
	}
	for _, s := range []string{r.clockSet(), r.unheld()} {
		if s != "" {
			r.st.Hints = append(r.st.Hints, s)
		}
	}
	if r.undoErr != nil {
		r.st.Hints = append(r.st.Hints, fmt.Sprintf("what was replayed stays in the target: %v", r.undoErr))
	}
	return r.st.save()
}

// finish judges the drill, writes its statement, and enters it in the ledger.
func (r *run) finish(ctx context.Context) (*Outcome, error) {
	var l *Ledger
	var damaged error
	if r.p.Ledger != "" {
		var err error
		switch l, err = waitForLedger(ctx, r.p.Ledger); {
		case errors.Is(err, ErrLedger):
			damaged = err
		case err != nil:
			return nil, err
		default:
			defer l.Close()
		}
	}
	// Where somebody took the lock away, another run may have ended the drill meanwhile.
	if err := r.p.Free(); errors.Is(err, ErrEnded) {
		return nil, err
	}
	if r.st.Statement == nil {
		if err := r.judge(l, damaged); err != nil {
			return nil, err
		}
	}
	if l != nil && !l.takes(&r.st.Entry) {
		r.st.Statement = nil
		return nil, errors.Join(broken("ledger", errors.New("another drill was entered since this one was judged")), r.st.save())
	}
	out := &Outcome{Statement: r.st.Statement, Hints: r.st.Hints}
	s, err := evidence.ParseStatement(bytes.NewReader(out.Statement), nil) // as whoever verifies it does
	if err != nil {
		return nil, fmt.Errorf("drill: %s: %w", r.st.path, err)
	}
	out.Predicate, out.Judgement = s.Predicate, s.Predicate.Judge(evidence.DefaultGates())
	if err := r.leaveReport(ctx, out, s); err != nil {
		return nil, err
	}
	if l != nil {
		if err := l.Append(r.st.Entry); err != nil {
			return nil, err
		}
		out.Files = append(out.Files, r.p.Ledger)
	}
	// The statement is last: where it is, all of the rest is.
	if err := r.leave(out, statementFile, out.Statement); err != nil {
		return nil, err
	}
	return out, os.Remove(r.st.path)
}

// leave writes a file of the drill; nothing of nothing.
func (r *run) leave(out *Outcome, suffix string, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	out.Files = append(out.Files, r.file(suffix))
	return syncdir.WriteFile(r.file(suffix), b, 0o644)
}

// leaveReport writes what stands beside the statement: the report, all in a pack, the signature, and what shows
// single answers.
func (r *run) leaveReport(ctx context.Context, out *Outcome, s *evidence.Statement) (err error) {
	var bundle []byte
	if r.e.Sign != nil {
		if bundle, err = r.e.Sign(ctx, out.Statement); err != nil {
			return broken("the statement was not signed", err)
		}
	}
	files := r.files
	if files == nil { // it was judged by a run before
		if files, err = report.Artifacts(s); err != nil {
			return fmt.Errorf("drill: %w", err)
		}
	}
	var pack bytes.Buffer
	if err := report.Pack(&pack, out.Statement, bundle, files); err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	var html, salt []byte
	if i := slices.IndexFunc(files, func(f report.File) bool { return f.Name == report.NameHTML }); i >= 0 {
		html = files[i].Data
	}
	if len(out.Predicate.Authority.Reconsent) > 0 {
		salt = []byte(r.st.Salt + "\n")
	}
	short, err := r.summaries(ctx, out, s)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		suffix string
		b      []byte
	}{
		{htmlFile, html}, {packFile, pack.Bytes()}, {bundleFile, bundle}, {resultFile, short[report.NameTestResult]}, {svrFile, short[report.NameSVR]}, {blockFile, r.st.Proof}, {secondOutput, r.st.Second.said()}, {saltFile, salt},
	} {
		if err := r.leave(out, x.suffix, x.b); err != nil {
			return err
		}
	}
	return nil
}

// summaries are the signatures over what is said in short of a drill that is signed, by name; nil: it is not.
func (r *run) summaries(ctx context.Context, out *Outcome, s *evidence.Statement) (map[string][]byte, error) {
	if r.e.Sign == nil {
		return nil, nil
	}
	files, err := report.Summaries(s, out.Statement)
	if err != nil {
		return nil, fmt.Errorf("drill: %w", err)
	}
	signed := map[string][]byte{}
	for _, f := range files {
		if signed[f.Name], err = r.e.Sign(ctx, f.Data); err != nil {
			return nil, broken(f.Name+" was not signed", err)
		}
	}
	return signed, nil
}

// statement spells the statement, as it is signed: with the digests of the files that are made of it.
func (r *run) statement(p *evidence.Predicate) ([]byte, error) {
	spell := func(st *evidence.Statement) ([]byte, error) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(st); err != nil {
			return nil, fmt.Errorf("drill: statement: %w", err)
		}
		return b.Bytes(), nil
	}
	raw, err := spell(&evidence.Statement{Type: evidence.StatementType, PredicateType: evidence.PredicateType, Predicate: p})
	if err != nil {
		return nil, err
	}
	st := &evidence.Statement{}
	if err := json.Unmarshal(raw, st); err != nil { // so that whoever makes the files anew has the same at hand
		return nil, fmt.Errorf("drill: statement: %w", err)
	}
	files, err := report.Artifacts(st)
	if err != nil {
		return nil, fmt.Errorf("drill: %w", err)
	}
	report.Attach(st, files)
	r.files = files
	return spell(st)
}

// predicate is all but the checks and the verdict.
func (r *run) predicate(salt evidence.Salt) *evidence.Predicate {
	pl, at := r.p, &r.p.Arranged
	p := &evidence.Predicate{
		Drill: evidence.Drill{
			ID: r.st.ID, Name: pl.Name, Exercise: true, Mode: pl.Mode, Level: pl.Level, Scenario: pl.Scenario, Hypothesis: pl.Hypothesis, StopConditions: pl.StopWhen,
			PlanDigest: evidence.Digest{SHA256: pl.Digest()}, StartedAt: r.st.Started, EndedAt: r.st.Latest, ProviderBlocked: r.e.Blocked,
			NextReview: string(pl.Review), Attempts: r.st.Attempts, Stopped: r.stop,
		},
		Parties: evidence.Parties{Operator: pl.Parties.Operator, Observer: pl.Parties.Observer, Approver: pl.Parties.Approver, Custodian: pl.Parties.Custodian},
		Arrangement: evidence.Arrangement{
			RegisterID: at.RegisterID, ContractDigest: evidence.Digest{SHA256: at.ContractSHA256}, Service: at.Service, ServiceType: at.ServiceType, TenantClass: at.TenantClass,
			Region: at.Region, Jurisdiction: at.Jurisdiction, BusinessFunction: at.BusinessFunction, Critical: at.Critical, DataBasis: at.DataBasis,
			CopyDeletedBy: string(at.CopyDeletedBy), PromisedKinds: at.PromisedKinds, Exclusions: at.Exclusions,
		},
		Targets: evidence.Targets{RTOSeconds: pl.Targets.RTO.seconds(), ImpactTolerance: pl.Targets.ImpactTolerance, Survival: pl.Targets.Survival, Tasks: pl.Targets.Tasks},
		Source:  r.source(), Target: r.into(), Kinds: r.kinds(), Recall: r.recall(), Replay: r.replayed(), Continuity: r.continuity(), Safety: r.safety(),
		Timing: r.timing(), Models: r.modelEnds(), Obstacles: r.obstacles(), NegativeControls: append([]evidence.NegativeControl{}, r.controls...), Losses: r.losses(), Tool: r.e.Tool,
		Limits: r.limits(), FormatRegister: r.register(), SecondReader: r.second(), Erasure: r.erasure(), Vectors: r.vectors(),
	}
	p.Authority, p.Identity = r.authority(salt, p.Kinds), r.identity(p.Kinds)
	p.NotTested = r.unknown(p)
	p.Tool.ConfigDigest = evidence.Config(p.Drill.PlanDigest)
	if len(r.st.Proof) > 0 {
		p.Drill.ProviderBlocked.ProofDigest.SHA256 = hexSum(r.st.Proof)
	}
	if len(pl.Targets.RPO) > 0 {
		p.Targets.RPOSeconds = map[string]uint64{}
		for k, d := range pl.Targets.RPO {
			p.Targets.RPOSeconds[k] = d.seconds()
		}
	}
	for _, x := range pl.Assumed {
		p.Drill.Assumptions = append(p.Drill.Assumptions, evidence.Assumed{Text: x.Text, Held: x.Held})
	}
	for _, c := range pl.Costs {
		p.Costs = append(p.Costs, evidence.Cost{Item: c.Item, Amount: c.Amount, Currency: c.Currency, Class: c.Class})
	}
	for _, f := range pl.Findings {
		p.Findings = append(p.Findings, evidence.Finding{ID: f.ID, Text: f.Text, Severity: f.Severity, Owner: f.Owner, Due: string(f.Due), Retest: string(f.Retest), State: f.State})
	}
	if r.facts != nil {
		p.Archive = r.facts.Archive
		p.Archive.NewestEvent = r.newest()
		p.Custody = r.handovers()
	}
	return p
}

// handovers are where the archive went, with its digest before and after.
func (r *run) handovers() []evidence.Handover {
	sum := evidence.Digest{SHA256: r.facts.Archive.ManifestSHA256}
	who := r.p.Parties.Operator.Name
	var out []evidence.Handover
	for _, ph := range r.st.Phases {
		h := evidence.Handover{At: ph.Start, From: "archive", To: who, DigestIn: sum, DigestOut: sum}
		switch ph.Name {
		case phaseExport:
			h.From, h.To, h.DigestIn = "source", "archive", evidence.Digest{}
		case phaseReplay:
			h.To, h.DigestOut = "target", evidence.Digest{}
		case phaseVerify:
		default:
			continue
		}
		out = append(out, h)
	}
	return out
}

// limits are what this evidence cannot tell.
func (r *run) limits() []string {
	out := []string{
		"A provider that answers alike on every route cannot be caught.",
		"Times are those of the machine that ran the drill.",
	}
	if r.p.Mode == evidence.Stressed && !r.e.Blocked.Enforced {
		out = append(out, "The provider was not kept out from outside of the process.")
	}
	if r.p.reaches(evidence.L3) && r.e.ReadBack == nil && r.st.Back != nil {
		out = append(out, "The target was read back by the process that had written it.")
	}
	if r.st.Attempts > 1 {
		out = append(out, "The drill was broken off and went on; its duration is by the wall clock, the break included.")
	}
	for _, s := range r.skipped {
		out = append(out, "Control not run: "+s+".")
	}
	if r.p.after != "" {
		out = append(out, fmt.Sprintf("The archive was made by the drill %s of the same plan, and not exported again.", r.p.after))
	}
	if len(r.p.sends) > 0 {
		out = append(out, fmt.Sprintf("The plan replays %s into this target, and nothing else.", strings.Join(r.p.sends, ", ")))
	}
	for _, s := range []string{r.unconcluded(), r.rootless(), r.clockSet(), r.unheld()} {
		if s != "" {
			out = append(out, s)
		}
	}
	switch {
	case !r.p.reaches(evidence.L3) || r.stop != nil && r.st.Report == nil:
	case r.p.Keep:
		out = append(out, "What was replayed was left in the target, as the plan asks.")
	case errors.Is(r.undoErr, errHeld):
		out = append(out, "What was replayed was left in the target: some of it is under a legal hold.")
	case r.undoErr != nil:
		out = append(out, "What was replayed could not be taken out of the target.")
	case r.undone:
		out = append(out, "What was replayed was taken out of the target by an attempt before the last.")
	case r.undo != nil:
		out = append(out, fmt.Sprintf("After the drill %d records were taken out of the target, %d were left there.", r.undo.Removed, r.undo.LeftN))
		if r.undo.Gone > 0 {
			out = append(out, fmt.Sprintf("%d more were gone from it %s.", r.undo.Gone, r.undo.GoneWhen()))
		}
	}
	for _, l := range r.p.Accepted {
		if string(l.Until) < r.st.Started.Format("2006-01-02") {
			out = append(out, fmt.Sprintf("The acceptance of losses in %s ended on %s.", l.Kind, l.Until))
		}
	}
	return out
}

func entryOf(p *evidence.Predicate, statement []byte, f *Facts) Entry {
	sum := sha256.Sum256(statement)
	j := p.Judge(evidence.DefaultGates())
	e := Entry{
		Drill: p.Drill.ID, Name: p.Drill.Name, Statement: hex.EncodeToString(sum[:]), Archive: p.Archive.ManifestSHA256, Mode: p.Drill.Mode, Level: p.Drill.Level,
		Verdict: p.Verdict, Held: j.Held, Gates: j.Gates, Beside: j.Beside(), RTOSeconds: p.Timing.RTOSeconds, RTOTarget: p.Targets.RTOSeconds,
		Started: p.Drill.StartedAt, Ended: p.Drill.EndedAt, Records: p.Archive.Records,
	}
	e.Source, e.Register = strings.TrimSpace(p.Source.Product+" "+p.Source.Flavor), p.Arrangement.RegisterID
	e.Schema = p.Source.Schema
	e.Target = strings.TrimSpace(p.Target.Product + " " + p.Target.Flavor)
	if p.Recall != nil {
		e.Recall = &p.Recall.After
	}
	if f != nil {
		e.Lineage, e.Sequence = f.Lineage, f.Sequence
	}
	for _, s := range p.Timing.RPOSeconds {
		e.RPOSeconds = max(e.RPOSeconds, s)
	}
	e.Arrived, e.Due = p.Survival()
	for _, k := range p.Kinds {
		e.Lost += k.Missing + k.Differ + k.Refused + k.Conflicts
	}
	for _, x := range p.Findings {
		if x.State == "open" {
			e.Findings = append(e.Findings, x)
		}
	}
	return e
}

// Statement is the path of the statement that a drill of p leaves.
func (p *Plan) Statement() string { return filepath.Join(p.Output, p.Name+statementFile) }
