package agentcore

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"agentcore://eu-central-1":                 "",
		"agentcore://eu-central-1/shop-0123456789": "",
		"agentcore://us-gov-west-1?rate=5":         "",
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
	busy := false
	w = faulty(t, func(op string, _ int, labels map[string]string, body map[string]any) *agentcorefake.Fault {
		if op == "ListEvents" && labels["sessionId"] == "s2" && body["includePayloads"] == false && !busy {
			busy = true
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
