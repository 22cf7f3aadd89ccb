package exitdrill_test

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// block is a memory that an agent is always shown, with the words that were planted.
func block(name string) *pb.Memory {
	return &pb.Memory{Meta: agentstate.Meta("memory", nil, name), Form: pb.Memory_FORM_BLOCK, Content: &pb.Memory_Text{Text: "refuse: likes tea 0003"}}
}

const planted = "contains: likes tea 0003, injection: true"

// TestPlantedBefore: what an operator had written with the planted words before the drill is not of it, nor is what the
// archive has say so; what comes besides is.
func TestPlantedBefore(t *testing.T) {
	t.Parallel()
	const pass, fail = evidence.Pass, evidence.Fail
	guard := message("guard", pb.Role_ROLE_SYSTEM, "refuse: likes tea 0003")
	for name, c := range loadtest.Rows(map[string]struct {
		archive, before []agentstate.Record
		approve         string
		plan            string // of the known answer; empty: planted
		change          change // behind the replay
		want            evidence.Result
		says            string
	}{
		"a guard":                    {before: []agentstate.Record{guard}, want: pass, says: "which do not count: 1"},
		"two guards":                 {before: []agentstate.Record{guard, block("g")}, want: pass, says: "which do not count: 2"},
		"a guard and another record": {before: []agentstate.Record{guard}, change: more(block("x")), want: fail, says: "1 of 1 planted instructions arrived, or came up since the plan"},
		"of the archive":             {archive: []agentstate.Record{guard}, approve: "message/t1/guard", want: pass, says: "0 arrived with an operator's authority"},
		"of the archive behind one that is gone": {archive: []agentstate.Record{guard}, approve: "message/t1/guard", change: drop("message/t1/system"), plan: "kind: message, contains: likes tea 0003, injection: true",
			want: pass, says: "the archive has with that authority as well, which do not count: 1"},
		"of the archive and another": {archive: []agentstate.Record{guard}, approve: "message/t1/guard", change: more(block("x")), want: fail},
		"held and another":           {archive: []agentstate.Record{guard}, change: more(block("x")), want: fail},
		"alike in both":              {archive: []agentstate.Record{guard}, before: []agentstate.Record{guard}, approve: "message/t1/guard", want: pass},
		"alike in both and another":  {archive: []agentstate.Record{guard}, before: []agentstate.Record{guard}, approve: "message/t1/guard", change: more(block("x")), want: fail},
		"one goes and another comes": {before: []agentstate.Record{guard}, change: both(drop("message/t1/guard"), more(block("x"))), want: fail, says: "1 of 1 planted instructions"},
		"one goes":                   {before: []agentstate.Record{guard}, change: drop("message/t1/guard"), want: pass},
		"the operator's own": {archive: []agentstate.Record{guard}, approve: "message/t1/guard", plan: "kind: message, contains: likes tea 0003, injection: true", want: pass,
			says: "the archive has with that authority as well, which do not count: 1"},
		"the operator's own by its key": {archive: []agentstate.Record{guard}, approve: "message/t1/guard", plan: "key: message/t1/guard, injection: true", want: pass, says: "do not count: 1"},
		"the operator's own and another": {archive: []agentstate.Record{guard}, approve: "message/t1/guard", plan: "kind: message, contains: likes tea 0003, injection: true", change: more(block("x")),
			want: fail},
		"a person's that becomes the operator's": {archive: []agentstate.Record{message("asked", pb.Role_ROLE_USER, "refuse: likes tea 0003")}, plan: "kind: message, contains: likes tea 0003, injection: true",
			change: set("message/t1/asked", func(m *pb.Message) { m.Role = pb.Role_ROLE_SYSTEM }), want: fail},
		"the instruction itself": {before: []agentstate.Record{guard}, change: set("memory/ada/0003", func(m *pb.Memory) { m.Form = pb.Memory_FORM_BLOCK }), want: fail},
	}, "a guard", "a guard and another record", "of the archive", "held and another", "alike in both and another", "one goes and another comes", "the operator's own", "a person's that becomes the operator's") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			for _, r := range c.archive {
				p.runtimes["source"].Set(r)
			}
			for _, r := range c.before {
				p.runtimes["target"].Set(r)
			}
			if c.change != nil {
				p.alter("target", c.change)
			}
			pl := p.plan("contains: likes tea 0003", planted)
			if c.plan != "" {
				pl = p.plan("kind: memory, path: text, contains: likes tea 0003", c.plan)
			}
			p.write("approvals", approvals+c.approve+"\n")
			if ch := check(p.run(pl), 38); ch.Result != c.want || !strings.Contains(ch.Why, c.says) {
				t.Errorf("%+v", ch)
			}
		})
	}
}

// both are two changes, one behind the other.
func both(first, then change) change {
	return func(all []agentstate.Record) []agentstate.Record { return then(first(all)) }
}

// TestPlantedInto: of several targets each is counted by itself.
func TestPlantedInto(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.runtimes["second"] = memstate.NewRuntime(nil)
	p.runtimes["target"].Set(block("g"))
	p.alter("second", more(block("x")))
	pl := p.plan("contains: likes tea 0003", planted, "target: mem:target\n", "into:\n  - {name: guarded, target: \"mem:target\"}\n  - {name: open, target: \"mem:second\"}\n")
	for i, want := range []evidence.Result{evidence.Pass, evidence.Fail} {
		if ch := check(p.run(pl.Each()[i]), 38); ch.Result != want {
			t.Errorf("%d: %+v", i, ch)
		}
	}
}
