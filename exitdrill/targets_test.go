package exitdrill_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestHeld: without approvals, nothing that gives power arrives, and that is a loss that is said.
func TestHeld(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {}"))
	a := out.Predicate.Authority
	if a.Reproduced != 0 || a.Reduced == 0 || len(a.Reconsent) == 0 || a.Widened != 0 {
		t.Errorf("%+v", a)
	}
	waiting := uint64(0) // words of the operator and the like, too: not grants alone
	for _, k := range out.Predicate.Kinds {
		waiting += k.Quarantined
	}
	files, err := report.Artifacts(&evidence.Statement{Predicate: out.Predicate})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(files, func(f report.File) bool { return f.Name == "csv/safety.csv" })
	if want := fmt.Sprintf("grants_reconsent,%d,,", waiting); i < 0 || !strings.Contains(string(files[i].Data), want) || !strings.Contains(check(out, 29).Why, fmt.Sprintf("%d records wait", waiting)) {
		t.Errorf("want %s, got %s; %s", want, files[i].Data, check(out, 29).Why)
	}
	if k := kind(out, "toolgrant"); k.Quarantined != 1 || k.Imported != 0 {
		t.Errorf("%+v", k)
	}
	if v := out.Judgement.Verdict; v != evidence.VerdictPassWithLoss {
		t.Errorf("%s %v", v, out.Judgement.Reasons)
	}
}

// TestTargets: what a target does to a state ends in the verdict, and in the statement that it is about.
func TestTargets(t *testing.T) {
	t.Parallel()
	memory := func(r agentstate.Record, f func(*pb.Memory)) []fidelity.Loss {
		if m, ok := r.(*pb.Memory); ok {
			f(m)
		}
		return nil
	}
	for name, tc := range loadtest.Rows(map[string]struct {
		rt      memstate.RuntimeOptions
		set     []agentstate.Record
		edit    []string
		slow    bool // every look at the clock is 20 minutes after the one before
		verdict evidence.Verdict
		fails   []int
	}{
		"own ids": {rt: memstate.RuntimeOptions{OwnIDs: true}, verdict: evidence.VerdictPass},
		"refuses one": {rt: memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
			if r.GetMeta().Key == "memory/ada/0002" {
				return "too long"
			}
			return ""
		}}, verdict: evidence.VerdictFail, fails: []int{33}},
		"refuses one and that is good enough": {rt: memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
			if r.GetMeta().Key == "memory/ada/0002" {
				return "too long"
			}
			return ""
		}}, edit: []string{`rpo: {"*": 30000d}`, `rpo: {"*": 30000d}, survival: 0.9`}, verdict: evidence.VerdictPassWithLoss},
		"keeps less and says so": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			m, ok := r.(*pb.Memory)
			if !ok {
				return nil
			}
			m.Tags = nil
			return []fidelity.Loss{{Key: m.Meta.Key, Path: "tags", Grade: fidelity.Dropped, Why: "no tags here"}}
		}}, verdict: evidence.VerdictPassWithLoss},
		"keeps less and does not say so": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			return memory(r, func(m *pb.Memory) { m.Tags = nil })
		}}, verdict: evidence.VerdictFail, fails: []int{33, 34}},
		"loses a known answer": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			return memory(r, func(m *pb.Memory) { m.Content = &pb.Memory_Text{Text: "x"} })
		}}, verdict: evidence.VerdictFail, fails: []int{11, 33, 34}},
		"raises a role": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			if m, ok := r.(*pb.Message); ok && m.Role == pb.Role_ROLE_TOOL {
				m.Role = pb.Role_ROLE_SYSTEM
			}
			return nil
		}}, verdict: evidence.VerdictFail, fails: []int{29, 33, 34, 38}},
		"widens a grant": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			if g, ok := r.(*pb.ToolGrant); ok {
				g.ApprovalMode = pb.ToolGrant_APPROVAL_MODE_NEVER
			}
			return nil
		}}, verdict: evidence.VerdictFail, fails: []int{29, 33, 34}},
		"takes an instruction for the operator's": {rt: memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			return memory(r, func(m *pb.Memory) { m.Form = pb.Memory_FORM_BLOCK })
		}}, edit: []string{"contains: likes tea 0003", "contains: likes tea 0003, injection: true"}, verdict: evidence.VerdictFail, fails: []int{29, 33, 34, 38}},
		"forgets a result": {rt: memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
			if m, ok := r.(*pb.Message); ok && m.NativeId == "0006" {
				return "no"
			}
			return ""
		}}, edit: []string{`rpo: {"*": 30000d}`, `rpo: {"*": 30000d}, survival: 0.9`}, verdict: evidence.VerdictPassWithLoss},
		"is not empty": {set: []agentstate.Record{&pb.Memory{Meta: agentstate.Meta("memory", nil, "other"), Content: &pb.Memory_Text{Text: "likes tea 0003"}}},
			verdict: evidence.VerdictPass},
		"holds something else": {set: []agentstate.Record{&pb.Memory{Meta: agentstate.Meta("memory", nil, "ada", "0003"), Content: &pb.Memory_Text{Text: "likes tea 0003, too"}}},
			verdict: evidence.VerdictFail, fails: []int{11, 33}},
		"too slow":  {slow: true, verdict: evidence.VerdictFail, fails: []int{42}},
		"too old":   {edit: []string{`rpo: {"*": 30000d}`, `rpo: {memory: 1d}`}, verdict: evidence.VerdictFail, fails: []int{42}},
		"too much":  {edit: []string{"next_review", "full_volume_records: 18446744073709551615\nnext_review"}, verdict: evidence.VerdictFail, fails: []int{42}},
		"no review": {edit: []string{"next_review: 2099-01-01", ""}, verdict: evidence.VerdictPartial},
		"missing":   {edit: []string{"promised_kinds: [memory, message]", "promised_kinds: [memory, message, skill]"}, verdict: evidence.VerdictPass},
	}, "own ids", "refuses one", "refuses one and that is good enough", "keeps less and says so", "loses a known answer", "raises a role", "is not empty", "holds something else", "too slow", "too old", "too much", "no review") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.runtimes["target"] = memstate.NewRuntime(&tc.rt)
			for _, r := range tc.set {
				p.runtimes["target"].Set(r)
			}
			if tc.slow {
				at := time.Now()
				p.opts.Now = func() time.Time { at = at.Add(20 * time.Minute); return at }
			}
			out := p.run(p.plan(tc.edit...))
			if name == "refuses one" && !slices.ContainsFunc(out.Predicate.Losses, func(l evidence.Loss) bool { return l.Why == "refused by the target: too long" && l.Count == 1 }) {
				t.Errorf("nobody says why: %+v", out.Predicate.Losses)
			}
			var fails []int
			for i, c := range out.Predicate.Checks {
				if c.Result == evidence.Fail {
					fails = append(fails, i+1)
				}
			}
			if out.Judgement.Verdict != tc.verdict || !slices.Equal(fails, tc.fails) {
				t.Errorf("%s, failed %v: %v", out.Judgement.Verdict, fails, out.Judgement.Reasons)
			}
		})
	}
}

// TestParties: one key in two roles is nobody independent.
func TestParties(t *testing.T) {
	t.Parallel()
	for parties, want := range map[string]evidence.Result{
		"{operator: {name: a, key: k1}, observer: {name: b, key: k2}, approver: {name: c, key: k3}}": evidence.Pass,
		"{operator: {name: a, key: k1}, observer: {name: b, key: k2}, approver: {name: c, key: k1}}": evidence.Warn,
		"{operator: {name: a, key: SIGNER}, observer: {name: b}, approver: {name: c}}":               evidence.Warn,
		"{operator: {name: a, key: \"SHORT\"}, observer: {name: b}, approver: {name: c}}":            evidence.Warn,
		"{operator: {name: a, key: \"CAPITALS\"}, observer: {name: b}, approver: {name: c}}":         evidence.Warn,
		"{operator: {name: a}, observer: {name: a}, approver: {name: c}}":                            evidence.Warn,
		"{operator: {name: Ops  team}, observer: {name: ops team}, approver: {name: c}}":             evidence.Warn,
		"{operator: {name: a}, observer: {name: b}}":                                                 evidence.Untold,
	} {
		p := newPlace(t)
		b, err := os.ReadFile(filepath.Join(p.dir, "ops.key.pub"))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := format.ParseTrust(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		id := keys[0].ID
		parties = strings.NewReplacer("SIGNER", id, "SHORT", id[:16], "CAPITALS", strings.ToUpper(id[:2]+":"+id[2:])).Replace(parties)
		out := p.run(p.plan("level: L3", "level: L1", "next_review", "hypothesis: h\nstop_conditions: [s]\nparties: "+parties+"\nnext_review"))
		if c := check(out, 5); c.Result != want {
			t.Errorf("%s: %+v", parties, c)
		}
	}
}

// TestMap: a drill renames on the way, and finds a known answer under its new name.
func TestMap(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("map.yaml", "principals: {ada: eve}\ntools: {refund: repay}\n")
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, map: DIR/map.yaml}", "{key: message/t1/0002, contains: order 1}", "{key: principal/ada}"))
	if k := kind(out, "principal"); k.Canaries.Recovered == nil || *k.Canaries.Recovered != 1 || check(out, 11).Result != evidence.Pass {
		t.Errorf("%+v %+v", k, check(out, 11))
	}
	if v := out.Judgement.Verdict; v != evidence.VerdictPass && v != evidence.VerdictPassWithLoss {
		t.Error(out.Judgement)
	}
}

// TestHold: a record that was asked to be erased and is under a legal hold waits for a person.
func TestHold(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("erased", "memory/ada/0002\nmemory/ada/0004\n")
	p.write("hold", "memory/ada/0002\n")
	out := p.run(p.plan("replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, tombstones: [DIR/erased], holds: [DIR/hold]}"))
	if k := kind(out, "memory"); k.Quarantined != 1 || k.Skipped != 1 || k.Matched != 4 {
		t.Errorf("%+v", k)
	}
	if s := out.Predicate.Safety; s.Revived != 0 || len(out.Predicate.Authority.Reconsent) == 0 || out.Judgement.Verdict == evidence.VerdictFail {
		t.Errorf("%+v, %v", s, out.Judgement)
	}
	if !slices.ContainsFunc(out.Predicate.Losses, func(l evidence.Loss) bool { return l.Kind == "memory" && l.Grade == "quarantined" && l.Count == 1 }) {
		t.Errorf("%+v", out.Predicate.Losses)
	}
}

// TestHoldTearDown: what was replayed and is under a legal hold is not taken out again, and the report says so.
func TestHoldTearDown(t *testing.T) {
	t.Parallel()
	for hold, stays := range map[string]bool{"memory/ada/0002": true, "memory/nobody": false} {
		p := newPlace(t)
		p.write("hold", hold+"\n")
		out := p.run(p.plan("keep: true", "keep: false", "replay: {approve: DIR/approvals}", "replay: {approve: DIR/approvals, holds: [DIR/hold]}"))
		said := strings.Join(out.Predicate.Limits, " ")
		if (p.runtimes["target"].Len() > 0) != stays || strings.Contains(said, "some of it is under a legal hold") != stays || out.Judgement.Verdict != evidence.VerdictPass {
			t.Errorf("%s: %d records left, %s, %+v", hold, p.runtimes["target"].Len(), said, out.Judgement)
		}
		const none = "In the archive there is nothing under 1 of the 1 keys under a legal hold: of something else, or misspelt."
		if hints := strings.Join(out.Hints, " "); strings.Contains(hints, "a person decides") != stays || strings.Contains(hints, none) == stays || strings.Contains(said, none) == stays {
			t.Errorf("%s: %s", hold, hints)
		}
	}
}

// TestStillExtracting: where a service concludes memories from messages some time later, the evidence says
// up to when it had.
func TestStillExtracting(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		memory, message int64
		derivation      pb.Derivation
		said            bool
	}{
		"behind":       {1764000000, 1764000300, pb.Derivation_DERIVATION_INFERRED, true},
		"caught up":    {1764000300, 1764000000, pb.Derivation_DERIVATION_INFERRED, false},
		"said by them": {1764000000, 1764000300, pb.Derivation_DERIVATION_PROVIDED, false},
	} {
		p := newPlace(t)
		rt := memstate.NewRuntime(nil)
		rt.Set(&pb.Memory{Meta: &pb.Meta{Key: "memory/m", CreatedUnixNano: tc.memory * 1e9, Derivation: tc.derivation}, Content: &pb.Memory_Text{Text: "likes tea 0003"}})
		rt.Set(&pb.Conversation{Meta: &pb.Meta{Key: "conversation/t1"}})
		rt.Set(&pb.Message{Meta: &pb.Meta{Key: "message/t1/0002", CreatedUnixNano: tc.message * 1e9}, ConversationKey: "conversation/t1", Role: pb.Role_ROLE_USER,
			Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "order 1"}}}})
		p.runtimes["source"] = rt
		out := p.run(p.plan())
		said := strings.Join(out.Predicate.Limits, " ")
		if strings.Contains(said, "what the service still concludes") != tc.said || tc.said && !strings.Contains(said, "2025-11-24 16:00:00 UTC, the newest message of 2025-11-24 16:05:00 UTC") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// TestUnknownAnswer: whoever named an answer that is not in the archive is told so, and looks for it at the source.
func TestUnknownAnswer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		contains, alter string
		away            bool
	}{"lost on the way": {"likes tea 0003", "x", false}, "never there": {"likes mate", "", true}} {
		p := newPlace(t)
		p.runtimes["target"] = memstate.NewRuntime(&memstate.RuntimeOptions{Alter: func(r agentstate.Record) []fidelity.Loss {
			if m, ok := r.(*pb.Memory); ok && tc.alter != "" {
				m.Content = &pb.Memory_Text{Text: tc.alter}
			}
			return nil
		}})
		out := p.run(p.plan("likes tea 0003", tc.contains))
		if c := check(out, 11); c.Result != evidence.Fail || strings.Contains(c.Why, "1 of them are not in the archive") != tc.away {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestSeenWhole: vectors that lie in the target are compared with the archive's first, and the evidence speaks of
// all records of the archive nevertheless.
func TestSeenWhole(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.runtimes["target"].Set(&pb.Memory{Meta: agentstate.Meta("memory", nil, "other"), Content: &pb.Memory_Text{Text: "likes tea"}})
	p.runtimes["target"].Set(&pb.Embedding{Meta: agentstate.Meta("embedding", nil, "other"), OfKey: "memory/other", Model: "e1", Dimensions: 2, Element: pb.Embedding_ELEMENT_FLOAT32, Vector: make([]byte, 8)})
	out := p.run(p.plan())
	if s := out.Predicate.Drill.Stopped; s != nil || kind(out, "memory").SourceForm == "" {
		t.Errorf("%+v, %+v", s, kind(out, "memory"))
	}
}

// TestDoubled: a target that gives a record twice is read to the end, and the drill fails for it by name of the kind.
func TestDoubled(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.opts.Registry = exporters.NewRegistry(exporters.Driver{Scheme: "mem", URL: "mem:name", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		if u.Opaque == "target" {
			return doubled{p.runtimes["target"]}, nil
		}
		return p.runtimes[u.Opaque], nil
	}})
	out := p.run(p.plan())
	k := kind(out, "memory")
	if k.Missing != 0 || k.Extra != 1 || k.Duplicates == nil || *k.Duplicates != 1 || out.Judgement.Verdict != evidence.VerdictFail {
		t.Errorf("%+v, %+v", k, out.Judgement)
	}
	for n, want := range map[int]string{13: "extra 1, by kind in the table; of the extra ones 1 are under a key", 33: "beyond the one that was due under its key: 1", 40: "R2"} {
		if c := check(out, n); !strings.Contains(c.Why, want) || (c.Result == evidence.Fail) != (n == 33) {
			t.Errorf("%d: %+v", n, c)
		}
	}
}

// doubled gives one memory twice.
type doubled struct{ *memstate.Runtime }

func (d doubled) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range d.Runtime.Records(ctx, o) {
			if !yield(r, err) || err == nil && r.GetMeta().Key == "memory/ada/0003" && !yield(r, nil) {
				return
			}
		}
	}
}

func (d doubled) Lend(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return d.Records(ctx, o)
}
