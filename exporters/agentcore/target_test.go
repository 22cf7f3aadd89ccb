package agentcore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func journal(t testing.TB) *replay.Journal {
	t.Helper()
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "run.jnl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func apply(t testing.TB, dst replay.Target, src agentstate.Source) (*replay.Report, *replay.Journal) {
	t.Helper()
	j := journal(t)
	rep, err := replay.Apply(context.Background(), dst, src, &replay.Options{Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	return rep, j
}

// What the SDK reads back is what the SDK wrote: payloads, times, metadata and branches.
func TestReplayKeepsWhatTheSDKReads(t *testing.T) {
	src := shop(t, agentcorefake.Options{})
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999", VisibleAfter: 100 * time.Millisecond})
	st, _ := read(t, src.service(src.mem))
	rep, j := apply(t, dst.service(""), st)
	if n := rep.Actions[replay.Refused] + rep.Actions[replay.Conflict] + rep.Actions[replay.Held]; n > 0 {
		t.Fatalf("%d not written: %v %v", n, rep.Refused, rep.Conflicts)
	}
	mem := ""
	back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
	if err != nil {
		t.Fatal(err)
	}
	if back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
		t.Errorf("read back: %d of %d, missing %v, extra %v, losses %v", back.Same+back.Announced, back.Records, back.Missing, back.Extra, back.Losses)
	}
	for s, err := range agentstate.Of[*pb.MemorySpace](dst.service("").Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		if mem == "" {
			_, parts := agentstate.SplitKey(s.Meta.Key)
			mem = parts[0]
		}
	}
	for _, s := range [][2]string{{"ada", "s1"}, {"ada", "s2"}, {"team/b:eu", "s1"}} {
		a, b := src.transcript(t, src.mem, s[0], s[1]), dst.transcript(t, mem, s[0], s[1])
		if a != b {
			t.Errorf("session %v\n%s\nbecomes\n%s", s, a, b)
		}
	}
}

// transcript is what the official SDK reads of a session, without ids; times of ties left out.
func (w *world) transcript(t *testing.T, mem, actor, session string) string {
	o := must(w.dp.ListEvents(t.Context(), &dp.ListEventsInput{MemoryId: &mem, ActorId: &actor, SessionId: &session, MaxResults: aws.Int32(100)}))(t)
	var out []string
	for _, e := range slices.Backward(o.Events) {
		out = append(out, e.EventTimestamp.UTC().Truncate(100*time.Millisecond).String()+" "+*e.Branch.Name+" "+jsonOf(e.Payload)+jsonOf(e.Metadata))
	}
	return strings.Join(out, "\n")
}

// A record that the service refuses is refused by itself; the rest of the batch is written.
func TestPartOfABatchFails(t *testing.T) {
	dst := newWorld(t, agentcorefake.Options{})
	mem := dst.memory(t, "target")
	long := strings.Repeat("x", 16001)
	space := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "s"), Path: []string{"users", "ada"}}
	note := func(n, text string) *pb.Memory {
		return &pb.Memory{Meta: agentstate.Meta("memory", nil, "s", n), SpaceKey: space.Meta.Key, Content: &pb.Memory_Text{Text: text}}
	}
	conv := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "thread/1")}
	say := func(n string, role pb.Role, parts ...*pb.Part) *pb.Message {
		return &pb.Message{Meta: agentstate.Meta("message", nil, "thread/1", n), ConversationKey: conv.Meta.Key, Role: role, Parts: parts}
	}
	text := func(s string) *pb.Part { return &pb.Part{Body: &pb.Part_Text{Text: s}} }
	st := memstate.Whole("mem0", space, note("a", "likes tea"), note("b", long), note("c", "likes coffee"),
		conv, say("1", pb.Role_ROLE_USER, text("hello")), say("2", pb.Role_ROLE_ASSISTANT, text("hi"), &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "c1", Name: "f", ArgumentsJson: []byte(`{"a":1}`)}}}))
	if _, err := replay.Plan(t.Context(), dst.service(""), st, nil); !errors.Is(err, replay.ErrTarget) {
		t.Errorf("foreign state without a memory: %v", err)
	}
	rep, j := apply(t, dst.service(mem), st)
	if rep.Actions[replay.Refused] != 1 || rep.Refused[0].Key != "memory/s/b" {
		t.Errorf("refused %v", rep.Refused)
	}
	back, err := replay.ReadBack(t.Context(), st, dst.service(mem), j)
	if err != nil {
		t.Fatal(err)
	}
	if back.MissingN > 0 || back.Same+back.Announced != back.Records {
		t.Errorf("read back: %d of %d, missing %v, losses %v", back.Same+back.Announced, back.Records, back.Missing, back.Losses)
	}
	if got := dst.transcript(t, mem, "exitramp", sessionID(conv.Meta.Key)); !strings.Contains(got, "hello") || !strings.Contains(got, "hi") {
		t.Errorf("transcript %s", got)
	}
	again, _ := apply(t, dst.service(mem), st)
	if n := again.Actions[replay.Created]; n > 0 {
		t.Errorf("the second time %d are created: %v", n, again.Kinds)
	}
}

// Of a batch that is carried out in part, what fails for now is written later, and what fails for good
// is refused by itself, with its code and without its content.
func TestRecordsOfABatchFail(t *testing.T) {
	t.Parallel()
	src := newWorld(t, agentcorefake.Options{})
	mem := src.plain(t, "facts")
	var in []types.MemoryRecordCreateInput
	for i := range 100 {
		in = append(in, record("", "/f", fmt.Sprintf("fact %02d", i)))
	}
	src.records(t, mem, in...)
	st, _ := read(t, src.service(mem))
	busy := map[string]int{}
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999", FailRecord: func(r map[string]any) int {
		text := r["content"].(map[string]any)["text"].(string)
		switch {
		case text == "fact 07":
			return 400
		case strings.HasSuffix(text, "3") && busy[text] < 2:
			busy[text]++
			return []int{429, 500}[busy[text]-1]
		}
		return 0
	}})
	rep, j := apply(t, dst.service(""), st)
	if len(rep.Refused) != 1 || !strings.Contains(rep.Refused[0].Why, "code 400") || strings.Contains(rep.Refused[0].Why, "fact") || len(busy) != 10 {
		t.Errorf("refused %v, busy %v", rep.Refused, busy)
	}
	back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
	if err != nil || back.MissingN+back.ExtraN > 0 {
		t.Errorf("%v: missing %v, extra %v", err, back.Missing, back.Extra)
	}
}

// The answer of a request is lost after it was carried out: nothing is there twice.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"CreateMemory", "CreateEvent", "BatchCreateMemoryRecords"} {
		src := shop(t, agentcorefake.Options{})
		var lost atomic.Int64
		dst := newWorld(t, agentcorefake.Options{Account: "999999999999", Fault: func(o string, n int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
			if o == op && n%2 == 1 {
				lost.Add(1)
				return &agentcorefake.Fault{Status: 500, Type: "ServiceException", After: true}
			}
			return nil
		}})
		st, _ := read(t, src.service(src.mem))
		_, j := apply(t, dst.service(""), st)
		back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
		if err != nil {
			t.Fatal(err)
		}
		if lost.Load() == 0 || back.MissingN+back.ExtraN > 0 {
			t.Errorf("%s: %d answers lost, missing %v, extra %v", op, lost.Load(), back.Missing, back.Extra)
		}
	}
}

// Nothing is extracted from events that are written.
func TestExtractionIsSkipped(t *testing.T) {
	src := shop(t, agentcorefake.Options{})
	var n atomic.Int64
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999", Fault: func(o string, _ int, _ map[string]string, body map[string]any) *agentcorefake.Fault {
		if o == "CreateEvent" {
			n.Add(1)
			if body["extractionMode"] != "SKIP" || body["clientToken"] == nil {
				t.Errorf("CreateEvent with %v %v", body["extractionMode"], body["clientToken"])
			}
		}
		return nil
	}})
	st, _ := read(t, src.service(src.mem))
	apply(t, dst.service(""), st)
	if n.Load() != 8 {
		t.Errorf("%d events, want 8", n.Load())
	}
}
