package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// good is a drill of level L3 at which nothing is wrong.
func good() *Predicate {
	p := &Predicate{
		Drill:            Drill{ID: "q4", Exercise: true, Mode: Stressed, Level: L3, ProviderBlocked: Block{Method: "empty network namespace", Enforced: true}},
		Source:           Runtime{Product: "langgraph"},
		Target:           Runtime{Product: "memstate"},
		Archive:          Archive{ManifestSHA256: strings.Repeat("ab", 32), Coverage: "RECONCILED"},
		NegativeControls: []NegativeControl{{What: "flipped byte", Expected: "digest", Observed: "digest"}},
		Kinds: []Kind{{
			Kind: "memory", Class: "enumerated", Coverage: "RECONCILED", Source: 10, Archived: 10, Imported: 7, Matched: 6, Announced: 1,
			Quarantined: 1, Refused: 1, Skipped: 1, Fields: []Field{{Path: "text", Present: 7, Exact: 6, Dropped: 1}},
		}},
		Losses: []Loss{}, NotTested: []string{}, Limits: []string{},
	}
	for _, s := range Statements() {
		p.Checks = append(p.Checks, Check{ID: s.ID, Result: Pass, Basis: Measured, Why: "seen"})
	}
	return p
}

func (p *Predicate) answer(id string, r Result) *Check {
	i := slices.IndexFunc(p.Checks, func(c Check) bool { return c.ID == id })
	p.Checks[i].Result = r
	return &p.Checks[i]
}

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(*Predicate)
		want Verdict
		why  string // part of a reason; empty: no reason
	}{
		{"nothing wrong", func(p *Predicate) {}, VerdictPass, ""},
		{"a gate of a higher level failed", func(p *Predicate) { p.answer("AC-40", Fail) }, VerdictPassWithLoss, "AC-40, no gate at L3"},
		{"what is no gate failed", func(p *Predicate) { p.answer("AC-30", Fail) }, VerdictPassWithLoss, "AC-30, no gate at L3"},
		{"warn", func(p *Predicate) { p.answer("AC-34", Warn) }, VerdictPassWithLoss, "AC-34"},
		{"coverage unknown", func(p *Predicate) { p.Kinds[0].Coverage = "UNKNOWN" }, VerdictPassWithLoss, "memory"},
		{"coverage unknown, none seen", func(p *Predicate) { // a denial looks like emptiness
			p.Kinds = append(p.Kinds, Kind{Kind: "skill", Class: "enumerated", Coverage: "UNKNOWN"})
		}, VerdictPassWithLoss, "skill: coverage UNKNOWN, class enumerated"},
		{"coverage unknown, left out", func(p *Predicate) {
			p.Kinds = append(p.Kinds, Kind{Kind: "skill", Class: "excluded", Coverage: "UNKNOWN"})
		}, VerdictPassWithLoss, "skill: coverage UNKNOWN, class excluded"},
		{"coverage unknown, of what the runtime has not", func(p *Predicate) {
			p.Kinds = append(p.Kinds, Kind{Kind: "skill", Class: "absent", Coverage: "UNKNOWN"})
		}, VerdictPass, ""},
		{"said to be absent, and some are there", func(p *Predicate) { p.Kinds[0].Class, p.Kinds[0].Coverage = "absent", "UNKNOWN" }, VerdictPassWithLoss, "memory: coverage UNKNOWN, class absent"},
		{"said to be absent, and some are missing", func(p *Predicate) {
			p.Kinds = append(p.Kinds, Kind{Kind: "skill", Class: "absent", Coverage: "UNKNOWN", Gaps: 1})
		}, VerdictPassWithLoss, "skill: coverage UNKNOWN, class absent"},
		{"no word for coverage", func(p *Predicate) { p.Kinds[0].Coverage = "" }, VerdictPassWithLoss, "memory"},
		{"ids that somebody gave", func(p *Predicate) { p.Kinds[0].Class = "caller_ids" }, VerdictPassWithLoss, "caller_ids"},
		{"not tested", func(p *Predicate) { p.answer("AC-33", Untold) }, VerdictPartial, "AC-33: not tested"},
		{"warn and not tested", func(p *Predicate) { p.answer("AC-34", Warn); p.answer("AC-33", Untold) }, VerdictPartial, "AC-33"},
		{"a word that is no result", func(p *Predicate) { p.answer("AC-33", "passed") }, VerdictPartial, "AC-33"},
		{"a pass on no basis", func(p *Predicate) { p.answer("AC-33", Pass).Basis = "" }, VerdictPartial, "on no basis"},
		{"a warning on a basis that is none", func(p *Predicate) { p.answer("AC-33", Warn).Basis = "hope" }, VerdictPartial, "on no basis"},
		{"a check is missing", func(p *Predicate) {
			p.Checks = slices.DeleteFunc(p.Checks, func(c Check) bool { return c.ID == "AC-33" })
		}, VerdictPartial, "no such check"},
		{"no checks", func(p *Predicate) { p.Checks = nil }, VerdictPartial, "no such check"},
		{"a known answer is lost", func(p *Predicate) { p.Kinds[0].Canaries = Canaries{Planted: 2, Recovered: new(uint64(1))} }, VerdictFail, "1 of 2 known answers"},
		{"nobody looked for a known answer", func(p *Predicate) { p.Kinds[0].Canaries = Canaries{Planted: 2} }, VerdictPartial, "nobody looked for 2 known answers"},
		{"known answers are found", func(p *Predicate) { p.Kinds[0].Canaries = Canaries{Planted: 2, Recovered: new(uint64(2))} }, VerdictPass, ""},
		{"more known answers found than planted", func(p *Predicate) { p.Kinds[0].Canaries = Canaries{Planted: 1, Recovered: new(uint64(2))} }, VerdictInvalid, "1 known answers planted, and 2 found"},
		{"ended before it began", func(p *Predicate) { p.Drill.StartedAt = time.Unix(9, 0) }, VerdictInvalid, "before it began"},
		{"a recovery time below 0", func(p *Predicate) { p.Timing.RTOSeconds = -1 }, VerdictInvalid, "recovery time of -1 s"},
		{"a phase below 0", func(p *Predicate) { p.Timing.Phases = []Phase{{Name: "verify", Seconds: -2}} }, VerdictInvalid, "verify took -2 s"},
		{"recovery time passed, and too long", func(p *Predicate) { p.Timing.RTOSeconds, p.Targets.RTOSeconds = 20, 10 }, VerdictInvalid, "AC-42 says pass, and recovery took 20 s of 10 s"},
		{"recovery point passed, and too old", func(p *Predicate) {
			p.Timing.RPOSeconds, p.Targets.RPOSeconds = map[string]uint64{"memory": 9, "message": 2}, map[string]uint64{"message": 2, "*": 8}
		}, VerdictInvalid, "the recovery point of memory is 9 s of 8 s"},
		{"recovery failed, as its time says", func(p *Predicate) {
			p.answer("AC-42", Fail)
			p.Timing.RTOSeconds, p.Targets.RTOSeconds = 20, 10
		}, VerdictFail, "AC-42"},
		{"failed", func(p *Predicate) { p.answer("AC-33", Fail) }, VerdictFail, "AC-33"},
		{"failed, and not tested after", func(p *Predicate) { p.answer("AC-33", Fail); p.answer("AC-38", Untold) }, VerdictFail, "AC-33"},
		{"a control accepted", func(p *Predicate) { p.NegativeControls[0].Observed = "" }, VerdictFail, "flipped byte"},
		{"a control refused as another", func(p *Predicate) { p.NegativeControls[0].Observed = "limit" }, VerdictFail, "flipped byte"},
		{"a control that expects nothing", func(p *Predicate) { p.NegativeControls[0] = NegativeControl{What: "x"} }, VerdictFail, "control x"},
		{"widened", func(p *Predicate) { p.Authority.Widened = 1 }, VerdictFail, "widened"},
		{"raised", func(p *Predicate) { p.Authority.Raised = 1 }, VerdictFail, "raised"},
		{"revived", func(p *Predicate) { p.Safety.Revived = 1 }, VerdictFail, "revived"},
		{"injected", func(p *Predicate) { p.Safety.InjectionEffective = 1 }, VerdictFail, "planted"},
		{"two that add up to none", func(p *Predicate) { p.Safety.Revived, p.Authority.Widened = 1<<63, 1<<63 }, VerdictFail, "revived"},
		{"L5, blocked", func(p *Predicate) { p.Drill.Level = L5 }, VerdictPass, ""},
		{"L5, not blocked from outside", func(p *Predicate) { p.Drill.Level = L5; p.Drill.ProviderBlocked.Enforced = false }, VerdictFail, "BLOCK"},
		{"L5, planned", func(p *Predicate) { p.Drill.Level = L5; p.Drill.Mode = Planned }, VerdictFail, "BLOCK"},
		{"stopped", func(p *Predicate) { p.Drill.Stopped = &Stop{Phase: "verify", Class: "digest", Why: "flipped"} }, VerdictFail, "ended in verify"},
		{"stopped before the archive was known", func(p *Predicate) {
			p.Drill.Stopped = &Stop{Phase: "verify", Why: "no such file"}
			p.Archive, p.Kinds, p.NegativeControls, p.Checks = Archive{}, nil, nil, nil
		}, VerdictFail, "no such file"},
		{"stopped, and a count that does not fit", func(p *Predicate) {
			p.Drill.Stopped = &Stop{Phase: "read back"}
			p.Kinds[0].Matched--
		}, VerdictInvalid, "7 imported, and 6"},

		{"people who arrived, and are in no kind", func(p *Predicate) { p.Identity = &Identity{Records: 7, Principals: 3, Arrived: 3} }, VerdictInvalid, "3 of 3 principals arrived, and by their kind 0 of 0"},
		{"more new ids than records", func(p *Predicate) { p.Identity = &Identity{Records: 1, Renamed: 2} }, VerdictInvalid, "2 of them under another id"},
		{"ids of more records than were read back", func(p *Predicate) { p.Identity = &Identity{Records: 8} }, VerdictInvalid, "8 read back, and by their kinds 7"},
		{"ids that are one, of records that came", func(p *Predicate) { p.Identity = &Identity{Records: 7, Merged: 1} }, VerdictInvalid, "1 had an id that was taken, and by their kinds 0 are missing"},
		{"more names mapped than there are", func(p *Predicate) {
			n, of := uint64(2), uint64(1)
			p.Identity = &Identity{Records: 7, Mapped: &n, Named: &of}
		}, VerdictInvalid, "than it was asked for"},
		{"ids that agree", func(p *Predicate) { p.Identity = &Identity{Records: 7, Renamed: 7} }, VerdictPass, ""},
		{"no exercise", func(p *Predicate) { p.Drill.Exercise = false }, VerdictInvalid, "exercise"},
		{"no mode", func(p *Predicate) { p.Drill.Mode = "" }, VerdictInvalid, "mode"},
		{"no level", func(p *Predicate) { p.Drill.Level = "L0" }, VerdictInvalid, "L0"},
		{"no digest", func(p *Predicate) { p.Archive.ManifestSHA256 = "" }, VerdictInvalid, "digest"},
		{"no negative control", func(p *Predicate) { p.NegativeControls = nil }, VerdictInvalid, "negative control"},
		{"no kind", func(p *Predicate) { p.Kinds = nil }, VerdictInvalid, "kind"},
		{"a kind twice", func(p *Predicate) { p.Kinds = append(p.Kinds, p.Kinds[0]) }, VerdictInvalid, "memory is counted twice"},
		{"a gate answered twice", func(p *Predicate) { p.Checks = append(p.Checks, Check{ID: "AC-33", Result: Pass}) }, VerdictInvalid, "AC-33 is answered twice"},
		{"archived is not accounted for", func(p *Predicate) { p.Kinds[0].Archived++ }, VerdictInvalid, "11 archived, and 10"},
		{"no target, so nothing to account for", func(p *Predicate) {
			p.Drill.Level, p.Target, p.Kinds[0] = L2, Runtime{}, Kind{Kind: "memory", Coverage: "LISTED", Archived: 9}
		}, VerdictPass, ""},
		{"imported is not accounted for", func(p *Predicate) { p.Kinds[0].Matched-- }, VerdictInvalid, "7 imported, and 6"},
		{"fields are not accounted for", func(p *Predicate) { p.Kinds[0].Fields[0].Dropped = 0 }, VerdictInvalid, "memory.text: 7 present, and 6"},
		{"an overflow that would fit", func(p *Predicate) {
			p.Kinds[0].Fields[0] = Field{Path: "text", Present: 6, Exact: math.MaxUint64, Dropped: 7}
		}, VerdictInvalid, "memory.text"},
		{"broken and failed", func(p *Predicate) { p.answer("AC-33", Fail); p.Drill.Exercise = false }, VerdictInvalid, "exercise"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := good()
			tc.do(p)
			j := p.Judge(DefaultGates())
			if j.Verdict != tc.want {
				t.Errorf("verdict %s, want %s: %q", j.Verdict, tc.want, j.Reasons)
			}
			if all := strings.Join(j.Reasons, "\n"); tc.why == "" && all != "" || !strings.Contains(all, tc.why) {
				t.Errorf("reasons %q, want %q", j.Reasons, tc.why)
			}
			if (j.Verdict == VerdictPass) != (j.Held == j.Gates && len(j.Reasons) == 0) {
				t.Errorf("%s, and %d of %d gates held: %q", j.Verdict, j.Held, j.Gates, j.Reasons)
			}
		})
	}
}

// TestBeside: a drill of which every gate held, and that fails all the same, says by what.
func TestBeside(t *testing.T) {
	for want, do := range map[string]func(*Predicate){
		"FAIL at L3: 18 of 18 gates, failed by authority":                func(p *Predicate) { p.Authority.Raised = 1 },
		"FAIL at L3: 18 of 18 gates, failed by its end in tear-down":     func(p *Predicate) { p.Drill.Stopped = &Stop{Phase: "tear-down"} },
		"FAIL at L3: 18 of 18 gates, failed by known answers of memory":  func(p *Predicate) { p.Kinds[0].Canaries = Canaries{Planted: 1, Recovered: new(uint64)} },
		"FAIL at L3: 18 of 18 gates, failed by control x, control other": func(p *Predicate) { p.NegativeControls = []NegativeControl{{What: "x"}, {What: "other"}} },
		"FAIL at L3: 17 of 18 gates":                                     func(p *Predicate) { p.Authority.Raised = 1; p.answer("AC-33", Fail) },
	} {
		p := good()
		do(p)
		if got := p.Word(DefaultGates()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWord(t *testing.T) {
	p := good()
	if got, want := p.Word(DefaultGates()), "PASS at L3, 18 gates"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.answer("AC-33", Fail)
	if got, want := p.Word(DefaultGates()), "FAIL at L3: 17 of 18 gates"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each level has the gates of those below it, and each gate is a statement.
func TestGates(t *testing.T) {
	g, known := DefaultGates(), map[string]bool{blockGate: true}
	for _, s := range Statements() {
		known[s.ID] = true
	}
	n := 0
	for _, l := range []Level{L1, L2, L3, L4, L5} {
		at := g.At(l)
		if len(at) <= n {
			t.Errorf("%s: %d gates, and %d below it", l, len(at), n)
		}
		n = len(at)
		for _, id := range at {
			if !known[id] {
				t.Errorf("%s: gate %s is no statement", l, id)
			}
		}
	}
	if g.At("L0") != nil || g.At("") != nil {
		t.Error("an unknown level has gates")
	}
}

func TestCatalog(t *testing.T) {
	c := DefaultCatalog()
	if len(c.Statements) != 46 || c.Date == "" || c.Note == "" {
		t.Errorf("%d statements, date %q, note %q", len(c.Statements), c.Date, c.Note)
	}
	used, known := map[string]bool{}, map[string]bool{}
	for _, k := range c.Controls {
		if known[k.ID] || k.Framework == "" || k.Ref == "" || k.Title == "" || !slices.Contains([]string{"primary", "secondary", "not checked"}, k.Read) {
			t.Errorf("control %+v", k)
		}
		known[k.ID] = true
	}
	for i, s := range c.Statements {
		if s.ID != fmt.Sprintf("AC-%d", i+1) || s.Text == "" || s.Section == "" || len(s.InputTo) == 0 {
			t.Errorf("statement %d: %+v", i+1, s)
		}
		for _, id := range s.InputTo {
			if used[id] = true; !known[id] {
				t.Errorf("%s is input to %s, which is no control", s.ID, id)
			}
		}
	}
	pairs := 0
	for _, o := range c.Obligations() {
		if !known[o.Source] || len(o.Checks) == 0 {
			t.Errorf("obligation %+v", o)
		}
		pairs += len(o.Checks)
	}
	for _, s := range c.Statements {
		pairs -= len(s.InputTo)
	}
	if pairs != 0 {
		t.Errorf("obligations and statements differ by %d", pairs)
	}
	for reason, id := range c.Obstacles {
		if _, ok := pb.Gap_Reason_value["REASON_"+strings.ToUpper(reason)]; !ok || !known[id] {
			t.Errorf("obstacle %s is input to %s: no such reason, or no such control", reason, id)
		}
	}
	for _, k := range c.Assets {
		if !slices.Contains(agentstate.StateKinds(), k) {
			t.Errorf("digital asset %s is no kind", k)
		}
	}
	if c.DataClass("tool") != DataAsset || c.DataClass("message") != DataExportable {
		t.Errorf("tool: %s, message: %s", c.DataClass("tool"), c.DataClass("message"))
	}
	for id := range known {
		if !used[id] {
			t.Errorf("no statement is input to %s", id)
		}
	}
	for _, raw := range [][]byte{statementsJSON, controlsJSON} {
		for _, word := range []string{"satisf", "comply", "complian", "guarantee", "certif", "identical", "lossless"} {
			if bytes.Contains(bytes.ToLower(raw), []byte(word)) {
				t.Errorf("data says %q", word)
			}
		}
	}
}

func TestSurvival(t *testing.T) {
	k := good().Kinds[0]
	if a, d := k.Survival(); a != 7 || d != 8 {
		t.Errorf("%d of %d, want 7 of 8", a, d)
	}
	k.Before = 2
	if a, d := k.Survival(); a != 5 || d != 6 {
		t.Errorf("%d of %d, want 5 of 6 where 2 were there before", a, d)
	}
	k.Before = 99
	if a, d := k.Survival(); a != 0 || d != 0 {
		t.Errorf("%d of %d, want 0 of 0", a, d)
	}
}

func statement(t testing.TB, p *Predicate) []byte {
	t.Helper()
	p.Verdict = p.Judge(DefaultGates()).Verdict
	b, err := json.Marshal(&Statement{
		Type: StatementType, PredicateType: PredicateType, Predicate: p,
		Subject: []Subject{{Name: "manifest.json", Digest: Digest{SHA256: p.Archive.ManifestSHA256}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
