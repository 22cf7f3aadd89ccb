package all

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/agentcore"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func service(t *testing.T) *agentcore.Service {
	t.Helper()
	s, _, _ := memory(t)
	return s
}

// talked is the service with conversations: each role, two speakers in one event, blobs, a branch.
func talked(t *testing.T) *agentcore.Service {
	t.Helper()
	s, cfg, id := memory(t)
	c := bedrockagentcore.NewFromConfig(cfg)
	at := int64(1_700_000_000_123)
	event := func(session, branch, root string, ps ...types.PayloadType) string {
		t.Helper()
		in := &bedrockagentcore.CreateEventInput{MemoryId: &id, ActorId: aws.String("ada"), SessionId: &session, EventTimestamp: aws.Time(time.UnixMilli(at)), Payload: ps}
		if at += 1000; branch != "" {
			in.Branch = &types.Branch{Name: &branch}
			if root != "" {
				in.Branch.RootEventId = &root
			}
		}
		made, err := c.CreateEvent(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return *made.Event.EventId
	}
	say := func(role types.Role, text string) types.PayloadType {
		return &types.PayloadTypeMemberConversational{Value: types.Conversational{Role: role, Content: &types.ContentMemberText{Value: text}}}
	}
	blob := func(v any) types.PayloadType {
		return &types.PayloadTypeMemberBlob{Value: document.NewLazyDocument(v)}
	}
	event("s1", "", "", say(types.RoleUser, "Where is my order <7>?"), say(types.RoleAssistant, "On its way."))
	root := event("s1", "", "", say(types.RoleUser, "And the invoice?"))
	event("s1", "", "", say(types.RoleTool, `{"invoice":7}`))
	event("s1", "", "", say(types.RoleAssistant, "Attached."), say(types.RoleTool, "sent"))
	event("s1", "retry", root, say(types.RoleAssistant, "I cannot find it."))
	event("s1", "retry", "", say(types.RoleOther, "handed over"))
	event("s2", "", "", blob(map[string]any{"step": 3}))
	event("s2", "", "", say(types.RoleOther, "a note"), blob("state"))
	event("s2", "", "", say(types.RoleTool, "a result"), blob("state"))
	return s
}

// memory is a service with a memory that holds nothing yet.
func memory(t *testing.T) (*agentcore.Service, aws.Config, string) {
	t.Helper()
	fake, err := agentcorefake.New(agentcorefake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(fake)
	t.Cleanup(srv.Close)
	cfg := aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(srv.URL), Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "none", "")}
	made, err := bedrockagentcorecontrol.NewFromConfig(cfg).CreateMemory(t.Context(), &bedrockagentcorecontrol.CreateMemoryInput{Name: aws.String("taken"), EventExpiryDuration: aws.Int32(90)})
	if err != nil {
		t.Fatal(err)
	}
	return agentcore.New(agentcore.Options{Region: "eu-central-1", Memory: *made.Memory.Id, Config: &cfg, Rate: 5000, Settle: 100 * time.Millisecond}), cfg, *made.Memory.Id
}

// TestMemoriesThroughTheService: memories go from a store into AgentCore, and from there into mem0.
func TestMemoriesThroughTheService(t *testing.T) {
	var out strings.Builder
	for _, s := range []struct{ name, url string }{
		{"langgraph", "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite"},
		{"mcpmemory", "mcpmemory:../mcpmemory/testdata/memory.jsonl"},
		{"mem0 js", "mem0:../mem0/testdata/js"},
		{"mem0 python", "mem0:../mem0/testdata/python"},
	} {
		t.Run(s.name, func(t *testing.T) {
			src, err := Registry().Open(t.Context(), s.url)
			if err != nil {
				t.Fatal(err)
			}
			first, there := read(t, src), service(t)
			out.WriteString(s.name + " → agentcore\n")
			pair(t, &out, first, there)
			for _, flavor := range []string{"js", "python"} {
				out.WriteString(s.name + " → agentcore → mem0 " + flavor + "\n")
				dst, err := Registry().Open(t.Context(), "mem0:"+filepath.Join(t.TempDir(), "target")+"?flavor="+flavor)
				if err != nil {
					t.Fatal(err)
				}
				second := read(t, there)
				pair(t, &out, second, dst)
				if a, b := texts(t, second), texts(t, read(t, dst)); len(a) == 0 || len(a) != len(b) {
					t.Errorf("%d memories of %d", len(b), len(a))
				} else {
					for text := range a {
						if !b[text] {
							t.Errorf("%q is not there", text)
						}
					}
				}
			}
		})
	}
	golden(t, "testdata/agentcore.golden", out.String())
}

func read(t *testing.T, src agentstate.Source) *memstate.State {
	t.Helper()
	mem := &memstate.State{}
	if _, err := agentstate.Copy(t.Context(), mem, src, nil); err != nil {
		t.Fatal(err)
	}
	return mem
}

func texts(t *testing.T, src agentstate.Source) map[string]bool {
	out := map[string]bool{}
	for m, err := range agentstate.Of[*pb.Memory](src.Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		out[m.GetText()] = true
	}
	return out
}
