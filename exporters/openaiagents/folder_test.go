package openaiagents

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func apply(t testing.TB, dst replay.Target, src agentstate.Source) (*replay.Report, *replay.Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j, Approved: approveAll(t, src)})
	if err != nil {
		t.Fatal(err)
	}
	return rep, j, path
}

// approveAll are the keys of operator's words, which are held otherwise.
func approveAll(t testing.TB, src agentstate.Source) (keys []string) {
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := r.(*pb.Message); ok && m.Role == pb.Role_ROLE_SYSTEM {
			keys = append(keys, m.Meta.Key)
		}
	}
	return keys
}

// dump is every row of every table, the schema, and every other file.
func dump(t testing.TB, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if form, err := formOf(p); err != nil || form != database {
			b, err := os.ReadFile(p)
			out[rel] = string(b)
			return err
		}
		c, err := sql.Open("sqlite", "file:"+p+"?mode=ro&immutable=1")
		if err != nil {
			return err
		}
		defer c.Close()
		conn, err := c.Conn(t.Context())
		if err != nil {
			return err
		}
		defer conn.Close()
		tables, err := sqlitefile.Query(t.Context(), conn, "SELECT name, type, +sql FROM sqlite_master ORDER BY name")
		if err != nil {
			return err
		}
		for _, m := range tables {
			out[rel+" "+m[0].(string)] = fmt.Sprint(m[2])
			if m[1] != "table" {
				continue
			}
			cols, err := sqlitefile.Query(t.Context(), conn, "SELECT name FROM pragma_table_info(?)", m[0])
			if err != nil {
				return err
			}
			var names []string
			for _, c := range cols {
				names = append(names, c[0].(string))
			}
			rows, err := sqlitefile.Query(t.Context(), conn, "SELECT "+sqlitefile.Selects(names)+" FROM "+quote(m[0].(string))+" ORDER BY 1, 2")
			if err != nil {
				return err
			}
			for _, r := range rows {
				out[rel+" "+m[0].(string)] += fmt.Sprintf("\n%T %q", r[0], r)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// make gives a folder with a database that statements fill.
func made(t testing.TB, statements ...string) *Folder {
	t.Helper()
	dir := t.TempDir()
	change(t, filepath.Join(dir, "s.db"), append(append(createPair(plainSQLite, pair{"agent_sessions", "agent_messages"}),
		"INSERT INTO agent_sessions VALUES ('s', '2026-11-23 16:21:40', '2026-11-23 16:21:41')"), statements...)...)
	return Open(dir)
}

// change runs statements as another program, without a wait for the disk.
func change(t testing.TB, path string, statements ...string) {
	t.Helper()
	c, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, q := range statements {
		if _, err := c.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// Every row of every table, the schema and every file go back as they were.
func TestExact(t *testing.T) {
	big := strings.Repeat("é", 200_000)
	folders := map[string]*Folder{
		"samples": Open("testdata/sdk"),
		"odd texts": made(t, `INSERT INTO agent_messages VALUES (7, 's', '{"role":"user","content":"\ud83d alone, 1e+22, -0.0"}', NULL)`,
			`INSERT INTO agent_messages VALUES (9, 's', 'no JSON', '2026-11-23 16:21:40')`, `INSERT INTO agent_messages VALUES (10, 's', x'7b7d', 5)`,
			`INSERT INTO agent_messages VALUES (11, 's', '{"role":"user","content":"a'||char(0)||'b"}', 1.5)`,
			`INSERT INTO agent_messages VALUES (12, 's', '{"type":"function_call_output","call_id":"c","output":"`+big+`"}', '2026-11-23 16:21:40')`,
			`INSERT INTO agent_messages VALUES (13, 's', '[1,2]', '2026-11-23 16:21:40')`, `INSERT INTO agent_messages VALUES (14, 's', '{"content":"x","role":"wizard"}', '2026-11-23 16:21:40')`),
		"no session row": made(t, `INSERT INTO agent_messages VALUES (1, 'gone', '{"role":"user","content":"hi"}', '2026-11-23 16:21:40')`),
		"odd ids":        made(t, `INSERT INTO agent_sessions VALUES ('', 'a', 'b'), ('a/b#c%~', 'a', 'b'), ('`+strings.Repeat("x", 2000)+`', 'a', 'b'), ('é'||char(10), NULL, NULL)`, `INSERT INTO agent_messages (session_id, message_data) VALUES ('a/b#c%~', '{}')`),
		"deleted ids":    made(t, `INSERT INTO agent_messages (session_id, message_data) VALUES ('s', '{}'), ('s', '{}')`, `DELETE FROM agent_messages WHERE id = 2`),
		"other names": made(t, append(createPair(plainSQLite, pair{"my_sessions", "my_messages"}), `INSERT INTO my_sessions VALUES ('s', 'a', 'b')`,
			`INSERT INTO my_messages (session_id, message_data) VALUES ('s', '{"role":"user","content":"other"}')`, `INSERT INTO agent_messages (session_id, message_data) VALUES ('s', '{"role":"user","content":"own"}')`)...),
		"two databases": made(t),
		"an older library": made(t, "DROP INDEX idx_agent_messages_session_id", strings.Replace(createPair(plainSQLite, pair{"agent_sessions", "agent_messages"})[2], "(session_id, id)", "(session_id, created_at)", 1),
			`INSERT INTO agent_messages VALUES (2, 's', '{"role":"user","content":"second"}', '2026-01-01'), (1, 's', '{"role":"user","content":"first"}', '2026-01-02')`),
		"names that need quotes": made(t, append(createPair(sqlAlchemy, pair{"order", `m-#1 "; DROP TABLE agent_messages; --`}), `INSERT INTO "order" VALUES ('s', 'a', 'b')`,
			`INSERT INTO "m-#1 ""; DROP TABLE agent_messages; --" (session_id, message_data, created_at) VALUES ('s', '{"role":"user","content":"other"}', 'c')`)...),
		"names in other letters": made(t, append(createPair(plainSQLite, pair{"sitzungen_ü", "Nachrichten$ü"}), `INSERT INTO sitzungen_ü VALUES ('s', 'a', 'b')`,
			`INSERT INTO Nachrichten$ü (session_id, message_data) VALUES ('s', '{"role":"user","content":"other"}')`)...),
		"both libraries in one file": made(t, append(createPair(sqlAlchemy, pair{"al_sessions", "al_messages"}), `INSERT INTO al_sessions VALUES ('s', 'a', 'b')`,
			`INSERT INTO al_messages (session_id, message_data, created_at) VALUES ('s', '{"role":"user","content":"other"}', 'c')`)...),
	}
	other := filepath.Join(folders["two databases"].root, "deep", "down")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(other, "alchemy.sqlite3"), append(createPair(sqlAlchemy, pair{"agent_sessions", "agent_messages"}), `INSERT INTO agent_sessions VALUES ('s', 'a', 'b')`)...)
	folders["a sign in the file's name"] = Open(t.TempDir())
	change(t, filepath.Join(folders["a sign in the file's name"].root, "chat #1.db"), append(createPair(sqlAlchemy, pair{"al_s", "a#b"}), `INSERT INTO al_s VALUES ('s', 'a', 'b')`,
		`INSERT INTO "a#b" (session_id, message_data, created_at) VALUES ('s', '{"role":"user","content":"other"}', 'c')`)...)
	for name, src := range folders {
		t.Run(name, func(t *testing.T) {
			mem, rep := drivertest.Export(t, src)
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("%v %v", rep.Verdict, rep.Gaps)
			}
			dst := Open(filepath.Join(t.TempDir(), "copy"))
			plan, err := replay.Plan(t.Context(), dst, mem, &replay.Options{Approved: approveAll(t, mem)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(dst.root); err == nil {
				t.Error("the plan made the folder")
			}
			got, j, path := apply(t, dst, mem)
			if d := cmp.Diff(plan.Actions[replay.Created], got.Actions[replay.Created]); d != "" {
				t.Errorf("plan and run: %s", d)
			}
			if len(got.Refused)+len(got.Conflicts)+len(got.Losses) > 0 {
				t.Errorf("%v %v %v", got.Refused, got.Conflicts, got.Losses)
			}
			if d := cmp.Diff(dump(t, src.root), dump(t, dst.root)); d != "" {
				t.Error(d)
			}
			back, err := replay.ReadBack(t.Context(), mem, dst, j)
			if err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
				t.Errorf("%+v %v", back, err)
			}
			again, _, _ := apply(t, dst, mem)
			if again.Actions[replay.Created] != 0 || len(again.Conflicts) != 0 {
				t.Errorf("again: %v %v", again.Actions, again.Conflicts)
			}
			j.Close()
			if j, err = replay.OpenJournal(path); err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			u, err := replay.Undo(t.Context(), dst, j)
			if err != nil || u.LeftN != 0 {
				t.Errorf("undo: %+v %v", u, err)
			}
			for k, v := range dump(t, dst.root) {
				if strings.Contains(v, "\n") && strings.Contains(v, `"`) && !strings.Contains(k, "sqlite_sequence") && strings.Contains(v, "[") {
					t.Errorf("after undo %s: %q", k, v)
				}
			}
		})
	}
}

// What the records say of the samples, to a person.
func TestRead(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/sdk"))
	get := func(key string) agentstate.Record {
		t.Helper()
		r, err := mem.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	c := get("conversation/advanced.sqlite/s-branches").(*pb.Conversation)
	var heads []string
	for _, b := range c.Branches {
		heads = append(heads, b.Name+" "+b.HeadKey)
	}
	if len(heads) != 2 || !strings.HasPrefix(heads[0], "main message/advanced.sqlite/") || !strings.HasPrefix(heads[1], "what-if ") {
		t.Error(heads)
	}
	// The library opens a session on its main branch: another one is no part of what was said there.
	if n := len(c.ContextKeys); n != 9 || c.ContextKeys[8] != "message/advanced.sqlite/9" || c.HeadKey != c.ContextKeys[8] {
		t.Error(c.ContextKeys, c.HeadKey)
	}
	m := get("message/sessions.sqlite/5").(*pb.Message)
	if call := m.Parts[0].GetToolCall(); m.Role != pb.Role_ROLE_ASSISTANT || call.GetId() != "call_w3" || string(call.GetArgumentsJson()) != `{"city":"Zürich"}` {
		t.Error(m)
	}
	m = get("message/sessions.sqlite/6").(*pb.Message)
	if res := m.Parts[0].GetToolResult(); m.Role != pb.Role_ROLE_TOOL || string(res.GetOutput().GetInline()) != "Sunny in Zürich, 21.5°C" {
		t.Error(m)
	}
	m = get(agentstate.Key("message", "js/js.session.sess-1.items.json", "5")).(*pb.Message)
	if res := m.Parts[0].GetToolResult(); res.GetId() != "call_2" || string(res.GetOutput().GetInline()) != `{"tempC":21.5,"city":"Zürich"}` {
		t.Error(m)
	}
	for file, n := range map[string]int{"runstate.paused.json": 2, "js/js.runstate.json": 1, "runstate.nested.json": 2} {
		s := get(agentstate.Key("state", file)).(*pb.State)
		waiting := 0
		for r := range mem.Records(t.Context(), nil) {
			if i, ok := r.(*pb.Interrupt); ok && slices.Contains(i.Meta.ViewOfKeys, s.Meta.Key) {
				waiting++
				if !strings.HasPrefix(i.ToolCallId, "call_") || i.Status != pb.Interrupt_STATUS_OPEN {
					t.Error(i)
				}
			}
		}
		if waiting != n {
			t.Errorf("%s: %d wait", file, waiting)
		}
	}
	u := get("run/advanced.sqlite/turn_usage/2").(*pb.Run)
	if u.InputTokens != 9 || u.OutputTokens != 4 || u.ConversationKey != c.Meta.Key {
		t.Error(u)
	}
}

// Conversations of other runtimes become sessions, and what is lost is said to the field.
func TestForeign(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "chat-1"), Title: "A chat", ContextKeys: []string{"message/1", "message/2", "message/3", "message/4"}}
	part := func(p *pb.Part) []*pb.Part { return []*pb.Part{p} }
	txt := func(s string) *pb.Part { return &pb.Part{Body: &pb.Part_Text{Text: s}} }
	msg := func(id string, role pb.Role, parts []*pb.Part) *pb.Message {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, id), ConversationKey: c.Meta.Key, Role: role, Parts: parts}
		m.Meta.CreatedUnixNano = int64(1764000000 * time.Second)
		return m
	}
	answer := msg("2", pb.Role_ROLE_ASSISTANT, []*pb.Part{
		{Body: &pb.Part_Reasoning{Reasoning: &pb.Reasoning{Text: "hm"}}}, txt("Let me look <b>."),
		{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "c1", Name: "weather", ArgumentsJson: []byte(`{"q": 1}`)}}}})
	answer.Model = "m-1"
	src := memstate.Whole("other", c, msg("1", pb.Role_ROLE_USER, part(txt("Hi"))), answer,
		msg("3", pb.Role_ROLE_TOOL, part(&pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c1", Output: agentstate.Inline("text/plain", []byte("sunny"))}}})),
		msg("4", pb.Role_ROLE_SYSTEM, part(txt("Be kind."))), msg("5", pb.Role_ROLE_USER, part(txt("of another branch"))))
	dst := Open(filepath.Join(t.TempDir(), "new"))
	rep, j, path := apply(t, dst, src)
	back, _ := drivertest.Export(t, dst)
	var items []string
	for r := range back.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok {
			items = append(items, string(m.Meta.Native[0].GetRow().Columns[2].GetText()))
		}
	}
	if d := cmp.Diff([]string{
		`{"content":"Hi","role":"user"}`, `{"content":"Let me look <b>.","role":"assistant"}`,
		`{"arguments":"{\"q\": 1}","call_id":"c1","name":"weather","type":"function_call"}`,
		`{"call_id":"c1","output":"sunny","type":"function_call_output"}`, `{"content":"Be kind.","role":"system"}`,
	}, items); d != "" {
		t.Error(d)
	}
	lost := map[string][]string{}
	for _, l := range rep.Losses {
		lost[l.Key] = append(lost[l.Key], l.Path+" "+l.Grade.String())
	}
	for _, l := range lost {
		slices.Sort(l)
	}
	if d := cmp.Diff(map[string][]string{
		"conversation/chat-1": {"context_keys dropped", "meta.created_unix_nano defaulted", "meta.updated_unix_nano defaulted", "title transformed"},
		"message/2":           {"model dropped", "parts transformed", "parts.reasoning dropped"},
	}, lost); d != "" {
		t.Error(d)
	}
	got, err := replay.ReadBack(t.Context(), src, dst, j)
	if err != nil || got.MissingN != 0 || got.Same+got.Announced != got.Records || got.Same != 3 {
		t.Errorf("%+v %v", got, err)
	}
	j.Close()
	if j, err = replay.OpenJournal(path); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
	if empty, _ := drivertest.Export(t, dst); len(dump(t, dst.root)) == 0 || count(t, empty, "message") != 0 {
		t.Error("messages are left")
	}
}

func count(t testing.TB, s agentstate.Source, kind string) (n int) {
	for r, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.KindOf(r) == kind {
			n++
		}
	}
	return n
}
