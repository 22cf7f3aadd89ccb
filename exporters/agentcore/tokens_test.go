package agentcore

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	src := w.service("")
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
	_, rep := read(t, w.service(""))
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

// A listing whose every token expires ends, after few requests, with what the service says.
func TestTokensAlwaysExpire(t *testing.T) {
	calls, given := 0, 0
	err := pages(1, "ListX", "xs", func(json.RawMessage) error { given++; return nil }, func(_ int32, token *string) ([]byte, error) {
		if calls++; calls > 100 {
			t.Fatal("it begins anew for ever")
		}
		if token != nil {
			return nil, &refused{status: 400}
		}
		return []byte(`{"xs":[{}],"nextToken":"t"}`), nil
	})
	var no *refused
	if !errors.As(err, &no) || given != 1 || calls != 2*(maxBegun+1) {
		t.Errorf("%v after %d requests, %d elements", err, calls, given)
	}
}

// A listing that begins anew while others write gives each element once, and leaves none out.
func TestTokensExpireAmongWriters(t *testing.T) {
	for name, x := range map[string]struct{ after, want string }{
		"as it was":   {"a b c d", "a b c d"},
		"one came":    {"n a b c d", "a b n c d"},
		"one is gone": {"b c d", "a b c d"},
		"equal ones":  {"a b b b", "a b b b"},
	} {
		list, expired, got := strings.Fields("a b c d"), false, []string{}
		err := pages(2, "ListX", "xs", func(doc json.RawMessage) error {
			got = append(got, strings.Trim(string(doc), `"`))
			return nil
		}, func(n int32, token *string) ([]byte, error) {
			at := 0
			if token != nil {
				if !expired {
					expired, list = true, strings.Fields(x.after)
					return nil, &refused{status: 400}
				}
				at, _ = strconv.Atoi(*token)
			}
			end := min(at+int(n), len(list))
			doc := map[string]any{"xs": list[at:end]}
			if end < len(list) {
				doc["nextToken"] = strconv.Itoa(end)
			}
			return json.Marshal(doc)
		})
		if d := cmp.Diff(x.want, strings.Join(got, " ")); d != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}
