package agentcore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// faultsOfContent are those of TestFaults in which something changes, is full or is told otherwise.
func faultsOfContent(t *testing.T) {
	t.Run("5 a listing that is cut", func(t *testing.T) {
		many := func(t *testing.T) *world {
			w := newWorld(t, agentcorefake.Options{})
			w.fillShop(t)
			for i := range 130 {
				w.event(t, w.mem, "ada", "long", int64(1000+i), nil, say(types.RoleUser, fmt.Sprint(i)))
				w.event(t, w.mem, "ada", fmt.Sprint("x", i), int64(1000+i), nil, say(types.RoleUser, "hello"))
				w.event(t, w.mem, fmt.Sprint("b", i), "s", int64(1000+i), nil, say(types.RoleUser, "hello"))
			}
			for n := range 2 {
				var in []types.MemoryRecordCreateInput
				for i := range 65 {
					in = append(in, types.MemoryRecordCreateInput{RequestIdentifier: aws.String(fmt.Sprint("c", i)), Namespaces: []string{fmt.Sprint("/cut/", n)}, Content: &types.MemoryContentMemberText{Value: fmt.Sprint(n, i)}, Timestamp: aws.Time(time.UnixMilli(1))})
				}
				must(w.dp.BatchCreateMemoryRecords(t.Context(), &dp.BatchCreateMemoryRecordsInput{MemoryId: &w.mem, Records: in}))(t)
			}
			return w
		}
		w := many(t)
		w.fake.Cap(0, 1) // one page, whatever its size
		_, rep := read(t, w.service(w.mem))
		for _, k := range []string{"memory", "principal", "conversation", "message"} {
			if c := rep.Verdict.Kinds[k]; c.Coverage != agentstate.Unknown {
				t.Errorf("one page: %s: %s", k, c.Coverage)
			}
		}
		w.fake.Cap(100, 0) // a hundred, in pages of any size: the union of namespaces has more
		_, rep = read(t, w.service(w.mem))
		if c := rep.Verdict.Kinds["memory"]; c.Coverage != agentstate.Unknown {
			t.Errorf("a hundred: memory: %s", c.Coverage)
		}
		w.fake.Cap(4, 0) // the event at which a branch starts is there, and not listed
		if c := w.c(t).read(t.Context(), w.mem, "ada", "s1"); c.err != nil || c.odd != oddHidden {
			t.Errorf("four events: %q %v", c.odd, c.err)
		}
	})
	t.Run("6 a writer while reading", func(t *testing.T) {
		w := shop(t, agentcorefake.Options{})
		stop, wrote := make(chan struct{}), make(chan int)
		go func() { // 50 a second, into what is being read
			n := 0
			defer func() { wrote <- n }()
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					w.event(t, w.mem, "ada", fmt.Sprint("s", n%2+1), time.Now().UnixMilli(), nil, say(types.RoleUser, "while you were reading"))
					n++
				}
			}
		}()
		for range loadtest.Of(5, 20) {
			st, rep := read(t, w.service(w.mem))
			if broken := dangling(t, st); broken != "" {
				t.Errorf("%s names a parent that is not there", broken)
			}
			if rep.Verdict.Coverage != agentstate.Listed {
				t.Errorf("%s %v", rep.Verdict.Coverage, rep.Verdict.Kinds)
			}
		}
		close(stop)
		t.Logf("%d events were written", <-wrote)
	})
	t.Run("6 what changed is counted as it was written", func(t *testing.T) {
		var log atomic.Int64
		var w *world
		w, _ = firmWith(t, func(op string, _ int, l map[string]string, b map[string]any) *agentcorefake.Fault {
			// Into s1 twice, into s2 without end.
			if op == "ListEvents" && b["includePayloads"] == false && (l["sessionId"] == "s2" || l["actorId"] == "ada" && log.Load() < 2) {
				n := log.Add(1)
				w.event(t, w.mem, l["actorId"], l["sessionId"], 1_800_000_000_000+n, nil, say(types.RoleUser, "while you were reading"))
			}
			return nil
		})
		s := w.service(w.mem)
		s.o.Parallel = 1
		st, rep := read(t, s)
		if rep.Statements[0].Changed != uint64(log.Load()) || rep.Verdict.Coverage != agentstate.Listed {
			t.Errorf("%d changes counted, %d written; %s %v", rep.Statements[0].Changed, log.Load(), rep.Verdict.Coverage, rep.Verdict.Kinds["message"])
		}
		if broken := dangling(t, st); broken != "" {
			t.Errorf("%s names a parent that is not there", broken)
		}
	})
	t.Run("11 a quota stops its scope, and the others go on", func(t *testing.T) {
		src := shop(t, agentcorefake.Options{})
		second := src.memory(t, "second")
		src.event(t, second, "ada", "s1", 1_700_000_000_000, nil, say(types.RoleUser, "elsewhere"))
		st, _ := read(t, src.service(""))
		for _, op := range []string{"CreateEvent", "BatchCreateMemoryRecords", "CreateMemory"} {
			var full atomic.Bool
			full.Store(true)
			var stopped atomic.Int64
			dst := newWorld(t, agentcorefake.Options{Account: "999999999999", Fault: func(o string, _ int, l map[string]string, b map[string]any) *agentcorefake.Fault {
				if full.Load() && o == op && (strings.HasPrefix(l["memoryId"], "shop-") || b["name"] == "shop") {
					stopped.Add(1)
					return &agentcorefake.Fault{Status: 402, Type: "ServiceQuotaExceededException", Message: "full"}
				}
				return nil
			}})
			path := filepath.Join(t.TempDir(), "run.jnl")
			open := func() *replay.Journal {
				j := must(replay.OpenJournal(path))(t)
				t.Cleanup(func() { j.Close() })
				return j
			}
			j := open()
			rep, err := replay.Apply(t.Context(), dst.service(""), st, &replay.Options{Journal: j})
			if !errors.Is(err, ErrQuota) || rep.Actions[replay.Held] == 0 || rep.Actions[replay.Refused] > 0 {
				t.Fatalf("%s: %v %v", op, err, rep.Actions)
			}
			if n := stopped.Load(); n > 20 {
				t.Errorf("%s: asked %d times for what has no room", op, n)
			}
			if got := dst.transcript(t, dst.only(t, "second"), "ada", "s1"); !strings.Contains(got, "elsewhere") {
				t.Errorf("%s: the other memory has %q", op, got)
			}
			full.Store(false)
			j.Close()
			j = open()
			rep, err = replay.Apply(t.Context(), dst.service(""), st, &replay.Options{Journal: j})
			if err != nil || rep.Actions[replay.Held]+rep.Actions[replay.Refused] > 0 {
				t.Fatalf("%s again: %v %v %v", op, err, rep.Actions, rep.Refused[0])
			}
			back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
			if err != nil || back.MissingN+back.ExtraN > 0 {
				t.Errorf("%s: read back: %v, missing %v, extra %v", op, err, back.Missing, back.Extra)
			}
			if rep, err := replay.Undo(t.Context(), dst.service(""), j); err != nil || rep.LeftN > 0 {
				t.Errorf("%s: undo: %v %v", op, err, rep)
			}
		}
	})
	t.Run("12 written and refused are the plan", func(t *testing.T) {
		src := shop(t, agentcorefake.Options{})
		st, _ := read(t, src.service(src.mem))
		dst := newWorld(t, agentcorefake.Options{Account: "999999999999", Fault: func(op string, _ int, _ map[string]string, b map[string]any) *agentcorefake.Fault {
			if op == "BatchCreateMemoryRecords" && strings.Contains(fmt.Sprint(b["records"]), "Ada's fact 3") || op == "CreateEvent" && strings.Contains(fmt.Sprint(b["payload"]), "invoice?") {
				return &agentcorefake.Fault{Status: 400, Type: "ValidationException", Message: "not this one"}
			}
			return nil
		}})
		plan, err := replay.Plan(t.Context(), dst.service(""), st, nil)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		rep, err := replay.Apply(t.Context(), dst.service(""), st, &replay.Options{Journal: journal(t), Refused: &file})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Actions[replay.Created]+rep.Actions[replay.Refused] != plan.Actions[replay.Created] || rep.Actions[replay.Refused] != 2 || strings.Count(file.String(), "\n") != 2 {
			t.Errorf("planned %v, came %v\n%s", plan.Actions, rep.Actions, file.String())
		}
		if strings.Contains(file.String(), "invoice") || strings.Contains(file.String(), "fact 3") {
			t.Errorf("the file of refused records holds content: %s", file.String())
		}
	})
	t.Run("15 the service's clock is another", func(t *testing.T) {
		for want, ahead := range map[int]time.Duration{0: 0, 3600: time.Hour, -120: -2 * time.Minute} {
			w := shop(t, agentcorefake.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
			before := time.Now()
			_, rep := read(t, w.service(w.mem))
			st := rep.Statements[0]
			if from := time.Unix(0, st.FromUnixNano); from.Before(before) || st.ToUnixNano < st.FromUnixNano || time.Since(from) > time.Minute {
				t.Errorf("read from %d to %d", st.FromUnixNano, st.ToUnixNano)
			}
			l := st.GetMeta().GetLabels()
			if len(l) != 1 || l[0].Name != "clock_offset_seconds" {
				t.Fatalf("labels %v", l)
			}
			if got, err := strconv.Atoi(l[0].Value); err != nil || max(got-want, want-got) > 3 {
				t.Errorf("want an offset of %d s, got %s", want, l[0].Value)
			}
		}
	})
}

// together are the operations of an export that are denied at once: each alone, but for those of the sorts of definitions
// that no record fits. These close the same kinds, and are four groups, in which none hides another.
func together() [][]string {
	left := map[string]bool{"GetEvent": true} // asked for where an event is missed: elsewhere
	groups := map[string][]string{}
	for _, s := range new(client).others() {
		for _, op := range []string{s.op, s.operation()} {
			if op != "" && op != "GetHarness" && op != "GetAgentRuntime" { // which are of other records, too
				at := fmt.Sprint(s.inside, op == s.op)
				groups[at], left[op] = append(groups[at], op), true
			}
		}
	}
	var out [][]string
	for _, ops := range actions("export") {
		for _, op := range ops {
			if !left[op] {
				out = append(out, []string{op})
			}
		}
	}
	for _, ops := range groups {
		slices.Sort(ops)
		out = append(out, slices.Compact(ops))
	}
	slices.SortFunc(out, slices.Compare)
	return out
}
