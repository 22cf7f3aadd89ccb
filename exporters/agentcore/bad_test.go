package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"agentcore://eu-central-1":                 "",
		"agentcore://eu-central-1/shop-0123456789": "",
		"agentcore://us-gov-west-1?rate=5":         "",
		"agentcore://us-gov-west-1?sessions=2":     "",
		"agentcore:eu-central-1":                   "write agentcore://REGION",
		"agentcore://me:secret@eu-central-1":       "write agentcore://REGION",
		"agentcore://evil.example":                 "not a region",
		"agentcore://eu-central-1/../x":            "not the id of a memory",
		"agentcore://eu-central-1?rate=-1":         "number above 0",
		"agentcore://eu-central-1?speed=1":         "no option",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parse(u)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

// Answers that the service never gives end with an error that says so, or with a gap, and never
// with a panic.
func TestBadAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"not JSON":       `<html>proxy`,
		"cut short":      `{"memory":{"id":"shop-0123456789"`,
		"other shape":    `{"memory":[1,2]}`,
		"no list":        `{"memory":{"id":"shop-0123456789","name":"shop","status":"ACTIVE"}}`,
		"list of null":   `{"memory":{"id":"x"},"actorSummaries":[null],"memoryRecordSummaries":[null]}`,
		"endless tokens": `{"memory":{"id":"x","strategies":[]},"actorSummaries":[],"memoryRecordSummaries":[],"nextToken":"again"}`,
		"odd event":      `{"memory":{"id":"x"},"memoryRecordSummaries":[],"actorSummaries":[{"actorId":"a"}],"sessionSummaries":[{"sessionId":"s"}],"events":[{"eventId":1}]}`,
		"odd payload":    `{"memory":{"id":"x"},"memoryRecordSummaries":[],"actorSummaries":[{"actorId":"a"}],"sessionSummaries":[{"sessionId":"s","actorId":"a"}],"events":[{"eventId":"1#a","eventTimestamp":1e300,"payload":[null,{"conversational":{"role":"KING","content":{"text":"\ud800"}}},{"later":{}}],"branch":{"name":"b","rootEventId":"9#f"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
			defer srv.Close()
			cfg := aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(srv.URL), Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}
			s := New(Options{Region: "eu-central-1", Memory: "shop-0123456789", Config: &cfg, Rate: 5000})
			rep, err := agentstate.Copy(t.Context(), memstate.New(), s, nil)
			if err == nil && rep.Verdict.Coverage <= agentstate.Listed && name != "odd payload" {
				t.Errorf("%s ends %s", name, rep.Verdict.Coverage)
			}
			if name == "odd payload" && err != nil {
				t.Error(err)
			}
		})
	}
}

// An answer that is cut on its way is asked for again; one that stays cut ends the reading, and what
// was read before a mark is not lost.
func TestCutInTransit(t *testing.T) {
	t.Parallel()
	for _, forever := range []bool{false, true} {
		w := shop(t, agentcorefake.Options{})
		var n atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/sessions/s2") {
				if forever || n.Add(1) <= 2 {
					rw.Header().Set("Content-Length", "1000")
					_, _ = rw.Write([]byte(`{"events":[`))
					return
				}
			}
			w.fake.ServeHTTP(rw, r)
		}))
		defer srv.Close()
		cfg := w.at(srv)
		st := memstate.New()
		rep, err := agentstate.Copy(t.Context(), st, New(Options{Region: "eu-central-1", Memory: w.mem, Config: &cfg, Rate: 5000, again: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}), nil)
		if forever {
			if !errors.Is(err, ErrBusy) || st.Cursor() == nil {
				t.Errorf("%v", err)
			}
			continue
		}
		if err != nil || rep.Verdict.Coverage != agentstate.Listed {
			t.Errorf("%v %v", err, rep.Verdict)
		}
	}
}

// An answer beyond all bounds is asked for in smaller pages, and is a gap if one item alone is that
// large. Nothing else is lost, and memory does not grow with it.
func TestAnswerOf100MB(t *testing.T) {
	t.Parallel()
	w := shop(t, agentcorefake.Options{})
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/sessions/s2") {
			_, _ = rw.Write([]byte(`{"events":[{"payload":[{"blob":"`))
			chunk := []byte(strings.Repeat("x", 1<<20))
			for range 100 {
				if _, err := rw.Write(chunk); err != nil {
					return
				}
			}
			_, _ = rw.Write([]byte(`"}]}]}`))
			return
		}
		w.fake.ServeHTTP(rw, r)
	}))
	defer srv.Close()
	cfg := w.at(srv)
	_, rep := read(t, New(Options{Region: "eu-central-1", Memory: w.mem, Config: &cfg, Rate: 5000}))
	if len(rep.Gaps) != 2 || rep.Gaps[0].Reason != pb.Gap_REASON_LIMIT || !strings.HasSuffix(rep.Gaps[0].Place, "/ada/s2") || rep.Records["message"] != 9 {
		t.Errorf("%v %v", rep.Gaps, rep.Records)
	}
}

// Half of a character and NUL come through as they are, in both directions.
func TestLoneSurrogatesAndNUL(t *testing.T) {
	src, dst := newWorld(t, agentcorefake.Options{}), newWorld(t, agentcorefake.Options{Account: "999999999999"})
	mem := src.plain(t, "odd")
	payloads := []string{`{"conversational":{"role":"USER","content":{"text":"a\ud800b\u0000c\ufffd"}}}`, `{"blob":{"k\udfff":"\ud83d"}}`, `{"conversational":{"role":"ASSISTANT","content":{"text":"\ud83d\ude9a \u2028"}}}`}
	for i, p := range payloads {
		o := &outEvent{p: &place{id: mem}, actor: "ada", id: "s", ev: event{EventTimestamp: stamp(at0 + int64(i)), Payload: []json.RawMessage{json.RawMessage(p)}}}
		must(src.c(t).createEvent(t.Context(), o, token("odd", p)))(t)
	}
	st, _ := read(t, src.service(""))
	_, j := apply(t, dst.service(""), st)
	var got []string
	if err := dst.c(t).listEvents(t.Context(), placed{dst.only(t, "odd"), "ada", "s"}, true, 100, func(doc json.RawMessage) error {
		var e event
		err := json.Unmarshal(doc, &e)
		got = append([]string{string(e.Payload[0])}, got...)
		return err
	}); err != nil || !slices.Equal(got, payloads) {
		t.Errorf("%v: came through as %q", err, got)
	}
	if back, err := replay.ReadBack(t.Context(), st, dst.service(""), j); err != nil || back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
		t.Errorf("%v: missing %v, extra %v, losses %v", err, back.Missing, back.Extra, back.Losses)
	}
}

// Retry-After comes as seconds, or as a date by the service's own clock.
func TestRetryAfter(t *testing.T) {
	for v, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "0.5": time.Second / 2, "-4": 0, "soon": 0, "Fri, 01 Jan 2100 00:00:07 GMT": 7 * time.Second, "99999": 5 * time.Minute, "NaN": 0} {
		h := http.Header{"Date": {"Fri, 01 Jan 2100 00:00:00 GMT"}, "Retry-After": {v}}
		if got := retryAfter(h); got != want {
			t.Errorf("%q: %s, want %s", v, got, want)
		}
	}
}

// A blob above what fits in a record goes beside it, and comes back.
func TestLargeBlob(t *testing.T) {
	src := newWorld(t, agentcorefake.Options{})
	mem := src.memory(t, "shop")
	big := strings.Repeat("ü", 200_000)
	src.blob(t, mem, big)
	st, rep := read(t, src.service(mem))
	if rep.Records["message"] != 1 {
		t.Fatal(rep.Records)
	}
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999"})
	apply(t, dst.service(""), st)
	back, _ := read(t, dst.service(""))
	for m, err := range agentstate.Of[*pb.Message](back.Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		r := agentstate.ResolverOf(back)
		b, err := r.Data(t.Context(), m.Parts[0].GetData())
		var got string
		if err != nil || json.Unmarshal(b, &got) != nil || got != big {
			t.Errorf("%d bytes came back, %v", len(b), err)
		}
	}
}

func TestNoLogin(t *testing.T) {
	w := faulty(t, func(string, int, map[string]string, map[string]any) *agentcorefake.Fault {
		return &agentcorefake.Fault{Status: 403, Type: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}
	})
	_, err := agentstate.Copy(t.Context(), memstate.New(), w.service(w.mem), nil)
	if !errors.Is(err, ErrLogin) {
		t.Errorf("%v", err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"eventId":"1#a","eventTimestamp":1700000000.123,"payload":[{"conversational":{"role":"USER","content":{"text":"hi"}}},{"blob":{"a":1}}],"branch":{"name":"main"},"metadata":{"a":{"stringValue":"b"}}}`))
	f.Add([]byte(`{"payload":[{"json":{"content":1}},{"conversational":{"content":{"text":"\ud800"}}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var e event
		if json.Unmarshal(doc, &e) != nil {
			return
		}
		for _, m := range messages("shop-0123456789", doc, &e, "", 1) {
			if m.Meta.Key == "" {
				t.Error("a message without a key")
			}
		}
		digest(&e)
		disarm(doc)
	})
}

// An event that is written while its session is read: the session is read again, and counted.
func TestChangeWhileReading(t *testing.T) {
	var w *world
	var busy atomic.Bool
	w = faulty(t, func(op string, _ int, labels map[string]string, body map[string]any) *agentcorefake.Fault {
		if op == "ListEvents" && labels["sessionId"] == "s2" && body["includePayloads"] == false && busy.CompareAndSwap(false, true) {
			w.event(t, w.mem, "ada", "s2", 1_700_000_099_000, nil, say(types.RoleUser, "while you were reading"))
		}
		return nil
	})
	st, rep := read(t, w.service(w.mem))
	if rep.Records["message"] != 11 || rep.Verdict.Coverage != agentstate.Listed || rep.Statements[0].Changed != 1 {
		t.Errorf("%v %s, changed %d", rep.Records, rep.Verdict.Coverage, rep.Statements[0].Changed)
	}
	if broken := dangling(t, st); broken != "" {
		t.Errorf("%s names a parent that is not there", broken)
	}
}

func dangling(t *testing.T, st *memstate.State) string {
	have := map[string]bool{"": true}
	for m, err := range agentstate.Of[*pb.Message](st.Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		if have[m.Meta.Key] = true; !have[m.ParentKey] {
			return m.Meta.Key
		}
	}
	return ""
}
