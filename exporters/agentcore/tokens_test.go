package agentcore

import (
	"sync"
	"testing"

	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// A token that expires in the middle of a listing costs requests, and no record.
func TestTokensExpire(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	expired := map[string]int{}
	s := &toggle{fault: func(op string, _ int, _ map[string]string, body map[string]any) *agentcorefake.Fault {
		mu.Lock()
		defer mu.Unlock()
		if body["nextToken"] == nil || expired[op] > 0 {
			return nil
		}
		expired[op]++
		return &agentcorefake.Fault{Status: 400, Type: "ValidationException", Message: "Invalid pagination token"}
	}}
	w := firmOf(t, agentcorefake.Options{Fault: s.ask, PageCap: 1})
	src := New(Options{Region: "eu-central-1", Config: &w.cfg})
	want := content(t, src)
	s.on.Store(true)
	got, rep := read(t, src)
	if d := differing(want, content(t, got)); len(d) > 0 {
		t.Errorf("%d records differ: %v", len(d), d[0])
	}
	if len(rep.Gaps) > 0 {
		t.Errorf("%v", rep.Gaps)
	}
	for _, op := range []string{"ListActors", "ListSessions", "ListEvents", "ListMemoryRecords"} {
		if expired[op] != 1 {
			t.Errorf("%s: %d tokens expired", op, expired[op])
		}
	}
}

// A refusal that names what is wanted, as the key of a memory, is told by that name, and by no more of
// its text.
func TestKeyDenied(t *testing.T) {
	t.Parallel()
	w, _ := firmWith(t, func(op string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
		if op != "ListEvents" {
			return nil
		}
		return &agentcorefake.Fault{Status: 403, Type: "AccessDeniedException", Message: "User: arn:aws:sts::1:assumed-role/canary is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-central-1:1:key/canary"}
	})
	_, rep := read(t, New(Options{Region: "eu-central-1", Config: &w.cfg}))
	n := 0
	for _, g := range rep.Gaps {
		if g.Permission == "kms:Decrypt" && g.Detail == "agentcore: ListEvents needs kms:Decrypt" {
			n++
		}
	}
	if n == 0 || n != len(rep.Gaps) {
		t.Errorf("%d of %v", n, rep.Gaps)
	}
}
