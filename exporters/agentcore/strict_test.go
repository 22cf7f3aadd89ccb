package agentcore

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// instead is w behind an endpoint that answers with body where the path has part.
func (w *world) instead(t *testing.T, part, body string) *world {
	return w.through(func(rw http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, part) && r.Method != http.MethodPost {
			_, _ = rw.Write([]byte(body))
			return
		}
		w.fake.ServeHTTP(rw, r)
	})
}

// gapsAt are the reasons of the gaps at a place, by kind.
func gapsAt(rep *agentstate.Report, place string) map[string]pb.Gap_Reason {
	out := map[string]pb.Gap_Reason{}
	for _, g := range rep.Gaps {
		if g.Place == place {
			out[g.Kind] = g.Reason
		}
	}
	return out
}

// An answer that is no definition is a gap, and no record of nothing.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, body := range loadtest.Of([]string{`{"harness":`, "null"}, []string{"<html>welcome", `{"harness":`, "null", "[]", `{}`}) {
		_, rep := read(t, firm(t).instead(t, "/harnesses/clerk-abcdefghij", body).service(""))
		if got := gapsAt(rep, "Harness/clerk-abcdefghij"); got["agent"] != pb.Gap_REASON_CORRUPT || rep.Records["agent"] != 1 {
			t.Errorf("harness %s: %v, %d agents", body, got, rep.Records["agent"])
		}
	}
	for _, body := range loadtest.Of([]string{"<html>welcome", "[]", " null\n", "{}"}, []string{"<html>welcome", "null", "[]", " null\n", "{}"}) {
		_, rep := read(t, firm(t).instead(t, "/runtimes/bot-abcdefghij", body).service(""))
		if got := gapsAt(rep, "AgentRuntime/bot-abcdefghij"); got["agent"] != pb.Gap_REASON_CORRUPT || rep.Records["agent"] != 1 {
			t.Errorf("agent runtime %s: %v, %d agents", body, got, rep.Records["agent"])
		}
	}
}

// What a failure hides is not taken for nothing: tags of a definition, and the policy of who may use it.
func TestFailuresAreNotNone(t *testing.T) {
	t.Parallel()
	for op, want := range map[string]struct{ kind, place string }{
		"ListTagsForResource": {"toolserver", "Gateway/shop-gw-abcdefghij/tags"},
		"GetResourcePolicy":   {"policy", "Gateway/shop-gw-abcdefghij/policy"},
	} {
		w, _ := firmWith(t, func(asked string, _ int, _ map[string]string, b map[string]any) *agentcorefake.Fault {
			if asked == op {
				return &agentcorefake.Fault{Status: 501, Type: "InternalServerException", Message: "no"}
			}
			return nil
		})
		if _, rep := read(t, w.service("")); len(gapsAt(rep, want.place)) > 0 {
			t.Errorf("%s is not there: %v", op, rep.Gaps)
		}
	}
	for err, want := range map[*refused]bool{
		{op: "x", status: 404, code: "ResourceNotFoundException"}: true,
		{op: "x", status: 400, code: "ValidationException"}:       true,
		{op: "x", status: 501, code: ""}:                          true,
		{op: "x", status: 500, code: ""}:                          true,
		{op: "x", status: 500, code: "InternalServerException"}:   false,
		{op: "x", status: 502, code: ""}:                          false,
		{op: "x", status: 504, code: "UnknownError"}:              false,
		{op: "x", status: 503, code: "ServiceUnavailable"}:        false,
	} {
		if none(err) != want {
			t.Errorf("%v: %t", err, !want)
		}
	}
	_, rep := read(t, firm(t).instead(t, "/tags/", "null").service(""))
	if got := gapsAt(rep, "Gateway/shop-gw-abcdefghij/tags"); got["toolserver"] != pb.Gap_REASON_CORRUPT {
		t.Errorf("tags that are null: %v", got)
	}
	w := firm(t).behind(t, odd{change: func(path string, doc map[string]any) {
		if strings.HasPrefix(path, "/tags/") {
			doc["tags"] = "none"
		}
		if strings.HasPrefix(path, "/resourcepolicy/") {
			doc["policy"] = 5
		}
	}})
	_, rep = read(t, w.service(""))
	for place, kind := range map[string]string{"Gateway/shop-gw-abcdefghij/tags": "toolserver", "Gateway/shop-gw-abcdefghij/policy": "policy"} {
		if got := gapsAt(rep, place); got[kind] != pb.Gap_REASON_CORRUPT {
			t.Errorf("%s: %v", place, got)
		}
	}
}

// The arguments of a tool may be called as secrets are: its schema stays. What is a secret of a gateway goes.
func TestSchemasStay(t *testing.T) {
	t.Parallel()
	schema := map[string]any{"type": "object", "properties": map[string]any{"headers": map[string]any{"type": "string"}, "url": map[string]any{"type": "string"}, "queryParameters": map[string]any{"type": "object"}}}
	w := firm(t).behind(t, odd{change: func(_ string, doc map[string]any) {
		each(doc, func(m map[string]any) {
			if m["inputSchema"] != nil {
				m["inputSchema"] = schema
			}
			if m["gatewayUrl"] != nil {
				m["authorizerConfiguration"] = map[string]any{"customJWTAuthorizer": map[string]any{"discoveryUrl": "https://u:" + canary + "@idp.example/x", "tokenEndpoint": "https://idp.example/t?key=" + canary}}
			}
		})
	}})
	st, _ := read(t, w.service(""))
	tools := 0
	for r := range st.Records(t.Context(), nil) {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range r.GetMeta().GetNative() {
			b = append(b, n.GetData().GetInline()...)
		}
		if strings.Contains(string(b), canary) {
			t.Errorf("%s has the canary", r.GetMeta().GetKey())
		}
		if x, ok := r.(*pb.Tool); ok && x.InputSchema != nil {
			tools++
			if want := jsonOf(schema); string(canonical(x.InputSchema.GetInline())) != want {
				t.Errorf("%s: %s", x.Meta.Key, x.InputSchema.GetInline())
			}
		}
		if c, ok := r.(*pb.Credential); ok && strings.Contains(c.Location, "nputSchema") {
			t.Errorf("an argument is no credential: %s", c.Location)
		}
	}
	if tools < 2 {
		t.Errorf("%d tools", tools)
	}
	if _, err := st.Get(t.Context(), agentstate.Key("credential", "shop-gw-abcdefghij", "authorizerConfiguration.customJWTAuthorizer.discoveryUrl")); err != nil {
		t.Error(err)
	}
}

// Tools without a name are as many records as they are.
func TestToolsWithoutAName(t *testing.T) {
	t.Parallel()
	w := firm(t).behind(t, odd{change: func(path string, doc map[string]any) {
		each(doc, func(m map[string]any) {
			if m["tools"] != nil && m["harnessName"] != nil {
				one := map[string]any{"type": "remote_mcp", "config": map[string]any{"remoteMcp": map[string]any{"url": "https://a.example/mcp"}}}
				m["tools"] = []any{one, one, map[string]any{"type": "agentcore_browser"}, map[string]any{"type": "agentcore_browser"}}
			}
		})
	}})
	st, rep := read(t, w.service(""))
	for _, key := range []string{agentstate.Key("toolserver", "harness", "clerk-abcdefghij", "remote_mcp"), agentstate.Key("toolserver", "harness", "clerk-abcdefghij", "remote_mcp#2"), agentstate.Key("tool", "harness", "clerk-abcdefghij", "agentcore_browser#4")} {
		if _, err := st.Get(t.Context(), key); err != nil {
			t.Errorf("%s: %v %v", key, err, rep.Gaps)
		}
	}
}

// A listing whose pages hold nothing and never end is left.
func TestEndlessListing(t *testing.T) {
	n := 0
	err := pages(20, "ListX", "xs", func(json.RawMessage) error { return nil }, func(int32, *string) ([]byte, error) {
		n++
		return []byte(`{"xs":[],"nextToken":"` + time.Duration(n).String() + `"}`), nil
	})
	if err != errCircle || n > 2*maxEmpty {
		t.Errorf("%v after %d pages", err, n)
	}
}

// What has no identity but its place in the list is not held while it is listed.
func TestListedIsNotHeld(t *testing.T) {
	var order []string
	list := func(size int32, each func(json.RawMessage) error) error {
		for range 3 {
			order = append(order, "listed")
			if err := each(json.RawMessage(`{}`)); err != nil {
				return err
			}
		}
		return nil
	}
	ids, again, odd, err := twiceOf(sort{size: 3}, list, func(id string, entry json.RawMessage) error {
		order = append(order, id+string(entry))
		return nil
	})
	want := []string{"listed", "00000000{}", "listed", "00000001{}", "listed", "00000002{}", "listed", "listed", "listed"}
	if err != nil || odd != "" || again != 3 || len(ids) != 3 || !slices.Equal(order, want) {
		t.Errorf("%v %q %d %v: %v", err, odd, again, ids, order)
	}
}

// An archive may hold what no service has written: it is refused, and nothing falls over.
func TestConfigurationWithoutAName(t *testing.T) {
	if out, what := configuration("CUSTOM", json.RawMessage(`{"":{"x":1}}`)); out != nil || what != "configuration" {
		t.Errorf("%v %q", out, what)
	}
}

// A policy names two gateways, and the ARN of the one begins as that of the other.
func TestGatewaysThatBeginAlike(t *testing.T) {
	t.Parallel()
	long := "shop-gw-abcdefghij-klmnopqrst"
	src := firm(t)
	put := func(w *world, name, id string) {
		w.fake.Put("Gateway", "", map[string]any{"gatewayId": id, "gatewayArn": arn + "gateway/" + id, "name": name, "gatewayUrl": "https://g.example/mcp", "status": "READY", "authorizerType": "AWS_IAM", "protocolType": "MCP", "roleArn": "arn:aws:iam::" + acc + ":role/gw", "createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-02T03:04:05Z"})
	}
	put(src, "shop-gw-abcdefghij", long)
	src.policy("two-abcdefghij", `forbid(principal, action, resource) when { resource == AgentCore::Gateway::"`+arn+`gateway/shop-gw-abcdefghij" || resource == AgentCore::Gateway::"`+arn+"gateway/"+long+`" };`)
	st, _ := read(t, src.service(""))
	for range 4 { // in whatever order a map has
		dst := target(t, agentcorefake.Options{}, true)
		put(dst, "shop-gw-abcdefghij", "other-0123456789")
		approved(t, dst.service(""), st)
		text := dst.policies(t)["two"][1]
		if strings.Contains(text, "abcdefghij-") || strings.Contains(text, "klmnopqrst") || strings.Count(text, "gateway/other-0123456789\"") != 1 {
			t.Errorf("%s", text)
		}
	}
}

// A policy engine that never gets ready is waited for as long as a memory, and named.
func TestNeverReady(t *testing.T) {
	t.Parallel()
	w := firm(t).behind(t, odd{change: func(path string, doc map[string]any) {
		if doc["policyEngineId"] != nil {
			doc["status"] = "CREATING"
		}
	}})
	wr, err := w.service("").Begin(t.Context(), &replay.Run{ID: "r", From: &pb.Origin{Product: "agentcore"}})
	if err != nil {
		t.Fatal(err)
	}
	x := wr.(*writer)
	x.c.patience = 300 * time.Millisecond
	_, err = x.ready(t.Context(), x.sort("PolicyEngine"), "", "rules-abcdefghij")
	if err == nil || !strings.Contains(err.Error(), "PolicyEngine/rules-abcdefghij is CREATING for 300ms") {
		t.Error(err)
	}
}

// A gateway that is there and asks no policy engine lets more through than the source's did: that is a loss.
func TestGatewayWithoutItsEngine(t *testing.T) {
	guarded := firm(t).behind(t, odd{change: func(_ string, doc map[string]any) {
		if doc["gatewayUrl"] != nil {
			doc["policyEngineConfiguration"] = map[string]any{"arn": arn + "policy-engine/rules-abcdefghij", "mode": "ENFORCE"}
		}
	}})
	st, _ := read(t, guarded.service(""))
	for _, engine := range []map[string]any{nil, {"arn": arn + "policy-engine/other-abcdefghij", "mode": "ENFORCE"}, {"arn": arn + "policy-engine/other-abcdefghij", "mode": "LOG_ONLY"}} {
		dst := target(t, agentcorefake.Options{}, true).behind(t, odd{change: func(_ string, doc map[string]any) {
			if doc["gatewayUrl"] != nil && engine != nil {
				doc["policyEngineConfiguration"] = engine
			}
		}})
		got, _ := approved(t, dst.service(""), st)
		rc := got[gatewayKey("shop-gw-abcdefghij")]
		said := false
		for _, l := range rc.Losses {
			said = said || strings.HasPrefix(l.Why, "policyEngineConfiguration is another one")
		}
		if rc.Action != replay.Same || said == (engine["mode"] == "ENFORCE") {
			t.Errorf("%v: %v %v", engine, rc.Action, rc.Losses)
		}
	}
}

// A policy engine has its dates, as every definition has.
func TestPolicyEngineDates(t *testing.T) {
	t.Parallel()
	st, _ := read(t, firm(t).service(""))
	r, err := st.Get(t.Context(), engineKey("rules-abcdefghij"))
	if err != nil {
		t.Fatal(err)
	}
	if m, want := r.GetMeta(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano(); m.CreatedUnixNano != want || m.UpdatedUnixNano != want {
		t.Errorf("%d %d, want %d", m.CreatedUnixNano, m.UpdatedUnixNano, want)
	}
}

// Two languages have the same word for a policy; of a form that this release does not know nothing is read.
func TestLanguagesOfPolicies(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		language string
		grants   int
	}{"cedar": {"cedar", 1}, "policy": {"dogwood", 1}, "policyGeneration": {"", 0}, "later": {"", 0}} {
		w := firm(t).behind(t, odd{change: func(_ string, doc map[string]any) {
			if d, ok := doc["definition"].(map[string]any); ok && name != "cedar" {
				doc["definition"] = map[string]any{name: d["cedar"]}
			}
		}})
		st, _ := read(t, w.service(""))
		r, err := st.Get(t.Context(), agentstate.Key("policy", "rules-abcdefghij", "small-abcdefghij"))
		if err != nil {
			t.Fatal(err)
		}
		p := r.(*pb.Policy)
		if p.Language != want.language || (p.Text != nil) != (want.language != "") {
			t.Errorf("%s: %q %v", name, p.Language, p.Text)
		}
		grants := 0
		for r := range st.Records(t.Context(), nil) {
			if g, ok := r.(*pb.ToolGrant); ok && g.PolicyKey == p.Meta.Key {
				if grants++; g.PatternDialect != want.language {
					t.Errorf("%s: grant in %q", name, g.PatternDialect)
				}
			}
		}
		if grants != want.grants {
			t.Errorf("%s: %d grants", name, grants)
		}
	}
}

// An endpoint that knows no modes makes a policy that decides: it is taken away again.
func TestPolicyThatWouldDecide(t *testing.T) {
	t.Parallel()
	st, _ := read(t, firm(t).service(""))
	fake := target(t, agentcorefake.Options{}, true)
	dst := fake.behind(t, odd{change: func(_ string, doc map[string]any) {
		if doc["policyId"] != nil {
			delete(doc, "enforcementMode")
		}
	}})
	got, _ := approved(t, dst.service(""), st)
	for key, rc := range got {
		if agentstate.KindOfKey(key) == "policy" && strings.Contains(key, "rules-") && (rc.Action != replay.Refused || !strings.Contains(rc.Why, "taken away again")) {
			t.Errorf("%s: %s %s", key, rc.Action, rc.Why)
		}
	}
	if left := fake.policies(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What an attempt made that broke off before it was looked at may decide: that it only logs is not said of it.
func TestPolicyInDoubt(t *testing.T) {
	t.Parallel()
	wr, err := firm(t).service("").Begin(t.Context(), &replay.Run{ID: "r", From: &pb.Origin{Product: "agentcore"}, InDoubt: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	p := &newPolicy{policyDoc: &policyDoc{Name: "small"}, key: agentstate.Key("policy", "rules-abcdefghij", "small-abcdefghij"), text: "x"}
	for mode, want := range map[string]replay.Action{"LOG_ONLY": replay.Created, "ACTIVE": replay.Conflict, "": replay.Conflict, "LATER": replay.Conflict} {
		e := &engine{id: "rules-0123456789", policies: map[string]*policyDoc{"small": {ID: "small-0123456789", Mode: mode, Status: "ACTIVE", Definition: json.RawMessage(`{"cedar":{"statement":"x"}}`)}}}
		rc, err := wr.(*writer).hasPolicy(t.Context(), e, p, replay.Receipt{})
		if err != nil || rc.Action != want {
			t.Errorf("%q: %s %v, want %s", mode, rc.Action, err, want)
		}
	}
}

// A preflight goes on where an export does: each error that is a gap there is one here, for the same reason.
func TestPreflightGapsAsExportDoes(t *testing.T) {
	for _, err := range []error{errLarge, errCircle, ErrSchema, &denied{op: "X"}, &refused{op: "X", status: 404, code: "ResourceNotFoundException"}, &refused{op: "X", status: 400}, &lacking{[]string{"X"}}, ErrBusy, ErrLogin} {
		var said []*pb.Gap
		r := &reading{gaps: map[string]bool{}, pos: at{Odd: map[string]string{}}}
		r.e = agentstate.NewEmitter(t.Context(), func(rec agentstate.Record, _ error) bool {
			if g, ok := rec.(*pb.Gap); ok {
				said = append(said, g)
			}
			return true
		}, &pb.Origin{Meta: agentstate.Meta("origin", nil, "x")})
		back := r.gap("agent", "place", err)
		g := unread("agent", "place", err)
		if (g == nil) != (back != nil) || g != nil && (len(said) != 1 || said[0].Reason != g.Reason) {
			t.Errorf("%v: export %v %v, preflight %v", err, said, back, g)
		}
	}
}
