package openaiagents

import (
	"context"
	"database/sql"
	"errors"
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
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func export(t testing.TB, src agentstate.Source) (*memstate.State, *agentstate.Report) {
	t.Helper()
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mem, rep
}

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
		tables, err := query(t.Context(), conn, "SELECT name, type, +sql FROM sqlite_master ORDER BY name")
		if err != nil {
			return err
		}
		for _, m := range tables {
			out[rel+" "+m[0].(string)] = fmt.Sprint(m[2])
			if m[1] != "table" {
				continue
			}
			cols, err := query(t.Context(), conn, "SELECT name FROM pragma_table_info(?)", m[0])
			if err != nil {
				return err
			}
			var names []string
			for _, c := range cols {
				names = append(names, c[0].(string))
			}
			rows, err := query(t.Context(), conn, "SELECT "+selects(names)+" FROM "+quote(m[0].(string))+" ORDER BY 1, 2")
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

func change(t testing.TB, path string, statements ...string) {
	t.Helper()
	c, err := sql.Open("sqlite", "file:"+path)
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
	}
	other := filepath.Join(folders["two databases"].root, "deep", "down")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(other, "alchemy.sqlite3"), append(createPair(sqlAlchemy, pair{"agent_sessions", "agent_messages"}), `INSERT INTO agent_sessions VALUES ('s', 'a', 'b')`)...)
	for name, src := range folders {
		t.Run(name, func(t *testing.T) {
			mem, rep := export(t, src)
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
	mem, _ := export(t, Open("testdata/sdk"))
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
	back, _ := export(t, dst)
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
	if empty, _ := export(t, dst); len(dump(t, dst.root)) == 0 || count(t, empty, "message") != 0 {
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

// Bad input gives an error that says what it is, or a gap; nothing else is lost.
func TestBadInput(t *testing.T) {
	sample, err := os.ReadFile("testdata/sdk/sessions.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	put := func(dir, name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		make func(dir string)
		want error
		text string
	}{
		"cut database": {func(d string) { put(d, "a.db", sample[:len(sample)-5000]) }, ErrDamaged, "cut short"},
		"further column": {func(d string) {
			put(d, "a.db", sample)
			change(t, filepath.Join(d, "a.db"), "ALTER TABLE agent_messages ADD COLUMN turn")
		}, ErrSchema, "supported: id, session_id"},
		"further column of sessions": {func(d string) {
			put(d, "a.db", sample)
			change(t, filepath.Join(d, "a.db"), "ALTER TABLE agent_sessions ADD COLUMN tenant")
		}, ErrSchema, "tenant"},
		"other structure": {func(d string) {
			put(d, "a.db", sample)
			change(t, filepath.Join(d, "a.db"), "CREATE TABLE turn_usage (id)")
		}, ErrSchema, "turn_usage"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.make(dir)
			_, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(dir), nil)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "openaiagents: ") {
				t.Errorf("%v", err)
			}
		})
	}
	for name, root := range map[string]string{"no folder": filepath.Join(t.TempDir(), "none"), "a file": "testdata/sdk/sessions.sqlite"} {
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(root), nil); err == nil {
			t.Error(name)
		}
	}
	dir := t.TempDir()
	put(dir, "half.json", []byte(`{"$schemaVersion":"1.16","current_`))
	put(dir, "items.json", []byte(`[{"role":"user","content":"hi"},{"role":`))
	put(dir, "package.json", []byte(`{"name":"app"}`))
	put(dir, "notes.txt", []byte("SQLite"))
	put(dir, "empty.db", nil)
	change(t, filepath.Join(dir, "other.db"), "CREATE TABLE t (x)")
	outside := filepath.Join(t.TempDir(), "outside.db")
	put(filepath.Dir(outside), "outside.db", sample)
	if err := os.Symlink(outside, filepath.Join(dir, "link.db")); err != nil {
		t.Fatal(err)
	}
	put(dir, "good.db", sample)
	_, rep := export(t, Open(dir))
	var places []string
	for _, g := range rep.Gaps {
		places = append(places, g.Kind+" "+g.Place)
	}
	if d := cmp.Diff([]string{"state half.json", "conversation items.json"}, places); d != "" {
		t.Error(d)
	}
	if rep.Verdict.Coverage != agentstate.Gaps || rep.Records["message"] == 0 {
		t.Errorf("%v %v", rep.Verdict, rep.Records)
	}
	p, err := Open(dir).Preflight(t.Context())
	if err != nil || len(p.Notes) < 3 {
		t.Errorf("%+v %v", p, err)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	sample, _ := os.ReadFile("testdata/sdk/sessions.sqlite")
	p := filepath.Join(dir, "a.db")
	if err := os.WriteFile(p, sample, 0o600); err != nil {
		t.Fatal(err)
	}
	change(t, p, "PRAGMA journal_mode=DELETE")
	c, err := sql.Open("sqlite", "file:"+p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, err := c.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	f := Open(dir)
	f.wait = 10 * time.Millisecond
	if _, err := agentstate.Copy(t.Context(), &memstate.State{}, f, nil); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "stop the application") {
		t.Error(err)
	}
}

// A hostile archive writes nothing outside of the folder and no table that is not the SDK's.
func TestHostile(t *testing.T) {
	for _, l := range []string{
		`{"file":"../x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"b"}]}`,
		`{"file":"/tmp/x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"b"}]}`,
		`{"file":"x.db","dialect":"sqlite","pairs":[{"sessions":"a; DROP TABLE x","messages":"b"}]}`,
		`{"file":"x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"sqlite_master"}]}`,
		`{"file":"x.db","dialect":"sqlite","pairs":[{"sessions":"a","messages":"b"}],"extra":["evil"]}`,
		`{"file":"x.db","dialect":"oracle","pairs":[{"sessions":"a","messages":"b"}]}`, `{`,
	} {
		o := &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "files"}
		o.Meta.Labels = []*pb.Label{{Name: labelDatabase, Value: l}}
		if _, err := Open(t.TempDir()).Begin(t.Context(), &replay.Run{From: o}); !errors.Is(err, replay.ErrTarget) || !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", l, err)
		}
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	out := filepath.Join(dir, "out")
	if err := os.MkdirAll(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	doc := []byte(`[{"role":"user","content":"hi"}]`)
	c := func(rel string, b []byte) *pb.Conversation {
		return &pb.Conversation{Meta: agentstate.Meta("conversation", agentstate.Document("items", "application/json", b), rel)}
	}
	rep, _, _ := apply(t, Open(root), memstate.Whole(product, c("../up.json", doc), c("link/x.json", doc), c("run.sh", []byte("#!/bin/sh")), c("good.json", doc)))
	if rep.Actions[replay.Refused] != 3 || rep.Actions[replay.Created] != 1 {
		t.Errorf("%v %v", rep.Actions, rep.Refused)
	}
	if es, _ := os.ReadDir(out); len(es) != 0 {
		t.Error("written through a link")
	}
}

// FuzzItem: whatever an item holds, reading it ends without a panic, in valid text.
func FuzzItem(f *testing.F) {
	for r := range Open("testdata/sdk").Records(context.Background(), nil) {
		if m, ok := r.(*pb.Message); ok && len(m.Meta.Native) == 1 {
			f.Add(m.Meta.Native[0].GetRow().Columns[2].GetText())
		}
	}
	f.Add([]byte(`{"type":"message","role":"user","content":[{"type":"input_text","text":"\ud800"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "x")}
		responses.Read(m, b)
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, memstate.Whole("x", &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}, m), nil); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzDocument: whatever a JSON file holds, it is carried whole or named.
func FuzzDocument(f *testing.F) {
	for _, p := range []string{"runstate.paused.json", "js/js.runstate.json", "js/js.session.sess-1.items.json"} {
		b, err := os.ReadFile(filepath.Join("testdata/sdk", p))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		mem, rep := export(t, Open(dir))
		dst := Open(filepath.Join(t.TempDir(), "copy"))
		apply(t, dst, mem)
		got, err := os.ReadFile(filepath.Join(dst.root, "x.json"))
		if rep.Records["state"]+rep.Records["conversation"] == 1 && (err != nil || string(got) != string(b)) {
			t.Fatalf("%q became %q: %v", b, got, err)
		}
	})
}
