package agentcore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An odd endpoint is the fake behind one that somebody else has written: each thing that it does
// another way is what boto3 takes without a word.
type odd struct {
	lacks  func(op string) bool                  // operations that it does not have, by the path
	lack   func(w http.ResponseWriter)           // how it says so
	change func(path string, doc map[string]any) // of each answer
}

func (w *world) behind(t *testing.T, o odd) *world {
	return w.through(func(rw http.ResponseWriter, r *http.Request) {
		if o.lacks != nil && o.lacks(r.URL.Path) {
			o.lack(rw)
			return
		}
		rec := httptest.NewRecorder()
		w.fake.ServeHTTP(rec, r)
		b := rec.Body.Bytes()
		var doc map[string]any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if o.change != nil && rec.Code < 300 && d.Decode(&doc) == nil {
			o.change(r.URL.Path, doc)
			b, _ = json.Marshal(doc)
		}
		for k, v := range rec.Header() {
			rw.Header()[k] = v
		}
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(b)
	})
}

// each calls f for every object in v.
func each(v any, f func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			each(x, f)
		}
		f(v)
	case []any:
		for _, x := range v {
			each(x, f)
		}
	}
}

// resource tells whether m is an answer or a resource in it, and not a map of the caller's.
func resource(m map[string]any) bool {
	for _, k := range []string{"arn", "actorId", "memoryRecordId", "strategyId", "events", "memory", "memoryRecordSummaries"} {
		if _, ok := m[k]; ok {
			return true
		}
	}
	return false
}

// Answers that mean the same arrive as the same: dates as text, lists that go the other way, members
// that are not there, are null or are new.
func TestOtherEndpoints(t *testing.T) {
	dates := func(write func(ms int64) any) func(string, map[string]any) {
		return func(_ string, doc map[string]any) {
			each(doc, func(m map[string]any) {
				for _, k := range []string{"createdAt", "updatedAt", "eventTimestamp", "timestamp"} {
					if n, ok := m[k].(json.Number); ok {
						f, _ := n.Float64()
						m[k] = write(int64(math.Round(f * 1000)))
					}
				}
			})
		}
	}
	for name, change := range loadtest.Rows(map[string]func(path string, doc map[string]any){
		"dates by RFC 3339":          dates(func(ms int64) any { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }),
		"dates of Python":            dates(func(ms int64) any { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999999999-07:00") }),
		"dates without a zone":       dates(func(ms int64) any { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.999999999") }),
		"numbers in quotes":          dates(func(ms int64) any { return string(stamp(ms)) }),
		"numbers in scientific form": dates(func(ms int64) any { return json.RawMessage(json.Number(stamp(ms*10) + "e-1")) }),
		"no main branch": func(_ string, doc map[string]any) {
			each(doc, func(m map[string]any) {
				if b, ok := m["branch"].(map[string]any); ok && b["name"] == "main" {
					delete(m, "branch")
				}
			})
		},
		"the oldest first": func(_ string, doc map[string]any) {
			if es, ok := doc["events"].([]any); ok {
				slices.Reverse(es)
			}
		},
		"null for nothing": func(_ string, doc map[string]any) {
			each(doc, func(m map[string]any) {
				if !resource(m) {
					return
				}
				for _, k := range []string{"nextToken", "description", "branch", "metadata", "streamDeliveryResources", "expiresAt", "encryptionKeyArn", "indexedKeys", "namespaceKeys"} {
					if _, ok := m[k]; !ok {
						m[k] = nil
					}
				}
				if es, ok := m["events"].([]any); ok && len(es) == 0 {
					m["events"] = nil
				}
			})
		},
		"members and values that are new": func(_ string, doc map[string]any) {
			each(doc, func(m map[string]any) {
				if !resource(m) {
					return
				}
				m["laterMember"] = map[string]any{"a": []any{1}}
				if m["status"] != nil {
					m["status"] = "LATER"
				}
			})
		},
		"no request identifiers": func(_ string, doc map[string]any) {
			each(doc, func(m map[string]any) { delete(m, "requestIdentifier") })
		},
	}, "dates by RFC 3339", "dates without a zone", "numbers in scientific form", "no main branch", "the oldest first", "null for nothing", "members and values that are new") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := shop(t, agentcorefake.Options{}), newWorld(t, agentcorefake.Options{Account: "999999999999"})
			want := src.all(t, src.mem)
			from, to := src.behind(t, odd{change: change}), dst.behind(t, odd{change: change})
			st, rep := read(t, from.service(src.mem))
			if rep.Verdict.Coverage != agentstate.Listed || len(rep.Gaps) > 0 {
				t.Errorf("%s, gaps %v", rep.Verdict.Coverage, rep.Gaps)
			}
			_, j := apply(t, to.service(""), st)
			got := dst.all(t, dst.only(t, "shop"))
			if want != moved.ReplaceAllString(got, "22.123") {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			back, err := replay.ReadBack(t.Context(), st, to.service(""), j)
			if err != nil || back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
				t.Errorf("%v: missing %v, extra %v, losses %v", err, back.Missing, back.Extra, back.Losses)
			}
			again, _ := apply(t, to.service(""), st)
			if again.Actions[replay.Created] > 0 {
				t.Errorf("a second run would make %d", again.Actions[replay.Created])
			}
		})
	}
}

// moved is the time of the event that shared its millisecond with another one.
var moved = regexp.MustCompile(`22\.124`)

// An endpoint that does not have all operations: each kind that they are of is a gap that says so,
// soon, and the memories come out.
func TestEndpointsThatLackOperations(t *testing.T) {
	t.Parallel()
	memories := regexp.MustCompile(`^/memories/`)
	for name, lack := range map[string]func(w http.ResponseWriter){
		"404 and nothing": func(w http.ResponseWriter) { w.WriteHeader(404) },
		"404 of a page":   func(w http.ResponseWriter) { http.Error(w, "<html>404", 404) },
		"404 of AWS": func(w http.ResponseWriter) {
			w.Header().Set("X-Amzn-ErrorType", "UnknownOperationException")
			w.WriteHeader(404)
			_, _ = w.Write([]byte(`{"message":"Unknown operation"}`))
		},
		"404 with a type inside": func(w http.ResponseWriter) {
			w.WriteHeader(404)
			_, _ = w.Write([]byte(`{"__type":"UnknownOperationException"}`))
		},
		"400 with a type inside": func(w http.ResponseWriter) {
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"__type":"com.amazon.coral.service#UnknownOperationException","message":"x"}`))
		},
		"405": func(w http.ResponseWriter) { http.Error(w, "no", http.StatusMethodNotAllowed) },
		"501": func(w http.ResponseWriter) {
			w.WriteHeader(501)
			_, _ = w.Write([]byte(`{"message":"not implemented"}`))
		},
		"500 of a page": func(w http.ResponseWriter) { http.Error(w, "<html>Internal Server Error", 500) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shop(t, agentcorefake.Options{})
			s := w.behind(t, odd{func(path string) bool { return !memories.MatchString(path) }, lack, nil}).service("")
			var waited atomic.Int64 // before requests were made again, all of it added up
			s.o.again = func(_ context.Context, d time.Duration) error { waited.Add(int64(d)); return nil }
			st, rep := read(t, s)
			d := time.Duration(waited.Load())
			t.Logf("it would wait %s", d)
			if d > 10*time.Second || name[:3] != "500" && d > 0 {
				t.Errorf("it would wait %s", d)
			}
			if rep.Records["message"] != 10 || rep.Records["memory"] != 8 {
				t.Errorf("the memories did not come out: %v", rep.Records)
			}
			if _, err := st.Get(t.Context(), memoryKey(w.mem)); err != nil {
				t.Error(err)
			}
			for _, k := range []string{"credential", "toolserver", "policy", "agent", "opaque", "principal"} {
				if c := rep.Verdict.Kinds[k].Coverage; c != agentstate.Gaps {
					t.Errorf("%s is %s", k, c)
				}
			}
			for _, k := range []string{"message", "memory", "memoryspace", "conversation"} {
				if c := rep.Verdict.Kinds[k].Coverage; c != agentstate.Listed {
					t.Errorf("%s is %s", k, c)
				}
			}
			if len(rep.Gaps) > 24 && name[:3] != "500" {
				t.Errorf("%d gaps are too many to be read", len(rep.Gaps))
			}
			for _, g := range rep.Gaps {
				if g.Reason != pb.Gap_REASON_REFUSED || name[:3] != "500" && !strings.Contains(g.Detail, "no such operation") {
					t.Errorf("gap %v", g)
				}
			}
		})
	}
}

// Without listings of actors, of sessions or of records the rest is there, and the word is not LISTED.
func TestEndpointsThatLackListings(t *testing.T) {
	for path, kinds := range map[string][]string{"/actors": {"principal", "conversation", "message"}, "/sessions": {"conversation", "message"}, "/memoryRecords": {"memory"}} {
		w := shop(t, agentcorefake.Options{})
		o := w.behind(t, odd{func(p string) bool { return strings.HasSuffix(p, path) }, func(rw http.ResponseWriter) { rw.WriteHeader(501) }, nil})
		_, rep := read(t, o.service(w.mem))
		for k, v := range rep.Verdict.Kinds {
			if bad := v.Coverage > agentstate.Listed; bad != slices.Contains(kinds, k) {
				t.Errorf("without %s %s is %s: %s", path, k, v.Coverage, v.Why)
			}
		}
		p, err := o.service(w.mem).Preflight(t.Context())
		if err != nil || len(p.Gaps) != 1 || !strings.Contains(p.Gaps[0].Detail, "no such operation") {
			t.Errorf("preflight without %s: %v %v", path, err, p.Gaps)
		}
	}
}

// A memory that is not there is an error, and no archive of nothing.
func TestNoSuchMemory(t *testing.T) {
	w := shop(t, agentcorefake.Options{})
	s := w.service("shop-zzzzzzzzzz")
	_, err := agentstate.Copy(t.Context(), memstate.New(), s, nil)
	if err == nil || !strings.Contains(err.Error(), "no memory shop-zzzzzzzzzz here") {
		t.Error(err)
	}
	if _, err := s.Preflight(t.Context()); err == nil || !strings.Contains(err.Error(), "no memory shop-zzzzzzzzzz here") {
		t.Error(err)
	}
	st, _ := read(t, w.service(w.mem))
	if _, err := replay.Apply(t.Context(), s, st, &replay.Options{Journal: journal(t)}); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "no memory shop-zzzzzzzzzz here") {
		t.Error(err)
	}
}

// An undo on an endpoint that cannot delete says so, and never that it is done.
func TestUndoWithoutDelete(t *testing.T) {
	src, dst := shop(t, agentcorefake.Options{}), newWorld(t, agentcorefake.Options{Account: "999999999999"})
	st, _ := read(t, src.service(src.mem))
	_, j := apply(t, dst.service(""), st)
	o := dst.behind(t, odd{func(p string) bool { return strings.Contains(p, "/events/") }, func(rw http.ResponseWriter) { rw.WriteHeader(404) }, nil})
	if rep, err := replay.Undo(t.Context(), o.service(""), j); err == nil && rep.LeftN == 0 {
		t.Errorf("undone: %v", rep)
	}
	if got := dst.all(t, dst.only(t, "shop")); !strings.Contains(got, "invoice") {
		t.Error("nothing is there")
	}
}

// An endpoint of before takes a namespace, and no path: the records come out, and nobody says that
// they are all.
func TestWithoutNamespacePath(t *testing.T) {
	w := shop(t, agentcorefake.Options{Fault: func(op string, _ int, _ map[string]string, body map[string]any) *agentcorefake.Fault {
		if op != "ListMemoryRecords" {
			return nil
		}
		if body["namespacePath"] != nil {
			return &agentcorefake.Fault{Status: 400, Type: "ValidationException"}
		}
		body["namespacePath"] = body["namespace"] // there a namespace is the start of one
		delete(body, "namespace")
		return nil
	}})
	_, rep := read(t, w.service(w.mem))
	if v := rep.Verdict.Kinds["memory"]; rep.Records["memory"] != 8 || v.Coverage != agentstate.Unknown {
		t.Errorf("%d records, %s: %s", rep.Records["memory"], v.Coverage, v.Why)
	}
}

// What the provider says of its quotas is not asked of others.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	for end, want := range map[string]bool{
		"http://127.0.0.1:4566": true, "https://agentcore.test.example": true,
		"https://bedrock-agentcore.eu-central-1.amazonaws.com": false, "https://vpce-1-2.bedrock-agentcore.eu-central-1.vpce.amazonaws.com": false,
		"https://bedrock-agentcore.cn-north-1.amazonaws.com.cn": false, "https://evil.example/.amazonaws.com": true,
	} {
		if got := elsewhere(end); got != want {
			t.Errorf("%s: %v", end, got)
		}
	}
	w := newWorld(t, agentcorefake.Options{})
	mem := w.plain(t, "long")
	n := loadtest.Of(100, 300)
	for i := range n {
		w.event(t, mem, "ada", "s", at0+int64(i), nil, say(types.RoleUser, "hello"))
	}
	start := time.Now()
	st, _ := read(t, New(Options{Region: "eu-central-1", Memory: mem, Config: &w.cfg}))
	apply(t, New(Options{Region: "eu-central-1", Config: &newWorld(t, agentcorefake.Options{Account: "999999999999"}).cfg}), st)
	if d := time.Since(start); d > time.Duration(n)*time.Second/6 { // at 5 a second it were more
		t.Errorf("%d events took %s", n, d)
	}
}

// A memory that does not work is read as far as it can be, and a plan says that a working one is made.
func TestMemoriesThatDoNotWork(t *testing.T) {
	for _, status := range []string{"CREATING", "FAILED", "DELETING", "UPDATING"} {
		w := shop(t, agentcorefake.Options{})
		o := w.behind(t, odd{change: func(path string, doc map[string]any) {
			if m, ok := doc["memory"].(map[string]any); ok {
				m["status"] = status
			}
		}})
		st, rep := read(t, o.service(""))
		if rep.Records["message"] != 10 || rep.Records["memory"] != 8 {
			t.Errorf("%s: %v", status, rep.Records)
		}
		p, err := o.service("").Preflight(t.Context())
		if err != nil || !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, status) }) {
			t.Errorf("%s: %v %v", status, err, p)
		}
		out, _ := apply(t, newWorld(t, agentcorefake.Options{Account: "999999999999"}).service(""), st)
		said := slices.ContainsFunc(out.Losses, func(l fidelity.Loss) bool { return strings.Contains(l.Why, status+" in the source") })
		if want := status == "FAILED" || status == "DELETING"; said != want {
			t.Errorf("%s is said: %v", status, said)
		}
	}
}
