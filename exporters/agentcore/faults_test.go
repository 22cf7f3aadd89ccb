package agentcore

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
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

// permissions are the operations that gaps say are wanted, each once.
func permissions(gaps []*pb.Gap) []string {
	var out []string
	for _, g := range gaps {
		out = append(out, strings.TrimPrefix(g.Permission, "bedrock-agentcore:"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kindsOf are the kinds in which gaps say that an operation is wanted, each once.
func kindsOf(gaps []*pb.Gap, op string) []string {
	var out []string
	for _, g := range gaps {
		if strings.HasSuffix(g.Permission, ":"+op) {
			out = append(out, g.Kind)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
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
			left.Store(int64(1 + loadtest.Of(12, 4)*attempts))
			_, err := agentstate.Copy(t.Context(), got, w.service(""), nil)
			if err == nil {
				break
			}
			got.Close()
			if attempts++; !errors.Is(err, ErrLogin) || attempts > 200 {
				t.Fatalf("attempt %d: %v", attempts, err)
			}
		}
		if d := differing(content(t, want), content(t, got)); len(d) > 0 || attempts < loadtest.Of(4, 10) {
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
			left.Store(int64(3 + loadtest.Of(5, 2)*attempts))
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
		if err != nil || back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records || attempts < loadtest.Of(3, 5) {
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
		for _, ops := range loadtest.Every(8, together()) {
			s.fault = deny(ops...)
			s.on.Store(true)
			first, rep := read(t, w.service(""))
			if d := cmp.Diff(ops, permissions(rep.Gaps)); d != "" || rep.Verdict.Coverage < agentstate.Gaps {
				t.Errorf("%s: %s", rep.Verdict.Coverage, d)
			}
			for _, op := range ops[1:] { // else one hides what another does not close
				if d := cmp.Diff(kindsOf(rep.Gaps, ops[0]), kindsOf(rep.Gaps, op)); d != "" {
					t.Errorf("%s and %s close other kinds: %s", ops[0], op, d)
				}
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
				t.Errorf("%v: after --only-gaps of %v these differ: %v", ops, kinds, d)
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
		for _, ops := range loadtest.Every(4, together()) {
			s.fault = deny(ops...)
			p, err := w.service("").Preflight(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(ops, permissions(p.Gaps)); d != "" || len(p.Gaps) != len(ops) {
				t.Errorf("%v: %s", p.Gaps, d)
			}
		}
	})
	faultsOfContent(t)
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
