package exitdrill_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters/promptfoo"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/gctest"
	"github.com/exitramp/exitramp/internal/wordembedtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// runner answers tasks, as docs/runner.md says, when this binary is started as one: what the agent of
// each side knows.
func runner(side string) {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var r harness.Request
		if in.Decode(&r) != nil {
			return
		}
		text := "who are you?"
		if side != "cold" && r.State == "mem:"+side {
			text = "you like tea"
		}
		if out.Encode(harness.Answer{ID: r.ID, Output: harness.Encode(text)}) != nil {
			return
		}
	}
}

// asker is a runner whose agent asks a model: what is in the state goes ahead of the question. drift has
// it ask in other words than were recorded.
func asker(side, drift string) {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var r harness.Request
		if in.Decode(&r) != nil {
			return
		}
		state := ""
		if side != "cold" {
			state = "I like tea. "
		}
		body := fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":%q}]}`, drift+state+"What do I like?")
		a := harness.Answer{ID: r.ID}
		resp, err := http.Post(os.Getenv("OPENAI_BASE_URL")+"/chat/completions", "application/json", strings.NewReader(body))
		var said struct {
			Choices []struct{ Message struct{ Content string } }
		}
		if err == nil {
			err = json.NewDecoder(resp.Body).Decode(&said)
			resp.Body.Close()
		}
		if err != nil || len(said.Choices) == 0 {
			a.Error = "no answer"
		} else {
			a.Output = harness.Encode(said.Choices[0].Message.Content)
		}
		if out.Encode(a) != nil {
			return
		}
	}
}

// reader is a second reader: what it says of an archive, or of none.
func reader(what, archive string) {
	if what == "refuse" {
		fmt.Println("digest: data/r/memory/00000001: not as the manifest has it")
		os.Exit(5)
	}
	b, err := os.ReadFile(archive)
	if err != nil {
		panic(err)
	}
	in, err := format.Inspect(bytes.NewReader(b), int64(len(b)), &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		panic(err)
	}
	if what == "miscount" {
		in.Records["memory"]++
	}
	out := map[string]any{"name": "a second program", "manifest_sha256": in.ManifestHex(), "kinds": in.Records}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) >= 3 {
		switch os.Args[1] {
		case "runner":
			runner(os.Args[2])
			return
		case "asker":
			asker(os.Args[2], strings.Join(os.Args[3:], " "))
			return
		case "reader":
			reader(os.Args[2], os.Args[3])
			return
		case "embed":
			if err := wordembedtest.Main(os.Args[2:], os.Stdin, os.Stdout); err != nil {
				panic(err)
			}
			return
		}
	}
	os.Exit(gctest.Main(m))
}

// TestTasks: at L4 the users' tasks decide, and what the state was worth to them is said.
func TestTasks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		target  string
		verdict evidence.Verdict
		result  evidence.Result
		level   string // that the tasks reached
	}{"as before": {"target", evidence.VerdictPass, evidence.Pass, "R5"}, "forgot": {"cold", evidence.VerdictFail, evidence.Fail, "R3"}} {
		p := newPlace(t)
		p.opts.Registry = p.opts.Registry.With(promptfoo.Drivers()...)
		p.write("suite.yaml", "prompts: ['{{q}}']\nproviders: [echo]\ntests:\n  - vars: {q: 'what do I like?'}\n    assert: [{type: contains, value: tea}]\n")
		out := p.run(p.plan("level: L3", "level: L4", "next_review", fmt.Sprintf("tasks: {suite: %q, source: [%q, runner, source], target: [%q, runner, %s], cold: [%q, runner, cold], runs: 2}\nnext_review",
			"promptfoo:"+filepath.Join(p.dir, "suite.yaml"), os.Args[0], os.Args[0], tc.target, os.Args[0])))
		c := out.Predicate.Continuity
		if out.Judgement.Verdict != tc.verdict || check(out, 40).Result != tc.result || c == nil || c.Source != 2 || c.Cold != 0 || c.Runs != 2 || c.Tasks != 1 {
			t.Errorf("%s: %v, %+v, %+v", name, out.Judgement, check(out, 40), c)
		}
		last := out.Predicate.Replay[len(out.Predicate.Replay)-1]
		if last.Feature != evidence.FeatureTasks || last.Level != tc.level || !strings.HasPrefix(check(out, 40).Why, tc.level+", ") {
			t.Errorf("%s: %+v, %s", name, last, check(out, 40).Why)
		}
	}
	// L5 is L4 without the provider, who has to be kept out from outside of the process.
	for enforced, want := range map[bool]evidence.Verdict{true: evidence.VerdictPass, false: evidence.VerdictFail} {
		p := newPlace(t)
		p.opts.Registry = p.opts.Registry.With(promptfoo.Drivers()...)
		p.write("suite.yaml", "prompts: ['{{q}}']\nproviders: [echo]\ntests:\n  - vars: {q: 'what do I like?'}\n    assert: [{type: contains, value: tea}]\n")
		p.run(p.plan("level: L3", "level: L1"))
		p.opts.Blocked = evidence.Block{Method: "empty network namespace", Enforced: enforced}
		out := p.run(p.plan("name: q", "name: s", "mode: planned", "mode: stressed", "level: L3", "level: L5", "next_review", fmt.Sprintf("tasks: {suite: %q, source: [nobody], target: [%q, runner, target]}\nnext_review",
			"promptfoo:"+filepath.Join(p.dir, "suite.yaml"), os.Args[0])))
		if out.Judgement.Verdict != want || check(out, 41).Result != evidence.Untold {
			t.Errorf("enforced %v: %v", enforced, out.Judgement)
		}
	}
	// Without tasks L4 cannot be passed.
	p := newPlace(t)
	if out := p.run(p.plan("level: L3", "level: L4")); out.Judgement.Verdict != evidence.VerdictPartial {
		t.Error(out.Judgement)
	}
}

// tape is what a model said about tea, once.
func tape() *memstate.Runtime {
	rt := memstate.NewRuntime(nil)
	conversation := agentstate.Key("conversation", "tape")
	rt.Set(&pb.Conversation{Meta: &pb.Meta{Key: conversation}})
	for i, m := range []*pb.Message{{Role: pb.Role_ROLE_USER}, {Role: pb.Role_ROLE_ASSISTANT, Model: "m"}} {
		m.Meta, m.ConversationKey, m.Position = agentstate.Meta("message", nil, "tape", fmt.Sprint(i+1)), conversation, uint64(i+1)
		m.Parts = []*pb.Part{{Body: &pb.Part_Text{Text: []string{"I like tea. What do I like?", "You like tea."}[i]}}}
		rt.Set(m)
	}
	return rt
}

// TestCassette: with the model's answers as they were recorded the tasks are R4, and what a side asks
// otherwise than it was recorded is counted.
func TestCassette(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		drift  string
		passed uint64
		result evidence.Result
		say    string
	}{
		"as recorded": {"", 2, evidence.Pass, "R4, with the model's answers as they were recorded; requests as recorded: source 2 of 2, target 2 of 2, cold 0 of 2"},
		"drifted":     {"Well. ", 0, evidence.Fail, "target 0 of 2"},
	} {
		p := newPlace(t)
		p.runtimes["tape"] = tape()
		p.opts.Registry = p.opts.Registry.With(promptfoo.Drivers()...)
		p.write("suite.yaml", "prompts: ['{{q}}']\nproviders: [echo]\ntests:\n  - vars: {q: 'what do I like?'}\n    assert: [{type: contains, value: tea}]\n")
		out := p.run(p.plan("level: L3", "level: L4", "next_review", fmt.Sprintf("tasks: {suite: %q, source: [%q, asker, source], target: [%q, asker, target, %q], cold: [%q, asker, cold], runs: 2, cassette: \"mem:tape\"}\nnext_review",
			"promptfoo:"+filepath.Join(p.dir, "suite.yaml"), os.Args[0], os.Args[0], tc.drift, os.Args[0])))
		c, worth := out.Predicate.Continuity, check(out, 41)
		if c == nil || c.Target != tc.passed || c.Source != 2 || c.Cold != 0 || check(out, 40).Result != tc.result || !strings.Contains(check(out, 40).Why, tc.say) {
			t.Errorf("%s: %+v, %+v", name, c, check(out, 40))
		}
		if name == "as recorded" && (worth.Result != evidence.Pass || !strings.Contains(worth.Why, "retained lift 1.00 = (2/2 - 0/2) / (2/2 - 0/2)") || c.TCS == "") {
			t.Errorf("%+v", worth)
		}
		rows := out.Predicate.Replay
		i := slices.IndexFunc(rows, func(r evidence.Replayed) bool { return r.Feature == "tasks" })
		if i < 0 || rows[i].Level != map[uint64]string{2: "R4", 0: "R3"}[tc.passed] { // where none passed, the state alone is alike
			t.Fatalf("%+v", rows)
		}
		// A target that is asked in other words gets no answer, and so none that is like the source's.
		if x := rows[i]; x.Equal == nil || *x.Equal != tc.passed || x.Shared == nil || !*x.Shared || x.CI95 == nil || x.CI95[0] > float64(x.Passed)/2 || x.CI95[1] < float64(x.Passed)/2 || x.CI95[1]-x.CI95[0] < 0.5 {
			t.Errorf("%s: %+v", name, x)
		}
	}
}

// TestNoCassette: that the model cannot be played is seen before anything is done.
func TestNoCassette(t *testing.T) {
	p := newPlace(t)
	p.opts.Registry = p.opts.Registry.With(promptfoo.Drivers()...)
	p.write("suite.yaml", "prompts: [a]\nproviders: [echo]\ntests:\n  - assert: [{type: contains, value: tea}]\n")
	pl := p.plan("level: L3", "level: L4", "next_review", fmt.Sprintf("tasks: {suite: %q, target: [%q], cassette: DIR/none.ctxa}\nnext_review",
		"promptfoo:"+filepath.Join(p.dir, "suite.yaml"), os.Args[0]))
	for name, do := range map[string]func() error{
		"dry run": func() error { return exitdrill.Check(t.Context(), pl, &p.opts) },
		"drill": func() error {
			_, err := exitdrill.Run(t.Context(), pl, &p.opts)
			return err
		},
	} {
		if err := do(); err == nil || errors.Is(err, drill.ErrBroken) || !strings.Contains(err.Error(), "tasks.cassette") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(pl.Archive); err == nil {
		t.Error("something was exported")
	}
}
