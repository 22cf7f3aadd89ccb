package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestNotRead: what a service lists and nobody read is said to people and to programs, and a record of a
// kind that has a name is listed with it.
func TestNotRead(t *testing.T) {
	st := &pb.Completeness{Meta: agentstate.Meta("completeness", nil, "x")}
	st.Meta.Labels = []*pb.Label{{Name: "not_read", Value: "ListBrowsers ListPayments"}}
	origin := &pb.Origin{Meta: agentstate.Meta("origin", nil, "x"), Product: "service"}
	origin.Meta.Labels = []*pb.Label{{Name: "wal", Value: "absent"}}
	src := memstate.New(origin,
		&pb.ToolServer{Meta: agentstate.Meta("toolserver", nil, "t"), Name: "orders", Protocol: "mcp"},
		&pb.Model{Meta: agentstate.Meta("model", nil, "m"), RequestedId: "gpt", ServedId: "gpt-2026"},
		&pb.Trigger{Meta: agentstate.Meta("trigger", nil, "n"), Name: "nightly", Enabled: true}, st)
	path := filepath.Join(t.TempDir(), "a.ctxa")
	if _, err := format.Export(t.Context(), path, src, &format.WriterOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := newApp(&stdout, &stderr).run(t.Context(), args); code != exitDone {
			t.Fatalf("%v: %d %s", args, code, stderr.String())
		}
		return stdout.String()
	}
	if out := run("inspect", path); !strings.Contains(out, "not read, of what the service lists: ListBrowsers ListPayments") || !strings.Contains(out, "note  wal absent") {
		t.Error(out)
	}
	var in struct {
		Readings []struct {
			NotRead []string `json:"not_read"`
		} `json:"readings"`
		Origins []struct {
			Notes []string `json:"notes"`
		} `json:"origins"`
	}
	if err := json.Unmarshal([]byte(run("inspect", path, "--json")), &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Readings) != 1 || !slices.Equal(in.Readings[0].NotRead, []string{"ListBrowsers", "ListPayments"}) || len(in.Origins) != 1 || !slices.Equal(in.Origins[0].Notes, []string{"wal absent"}) {
		t.Errorf("%+v", in)
	}
	for _, want := range []string{"toolserver/t  orders  mcp", "model/m  gpt  gpt-2026", "trigger/n  on  nightly"} {
		if out := run("list", path); !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestInspectGrants: what grants do is counted, those that are off by themselves; where a compartment is
// closed, or there are none, nothing is said of them.
func TestInspectGrants(t *testing.T) {
	docs := readJSONDoc(t)
	grant := func(id string, effect pb.ToolGrant_Effect, on bool) agentstate.Record {
		return &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, id), Pattern: id, Effect: effect, Enabled: on}
	}
	ours, err := age.GenerateX25519Identity()
	theirs, err2 := age.GenerateX25519Identity()
	key := filepath.Join(t.TempDir(), "key")
	if err := errors.Join(err, err2, os.WriteFile(key, []byte(ours.String()), 0o600)); err != nil {
		t.Fatal(err)
	}
	apart := &format.WriterOptions{Recipients: []age.Recipient{ours.Recipient()},
		Compartments: []format.Compartment{{Name: "grants", Recipients: []age.Recipient{theirs.Recipient()},
			Match: func(r agentstate.Record) bool { _, ok := r.(*pb.ToolGrant); return ok }}}}
	for _, c := range []struct {
		name       string
		records    []agentstate.Record
		opts       *format.WriterOptions
		line, json string
	}{
		{"each", []agentstate.Record{grant("a", pb.ToolGrant_EFFECT_ALLOW, true), grant("b", pb.ToolGrant_EFFECT_ALLOW, true), grant("c", pb.ToolGrant_EFFECT_ASK, true),
			grant("d", pb.ToolGrant_EFFECT_DENY, true), grant("e", pb.ToolGrant_EFFECT_ALLOW, false), grant("f", pb.ToolGrant_EFFECT_UNSPECIFIED, true)}, &format.WriterOptions{},
			"grants  2 allow · 1 ask · 1 deny · 1 off · 1 not understood (tools that write are not told from those that only read)", `{"allow":2,"ask":1,"deny":1,"off":1,"not_understood":1}`},
		{"none", []agentstate.Record{&pb.Model{Meta: agentstate.Meta("model", nil, "m")}}, &format.WriterOptions{}, "", "null"},
		{"closed", []agentstate.Record{grant("a", pb.ToolGrant_EFFECT_ALLOW, true), &pb.Model{Meta: agentstate.Meta("model", nil, "m")}}, apart, "", "null"},
	} {
		path := filepath.Join(t.TempDir(), "a.ctxa")
		if _, err := format.Export(t.Context(), path, memstate.New(c.records...), c.opts, nil); err != nil {
			t.Fatal(err)
		}
		line := ""
		for l := range strings.Lines(inspected(t, path, "-i", key)) {
			if strings.HasPrefix(l, "grants ") {
				line = strings.TrimRight(l, "\n")
			}
		}
		out := inspected(t, path, "-i", key, "--json")
		var in struct{ Grants json.RawMessage }
		if err := json.Unmarshal([]byte(out), &in); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Compact(&got, in.Grants); err != nil || line != c.line || got.String() != c.json {
			t.Errorf("%s: %q and %s; want %q and %s", c.name, line, got.String(), c.line, c.json)
		}
		if err := docs.check([]string{"inspect", "--json"}, []byte(out)); err != nil {
			t.Error(c.name, err)
		}
	}
}

// TestInspectUnreadGrants: where what holds the grants is damaged, the clear part still says which archive it is. Verify is the judge.
func TestInspectUnreadGrants(t *testing.T) {
	docs := readJSONDoc(t)
	path := filepath.Join(t.TempDir(), "a.ctxa")
	src := memstate.New(&pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, "a"), Pattern: "a", Enabled: true}, &pb.Model{Meta: agentstate.Meta("model", nil, "m")})
	if _, err := format.Export(t.Context(), path, src, &format.WriterOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	at := bytes.Index(b, []byte("toolgrant/")) // the name of its member: what it holds comes behind
	if err != nil || at < 0 {
		t.Fatal(at, err)
	}
	at += bytes.Index(b[at:], []byte{0x28, 0xb5, 0x2f, 0xfd}) + 6 // behind zstd's magic number
	b[at] ^= 0xff
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := inspected(t, path); !strings.Contains(out, "grants  cannot be read: exitramp verify says why\n") || !strings.Contains(out, "toolgrant 1 · model 1\n") {
		t.Error(out)
	}
	out := inspected(t, path, "--json")
	var in struct {
		Grants *struct{}
		Unread bool   `json:"grants_unread"`
		ID     string `json:"archive_id"`
	}
	if err := json.Unmarshal([]byte(out), &in); err != nil || in.Grants != nil || !in.Unread || in.ID == "" {
		t.Errorf("%v %s", err, out)
	}
	if err := docs.check([]string{"inspect", "--json"}, []byte(out)); err != nil {
		t.Error(err)
	}
	if code := newApp(new(bytes.Buffer), new(bytes.Buffer)).run(t.Context(), []string{"verify", path, "--integrity-only"}); code != exitRefused {
		t.Errorf("verify: %d, want %d", code, exitRefused)
	}
}
