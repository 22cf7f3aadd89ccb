package agentcore

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	ctypes "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The records of a strategy that lets them expire expire in the copy too; those of others do not.
func TestRecordsExpire(t *testing.T) {
	src, dst := newWorld(t, agentcorefake.Options{}), newWorld(t, agentcorefake.Options{Account: "999999999999"})
	everyStrategy(t, src)
	st, _ := read(t, src.service(""))
	apply(t, dst.service(""), st)
	mem := dst.only(t, "all")
	got := map[string]int{}
	for _, r := range must(dst.dp.ListMemoryRecords(t.Context(), &dp.ListMemoryRecordsInput{MemoryId: &mem, NamespacePath: aws.String("/")}))(t).MemoryRecordSummaries {
		m := must(dst.dp.GetMemoryRecord(t.Context(), &dp.GetMemoryRecordInput{MemoryId: &mem, MemoryRecordId: r.MemoryRecordId}))(t).MemoryRecord
		if m.ExpiresAt != nil {
			got[m.Content.(*types.MemoryContentMemberText).Value] = int(m.ExpiresAt.Sub(*m.CreatedAt).Hours() / 24)
		}
	}
	if want := map[string]int{"of facts": 31, "of episodes": 400}; !maps.Equal(got, want) {
		t.Errorf("days until records expire: %v, want %v", got, want)
	}
}

// A strategy that its owner runs himself has a topic and a bucket of his account: it is made without
// them, and that is said.
func TestSelfManagedStrategy(t *testing.T) {
	src, dst := newWorld(t, agentcorefake.Options{}), newWorld(t, agentcorefake.Options{Account: "999999999999"})
	o := must(src.cp.CreateMemory(t.Context(), &cp.CreateMemoryInput{Name: aws.String("own"), EventExpiryDuration: aws.Int32(30), MemoryStrategies: []ctypes.MemoryStrategyInput{
		&ctypes.MemoryStrategyInputMemberCustomMemoryStrategy{Value: ctypes.CustomMemoryStrategyInput{Name: aws.String("self"), NamespaceTemplates: []string{"/self/{actorId}"}, Configuration: &ctypes.CustomConfigurationInputMemberSelfManagedConfiguration{
			Value: ctypes.SelfManagedConfigurationInput{HistoricalContextWindowSize: aws.Int32(4), TriggerConditions: []ctypes.TriggerConditionInput{&ctypes.TriggerConditionInputMemberMessageBasedTrigger{Value: ctypes.MessageBasedTriggerInput{MessageCount: aws.Int32(6)}}},
				InvocationConfiguration: &ctypes.InvocationConfigurationInput{PayloadDeliveryBucketName: aws.String("their-bucket"), TopicArn: aws.String("arn:aws:sns:eu-central-1:123456789012:theirs")}}}}},
	}}))(t)
	src.records(t, *o.Memory.Id, record(*o.Memory.Strategies[0].StrategyId, "/self/ada", "made by his own code"))
	st, _ := read(t, src.service(""))
	got, j := approved(t, dst.service(""), st)
	said := false
	for _, l := range got[memoryKey(*o.Memory.Id)].Losses {
		said = said || strings.Contains(l.Why, "selfManagedConfiguration of strategy self")
	}
	if !said {
		t.Error("nobody says that topic and bucket were left out")
	}
	m := must(dst.cp.GetMemory(t.Context(), &cp.GetMemoryInput{MemoryId: aws.String(dst.only(t, "own"))}))(t).Memory
	if len(m.Strategies) != 1 || m.Strategies[0].Configuration != nil || strings.Contains(jsonOf(m), "their") {
		t.Errorf("strategies %s", jsonOf(m.Strategies))
	}
	if back, err := replay.ReadBack(t.Context(), st, dst.service(""), j); err != nil || back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
		t.Errorf("%v: missing %v, extra %v, losses %v", err, back.Missing, back.Extra, back.Losses)
	}
}

// A region without memories and definitions is read whole: nothing is in it.
func TestEmptyRegion(t *testing.T) {
	w := newWorld(t, agentcorefake.Options{})
	st, rep := read(t, w.service(""))
	for k, c := range rep.Verdict.Kinds {
		if c.Coverage == agentstate.Gaps || rep.Records[k] > 0 {
			t.Errorf("%s: %v, %d records", k, c, rep.Records[k])
		}
	}
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999"})
	out, _ := apply(t, dst.service(""), st)
	if len(out.Actions) > 0 {
		t.Errorf("%v", out.Actions)
	}
	if p, err := w.service("").Preflight(t.Context()); err != nil || len(p.Gaps) > 0 {
		t.Errorf("%v %v", p, err)
	}
}

// An event at which a branch starts was deleted: the branch is not lost, and starts at the one before.
func TestDeletedRoot(t *testing.T) {
	src := shop(t, agentcorefake.Options{})
	must(src.dp.DeleteEvent(t.Context(), &dp.DeleteEventInput{MemoryId: &src.mem, ActorId: aws.String("ada"), SessionId: aws.String("s1"), EventId: &src.root}))(t)
	st, rep := read(t, src.service(src.mem))
	if rep.Verdict.Coverage != agentstate.Listed {
		t.Errorf("%s %v", rep.Verdict.Coverage, rep.Verdict.Kinds)
	}
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999"})
	out, j := apply(t, dst.service(""), st)
	if out.Actions[replay.Refused] > 0 {
		t.Fatalf("%v", out.Refused)
	}
	if got := dst.transcript(t, dst.only(t, "shop"), "ada", "s1"); !strings.Contains(got, "I cannot find it.") || !strings.Contains(got, "handed over") {
		t.Errorf("the branch is lost: %s", got)
	}
	if back, err := replay.ReadBack(t.Context(), st, dst.service(""), j); err != nil || back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
		t.Errorf("%v: missing %v, extra %v, losses %v", err, back.Missing, back.Extra, back.Losses)
	}
}

// Events, sessions, records and whole memories are deleted while they are read: what is left is read,
// and a memory that is gone is a gap.
func TestDeletedWhileReading(t *testing.T) {
	for name, on := range map[string]struct {
		op  string
		del func(t *testing.T, w *world, body map[string]any) bool
	}{
		"an event": {"ListEvents", func(t *testing.T, w *world, b map[string]any) bool {
			if b["includePayloads"] != false {
				return false
			}
			es := must(w.dp.ListEvents(t.Context(), &dp.ListEventsInput{MemoryId: &w.mem, ActorId: aws.String("ada"), SessionId: aws.String("s1")}))(t).Events
			must(w.dp.DeleteEvent(t.Context(), &dp.DeleteEventInput{MemoryId: &w.mem, ActorId: aws.String("ada"), SessionId: aws.String("s1"), EventId: es[0].EventId}))(t)
			return true
		}},
		"a session": {"ListEvents", func(t *testing.T, w *world, _ map[string]any) bool {
			es := must(w.dp.ListEvents(t.Context(), &dp.ListEventsInput{MemoryId: &w.mem, ActorId: aws.String("ada"), SessionId: aws.String("s2")}))(t).Events
			must(w.dp.DeleteEvent(t.Context(), &dp.DeleteEventInput{MemoryId: &w.mem, ActorId: aws.String("ada"), SessionId: aws.String("s2"), EventId: es[0].EventId}))(t)
			return true
		}},
		"a record": {"ListMemoryRecords", func(t *testing.T, w *world, _ map[string]any) bool {
			rs := must(w.dp.ListMemoryRecords(t.Context(), &dp.ListMemoryRecordsInput{MemoryId: &w.mem, NamespacePath: aws.String("/")}))(t).MemoryRecordSummaries
			must(w.dp.BatchDeleteMemoryRecords(t.Context(), &dp.BatchDeleteMemoryRecordsInput{MemoryId: &w.mem, Records: []types.MemoryRecordDeleteInput{{MemoryRecordId: rs[0].MemoryRecordId}}}))(t)
			return true
		}},
		"the memory": {"ListActors", func(t *testing.T, w *world, _ map[string]any) bool {
			must(w.cp.DeleteMemory(t.Context(), &cp.DeleteMemoryInput{MemoryId: &w.mem}))(t)
			return true
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var w *world
			var busy, done atomic.Bool
			w, _ = firmWith(t, func(op string, _ int, l map[string]string, b map[string]any) *agentcorefake.Fault {
				if op == on.op && !done.Load() && busy.CompareAndSwap(false, true) { // the requests of the deletion go on their way
					done.Store(on.del(t, w, b))
					busy.Store(false)
				}
				return nil
			})
			s := w.service(w.mem)
			s.o.Parallel = 1
			st, rep := read(t, s)
			if broken := dangling(t, st); broken != "" {
				t.Errorf("%s names a parent that is not there", broken)
			}
			switch gone := slices.ContainsFunc(rep.Gaps, func(g *pb.Gap) bool { return g.Reason == pb.Gap_REASON_GONE }); {
			case name == "the memory" && !gone:
				t.Errorf("no gap says that it is gone: %v", rep.Gaps)
			case name != "the memory" && len(rep.Gaps) > 0:
				t.Errorf("gaps %v", rep.Gaps)
			}
			dst := newWorld(t, agentcorefake.Options{Account: "999999999999"})
			out, _ := apply(t, dst.service(""), st)
			if out.Actions[replay.Refused] > 0 {
				t.Errorf("%v", out.Refused)
			}
		})
	}
}

// The service takes no names beyond ASCII; people of other runtimes keep apart all the same.
func TestNamesOfPeople(t *testing.T) {
	w := newWorld(t, agentcorefake.Options{})
	mem := w.plain(t, "people")
	_, err := w.dp.CreateEvent(t.Context(), &dp.CreateEventInput{MemoryId: &mem, ActorId: aws.String("żółw"), SessionId: aws.String("s"), EventTimestamp: aws.Time(time.UnixMilli(at0)), Payload: []types.PayloadType{say(types.RoleUser, "x")}})
	if err == nil || !strings.Contains(err.Error(), "ValidationException") {
		t.Errorf("%v", err)
	}
	seen := map[string]string{}
	for _, who := range []string{"ada", "李雷", "韩梅梅", "żółw", "żołw", "a b", "a.b", "-a-b", "", strings.Repeat("x", 300), strings.Repeat("x", 301)} {
		id := actorID([]string{agentstate.Key("principal", who)})
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q become %s", who, other, id)
		}
		seen[id] = who
		if _, err := w.dp.CreateEvent(t.Context(), &dp.CreateEventInput{MemoryId: &mem, ActorId: &id, SessionId: aws.String("s"), EventTimestamp: aws.Time(time.UnixMilli(at0)), Payload: []types.PayloadType{say(types.RoleUser, "x")}}); err != nil {
			t.Errorf("%q becomes %s: %v", who, id, err)
		}
	}
	if seen["ada"] != "ada" {
		t.Errorf("%v", seen)
	}
}

// The native form of an event is the answer to the byte.
func TestNativeIsVerbatim(t *testing.T) {
	w := newWorld(t, agentcorefake.Options{})
	mem := w.plain(t, "raw")
	w.event(t, mem, "ada", "s", at0, nil, blob(map[string]any{"z": 1.50, "a": "<&>\u2028é", "n": json.Number("12345678901234567890.10")}))
	c := w.c(t)
	var want []string
	if err := c.listEvents(t.Context(), placed{mem, "ada", "s"}, true, 100, func(doc json.RawMessage) error {
		want = append(want, string(doc))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for m, err := range agentstate.Of[*pb.Message](w.service(mem).Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		if got := string(m.Meta.Native[0].GetData().GetInline()); len(want) != 1 || got != want[0] {
			t.Errorf("native %s, and the answer %s", got, want)
		}
	}
}
