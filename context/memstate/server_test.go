package memstate_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func client(f memstate.Fault) *memstate.Client {
	return &memstate.Client{Server: memstate.NewServer(memstate.Sample(30), 10, f)}
}

func judge(t *testing.T, src agentstate.Source) (agentstate.Verdict, *agentstate.Tally) {
	t.Helper()
	rep, err := agentstate.Copy(t.Context(), memstate.New(), src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.Verdict, &rep.Tally
}

// TestLyingServer: what each lie does to the verdict, and to nothing but the kind that is lied about.
func TestLyingServer(t *testing.T) {
	honest, all := judge(t, client(""))
	if honest.Coverage != agentstate.Reconciled || all.Records["memory"] != 30 {
		t.Fatalf("%v, %v", honest, all.Records)
	}
	for f, want := range map[memstate.Fault]struct {
		cov  agentstate.Coverage
		n    uint64
		gaps int
	}{
		memstate.HiddenPage:    {agentstate.Unknown, 20, 0},
		memstate.WrongTotal:    {agentstate.Unknown, 30, 0},
		memstate.LoopingCursor: {agentstate.Unknown, 20, 0},
		memstate.DuplicatePage: {agentstate.Unknown, 30, 0},
		memstate.ChangeInRead:  {agentstate.Gaps, 29, 1},
		memstate.Forbidden:     {agentstate.Gaps, 0, 1},
		memstate.EmptyDenial:   {agentstate.Unknown, 0, 0},
		memstate.ServerError:   {agentstate.Unknown, 10, 1},
		memstate.Throttled:     {agentstate.Reconciled, 30, 0},
		memstate.BrokenOnce:    {agentstate.Reconciled, 30, 0},
	} {
		t.Run(string(f), func(t *testing.T) {
			v, tally := judge(t, client(f))
			if got := v.Kinds["memory"]; got.Coverage != want.cov || tally.Records["memory"] != want.n || len(tally.Gaps) != want.gaps {
				t.Errorf("%v (%s), %d records, gaps %v", got.Coverage, got.Why, tally.Records["memory"], tally.Gaps)
			}
			for k, kv := range v.Kinds {
				if k != "memory" && kv.Coverage != agentstate.Reconciled {
					t.Errorf("%s suffers: %v", k, kv)
				}
			}
			if f == memstate.Forbidden && tally.Gaps[0].Permission == "" {
				t.Error("the gap does not name the permission")
			}
		})
	}
	if n := len(memstate.LosingFaults()) + len(memstate.PassingFaults()); n != 10 {
		t.Errorf("%d faults are listed", n)
	}
}

// TestThrottled: the client waits as long as it is told, so that it is never shut out.
func TestThrottled(t *testing.T) {
	calm, busy := client(""), client(memstate.Throttled)
	judge(t, calm)
	start := time.Now()
	judge(t, busy)
	n, m := calm.Server.Requests(), busy.Server.Requests()
	if m <= n || m > n*3/2 {
		t.Errorf("%d requests, %d without throttling", m, n)
	}
	if waited := time.Since(start); waited < time.Duration(m-n)*5*time.Millisecond {
		t.Errorf("%d refusals, and only %v", m-n, waited)
	}
	// Who asks again at once is shut out.
	hasty := memstate.NewServer(memstate.Sample(3), 1, memstate.Throttled)
	shut := false
	for range 20 {
		_, err := hasty.Count(t.Context(), "memory")
		var st *memstate.StatusError
		shut = shut || errors.As(err, &st) && st.Code == 403
	}
	if !shut {
		t.Error("a client that does not wait gets through")
	}
}

func TestClientCancelled(t *testing.T) {
	for _, f := range []memstate.Fault{memstate.Hanging, memstate.ServerError} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		start := time.Now()
		c := client(f)
		c.Tries = 1000
		var last error
		for _, err := range c.Records(ctx, nil) {
			last = err
		}
		cancel()
		if !errors.Is(last, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
			t.Errorf("%s: %v after %v", f, last, time.Since(start))
		}
	}
}

func TestPreflight(t *testing.T) {
	c := client(memstate.Forbidden)
	p, err := c.Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.Gap{Kind: "memory", Reason: pb.Gap_REASON_FORBIDDEN, Permission: "state:Listmemory"}
	if len(p.Gaps) != 1 || p.Gaps[0].Permission != want.Permission || p.Counts["message"] != 31 || p.Observer == "" {
		t.Errorf("%+v", p)
	}
	if _, ok := p.Counts["memory"]; ok {
		t.Error("counts what it may not read")
	}
}

func TestClientKinds(t *testing.T) {
	var got []string
	for r, err := range client("").Records(t.Context(), &agentstate.ReadOptions{Kinds: []string{"run", "tool"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if k := agentstate.KindOf(r); k != "mark" && !slices.Contains(got, k) {
			got = append(got, k)
		}
	}
	if d := cmp.Diff([]string{"origin", "tool", "run", "completeness"}, got); d != "" {
		t.Error(d)
	}
}
