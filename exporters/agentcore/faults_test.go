package agentcore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// content is a digest of each state record of src, by key.
func content(t testing.TB, src agentstate.Source, kinds ...string) map[string][32]byte {
	t.Helper()
	var o *agentstate.ReadOptions
	if kinds != nil {
		o = &agentstate.ReadOptions{Kinds: kinds}
	}
	out := map[string][32]byte{}
	for r, err := range src.Records(context.Background(), o) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.IsState(agentstate.KindOf(r)) {
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			out[r.GetMeta().GetKey()] = sha256.Sum256(b)
		}
	}
	return out
}

// differing are the keys that two contents do not have alike.
func differing(a, b map[string][32]byte) []string {
	var out []string
	for k := range a {
		if a[k] != b[k] {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// A toggle is a fault that can be turned on after a world was filled.
type toggle struct {
	on    atomic.Bool
	fault func(op string, n int, labels map[string]string, body map[string]any) *agentcorefake.Fault
}

func (s *toggle) ask(op string, n int, l map[string]string, b map[string]any) *agentcorefake.Fault {
	if !s.on.Load() {
		return nil
	}
	return s.fault(op, n, l, b)
}

func deny(ops ...string) func(string, int, map[string]string, map[string]any) *agentcorefake.Fault {
	return func(op string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
		if slices.Contains(ops, op) {
			return &agentcorefake.Fault{Status: 403, Type: "AccessDeniedException", Message: "no"}
		}
		return nil
	}
}

// firmWith is a firm that f spoils from now on.
func firmWith(t testing.TB, f func(string, int, map[string]string, map[string]any) *agentcorefake.Fault) (*world, *toggle) {
	s := &toggle{fault: f}
	w := firmOf(t, agentcorefake.Options{Fault: s.ask})
	s.on.Store(true)
	return w, s
}

// The faults that an export and a replay meet, by their rows in the list of faults.
func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("1 a 429 storm is no gap and few requests more", func(t *testing.T) {
		t.Parallel()
		const rate, sessions = 40, 100
		w := newWorld(t, agentcorefake.Options{})
		mem := w.memory(t, "many")
		for i := range sessions {
			w.event(t, mem, fmt.Sprint("a", i/20), fmt.Sprint("s", i), int64(1000+i), nil, say(types.RoleUser, "hello"))
		}
		from := len(w.fake.Calls())
		w.fake.Slow(0, rate)
		_, rep := read(t, New(Options{Region: "eu-central-1", Memory: mem, Config: &w.cfg}))
		if c := rep.Verdict.Kinds["message"]; len(rep.Gaps) > 0 || c.Coverage != agentstate.Listed || rep.Records["message"] != sessions {
			t.Errorf("%v %v %v", c, rep.Gaps, rep.Records)
		}
		ok, all := 0, 0
		for _, c := range w.fake.Calls()[from:] {
			if c.Op == "ListEvents" {
				all++
				if c.Status == 200 {
					ok++
				}
			}
		}
		if float64(all) > 1.1*float64(ok) {
			t.Errorf("%d requests for %d that were allowed", all, ok)
		}
		t.Logf("%d requests, %d of them refused", all, all-ok)
	})
	t.Run("1 the fixed rate of one session", func(t *testing.T) {
		t.Parallel()
		src := newWorld(t, agentcorefake.Options{})
		mem := src.plain(t, "talk")
		for i := range 15 {
			src.event(t, mem, "ada", "long", int64(1000+i), nil, say(types.RoleUser, fmt.Sprint(i)))
			src.event(t, mem, "bob", "blobs", int64(1000+i), nil, blob(i))
			src.event(t, mem, "cy", fmt.Sprint("s", i), int64(1000+i), nil, say(types.RoleUser, "hello"))
		}
		st, _ := read(t, src.service(mem))
		dst := newWorld(t, agentcorefake.Options{Account: "999999999999", SessionLimits: true})
		s := New(Options{Region: "eu-central-1", Config: &dst.cfg, Sessions: 1})
		_, j := apply(t, s, st)
		if rep, err := replay.Undo(t.Context(), s, j); err != nil || rep.LeftN > 0 {
			t.Errorf("undo: %v %v", err, rep)
		}
		refused := map[string]int{}
		for _, c := range dst.fake.Calls() {
			if c.Status == 429 {
				refused[c.Op]++
			}
		}
		if len(refused) > 0 {
			t.Errorf("refused %v", refused)
		}
	})
	t.Run("1 Retry-After is obeyed", func(t *testing.T) {
		t.Parallel()
		var refused atomic.Bool
		w, _ := firmWith(t, func(op string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
			if op == "ListMemoryRecords" && refused.CompareAndSwap(false, true) {
				return &agentcorefake.Fault{Status: 429, Type: "ThrottledException", Message: "Rate exceeded", RetryAfter: "1"}
			}
			return nil
		})
		read(t, w.service(w.mem))
		var at []time.Time
		for _, c := range w.fake.Calls() {
			if c.Op == "ListMemoryRecords" {
				at = append(at, c.At)
			}
		}
		if len(at) < 2 {
			t.Fatalf("asked %d times", len(at))
		}
		if at[1].Sub(at[0]) < time.Second {
			t.Errorf("asked again after %s", at[1].Sub(at[0]))
		}
	})
	t.Run("2 a login that ends after every page", func(t *testing.T) {
		t.Parallel()
		var left atomic.Int64
		w, s := firmWith(t, func(string, int, map[string]string, map[string]any) *agentcorefake.Fault {
			if left.Add(-1) < 0 {
				return &agentcorefake.Fault{Status: 403, Type: "ExpiredTokenException", Message: "The security token included in the request is expired"}
			}
			return nil
		})
		s.on.Store(false)
		want, _ := read(t, w.service(""))
		s.on.Store(true)
		got := memstate.New()
		attempts := 0
		for { // until what comes before the first mark fits, and on
			left.Store(int64(1 + 2*attempts))
			_, err := agentstate.Copy(t.Context(), got, w.service(""), nil)
			if err == nil {
				break
			}
			got.Close()
			if attempts++; !errors.Is(err, ErrLogin) || attempts > 200 {
				t.Fatalf("attempt %d: %v", attempts, err)
			}
		}
		if d := differing(content(t, want), content(t, got)); len(d) > 0 || attempts < 10 {
			t.Errorf("after %d attempts these differ: %v", attempts, d)
		}
	})
	t.Run("2 a login that ends while replaying", func(t *testing.T) {
		t.Parallel()
		st, _ := read(t, firm(t).service(""))
		o := &replay.Options{}
		for r := range st.Records(t.Context(), nil) {
			o.Approved = append(o.Approved, r.GetMeta().GetKey())
		}
		var left atomic.Int64
		s := &toggle{fault: func(string, int, map[string]string, map[string]any) *agentcorefake.Fault {
			if left.Add(-1) < 0 {
				return &agentcorefake.Fault{Status: 403, Type: "ExpiredTokenException", Message: "The security token included in the request is expired"}
			}
			return nil
		}}
		dst := target(t, agentcorefake.Options{Fault: s.ask}, true)
		s.on.Store(true)
		path := filepath.Join(t.TempDir(), "run.jnl")
		attempts := 0
		for {
			j := must(replay.OpenJournal(path))(t)
			left.Store(int64(3 + 2*attempts))
			o.Journal = j
			_, err := replay.Apply(t.Context(), dst.service(""), st, o)
			j.Close()
			if err == nil {
				break
			}
			if attempts++; !errors.Is(err, ErrLogin) || attempts > 100 {
				t.Fatalf("attempt %d: %v", attempts, err)
			}
		}
		s.on.Store(false)
		j := must(replay.OpenJournal(path))(t)
		defer j.Close()
		back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
		if err != nil || back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records || attempts < 5 {
			t.Errorf("after %d attempts: %v, missing %v, extra %v", attempts, err, back.Missing, back.Extra)
		}
		if rep, err := replay.Undo(t.Context(), dst.service(""), j); err != nil || rep.LeftN > 0 {
			t.Errorf("undo: %v %v", err, rep)
		}
		if n := len(dst.policies(t)); n > 0 {
			t.Errorf("%d policies are left", n)
		}
	})
	t.Run("3 a closed scope is a gap, and opened the rest is the same", func(t *testing.T) {
		t.Parallel()
		w, s := firmWith(t, nil) // an export changes nothing: one account serves for all
		s.on.Store(false)
		st, _ := read(t, w.service(""))
		clean := content(t, st)
		opened := map[string]map[string][32]byte{} // by kinds: many operations close the same ones
		for _, op := range actions("export") {
			for _, op := range op {
				if op == "GetEvent" {
					continue // asked for where an event is missed: below
				}
				s.fault = deny(op)
				s.on.Store(true)
				first, rep := read(t, w.service(""))
				if len(rep.Gaps) == 0 || rep.Gaps[0].Permission != "bedrock-agentcore:"+op || rep.Verdict.Coverage < agentstate.Gaps {
					t.Errorf("%s: %s, gaps %v", op, rep.Verdict.Coverage, rep.Gaps)
				}
				s.on.Store(false)
				again := map[string]bool{}
				for _, g := range rep.Gaps {
					again[g.Kind] = true
				}
				for _, k := range rep.Statements[0].Kinds {
					for _, d := range k.DerivedFrom {
						again[k.Kind] = again[k.Kind] || again[d]
					}
				}
				maps.DeleteFunc(again, func(_ string, v bool) bool { return !v })
				kinds := slices.Sorted(maps.Keys(again))
				of := strings.Join(kinds, " ")
				if opened[of] == nil {
					opened[of] = content(t, w.service(""), kinds...)
				}
				got := maps.Clone(opened[of])
				for k, d := range content(t, first) {
					if !again[agentstate.KindOfKey(k)] {
						got[k] = d
					}
				}
				if d := differing(clean, got); len(d) > 0 {
					t.Errorf("%s: after --only-gaps of %v these differ: %v", op, kinds, d)
				}
			}
		}
	})
	t.Run("4 a denial that looks like emptiness is unknown", func(t *testing.T) {
		for _, op := range []string{"ListMemoryRecords", "ListActors", "ListSessions", "ListEvents"} {
			w, _ := firmWith(t, func(o string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
				if o == op {
					return &agentcorefake.Fault{Empty: true}
				}
				return nil
			})
			if _, rep := read(t, w.service(w.mem)); rep.Verdict.Coverage != agentstate.Unknown {
				t.Errorf("%s: %s", op, rep.Verdict.Coverage)
			}
		}
	})
	t.Run("4 preflight asks for each permission", func(t *testing.T) {
		t.Parallel()
		w, s := firmWith(t, nil) // a preflight changes nothing either
		for _, ops := range actions("export") {
			for _, op := range ops {
				if op == "GetEvent" {
					continue
				}
				s.fault = deny(op)
				p, err := w.service("").Preflight(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Gaps) != 1 || p.Gaps[0].Permission != "bedrock-agentcore:"+op {
					t.Errorf("%s: %v", op, p.Gaps)
				}
			}
		}
	})
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
		for range 20 {
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

// only is the id of the memory of that name.
func (w *world) only(t testing.TB, name string) string {
	t.Helper()
	out := ""
	err := w.c(t).listMemories(context.Background(), 100, func(doc json.RawMessage) error {
		id, err := field(doc, "id")
		if strings.HasPrefix(id, name+"-") {
			out = id
		}
		return err
	})
	if err != nil || out == "" {
		t.Fatalf("no memory %s: %v", name, err)
	}
	return out
}

// c is the driver's own client on the world.
func (w *world) c(t testing.TB) *client {
	t.Helper()
	return must(w.service("").connect(context.Background()))(t)
}
