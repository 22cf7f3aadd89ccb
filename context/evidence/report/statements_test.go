package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
)

func digits(s string) string { return strings.Repeat(s, 64/len(s)) }

// half is a salted id.
func half(s string) string { return digits(s)[:32] }

func num(n uint64) *uint64 { return &n }

// finish judges a statement and lists what a report makes of it.
func finish(p *evidence.Predicate) *evidence.Statement {
	p.Verdict = p.Judge(evidence.DefaultGates()).Verdict
	st := &evidence.Statement{
		Type: evidence.StatementType, PredicateType: evidence.PredicateType, Predicate: p,
		Subject: []evidence.Subject{{Name: "manifest.json", Digest: evidence.Digest{SHA256: p.Archive.ManifestSHA256}}},
	}
	if t := p.Archive.Tree(); t != nil {
		st.Subject = append(st.Subject, *t)
	}
	if p.Target.StateDigest.SHA256 != "" {
		st.Subject = append(st.Subject, evidence.Subject{Name: evidence.SubjectState, Digest: p.Target.StateDigest})
	}
	return st
}

// field is one whose outcomes add up.
func field(path string, exact, equivalent, transformed, defaulted, dropped, redacted, quarantined uint64) evidence.Field {
	return evidence.Field{
		Path: path, Exact: exact, Equivalent: equivalent, Transformed: transformed, Defaulted: defaulted, Dropped: dropped, Redacted: redacted, Quarantined: quarantined,
		Present: exact + equivalent + transformed + defaulted + dropped + redacted + quarantined,
	}
}

// full is a drill with every part filled in.
func full() *evidence.Statement {
	t0 := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	yes, no := true, false
	recall := 0.91
	p := &evidence.Predicate{
		Drill: evidence.Drill{
			ID: "drill-5a915a91", Name: "2026-Q4 support agents", LedgerIndex: 3, PrevDigest: evidence.Digest{SHA256: digits("7d3e")}, Exercise: true, Mode: evidence.Stressed, Level: evidence.L4,
			Scenario: "The provider ends the service without notice", Hypothesis: "Support goes on within four hours on our own LangGraph",
			StopConditions: []string{"a write outside the drill's database", "more than 8 hours"},
			Assumptions:    []evidence.Assumed{{Text: "The last nightly archive is at hand", Held: &yes}, {Text: "The embedding model is served by a second vendor", Held: &no}, {Text: "Two people who know the runtime are on call"}},
			PlanDigest:     evidence.Digest{SHA256: digits("5a91")}, StartedAt: t0, EndedAt: t0.Add(23*time.Minute + 41*time.Second),
			ProviderBlocked: evidence.Block{Method: "empty network namespace", Enforced: true, Probe: "connect: network is unreachable", ProofDigest: evidence.Digest{SHA256: digits("b10c")}}, NextReview: "2027-02-19", Attempts: 1,
		},
		Parties: evidence.Parties{
			Operator: evidence.Party{Name: "SRE on call", Key: digits("9f3a5c01")}, Observer: evidence.Party{Name: "Internal audit", Key: digits("41c8e2d7")},
			Approver: evidence.Party{Name: "Head of platform", Key: digits("b7720f1e")}, Custodian: evidence.Party{Name: "Records office"},
		},
		Arrangement: evidence.Arrangement{
			RegisterID: "ROI-0042", ContractDigest: evidence.Digest{SHA256: digits("c0de")}, Service: "Hosted agent runtime", ServiceType: "paas", TenantClass: "production", Region: "eu-central-1", Jurisdiction: "Germany",
			BusinessFunction: "Customer support", Critical: &yes, DataBasis: "Contract with the processor; the copy stays in the EU", CopyDeletedBy: "2026-12-20",
			PromisedKinds: []string{"conversation", "message", "memory"},
			Exclusions:    []evidence.Exclusion{{Kind: "opaque", Ground: "DA-25(2)(f)", Why: "The provider's own bookkeeping; the target makes its own"}},
		},
		Targets: evidence.Targets{RTOSeconds: 4 * 3600, RPOSeconds: map[string]uint64{"memory": 86400, "*": 86400}, ImpactTolerance: "One working day", Survival: 0.99},
		Source:  evidence.Runtime{Product: "langgraph", Flavor: "python", Schema: "9", Driver: "langgraph+postgres", APIVersion: "9", Adapter: "exitramp", AdapterVersion: "v0.8.2", Observer: "database role, reads only, BYPASSRLS", From: t0.Add(-7 * time.Hour), To: t0.Add(-7*time.Hour + 96*time.Second), Sunset: []evidence.Sunset{{Object: "assistants", Date: "2026-08-26"}}},
		Target:  evidence.Runtime{Product: "langgraph", Flavor: "js", Schema: "4", Driver: "langgraph+postgres", Observer: "database role of the drill", StateDigest: evidence.Digest{SHA256: digits("57a7e0d1")}, StateRecords: 112_719},
		Archive: evidence.Archive{
			ID: "q6zr5v3k7m2n4p8s9t1u3w5x7y", Format: "1", Bytes: 48_203_117, Records: 112_772, ManifestSHA256: digits("3b9ac7d2"), Encrypted: true, TreeRoot: evidence.Digest{SHA256: digits("7ee7007a")}, TreeLeaves: 41,
			Recipients: []evidence.Recipient{{Type: "mlkem768x25519", Fingerprint: "age1pq1ops…", Role: "operations", OpenedInDrill: true}, {Type: "mlkem768x25519", Fingerprint: "age1pq1esc…", Role: "escrow", OpenedInDrill: false}},
			SignedBy:   []string{digits("9f3a5c01")}, Coverage: "LISTED", NewestEvent: t0.Add(-7*time.Hour - 2*time.Minute), Sealed: t0.Add(-7*time.Hour + 99*time.Second),
		},
		Recall:         &evidence.Recall{Queries: 200, QuerySetDigest: evidence.Digest{SHA256: digits("0dd5")}, K: 10, Before: 0.94, After: recall, Overlap: 0.88, CI95: [2]float64{0.85, 0.91}, ChangeCI95: [2]float64{-0.05, -0.01}, EmptyBefore: 1, EmptyAfter: 2, ModelBefore: "text-embedding-3-small, 1536", ModelAfter: "bge-small-en, 384"},
		Replay:         []evidence.Replayed{{Feature: "answer an order question", Level: "R5", Runs: 25, Passed: 23, Equal: num(4), CI95: &[2]float64{0.7503, 0.9778}, Shared: &yes, Judge: "judge command"}, {Feature: "refund with approval", Level: "R4", Runs: 25, Passed: 25, Judge: "tool and arguments"}, {Feature: "follow up next day", Level: "R3", Runs: 10, Passed: 10, Equal: num(10), Judge: "state"}},
		Continuity:     &evidence.Continuity{Tasks: 12, Runs: 60, Source: 54, Target: 51, Cold: 22, Judge: "judge command", TCS: "0.94 = (51/60) / (54/60)", RetainedLift: "0.91 = (51/60 - 22/60) / (54/60 - 22/60)"},
		FormatRegister: &evidence.FormatRegister{URI: "https://provider.example/formats", RetrievedAt: "2026-11-02", Digest: evidence.Digest{SHA256: digits("f0f0")}, Changed: true, Seen: 41, Absent: []string{"checkpoint_blobs", "task_path"}, AbsentN: 2},
		SecondReader:   &evidence.SecondReader{Name: "a reader in Python", ManifestSHA256: digits("3b9ac7d2"), Records: 112_772, Agrees: true},
		Erasure:        &evidence.Erasure{AskedAt: "2026-09-01", Scope: "what is about one customer", Confirmation: evidence.Digest{SHA256: digits("ab12")}, Known: 31, Probed: true},
		Vectors:        &evidence.Vectors{Model: "bge-small-en, 384 numbers", Texts: 3021, Asked: 2990, Tokens: 61_200, Dropped: 4},
		Authority: evidence.Authority{Grants: 48, Reproduced: 39, Reduced: 2, Reconsent: []string{half("11"), half("12"), half("13"), half("14"), half("15"), half("16"), half("17")}, Waiting: []evidence.Waits{
			{ID: half("11"), Kind: "toolgrant", Holder: half("21"), Tool: half("31"), Effect: "allow", Scopes: 2, Needs: "an approval, by name and date"},
			{ID: half("12"), Kind: "credential", Holder: half("21"), Scopes: 3, Needs: "its holder, to sign in or to enter the secret anew; and an approval, by name and date"},
			{ID: half("13"), Kind: "toolgrant", Tool: half("31"), Effect: "ask", Needs: "an approval of what denies the same, or asks first: without that it stays off"},
		}},
		Safety: evidence.Safety{
			SecretClasses: []string{"api key", "bearer token", "private key", "password in URL"}, SecretFindings: map[string]uint64{"api key": 2, "bearer token": 1},
			InjectionCanaries: 6, Tombstones: 31,
		},
		Timing: evidence.Timing{
			RTOSeconds: 23*60 + 41, RPOSeconds: map[string]uint64{"memory": 7*3600 + 120, "message": 7*3600 + 240, "conversation": 31 * 3600},
			Projection: &evidence.Projection{Records: 112_772, Seconds: 3 * 3600, Formula: "records ÷ records per second of this run, write limit of the target 10/s", Limit: 30 * 86400},
		},
		Models: []evidence.ModelEnd{{Model: "gpt-4.1-2025-04-14", Agents: 2, Ends: "2027-01-14", Source: "provider's page of 28 October 2026", Pinned: true, Weights: []string{"kept by the provider"}}, {Model: "house-alias-fast", Agents: 1}, {Model: "house-7b", Agents: 1, Weights: []string{"archived"}}},
		Costs:  []evidence.Cost{{Item: "egress", Amount: "0.00", Currency: "EUR", Class: "switching"}, {Item: "tokens for re-embedding", Amount: "1.86", Currency: "EUR", Class: "switching"}, {Item: "labour, 2 people", Amount: "410.00", Currency: "EUR", Class: "switching"}},
		Obstacles: []evidence.Obstacle{
			{At: t0.Add(6 * time.Minute), Side: evidence.SideTarget, What: "429, slowed down to 18 requests a second", Count: 3, Promised: "20 requests a second"},
			{Side: evidence.SideSource, Article: "DA-26(a)", What: "no call that lists threads of deleted users", Kind: "conversation", Count: 2},
		},
		Custody: []evidence.Handover{
			{At: t0.Add(-6 * time.Hour), From: "exporter", To: "vault of the records office", DigestIn: evidence.Digest{SHA256: digits("3b9ac7d2")}, DigestOut: evidence.Digest{SHA256: digits("3b9ac7d2")}},
			{At: t0.Add(-10 * time.Minute), From: "vault of the records office", To: "SRE on call", DigestIn: evidence.Digest{SHA256: digits("3b9ac7d2")}, DigestOut: evidence.Digest{SHA256: digits("3b9ac7d2")}},
		},
		Identity:         &evidence.Identity{Records: 112_709, Renamed: 9119, Principals: 212, Arrived: 209, Mapped: num(209), Named: num(212)},
		NegativeControls: []evidence.NegativeControl{{What: "flipped byte", Expected: "digest", Observed: "digest"}, {What: "wrong key", Expected: "no identity", Observed: "no identity"}, {What: "no signature", Expected: "unsigned", Observed: "unsigned"}},
		Losses: []evidence.Loss{
			{Kind: "conversation", Path: "branch_names", Count: 14, Of: 9120, Grade: "dropped", Why: "the target has no named branches"},
			{Kind: "memory", Path: "meta.created_unix_nano", Count: 3021, Of: 3021, Grade: "defaulted", Why: "the target stamps the time of import", AcceptedBy: "Head of platform", Until: "2027-06-30"},
			{Kind: "toolgrant", Count: 7, Of: 48, Grade: "quarantined", Why: "not approved"},
			{Kind: "message", Path: "labels", Count: 1204, Of: 92210, Grade: "transformed", Why: "tool refund_v1 has no match at the target", AcceptedBy: "Head of platform", Until: "2027-06-30"},
			{Kind: "checkpoint", Path: "metadata", Count: 8100, Of: 8100, Grade: "equivalent", Why: "numbers are written in another form"},
			{Kind: "memory", Path: "vector", Count: 3021, Of: 3021, Grade: "transformed", Why: "re-embedded by another model"},
		},
		Findings: []evidence.Finding{
			{ID: "F-1", Text: "The escrow key was not used in this drill", Severity: "high", Owner: "Records office", Due: "2027-01-15", Retest: "2027-02-19", State: "open"},
			{ID: "F-2", Text: "Recovery point of conversations misses its target", Severity: "medium", Owner: "Platform", Due: "2027-01-31", Retest: "2027-02-19", State: "open"},
			{ID: "F-0", Text: "Named branches get lost", Severity: "low", Owner: "Platform", State: "closed"},
		},
		NotTested: []string{"Voice calls: the runtime keeps them elsewhere, and they are not in the archive", "More than one region at a time"},
		Limits:    []string{"One tenant of three was drilled", "The observer saw the run remotely"},
		Trend: []evidence.Past{
			{LedgerIndex: 0, EndedAt: t0.AddDate(0, -9, 0), Level: evidence.L2, Mode: evidence.Planned, Verdict: evidence.VerdictPartial, RTOSeconds: 4100},
			{LedgerIndex: 1, EndedAt: t0.AddDate(0, -6, 0), Level: evidence.L3, Mode: evidence.Planned, Verdict: evidence.VerdictFail, RTOSeconds: 3620, Arrived: 91_003, Due: 101_120, Schema: "langgraph python 8"},
			{LedgerIndex: 2, EndedAt: t0.AddDate(0, -3, 0), Level: evidence.L3, Mode: evidence.Stressed, Verdict: evidence.VerdictPassWithLoss, RTOSeconds: 1700, Arrived: 108_400, Due: 108_512, Recall: func() *float64 { f := 0.86; return &f }(), Schema: "langgraph python 8"},
		},
		Tool: evidence.Tool{Name: "exitramp", Version: "v0.9.0", VCS: "git 1a2b3c4d", Modules: evidence.Digest{SHA256: digits("ee01")}, ConfigDigest: evidence.Digest{SHA256: digits("c0f1")}, Command: []string{"exitramp", "drill", "q4.yaml", "--trust", "acme.pub"}},
	}
	at := t0
	for _, ph := range []struct {
		name    string
		seconds float64
		records uint64
	}{{"verify", 41.2, 112_772}, {"plan", 9.4, 112_770}, {"replay", 362.7, 112_719}, {"re-embed", 801.5, 3021}, {"read back", 130.1, 112_719}, {"tasks", 71.9, 60}} {
		p.Timing.Phases = append(p.Timing.Phases, evidence.Phase{Name: ph.name, Start: at, Seconds: ph.seconds, Records: ph.records})
		at = at.Add(time.Duration(ph.seconds * float64(time.Second)))
	}
	p.Kinds = []evidence.Kind{
		{Kind: "principal", Class: "enumerated", Coverage: "RECONCILED", Reference: num(212), Source: 212, Archived: 212, Imported: 209, Matched: 209, Quarantined: 3, Fields: []evidence.Field{field("subject", 209, 0, 0, 0, 0, 0, 0), field("name", 200, 0, 0, 0, 0, 9, 0)}},
		{Kind: "toolgrant", Class: "enumerated", Coverage: "LISTED", Source: 48, Archived: 48, Imported: 41, Matched: 39, Announced: 2, Quarantined: 7, Fields: []evidence.Field{field("tool_key", 39, 0, 2, 0, 0, 0, 0), field("effect", 41, 0, 0, 0, 0, 0, 0), field("scopes", 39, 0, 0, 0, 2, 0, 0)}},
		{Kind: "agent", Class: "enumerated", Coverage: "LISTED", Source: 3, Archived: 3, Imported: 3, Matched: 3, TreeRoot: evidence.Digest{SHA256: digits("a6e27007")}, Fields: []evidence.Field{field("name", 3, 0, 0, 0, 0, 0, 0), field("instructions", 3, 0, 0, 0, 0, 0, 0)}},
		{Kind: "memory", Class: "enumerated", Coverage: "GAPS", Reference: num(3040), Source: 3021, Archived: 3021, Gaps: 1, Imported: 3021, Matched: 0, Announced: 3021, Canaries: evidence.Canaries{Planted: 12, Recovered: num(12)},
			Fields: []evidence.Field{field("text", 3021, 0, 0, 0, 0, 0, 0), field("meta.created_unix_nano", 0, 0, 0, 3021, 0, 0, 0), field("vector", 0, 0, 3021, 0, 0, 0, 0), field("labels", 2890, 131, 0, 0, 0, 0, 0)},
			Times:  &evidence.Times{Total: 3021, Original: 0, Inversions: 4, MaxSkewMS: 26_000_000}},
		{Kind: "conversation", Duplicates: num(0), Excluded: []evidence.Excluded{{Ground: "erasure", Count: num(31), Why: "a tombstone of the archive stands for each"}}, Class: "enumerated", Coverage: "RECONCILED", Reference: num(9120), Source: 9120, Archived: 9120, Imported: 9120, Matched: 9105, Announced: 14, Missing: 1, Canaries: evidence.Canaries{Planted: 4, Recovered: num(4)},
			Fields: []evidence.Field{field("title", 9119, 0, 0, 0, 0, 0, 0), field("branch_names", 9105, 0, 0, 0, 14, 0, 0), field("status", 9119, 0, 0, 0, 0, 0, 0)},
			Links:  &evidence.Links{Total: 92_210, Resolved: 92_210, Repairs: []evidence.Repair{}}, Times: &evidence.Times{Total: 9119, Original: 9119}},
		{Kind: "message", Class: "enumerated", Coverage: "RECONCILED", Reference: num(92_210), Source: 92_210, Archived: 92_210, Imported: 92_209, Matched: 91_004, Announced: 1204, Differ: 1, Refused: 1, Canaries: evidence.Canaries{Planted: 8, Recovered: num(8)},
			Fields: []evidence.Field{field("parts.text", 92_209, 0, 0, 0, 0, 0, 0), field("role", 92_209, 0, 0, 0, 0, 0, 0), field("labels", 91_005, 0, 1204, 0, 0, 0, 0), field("tool_calls.arguments", 40_110, 312, 0, 0, 1, 0, 0)},
			Links:  &evidence.Links{Total: 80_820, Resolved: 80_819, Orphans: 1, Repairs: []evidence.Repair{{Path: "parent_key", Count: 2}}}, Times: &evidence.Times{Total: 92_209, Original: 92_209}},
		{Kind: "checkpoint", Class: "enumerated", Coverage: "LISTED", Source: 8100, Archived: 8100, Imported: 8100, Matched: 8100, Fields: []evidence.Field{field("metadata", 0, 8100, 0, 0, 0, 0, 0), field("channels", 8100, 0, 0, 0, 0, 0, 0)}},
		{Kind: "interrupt", Class: "enumerated", Coverage: "LISTED", Source: 7, Archived: 7, Imported: 7, Matched: 7, Canaries: evidence.Canaries{Planted: 1, Recovered: num(1)}, Fields: []evidence.Field{field("question", 7, 0, 0, 0, 0, 0, 0)}},
		{Kind: "opaque", Class: "enumerated", Coverage: "LISTED", Source: 51, Archived: 51, Skipped: 51},
		{Kind: "skill", Class: "absent", Coverage: "LISTED"}, {Kind: "trigger", Class: "absent", Coverage: "LISTED"},
	}
	for i := range p.Kinds {
		if k := &p.Kinds[i]; k.Archived > 0 {
			k.ISO19941 = &evidence.Facets{Syntactic: evidence.FacetKept, Semantic: evidence.FacetInPart, Policy: evidence.FacetUntold, Behaviour: evidence.FacetUntold}
		}
	}
	untold := []string{"AC-15", "AC-16", "AC-24", "AC-31", "AC-37"}
	declared := []string{"AC-1", "AC-3", "AC-4", "AC-5", "AC-6", "AC-7", "AC-12", "AC-44"}
	for _, s := range evidence.Statements() {
		c := evidence.Check{ID: s.ID, Result: evidence.Pass, Basis: evidence.Measured, Why: "seen in this drill"}
		switch {
		case slices.Contains(untold, s.ID):
			c.Result, c.Basis, c.Why = evidence.Untold, "", "this release does not measure it"
		case slices.Contains(declared, s.ID):
			c.Basis, c.By, c.Why = evidence.Declared, "Head of platform", "stands in the plan file"
		}
		switch s.ID {
		case "AC-10":
			c.Result, c.Why = evidence.Warn, "4 of 9 kinds have an independent count; memory: 3,021 read, 3,040 counted, 1 gap"
		case "AC-13":
			c.Result, c.Why = evidence.Warn, "1 conversation is missing, 0 records are extra"
			c.Evidence = []evidence.Subject{{Name: "manifest.json", Digest: evidence.Digest{SHA256: digits("3b9ac7d2")}}, {Name: evidence.SubjectState, Digest: evidence.Digest{SHA256: digits("57a7e0d1")}}}
		case "AC-30":
			c.Result, c.Why = evidence.Warn, "2 recipients; the escrow key did not open the archive in this drill"
		case "AC-33":
			c.Result, c.Why = evidence.Warn, "112,708 of 112,711 arrived; worst: conversation, 9,119 of 9,120"
			c.Evidence = []evidence.Subject{{Name: evidence.SubjectState, Digest: evidence.Digest{SHA256: digits("57a7e0d1")}}, {Name: "q4.refused.ndjson", Digest: evidence.Digest{SHA256: digits("ef05")}}}
		case "AC-34":
			c.Result, c.Why = evidence.Warn, "6 losses are named, 4 of them accepted by nobody"
		case "AC-36":
			c.Result, c.Why = evidence.Fail, "0 of 3,021 memories keep their time"
		case "AC-42":
			c.Result, c.Why = evidence.Fail, "recovery point of conversation: 1 d 7 h, target 1 d"
		}
		p.Checks = append(p.Checks, c)
	}
	return finish(p)
}

// bare is a drill that tested nothing.
func bare() *evidence.Statement {
	return finish(&evidence.Predicate{
		Drill:            evidence.Drill{Exercise: true, Mode: evidence.Planned, Level: evidence.L1},
		Archive:          evidence.Archive{ManifestSHA256: digits("00")},
		NegativeControls: []evidence.NegativeControl{{What: "flipped byte", Expected: "digest", Observed: "digest"}},
		Kinds:            []evidence.Kind{{Kind: "memory", Coverage: "UNKNOWN"}},
		Losses:           []evidence.Loss{}, Checks: []evidence.Check{}, NotTested: []string{}, Limits: []string{},
	})
}

// nasty is text that no file may take for its own.
const nasty = "=HYPERLINK(\"http://x/\") </title></style><script>alert(1)</script>\u202e<img src=x onerror=alert(1)>\x00\x1b[31m"

// hostile is a statement of somebody who wants to harm its reader: markup in strings, very long
// names, 200 kinds.
func hostile() *evidence.Statement {
	long := strings.Repeat("Aa", 5000)
	st := full()
	p := st.Predicate
	p.Drill.ID, p.Drill.Scenario, p.Drill.NextReview = nasty, long, nasty
	p.Parties.Operator = evidence.Party{Name: nasty, Key: long}
	p.Arrangement.Service, p.Arrangement.Region, p.Arrangement.RegisterID = nasty, long, long
	p.Source.Product, p.Target.Product = long, nasty
	p.Source.APIVersion, p.Source.Adapter, p.Source.AdapterVersion = long, nasty, long
	p.Archive.ID, p.Archive.SignedBy = long, []string{nasty, long}
	p.Tool = evidence.Tool{Name: nasty, Version: long, Command: []string{nasty}}
	for i := range 200 {
		k := evidence.Kind{Kind: fmt.Sprintf("%s%d", nasty, i), Class: long, Coverage: nasty, Source: 1 << 63, Archived: 1 << 63, Imported: 1 << 63, Matched: 1 << 63}
		for j := range 12 {
			k.Fields = append(k.Fields, field(fmt.Sprintf("%s.%d", long[:300], j), 1, 0, 0, 0, uint64(j), 0, 0))
		}
		k.Times = &evidence.Times{Total: 1, MaxSkewMS: -1 << 63}
		k.Links = &evidence.Links{Repairs: []evidence.Repair{{Path: nasty, Count: 1 << 63}, {Path: long, Count: 1 << 63}}}
		k.Excluded, k.TreeRoot.SHA256 = []evidence.Excluded{{Ground: nasty, Why: long}}, long
		p.Kinds = append(p.Kinds, k)
	}
	for i := range p.Losses {
		p.Losses[i].Why, p.Losses[i].Kind = nasty, nasty
	}
	for i := range p.Timing.Phases {
		p.Timing.Phases[i].Seconds, p.Timing.Phases[i].Name = -1e300, nasty
	}
	p.Timing.Phases[0].Seconds = 1e300
	p.Timing.RTOSeconds = 1e308
	p.Timing.Projection.Seconds = -5
	p.Recall.CI95, p.Recall.ChangeCI95 = [2]float64{-1e300, 1e300}, [2]float64{-1e300, 1e300}
	p.Replay = append(p.Replay, evidence.Replayed{Feature: nasty, Level: nasty, CI95: &[2]float64{-1e300, 1e300}})
	p.Continuity.TCS, p.Continuity.RetainedLift = nasty, long
	p.FormatRegister.URI, p.FormatRegister.Absent = nasty, []string{nasty, long}
	p.SecondReader.Name, p.SecondReader.Refused = nasty, long
	p.Erasure.Scope, p.Vectors.Model = long, nasty
	for i := range p.Kinds {
		if f := p.Kinds[i].ISO19941; f != nil {
			f.Semantic, f.Policy = nasty, long
		}
	}
	p.Trend = append(p.Trend, p.Trend...)
	p.Trend = append(p.Trend, evidence.Past{Verdict: nasty, Level: nasty, RTOSeconds: -1})
	for i := range p.Checks {
		p.Checks[i].Why, p.Checks[i].By = nasty+long, nasty
		p.Checks[i].Evidence = []evidence.Subject{{Name: nasty, Digest: evidence.Digest{SHA256: long}}, {Name: long, Digest: evidence.Digest{SHA256: nasty}, Annotations: &evidence.Annotations{Alg: nasty}}}
	}
	p.NotTested = append(p.NotTested, nasty, long)
	p.Safety.SecretFindings = map[string]uint64{nasty: 3}
	p.Findings = append(p.Findings, evidence.Finding{ID: "F-1", Text: nasty}, evidence.Finding{ID: nasty, Text: long})
	return finish(p)
}
