package agentcore

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func read(t testing.TB, src agentstate.Source) (*memstate.State, *agentstate.Report) {
	t.Helper()
	st := memstate.New()
	rep, err := agentstate.Copy(context.Background(), st, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st, rep
}

func TestConformance(t *testing.T) {
	w := shop(t, agentcorefake.Options{})
	h := exportertest.Harness{
		Brief:   loadtest.Of(true, false),
		Open:    func(context.Context) (agentstate.Source, error) { return w.service(w.mem), nil },
		Secrets: []string{secretKey},
		Target: func(context.Context) (replay.Target, error) {
			return newWorld(t, agentcorefake.Options{Account: "999999999999"}).service(""), nil
		},
	}
	// What is there is found by what it says, although the ids are the service's own.
	for _, r := range exportertest.Rules() {
		if r.Name == "target: again is the same" {
			if err := r.Check(t.Context(), h); err != nil {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	}
	// A record that somebody changed has nothing that tells it from a new one.
	h.OwnIDs = true
	h.Change = func(ctx context.Context, tg replay.Target, key string) error {
		if agentstate.KindOfKey(key) != "memory" {
			return errors.ErrUnsupported
		}
		return change(ctx, w.service(w.mem), tg.(*Service), key)
	}
	exportertest.Run(t, h)
}

// change changes the record of the target that says what key says in the source.
func change(ctx context.Context, src, dst *Service, key string) error {
	text := ""
	for m, err := range agentstate.Of[*pb.Memory](src.Records(ctx, nil)) {
		if err != nil {
			return err
		}
		if m.Meta.Key == key {
			text = m.GetText()
		}
	}
	for m, err := range agentstate.Of[*pb.Memory](dst.Records(ctx, nil)) {
		if err != nil {
			return err
		}
		if m.GetText() == text {
			_, parts := agentstate.SplitKey(m.Meta.Key)
			_, err := dst.c.dp.BatchUpdateMemoryRecords(ctx, &dp.BatchUpdateMemoryRecordsInput{MemoryId: &parts[0], Records: []types.MemoryRecordUpdateInput{
				{MemoryRecordId: &parts[1], Timestamp: aws.Time(time.Unix(1, 0)), Content: &types.MemoryContentMemberText{Value: "somebody's own"}}}})
			return err
		}
	}
	return errors.New("it is not in the target")
}

func TestExport(t *testing.T) {
	w := shop(t, agentcorefake.Options{})
	st, rep := read(t, w.service(w.mem))
	want := map[string]uint64{"memoryspace": 8, "memory": 8, "principal": 2, "conversation": 3, "message": 10}
	for k, n := range want {
		if got := rep.Records[k]; got != n {
			t.Errorf("%s: %d records, want %d", k, got, n)
		}
		if c := rep.Verdict.Kinds[k]; c.Coverage != agentstate.Listed {
			t.Errorf("%s: %s, %s", k, c.Coverage, c.Why)
		}
	}
	if rep.Verdict.Coverage != agentstate.Listed {
		t.Errorf("verdict %s: %s", rep.Verdict.Coverage, rep.Verdict.Why)
	}
	var texts []string
	for r, err := range agentstate.Of[*pb.Message](st.Records(context.Background(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(r.ConversationKey, agentstate.Key("conversation", w.mem, "ada", "s1")) {
			texts = append(texts, r.Role.String()[5:]+" "+r.Parts[0].GetText())
		}
		if r.Meta.Native != nil && !strings.Contains(string(r.Meta.Native[0].GetData().GetInline()), `"eventId"`) {
			t.Errorf("%s: native is not the raw event", r.Meta.Key)
		}
	}
	got := strings.Join(texts, "\n")
	for _, s := range []string{"USER Where is my order <7>?\nASSISTANT On its way. 🚚\nUSER And the invoice?\n", "TOOL {\"invoice\":7}\n", "ASSISTANT I cannot find it.\nUNSPECIFIED handed over"} {
		if !strings.Contains(got, s) {
			t.Errorf("want %q in\n%s", s, got)
		}
	}
}

// faulty is a world in which op is answered with f from the nth request on.
func faulty(t *testing.T, f func(op string, n int, labels map[string]string, body map[string]any) *agentcorefake.Fault) *world {
	s := &toggle{fault: f}
	w := shop(t, agentcorefake.Options{Fault: s.ask})
	s.on.Store(true)
	return w
}

func TestForbiddenScopeIsAGap(t *testing.T) {
	for op, kind := range map[string]string{"ListMemoryRecords": "memory", "ListActors": "principal", "ListSessions": "conversation", "ListEvents": "message", "GetMemory": "memoryspace"} {
		w := faulty(t, func(o string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
			if o == op {
				return &agentcorefake.Fault{Status: 403, Type: "AccessDeniedException", Message: "no"}
			}
			return nil
		})
		_, rep := read(t, w.service(w.mem))
		if len(rep.Gaps) == 0 || rep.Gaps[0].Permission != "bedrock-agentcore:"+op || rep.Gaps[0].Kind != kind {
			t.Errorf("%s: gaps %v", op, rep.Gaps)
		}
		if rep.Verdict.Coverage < agentstate.Gaps {
			t.Errorf("%s: %s", op, rep.Verdict.Coverage)
		}
	}
}

// A login that ends is one error that says what to do; what was read before a mark is not read again.
func TestLoginEndsAfterEveryRequest(t *testing.T) {
	var left atomic.Int64
	w := faulty(t, func(op string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
		if left.Add(-1) < 0 {
			return &agentcorefake.Fault{Status: 403, Type: "ExpiredTokenException", Message: "The security token included in the request is expired"}
		}
		return nil
	})
	left.Store(1 << 30)
	want, _ := read(t, w.service(w.mem))
	var cursor []byte
	have := map[string]bool{}
	for attempt := 0; ; attempt++ {
		if attempt > 200 {
			t.Fatal("does not come to an end")
		}
		left.Store(int64(14 + attempt))
		var err error
		done := false
		var since []string
		for r, e := range w.service(w.mem).Records(context.Background(), &agentstate.ReadOptions{Cursor: cursor}) {
			if e != nil {
				err = e
				break
			}
			switch r := r.(type) {
			case *pb.Mark:
				cursor = r.Cursor
				for _, k := range since {
					if have[k] {
						t.Fatalf("%s came twice", k)
					}
					have[k] = true
				}
				since = nil
			case *pb.Completeness:
				done = true
			case *pb.Origin:
			default:
				since = append(since, r.GetMeta().GetKey())
			}
		}
		if done {
			break
		}
		if !errors.Is(err, ErrLogin) {
			t.Fatalf("want ErrLogin, got %v", err)
		}
	}
	for r, err := range want.Records(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if k := r.GetMeta().GetKey(); agentstate.IsState(agentstate.KindOf(r)) && !have[k] {
			t.Errorf("%s is missing", k)
		}
	}
}

// Half of all requests are refused for a while: nothing is lost.
func TestThrottled(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	w := faulty(t, func(string, int, map[string]string, map[string]any) *agentcorefake.Fault {
		if n.Add(1)%2 == 0 {
			return &agentcorefake.Fault{Status: 429, Type: "ThrottledException", Message: "Rate exceeded", RetryAfter: "0"}
		}
		return nil
	})
	_, rep := read(t, w.service(w.mem))
	if len(rep.Gaps) > 0 || rep.Verdict.Coverage != agentstate.Listed {
		t.Errorf("%s %v", rep.Verdict.Coverage, rep.Gaps)
	}
}

// What the model sees of a session with branches is the path to its head, without the other branch.
func TestContext(t *testing.T) {
	w := shop(t, agentcorefake.Options{})
	mem, _ := read(t, w.service(w.mem))
	texts := map[string]string{}
	var said, other []string
	for r := range mem.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok && len(m.Parts) > 0 {
			texts[m.Meta.Key] = m.Parts[0].GetText()
		}
	}
	for r := range mem.Records(t.Context(), nil) {
		c, ok := r.(*pb.Conversation)
		if !ok {
			continue
		}
		if len(c.Branches) == 0 {
			other = append(other, c.ContextKeys...)
			continue
		}
		for _, k := range c.ContextKeys {
			said = append(said, texts[k])
		}
	}
	if d := cmp.Diff([]string{"Where is my order <7>?", "On its way. 🚚", "And the invoice?", "Attached.", `{"invoice":7}`, "In the same millisecond"}, said); d != "" || other != nil {
		t.Error(d, other)
	}
}
