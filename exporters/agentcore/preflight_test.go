package agentcore

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// TestPreflightCounts: "some" of a kind is said where one was seen, and nowhere else.
func TestPreflightCounts(t *testing.T) {
	t.Parallel()
	p, err := newWorld(t, agentcorefake.Options{}).service("").Preflight(t.Context())
	if err != nil || len(p.Counts) != 0 {
		t.Errorf("an account without anything: %v, %v", p.Counts, err)
	}
	w := shop(t, agentcorefake.Options{})
	if p, err = w.service(w.mem).Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kind, counted := range map[string]bool{"memory": false, "conversation": true, "message": false, "memoryspace": true, "principal": true} {
		if n := p.Counts[kind]; n == 0 || (n > 0) != counted {
			t.Errorf("a memory with state: %s: %d", kind, n)
		}
	}
	def := firm(t)
	if p, err = def.service("").Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"agent", "toolserver", "policy", "credential"} {
		if p.Counts[kind] != -1 {
			t.Errorf("an account with definitions: %s: %d", kind, p.Counts[kind])
		}
	}
}

// TestPreflightEffort: an export makes no fewer requests of any operation than were foreseen. Where all sessions
// were counted, that is near to what it makes, however many an actor has; else the bound is still one, and says why.
func TestPreflightEffort(t *testing.T) {
	t.Parallel()
	many := newWorld(t, agentcorefake.Options{})
	mem := many.plain(t, "many")
	for i := range 150 {
		many.event(t, mem, "ada", fmt.Sprint("s", i), at0+int64(i), nil, say(types.RoleUser, "x"))
	}
	crowd := newWorld(t, agentcorefake.Options{})
	mem = crowd.plain(t, "crowd")
	for i := range maxAsks + 20 {
		crowd.event(t, mem, fmt.Sprint("a", i), "s", at0+int64(i), nil, say(types.RoleUser, "x"))
	}
	for name, c := range map[string]struct {
		w    *world
		near bool
		say  string
	}{
		"a shop":                 {shop(t, agentcorefake.Options{}), false, ""},
		"definitions":            {firm(t), false, ""},
		"one actor's 150":        {many, true, "300 ListEvents ÷ 5000/s"},
		"more than may be asked": {crowd, true, "240 ListEvents ÷ 5000/s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := len(c.w.fake.Calls())
			p, err := c.w.service("").Preflight(t.Context())
			if err != nil || p.Effort == nil {
				t.Fatal(p, err)
			}
			mid := len(c.w.fake.Calls())
			if asked := mid - before; asked > maxAsks+200 {
				t.Errorf("a preflight made %d requests", asked)
			}
			read(t, c.w.service(""))
			made := uint64(len(c.w.fake.Calls()) - mid)
			if e := p.Effort; e.Requests > made || e.Requests < made/4 || c.near && e.Requests < made*9/10 || !strings.Contains(e.Formula, c.say) || e.Time < time.Second {
				t.Errorf("at least %d requests, %s, %s; %d were made", e.Requests, e.Time, e.Formula, made)
			}
			partly := slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, "of 120 actors") })
			if partly != (c.w == crowd) || partly != (p.Counts["conversation"] < 0) && name != "definitions" {
				t.Errorf("%d conversations, %q", p.Counts["conversation"], p.Notes)
			}
		})
	}
}

// TestPreflightClosed: sessions of a memory that are closed are said, also where the sessions of the memories before it
// took all requests that may count. Of a listing that is closed no pages are foreseen.
func TestPreflightClosed(t *testing.T) {
	t.Parallel()
	var closed atomic.Value // an operation, or the memory whose sessions are
	closed.Store("")
	w := newWorld(t, agentcorefake.Options{Fault: func(op string, _ int, labels map[string]string, _ map[string]any) *agentcorefake.Fault {
		if c := closed.Load(); op == c || op == "ListSessions" && labels["memoryId"] == c {
			return &agentcorefake.Fault{Status: 403, Type: "AccessDeniedException", Message: "no"}
		}
		return nil
	}})
	crowd, small := w.plain(t, "a"), w.plain(t, "b")
	for i := range maxAsks + 1 {
		w.event(t, crowd, fmt.Sprint("a", i), "s", at0, nil, say(types.RoleUser, "x"))
	}
	w.event(t, small, "ada", "s", at0, nil, say(types.RoleUser, "x"))
	for _, c := range []string{small, "ListMemories"} {
		closed.Store(c)
		s := w.service("")
		s.o.auto = true // reckoned by the quotas, of which that of ListMemories is the lowest
		p, err := s.Preflight(t.Context())
		if err != nil || len(p.Gaps) != 1 || !strings.HasPrefix(p.Gaps[0].Place, c) || strings.Contains(p.Effort.Formula, c) {
			t.Errorf("%s: %+v %v", c, p, err)
		}
	}
}
