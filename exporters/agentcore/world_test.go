package agentcore

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	ctypes "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol/types"

	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/internal/gctest"
)

// Most tests that run beside others wait, for a rate or for a service that tries its callers: more of
// them than there are cores take no longer.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(gctest.Main(m))
}

// world is a fake service and the official SDK on it.
type world struct {
	fake *agentcorefake.Server
	cfg  aws.Config
	dp   *dp.Client
	cp   *cp.Client
	mem  string
	root string // of the branch of the shop
	hold int    // bytes of a session that are held in memory; 0: as many as ever
}

const secretKey = "canary-secret-access-key"

func newWorld(t testing.TB, o agentcorefake.Options) *world {
	t.Helper()
	f, err := agentcorefake.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, b := range f.Broken() {
			t.Errorf("the fake answered what the provider's model forbids: %s", b)
		}
	})
	cfg := aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(fmt.Sprintf("http://%p.invalid", f)), HTTPClient: &http.Client{Transport: direct{f}},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", secretKey, "")}
	return &world{fake: f, cfg: cfg, dp: dp.NewFromConfig(cfg), cp: cp.NewFromConfig(cfg)}
}

// direct is the way to a handler of this process: a socket would cost each of many requests more than its answer. What goes
// over one is tried by the tests that have a server.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	var err error
	if in.URL, err = url.ParseRequestURI(r.URL.RequestURI()); err != nil { // as a server sees it
		return nil, err
	}
	if r.Body == nil {
		in.Body = http.NoBody
	} else {
		defer r.Body.Close()
	}
	out := httptest.NewRecorder()
	d.ServeHTTP(out, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return out.Result(), nil
}

// through is the world as a handler shows it.
func (w *world) through(h http.HandlerFunc) *world {
	out := *w
	out.cfg.HTTPClient = &http.Client{Transport: direct{h}}
	return &out
}

// at is the world's login at a server, over the connection that the driver makes.
func (w *world) at(srv *httptest.Server) aws.Config {
	cfg := w.cfg
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(srv.URL), nil
	return cfg
}

// service is the driver on the world.
func (w *world) service(mem string) *Service {
	return New(Options{Region: "eu-central-1", Memory: mem, Config: &w.cfg, Rate: 5000, Sessions: 1000, Settle: 200 * time.Millisecond, hold: w.hold})
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) memory(t testing.TB, name string) string {
	o := must(w.cp.CreateMemory(context.Background(), &cp.CreateMemoryInput{Name: &name, EventExpiryDuration: aws.Int32(90), Description: aws.String("of the shop"),
		MemoryStrategies: []ctypes.MemoryStrategyInput{
			&ctypes.MemoryStrategyInputMemberSemanticMemoryStrategy{Value: ctypes.SemanticMemoryStrategyInput{Name: aws.String("facts"), NamespaceTemplates: []string{"/facts/{actorId}/"}}},
			&ctypes.MemoryStrategyInputMemberSummaryMemoryStrategy{Value: ctypes.SummaryMemoryStrategyInput{Name: aws.String("digest"), NamespaceTemplates: []string{"/strategies/{memoryStrategyId}/actors/{actorId}/sessions/{sessionId}/"}}},
			&ctypes.MemoryStrategyInputMemberCustomMemoryStrategy{Value: ctypes.CustomMemoryStrategyInput{Name: aws.String("mine"), NamespaceTemplates: []string{"/mine/{actorId}"}, Configuration: &ctypes.CustomConfigurationInputMemberSemanticOverride{
				Value: ctypes.SemanticOverrideConfigurationInput{Extraction: &ctypes.SemanticOverrideExtractionConfigurationInput{AppendToPrompt: aws.String("Only allergies."), ModelId: aws.String("eu.amazon.nova-lite-v1:0")}}}}},
		}}))(t)
	return *o.Memory.Id
}

func say(role types.Role, text string) types.PayloadType {
	return &types.PayloadTypeMemberConversational{Value: types.Conversational{Role: role, Content: &types.ContentMemberText{Value: text}}}
}

func (w *world) event(t testing.TB, mem, actor, session string, ms int64, b *types.Branch, ps ...types.PayloadType) string {
	t.Helper()
	if ps == nil {
		ps = []types.PayloadType{}
	}
	o := must(w.dp.CreateEvent(context.Background(), &dp.CreateEventInput{MemoryId: &mem, ActorId: &actor, SessionId: &session, EventTimestamp: aws.Time(time.UnixMilli(ms)), Payload: ps, Branch: b,
		Metadata: map[string]types.MetadataValue{"channel": &types.MetadataValueMemberStringValue{Value: "web"}}}))(t)
	return *o.Event.EventId
}

// shop fills a world: two actors, branches, blobs, two speakers in one event, a tie in one
// millisecond, and records of three strategies and of none.
func shop(t testing.TB, o agentcorefake.Options) *world {
	w := newWorld(t, o)
	w.fillShop(t)
	return w
}

func (w *world) fillShop(t testing.TB) {
	ctx := context.Background()
	w.mem = w.memory(t, "shop")
	at := int64(1_700_000_000_123)
	w.event(t, w.mem, "ada", "s1", at, nil, say(types.RoleUser, "Where is my order <7>?"), say(types.RoleAssistant, "On its way. 🚚"))
	w.root = w.event(t, w.mem, "ada", "s1", at+1000, nil, say(types.RoleUser, "And the invoice?"))
	w.event(t, w.mem, "ada", "s1", at+2000, nil, say(types.RoleAssistant, "Attached."), say(types.RoleTool, `{"invoice":7}`))
	w.event(t, w.mem, "ada", "s1", at+2000, nil, say(types.RoleUser, "In the same millisecond"))
	alt := &types.Branch{Name: aws.String("retry"), RootEventId: &w.root}
	w.event(t, w.mem, "ada", "s1", at+3000, alt, say(types.RoleAssistant, "I cannot find it."))
	w.event(t, w.mem, "ada", "s1", at+4000, &types.Branch{Name: aws.String("retry")}, say(types.RoleOther, "handed over"))
	w.event(t, w.mem, "ada", "s2", at, nil, &types.PayloadTypeMemberBlob{Value: document.NewLazyDocument(map[string]any{"checkpoint": "aGVsbG8=", "step": 3})})
	w.event(t, w.mem, "team/b:eu", "s1", at, nil, say(types.RoleUser, "Hello"), &types.PayloadTypeMemberBlob{Value: document.NewLazyDocument("state")})
	m := must(w.cp.GetMemory(ctx, &cp.GetMemoryInput{MemoryId: &w.mem}))(t).Memory
	var in []types.MemoryRecordCreateInput
	add := func(i int, strategy, ns, text string) {
		r := types.MemoryRecordCreateInput{RequestIdentifier: aws.String(fmt.Sprint("r", i)), Namespaces: []string{ns}, Content: &types.MemoryContentMemberText{Value: text}, Timestamp: aws.Time(time.UnixMilli(at)),
			Metadata: map[string]types.MemoryRecordMetadataValue{"source": &types.MemoryRecordMetadataValueMemberStringValue{Value: "chat"}, "weight": &types.MemoryRecordMetadataValueMemberNumberValue{Value: 0.5}}}
		if strategy != "" {
			r.MemoryStrategyId = &strategy
		}
		in = append(in, r)
	}
	for i := range 5 {
		add(i, *m.Strategies[0].StrategyId, "/facts/ada/", fmt.Sprintf("Ada's fact %d", i))
	}
	add(10, *m.Strategies[1].StrategyId, "/strategies/"+*m.Strategies[1].StrategyId+"/actors/ada/sessions/s1/", "<topic name=\"order\">She asked for order 7.</topic>")
	add(11, *m.Strategies[2].StrategyId, "/mine/ada", "Allergic to nuts")
	add(12, "", "/hr/x", "by hand")
	must(w.dp.BatchCreateMemoryRecords(ctx, &dp.BatchCreateMemoryRecordsInput{MemoryId: &w.mem, Records: in}))(t)
}

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func (w *world) blob(t testing.TB, mem, text string) {
	w.event(t, mem, "ada", "s1", 1_700_000_000_000, nil, &types.PayloadTypeMemberBlob{Value: document.NewLazyDocument(text)})
}
