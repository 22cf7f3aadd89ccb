package replay_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func meta(kind string, parts ...string) *pb.Meta { return agentstate.Meta(kind, nil, parts...) }

// later adds a field of a later release to m.
func later[M proto.Message](m M) M {
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1))
	return m
}

func TestGuard(t *testing.T) {
	grant := func(e pb.ToolGrant_Effect) *pb.ToolGrant {
		return &pb.ToolGrant{Meta: meta("toolgrant", "g"), Effect: e, Enabled: true}
	}
	message := func(role pb.Role, native string) *pb.Message {
		return &pb.Message{Meta: meta("message", "m"), Role: role, NativeRole: native}
	}
	deep := &pb.Tool{Meta: meta("tool", "t"), InputSchema: later(agentstate.Inline("", []byte("{}")))}
	column := &pb.Trigger{Meta: meta("trigger", "t")}
	column.Meta.Native = []*pb.Native{{Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{later(&pb.Column{Name: "x"})}}}}}
	about := &pb.Memory{Meta: meta("memory", "m")}
	about.Meta.SubjectKeys = []string{"principal/dead"}
	lying := &pb.ToolGrant{Meta: meta("memory", "m"), Effect: pb.ToolGrant_EFFECT_ALLOW}
	view := &pb.Message{Meta: &pb.Meta{Key: "message/v", ViewOfKeys: []string{"channelvalue/x"}}, Role: pb.Role_ROLE_SYSTEM}
	text := agentstate.Inline("text/plain", []byte("You obey."))
	program := &pb.Artifact{Meta: meta("artifact", "a")}
	program.Meta.Labels = []*pb.Label{{Name: "mode", Value: "executable"}}

	const (
		yes  = replay.Created
		held = replay.Held
		skip = replay.Skipped
	)
	for _, c := range []struct {
		name     string
		rec      agentstate.Record
		want     replay.Action // without an approval
		approved replay.Action // with one
		exact    bool
		say      string
	}{
		{name: "memory", rec: &pb.Memory{Meta: meta("memory", "m")}, want: yes, approved: yes},
		{name: "memory with a field of a later release", rec: later(&pb.Memory{Meta: meta("memory", "m")}), want: yes, approved: yes},

		{name: "grant", rec: grant(pb.ToolGrant_EFFECT_ALLOW), want: held, approved: yes, say: "approval"},
		{name: "grant that denies", rec: grant(pb.ToolGrant_EFFECT_DENY), want: held, approved: yes, say: "approval"},
		{name: "grant with no effect", rec: grant(pb.ToolGrant_EFFECT_UNSPECIFIED), want: held, approved: held, say: "quarantined"},
		{name: "grant with an effect of a later release", rec: grant(77), want: held, approved: held, say: "effect has value 77"},
		{name: "grant with a field of a later release", rec: later(grant(pb.ToolGrant_EFFECT_ALLOW)), want: held, approved: held, say: "quarantined"},
		{name: "tool with one, deep inside", rec: deep, want: held, approved: held, say: "Data has a field of a later release"},
		{name: "trigger with one in its row", rec: column, want: held, approved: held, say: "Column has a field of a later release"},
		{name: "tool", rec: &pb.Tool{Meta: meta("tool", "t")}, want: held, approved: yes},
		{name: "tool server", rec: &pb.ToolServer{Meta: meta("toolserver", "t")}, want: held, approved: yes},
		{name: "policy", rec: &pb.Policy{Meta: meta("policy", "p")}, want: held, approved: yes},
		{name: "trigger", rec: &pb.Trigger{Meta: meta("trigger", "t"), Enabled: true}, want: held, approved: yes},
		{name: "credential", rec: &pb.Credential{Meta: meta("credential", "c")}, want: held, approved: yes},

		{name: "file", rec: &pb.Artifact{Meta: meta("artifact", "a")}, want: yes, approved: yes},
		{name: "file of a skill", rec: &pb.Artifact{Meta: meta("artifact", "a"), OwnerKey: "skill/s"}, want: held, approved: yes, say: "a file of skill/s"},
		{name: "file of a plugin", rec: &pb.Artifact{Meta: meta("artifact", "a"), OwnerKey: "policy/p"}, want: held, approved: yes, say: "a file of policy/p"},
		{name: "program", rec: program, want: held, approved: yes, say: "a program"},

		{name: "user", rec: message(pb.Role_ROLE_USER, ""), want: yes, approved: yes},
		{name: "role not understood", rec: message(pb.Role_ROLE_UNSPECIFIED, "narrator"), want: yes, approved: yes},
		{name: "operator", rec: message(pb.Role_ROLE_SYSTEM, ""), want: held, approved: yes, say: "operator"},
		{name: "operator in the runtime's own word", rec: message(pb.Role_ROLE_UNSPECIFIED, "Developer "), want: held, approved: yes},
		{name: "operator behind another role", rec: message(pb.Role_ROLE_USER, "system"), want: held, approved: yes},
		{name: "role of a later release", rec: message(42, ""), want: held, approved: held, say: "role has value 42"},
		{name: "agent", rec: &pb.Agent{Meta: meta("agent", "a"), Instructions: text}, want: held, approved: yes},
		{name: "agent without instructions", rec: &pb.Agent{Meta: meta("agent", "a")}, want: yes, approved: yes},
		{name: "agent with a field of a later release", rec: later(&pb.Agent{Meta: meta("agent", "a")}), want: held, approved: held, say: "quarantined: Agent has a field of a later release"},
		{name: "skill with one", rec: later(&pb.Skill{Meta: meta("skill", "s")}), want: held, approved: held, say: "quarantined"},
		{name: "skill", rec: &pb.Skill{Meta: meta("skill", "s"), Instructions: text}, want: held, approved: yes},

		{name: "kind of a later release", rec: later(&pb.Unknown{Meta: meta("dream", "d")}), want: skip, approved: skip, say: "later release"},
		{name: "grant that calls itself a memory", rec: lying, want: replay.Refused, approved: replay.Refused, say: "its key says memory"},
		{name: "tombstone", rec: &pb.Tombstone{Meta: meta("tombstone", "x")}, want: skip, approved: skip},
		{name: "view in another runtime", rec: view, want: held, approved: yes},
		{name: "view in the same runtime", rec: view, want: skip, approved: skip, exact: true, say: "a view"},
		{name: "memory of someone who is to be forgotten", rec: about, want: skip, approved: skip, say: "revived"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for approved, want := range map[bool]replay.Action{false: c.want, true: c.approved} {
				dst := memstate.NewRuntime(&memstate.RuntimeOptions{Exact: c.exact})
				o := replay.Options{Tombstones: []string{"principal/dead"}}
				key := c.rec.GetMeta().Key
				if approved {
					o.Approved = []string{key}
				}
				var got replay.Receipt
				o.OnReceipt = func(rc replay.Receipt) { got = rc }
				src := memstate.New(&pb.Origin{Meta: meta("origin", "x")}, c.rec, &pb.Completeness{Meta: meta("completeness", "x")})
				rep := mustRun(t, dst, src, journal(t), o)
				if got.Action != want || rep.Actions[want] != 1 {
					t.Errorf("approved %v: %v (%s), want %v", approved, got.Action, got.Why, want)
				}
				if want != yes && !strings.Contains(got.Why, c.say) {
					t.Errorf("%q does not say %q", got.Why, c.say)
				}
				if (dst.Len() > 0) != (want == yes) {
					t.Errorf("approved %v: the target holds %d", approved, dst.Len())
				}
				if want == held && (!slices.Contains(rep.Held, key) || len(got.Losses) != 1 || got.Losses[0].Grade != fidelity.Quarantined) {
					t.Errorf("held, and the report does not say so: %+v", rep)
				}
			}
		})
	}
}

// The files of a skill come with it.
func TestSkillFiles(t *testing.T) {
	src := memstate.Whole("p", &pb.Artifact{Meta: meta("artifact", "a"), OwnerKey: "skill/s"}, &pb.Artifact{Meta: meta("artifact", "b"), OwnerKey: "skill/other"},
		&pb.Skill{Meta: meta("skill", "s"), Instructions: agentstate.Inline("text/plain", []byte("Do."))})
	rep, err := replay.Plan(t.Context(), memstate.NewRuntime(nil), src, &replay.Options{Approved: []string{"skill/s"}})
	if err != nil || rep.Actions[replay.Created] != 2 || !slices.Equal(rep.Held, []string{"artifact/b"}) {
		t.Errorf("%+v %v", rep, err)
	}
}

// TestTombstones: a subject in five kinds, with what hangs on them: nothing is revived.
func TestTombstones(t *testing.T) {
	of := func(m *pb.Meta) *pb.Meta { m.SubjectKeys = []string{"principal/dead"}; return m }
	dead := []agentstate.Record{
		&pb.Principal{Meta: meta("principal", "dead")},
		&pb.MemorySpace{Meta: of(meta("memoryspace", "s"))},
		&pb.Memory{Meta: meta("memory", "in space"), SpaceKey: "memoryspace/s"},
		&pb.Revision{Meta: meta("revision", "r"), OfKey: "memory/gone"},
		&pb.Conversation{Meta: of(meta("conversation", "c"))},
		&pb.Message{Meta: meta("message", "c", "1"), ConversationKey: "conversation/c"},
		&pb.ChannelValue{Meta: meta("channelvalue", "c"), ConversationKey: "conversation/c"},
		&pb.Embedding{Meta: meta("embedding", "e"), OfKey: "memory/gone"},
	}
	alive := []agentstate.Record{&pb.Memory{Meta: meta("memory", "alive")}, &pb.Conversation{Meta: meta("conversation", "d")}}
	dst := memstate.NewRuntime(nil)
	rep := mustRun(t, dst, memstate.Whole("x", append(dead, alive...)...), journal(t), replay.Options{Tombstones: []string{"principal/dead", "memory/gone"}})
	if rep.Actions[replay.Skipped] != uint64(len(dead)) || dst.Len() != len(alive) {
		t.Errorf("%v; the target holds %d: %v", rep.Actions, dst.Len(), keys(t, dst))
	}
}

// TestOrphans: what belongs to something that the target refused is refused too, by name.
func TestOrphans(t *testing.T) {
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
		if r.GetMeta().Key == "conversation/t1" {
			return "too old"
		}
		return ""
	}})
	rep := mustRun(t, dst, memstate.Sample(3), journal(t), replay.Options{})
	for _, rc := range rep.Refused[1:] {
		if !strings.Contains(rc.Why, "conversation/t1, which it belongs to, was not written") {
			t.Errorf("%s: %s", rc.Key, rc.Why)
		}
	}
	if len(rep.Refused) != 1+3+3 { // messages; channel value, checkpoint, interrupt
		t.Errorf("%v", rep.Refused)
	}
	for _, k := range keys(t, dst) {
		if strings.HasPrefix(k, "message/") {
			t.Errorf("%s is there without its conversation", k)
		}
	}
}

// TestApprovalOnResume: what waited when a run broke is let through when it goes on.
func TestApprovalOnResume(t *testing.T) {
	n := 0
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{Flushes: true, Fail: func(s memstate.Step) error {
		if n++; s.Op == "commit" && n < 200 {
			n = 200
			return errGone
		}
		return nil
	}})
	src, path := memstate.Sample(3), journal(t)
	if _, err := run(t, dst, src, path, replay.Options{}); err == nil {
		t.Fatal("did not break")
	}
	rep := mustRun(t, dst, src, path, replay.Options{Approved: []string{"toolgrant/ada/refund"}})
	if _, err := dst.Get(t.Context(), "toolgrant/ada/refund"); err != nil || rep.Resumed == 0 {
		t.Error(err, rep.Resumed)
	}
}

// waiting holds the memories' spaces until it is open.
type waiting struct {
	replay.Target
	open  *bool
	doubt *int // records of which the target is told that they may be there
}

func (w waiting) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	inner, err := w.Target.Begin(ctx, run)
	return waitingWriter{inner, w, run}, err
}

type waitingWriter struct {
	replay.Writer
	waiting
	run *replay.Run
}

func (w waitingWriter) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	if w.run.InDoubt(r.GetMeta().GetKey()) {
		*w.doubt++
	}
	if agentstate.KindOf(r) == "memoryspace" && !*w.open {
		return replay.Receipt{Action: replay.Held, Why: "no room"}, nil
	}
	return w.Writer.Write(ctx, r)
}

func (w waitingWriter) Commit(ctx context.Context) error {
	if !*w.open {
		return errGone
	}
	return w.Writer.Commit(ctx)
}

// TestChildrenWait: what belongs to a record that waits waits too, and comes with it. Nothing of it
// was written before: the target need not look, and does not take another's for its own.
func TestChildrenWait(t *testing.T) {
	open, doubt := false, 0
	dst := waiting{memstate.NewRuntime(nil), &open, &doubt}
	src, path := memstate.Sample(3), journal(t)
	rep, err := run(t, dst, src, path, replay.Options{Kinds: []string{"memoryspace", "memory"}})
	if err == nil || rep.Actions[replay.Refused] > 0 || rep.Kinds["memory"][replay.Held] == 0 {
		t.Fatalf("%v %v", err, rep.Kinds)
	}
	open = true
	if rep := mustRun(t, dst, src, path, replay.Options{Kinds: []string{"memoryspace", "memory"}}); rep.Actions[replay.Held]+rep.Actions[replay.Refused] > 0 || doubt > 0 {
		t.Errorf("%v, %d in doubt", rep.Kinds, doubt)
	}
}

// TestBelongs: the guard knows every hard reference of the schema, and every record that something
// is the history or the vector of.
func TestBelongs(t *testing.T) {
	n := 0
	for _, kind := range agentstate.StateKinds() {
		md := agentstate.New(kind).ProtoReflect().Descriptor().Fields()
		for i := range md.Len() {
			field := string(md.Get(i).Name())
			if !agentstate.IsHard(kind, field) && field != "of_key" {
				continue
			}
			n++
			r := agentstate.New(kind)
			r.ProtoReflect().Set(md.Get(i), protoreflect.ValueOfString("conversation/dead"))
			r.ProtoReflect().Set(md.ByName("meta"), protoreflect.ValueOfMessage(meta(kind, "x").ProtoReflect()))
			rep, err := replay.Plan(t.Context(), memstate.NewRuntime(nil), memstate.Whole("x", r), &replay.Options{Tombstones: []string{"conversation/dead"}})
			if err != nil || rep.Actions[replay.Skipped] != 1 {
				t.Errorf("%s.%s of what was erased: %v %v", kind, field, rep.Actions, err)
			}
		}
	}
	if n != 8 {
		t.Errorf("%d fields, want 8", n)
	}
}

// TestHolds: what must not be revived and is under a legal hold is neither written nor passed over: it
// waits, and a person takes it off one of the two lists.
func TestHolds(t *testing.T) {
	recs := []agentstate.Record{
		&pb.Principal{Meta: meta("principal", "ada")},
		&pb.MemorySpace{Meta: meta("memoryspace", "s")},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/s/1", SubjectKeys: []string{"principal/ada"}}, SpaceKey: "memoryspace/s"},
		&pb.Memory{Meta: meta("memory", "s", "2"), SpaceKey: "memoryspace/s"},
		&pb.Embedding{Meta: meta("embedding", "s", "2"), OfKey: "memory/s/2"},
		&pb.Conversation{Meta: meta("conversation", "c")},
		&pb.Message{Meta: meta("message", "c", "1"), ConversationKey: "conversation/c"},
	}
	for name, tc := range map[string]struct {
		dead, hold    []string
		held, skipped uint64
	}{
		"the subject, on both":            {[]string{"principal/ada"}, []string{"principal/ada"}, 2, 0},
		"the person held, the record not": {[]string{"memory/s/1"}, []string{"principal/ada"}, 1, 0},
		"the record held, the person not": {[]string{"principal/ada"}, []string{"memory/s/1"}, 1, 1},
		"a conversation":                  {[]string{"conversation/c"}, []string{"conversation/c"}, 2, 0},
		"one message of it":               {[]string{"conversation/c"}, []string{"message/c/1"}, 1, 1},
		"another":                         {[]string{"memory/s/2"}, []string{"principal/ada"}, 0, 2},
		"no tombstone":                    {nil, []string{"principal/ada"}, 0, 0},
	} {
		dst, path := memstate.NewRuntime(nil), journal(t)
		src := memstate.Whole("x", recs...)
		rep := mustRun(t, dst, src, path, replay.Options{Tombstones: tc.dead, Holds: tc.hold})
		if rep.Actions[replay.Held] != tc.held || rep.Actions[replay.Skipped] != tc.skipped || dst.Len() != len(recs)-int(tc.held+tc.skipped) {
			t.Errorf("%s: %v; the target holds %v", name, rep.Actions, keys(t, dst))
		}
		if rep.Waiting != 0 {
			t.Errorf("%s: %d wait for an approval, which does not help", name, rep.Waiting)
		}
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		back, err := replay.ReadBack(t.Context(), src, dst, j)
		if err != nil || back.MissingN != 0 || back.ExtraN != 0 {
			t.Errorf("%s: %v %+v", name, err, back)
		}
		j.Close()
	}
}
