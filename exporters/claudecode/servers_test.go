package claudecode

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Approved servers stand beside those that are there, and the rest of the file stays; undo takes them
// out again, but for one that somebody changed.
func TestServers(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/home"))
	tickets, db := agentstate.Key("toolserver", "", "tickets"), agentstate.Key("toolserver", "/home/dev/shop", "db")
	dst := home(t, map[string]string{"agents/own.md": "own"})
	p := filepath.Join(dst.root, ".claude.json")
	const machine = `{"userID": "mine", "n": 1e2, "mcpServers": {"own": {"command":"x",  "args":[ ]}}, "projects": {"/q": {"trusted": true}}}`
	if err := os.WriteFile(p, []byte(machine), 0o600); err != nil {
		t.Fatal(err)
	}
	held, _ := drivertest.Apply(t, dst, mem)
	if b, _ := os.ReadFile(p); string(b) != machine || !slices.Contains(held.Held, tickets) || !slices.Contains(held.Held, db) {
		t.Fatalf("without approval: %s %v", b, held.Held)
	}
	rep, j := drivertest.Apply(t, dst, mem, tickets, db)
	if len(rep.Refused)+len(rep.Conflicts) > 0 {
		t.Error(rep.Refused, rep.Conflicts)
	}
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`"userID": "mine"`, `1e2`, `{"command":"x",  "args":[ ]}`, `{"trusted": true}`, `"/home/dev/shop"`} {
		if !strings.Contains(string(b), s) {
			t.Errorf("%s is not in %s", s, b)
		}
	}
	if strings.Contains(string(b), "canary") {
		t.Errorf("a secret: %s", b)
	}
	var doc struct{ McpServers map[string]any }
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.McpServers) != 2 {
		t.Errorf("%v %v", doc, err)
	}
	back, err := replay.ReadBack(t.Context(), mem, dst, j)
	if err != nil || back.MissingN != 0 || back.Kinds["toolserver"] == nil || back.UnannouncedN != 0 {
		t.Errorf("%+v %v", back, err)
	}
	if again, _ := drivertest.Apply(t, dst, mem, tickets, db); again.Actions[replay.Created] != 0 {
		t.Errorf("again: %v", again.Actions)
	}
	if err := os.WriteFile(p, []byte(strings.Replace(string(b), "db-mcp", "other", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if rep, _ := drivertest.Apply(t, dst, mem, tickets, db); len(rep.Conflicts) != 1 || rep.Conflicts[0].Key != db {
		t.Errorf("another server of this name: %v", rep.Conflicts)
	}
	u, err := replay.Undo(t.Context(), dst, j)
	if err != nil || u.LeftN != 1 || u.Left[0].Key != db {
		t.Errorf("%+v %v", u, err)
	}
	if b, _ = os.ReadFile(p); strings.Contains(string(b), "tickets") || !strings.Contains(string(b), `"other"`) || !strings.Contains(string(b), `{"trusted": true}`) {
		t.Errorf("after undo: %s", b)
	}
}

// A byte order mark before the file stays where it is, with a server put into it and without it again.
func TestServersBehindMark(t *testing.T) {
	dst := home(t, map[string]string{"CLAUDE.md": "own"})
	p := filepath.Join(dst.root, ".claude.json")
	const own = "\ufeff{\n  \"projects\": {\n    \"/p\": {\n      \"mcpServers\": {}\n    }\n  },\n  \"userID\": \"mine\"\n}\n"
	if err := os.WriteFile(p, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	server := func(project string) *pb.ToolServer {
		return &pb.ToolServer{Meta: agentstate.Meta("toolserver", agentstate.Document("mcpServers", "application/json", []byte(`{"command":"a"}`)), project, "x")}
	}
	all := []agentstate.Record{server(""), server("/new"), server("/p")}
	_, j := drivertest.Apply(t, dst, memstate.Whole(product, all...), all[0].GetMeta().Key, all[1].GetMeta().Key, all[2].GetMeta().Key)
	if b, err := os.ReadFile(p); err != nil || !strings.HasPrefix(string(b), "\ufeff{") || !json.Valid(b[3:]) || strings.Count(string(b), `{"command":"a"}`) != 3 {
		t.Errorf("%q %v", b, err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
	if b, err := os.ReadFile(p); err != nil || string(b) != own {
		t.Errorf("after undo: %q %v", b, err)
	}
}

// What servers of several projects had made for them goes with the last of them, in whatever order they are taken out.
func TestServersOfProjects(t *testing.T) {
	var all []agentstate.Record
	var keys []string
	for _, at := range [][]string{{"", "x"}, {"/a", "x"}, {"/b", "x"}, {"/b", "y"}, {"/c", "x"}} {
		s := &pb.ToolServer{Meta: agentstate.Meta("toolserver", agentstate.Document("mcpServers", "application/json", []byte(`{"command":"a"}`)), at...)}
		all, keys = append(all, s), append(keys, s.Meta.Key)
	}
	for _, own := range []string{"", "  {\n}\n\n", `{"a{":"}"}`, `{"projects":{}}`, "{\r\n\t\"projects\": {\r\n\t\t\"/b\": {\r\n\t\t}\r\n\t}\r\n}\r\n", `{"mcpServers":{"x":{}},"mcpServers":{}}`} {
		dst := home(t, map[string]string{"CLAUDE.md": "own"})
		p := filepath.Join(dst.root, ".claude.json")
		if own != "" {
			if err := os.WriteFile(p, []byte(own), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rep, j := drivertest.Apply(t, dst, memstate.Whole(product, all...), keys...)
		if int(rep.Actions[replay.Created]) != len(all) {
			t.Errorf("%q: %v", own, rep.Actions)
		}
		if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
			t.Errorf("%+v %v", u, err)
		}
		if b, err := os.ReadFile(p); string(b) != own || (err != nil) != (own == "") {
			t.Errorf("after undo: %q became %q %v", own, b, err)
		}
	}
}

// Claude Code writes the whole file anew, with blanks of its own: undo takes a server out of it nevertheless.
func TestServersSetAnew(t *testing.T) {
	key := agentstate.Key("toolserver", "", "x")
	mem := memstate.Whole(product, &pb.ToolServer{Meta: agentstate.Meta("toolserver", agentstate.Document("mcpServers", "application/json", []byte(`{"command":"a", "args":["b"]}`)), "", "x")})
	dst := home(t, map[string]string{"CLAUDE.md": "own"})
	p := filepath.Join(dst.root, ".claude.json")
	_, j := drivertest.Apply(t, dst, mem, key)
	const anew = "{\n  \"mcpServers\": {\n    \"x\": {\n      \"command\": \"a\",\n      \"args\": [\n        \"b\"\n      ]\n    }\n  },\n  \"numStartups\": 1\n}"
	if err := os.WriteFile(p, []byte(anew), 0o600); err != nil {
		t.Fatal(err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
	if b, err := os.ReadFile(p); err != nil || string(b) != "{\n  \"numStartups\": 1\n}" {
		t.Errorf("after undo: %q %v", b, err)
	}
}

// A home without the file gets one, and loses it with undo; a hostile archive writes nothing else.
func TestServersOfNone(t *testing.T) {
	server := func(key, doc string) *pb.ToolServer {
		s := &pb.ToolServer{Meta: agentstate.Meta("toolserver", agentstate.Document("mcpServers", "application/json", []byte(doc)), "", "x")}
		s.Meta.Key = key
		return s
	}
	good := agentstate.Key("toolserver", "", "x")
	dst := home(t, map[string]string{"CLAUDE.md": "own"})
	p := filepath.Join(dst.root, ".claude.json")
	_, j := drivertest.Apply(t, dst, memstate.Whole(product, server(good, `{"command":"a"}`)), good)
	if b, err := os.ReadFile(p); err != nil || !json.Valid(b) || !strings.Contains(string(b), `{"command":"a"}`) {
		t.Errorf("%s %v", b, err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := os.Stat(p); err == nil {
		t.Error("the file is left")
	}
	for name, s := range map[string]*pb.ToolServer{"no object": server(good, `7`), "no JSON": server(good, `{"a":1},"userID":{}`), "a key of one": server("toolserver/x", `{}`), "a key of three": server("toolserver/a/b/c", `{}`)} {
		if rep, _ := drivertest.Apply(t, dst, memstate.Whole(product, s), s.Meta.Key); rep.Actions[replay.Refused] != 1 {
			t.Errorf("%s: %v", name, rep.Actions)
		}
	}
	for name, text := range map[string]string{"broken": `{"mcpServers":`, "a list": `[]`, "servers that are none": `{"mcpServers":[]}`} {
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if rep, _ := drivertest.Apply(t, dst, memstate.Whole(product, server(good, `{}`)), good); rep.Actions[replay.Refused] != 1 {
			t.Errorf("%s: %v", name, rep.Actions)
		}
		if b, _ := os.ReadFile(p); string(b) != text {
			t.Errorf("%s: became %s", name, b)
		}
	}
}

// A file that Claude Code writes meanwhile is not written over.
func TestServersChanged(t *testing.T) {
	h := home(t, nil)
	p := filepath.Join(h.root, ".claude.json")
	if err := errors.Join(os.MkdirAll(h.root, 0o700), os.WriteFile(p, []byte(`{"a":1}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	f, err := h.openServers()
	if err == nil {
		_, err = f.set("", "x", []byte(`{}`))
	}
	if err == nil {
		err = os.WriteFile(p, []byte(`{"a":2}`), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.commit("run"); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if b, _ := os.ReadFile(p); string(b) != `{"a":2}` {
		t.Errorf("%s", b)
	}
}

// FuzzServers: what is put into a document is in it, and no byte of what was there changes; taken out again, it is as it was.
func FuzzServers(f *testing.F) {
	for _, s := range []string{`{}`, ` { }`, `{"mcpServers":{"x":{"command":"a"}},"a":[1, 2]}`, `{"projects":{"/p":{"mcpServers":{},"b":"\u0000<"}}}`, `{"a":1,"a":2}`, `{"projects":7}`, `[]`, `{"\ud800":1}`,
		"{\n  \"mcpServers\": {\n    \"own\": {}\n  },\n  \"projects\": {\n    \"/p\": {\n      \"mcpServers\": {}\n    }\n  }\n}\n"} {
		f.Add([]byte(s), "/p", "x")
		f.Add([]byte(s), "", "a\"<")
		f.Add([]byte(s), "\x03\xe8", "\xa4\xad\x10x") // a letter, together
	}
	f.Fuzz(func(t *testing.T, b []byte, project, name string) {
		h := &serverFile{doc: b, was: b}
		server := []byte(`{"command" : "x"}`)
		if len(h.get(project, name)) > 0 || len(h.get(project, name+"2")) > 0 {
			return
		}
		made, err := h.set(project, name, server)
		if err != nil {
			return
		}
		if got := h.get(project, name); string(got) != string(server) || !json.Valid(h.doc) {
			t.Fatalf("%s in %s", got, h.doc)
		}
		second, err := h.set(project, name+"2", server)
		if err != nil || second > 0 {
			t.Fatalf("a second one made %d: %v", second, err)
		}
		h.take(project, name)
		h.take(project, name+"2")
		for n := len(serversOf(project)); made > 0 && n >= 0; made, n = made-1, n-1 {
			h.prune(project, n)
		}
		if string(h.doc) != string(b) {
			t.Errorf("%q became %q", b, h.doc)
		}
	})
}
