package codex

import (
	"encoding/json"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// files are all files below root that are carried.
func files(t testing.TB, root string) map[string]string {
	t.Helper()
	return hometest.Files(t, root, func(rel string) bool { k := kindOf(rel); return k != "" && k != "database" }, func(_ fs.FileMode, b []byte) string { return string(b) })
}

func home(t testing.TB, put map[string]string) *Home {
	t.Helper()
	return Open(hometest.Write(t, put))
}

// Every file that is carried goes back to the byte, but for the secrets in settings.
func TestExact(t *testing.T) {
	mem, rep := drivertest.Export(t, Open("testdata/home"))
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Verdict, rep.Gaps)
	}
	power := []string{"policy/config.toml", "skill/skills%2Fshop%2FSKILL.md", "skill/prompts%2Fplan.md"}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	held, _ := drivertest.Apply(t, dst, mem)
	for _, k := range power {
		if !slices.Contains(held.Held, k) {
			t.Errorf("%s arrives without approval", k)
		}
	}
	dst = Open(filepath.Join(t.TempDir(), "home"))
	first, j := drivertest.Apply(t, dst, mem, power...)
	want, got := files(t, "testdata/home"), files(t, dst.root)
	for _, secret := range []string{"https://u:canary-zq-2@example.org/v1", "canary-zq-3", "canary-zq-4", "canary-zq-5"} {
		want["config.toml"] = strings.Replace(want["config.toml"], secret, "", 1)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(first.Refused)+len(first.Conflicts) > 0 {
		t.Errorf("%+v", first)
	}
	back, err := replay.ReadBack(t.Context(), mem, dst, j)
	if err != nil || back.MissingN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	if again, _ := drivertest.Apply(t, dst, mem, power...); again.Actions[replay.Created] != 0 {
		t.Errorf("again: %v", again.Actions)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 || len(files(t, dst.root)) != 0 {
		t.Errorf("%+v %v", u, err)
	}
}

// What the records say, to a person.
func TestRead(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/home"))
	var fork, parent *pb.Conversation
	var roles []string
	grants := 0
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			if r.ParentKey != "" {
				fork = r
			} else {
				parent = r
			}
		case *pb.Message:
			if parent != nil && r.ConversationKey == parent.Meta.Key {
				roles = append(roles, strings.ToLower(strings.TrimPrefix(r.Role.String(), "ROLE_")))
			}
		case *pb.ToolGrant:
			grants++
			if r.ApprovalMode != pb.ToolGrant_APPROVAL_MODE_NEVER {
				t.Error(r)
			}
		}
	}
	if fork == nil || parent == nil || fork.ParentKey != parent.Meta.Key {
		t.Fatal("the fork does not find its parent")
	}
	if d := cmp.Diff([]string{"system", "unspecified", "user", "assistant", "assistant", "tool", "assistant", "assistant", "user", "assistant", "assistant"}, roles); d != "" {
		t.Error(d)
	}
	if grants != 1 {
		t.Errorf("%d grants", grants)
	}
}

// A hostile archive writes only files of Codex, and none outside of the home.
func TestHostile(t *testing.T) {
	var recs []agentstate.Record
	for _, rel := range []string{"../x", "auth.json", "rules/../config.toml", "/etc/x", "config.toml", "skills/.system/x", "rules/x.rules", "themes/ok.tmTheme"} {
		recs = append(recs, &pb.Artifact{Meta: agentstate.Meta("artifact", nil, rel), Data: agentstate.Inline("", []byte("x"))})
	}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	rep, _ := drivertest.Apply(t, dst, memstate.Whole(product, recs...))
	if rep.Actions[replay.Refused] != 7 || len(files(t, dst.root)) != 1 {
		t.Errorf("%v %v", rep.Actions, files(t, dst.root))
	}
}

// Conversations of other runtimes become rollouts; what is lost is said to the field.
func TestForeign(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "chat-1"), Status: "finished"}
	c.Meta.CreatedUnixNano = 1764000000123000000
	msg := func(id string, role pb.Role, parts ...*pb.Part) *pb.Message {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "chat-1", id), ConversationKey: c.Meta.Key, Role: role, Parts: parts}
		m.Meta.CreatedUnixNano = 1764000000123000000
		return m
	}
	txt := func(s string) *pb.Part { return &pb.Part{Body: &pb.Part_Text{Text: s}} }
	src := memstate.Whole("other", c, msg("1", pb.Role_ROLE_USER, txt("Hi")), msg("2", pb.Role_ROLE_ASSISTANT, txt("Let me look."),
		&pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "c1", Name: "weather", ArgumentsJson: []byte(`{"q":1}`)}}}),
		msg("3", pb.Role_ROLE_TOOL, &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c1", Output: agentstate.Inline("text/plain", []byte("sunny"))}}}))
	dst := Open(filepath.Join(t.TempDir(), "home"))
	rep, j := drivertest.Apply(t, dst, src)
	shown := "" // what Codex shows a person of it
	for _, text := range files(t, dst.root) {
		for l := range strings.Lines(text) {
			var o struct {
				Type    string
				Payload struct{ Type, Source, Message string }
			}
			if err := json.Unmarshal([]byte(l), &o); err != nil {
				t.Fatal(err)
			}
			if o.Type != "response_item" {
				shown += o.Payload.Source + o.Payload.Type + " " + o.Payload.Message + "\n"
			}
		}
	}
	if d := cmp.Diff("cli \nuser_message Hi\nagent_message Let me look.\n", shown); d != "" {
		t.Error(d)
	}
	var dropped []string
	for _, l := range rep.Losses {
		if l.Grade.String() == "dropped" {
			dropped = append(dropped, l.Key+" "+l.Path)
		}
	}
	if d := cmp.Diff([]string{"conversation/chat-1 status"}, dropped); d != "" {
		t.Error(d)
	}
	back, err := replay.ReadBack(t.Context(), src, dst, j)
	if err != nil || back.MissingN != 0 || back.Same+back.Announced != back.Records || back.Records != 4 {
		b, _ := json.Marshal(back)
		t.Errorf("%s %v", b, err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 || len(files(t, dst.root)) != 0 {
		t.Errorf("%+v %v", u, err)
	}
	dst = Open(filepath.Join(t.TempDir(), "home"))
	_, j = drivertest.Apply(t, dst, src)
	for rel, text := range files(t, dst.root) {
		hometest.Put(rel, text+`{"type":"event_msg","payload":{"type":"thread_name_updated"}}`+"\n")(t, dst.root)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN == 0 || len(files(t, dst.root)) != 1 {
		t.Errorf("a thread that went on since is gone: %+v %v", u, err)
	}
}

// The MCP servers of settings are readings of them, with a reference for each secret and no secret.
func TestServers(t *testing.T) {
	src := home(t, map[string]string{"config.toml": `mcp_servers.inline = { command = "run", args = ["--port", "7"], env = { A = "canary-1" } }
[mcp_servers."a.b"]
args = ["-y", "@x/server", "--token", "canary-2"]
command = "C:\\npx"
env_vars = ["PATH"]
[mcp_servers.docs]
url = "https://docs.example.org/mcp"
bearer_token_env_var = "DOCS_TOKEN"
http_headers = { Authorization = "Bearer canary-3" }
env_http_headers = { X = "DOCS_X" }
[mcp_servers.docs.tools.search]
approval_mode = "approve"
[mcp_servers.sealed]
url = "https://u:canary-4@example.org/mcp"
`, "x.config.toml": "[mcp_servers.docs]\ncommand = 'other'\n"})
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 {
		t.Error(rep.Verdict, rep.Gaps)
	}
	got := map[string]string{}
	for r := range mem.Records(t.Context(), nil) {
		if b, _ := proto.Marshal(r.(proto.Message)); strings.Contains(string(b), "canary") {
			t.Errorf("%s holds a secret", r.GetMeta().Key)
		}
		if s, ok := r.(*pb.ToolServer); ok {
			got[s.Meta.Key] = strings.Join(append([]string{s.Name, s.Protocol, s.Location, s.Meta.ViewOfKeys[0]}, s.CredentialKeys...), " | ")
			for _, k := range s.CredentialKeys {
				if _, err := mem.Get(t.Context(), k); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if d := cmp.Diff(map[string]string{
		"toolserver/config.toml/a.b":    "a.b | mcp+stdio | C:\\npx -y @x/server --token | policy/config.toml | credential/config.toml/mcp_servers.a.b.args",
		"toolserver/config.toml/docs":   "docs | mcp+http | https://docs.example.org/mcp | policy/config.toml | credential/config.toml/mcp_servers.docs.http_headers.Authorization",
		"toolserver/config.toml/inline": "inline | mcp+stdio | run --port 7 | policy/config.toml | credential/config.toml/mcp_servers.inline.env.A",
		"toolserver/config.toml/sealed": "sealed | mcp+http |  | policy/config.toml | credential/config.toml/mcp_servers.sealed.url",
		"toolserver/x.config.toml/docs": "docs | mcp+stdio | other | policy/x.config.toml",
	}, got); d != "" {
		t.Error(d)
	}
}
