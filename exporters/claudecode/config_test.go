package claudecode

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A CLAUDE_CONFIG_DIR holds the same state as a home, under the same keys, and takes it.
func TestConfigDir(t *testing.T) {
	home := t.TempDir()
	if err := os.CopyFS(home, os.DirFS("testdata/home")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".claude.json"), []byte(`{"mcpServers":{"db":{"command":"false","env":{"A":"canary"}}},"userID":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "cfg")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(home, ".claude"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(home, ".claude.json"), filepath.Join(dir, ".claude.json")); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, ".claude.json.backup.1"), []byte(`{"oauthAccount":"canary"}`), 0o600)
	mem, rep := drivertest.Export(t, Open(dir)) // it is told by what is in it
	if rep.Verdict.Coverage != agentstate.Reconciled || rep.Records["toolserver"] != 1 {
		t.Errorf("%v %v %v", rep.Verdict, rep.Records, rep.Gaps)
	}
	want, _ := drivertest.Export(t, Open("testdata/home"))
	for r, err := range want.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mem.Get(t.Context(), r.GetMeta().GetKey()); err != nil && slices.Contains([]string{"conversation", "message", "memory", "skill", "agent", "policy", "artifact"}, agentstate.KindOf(r)) {
			t.Errorf("%s: %v", r.GetMeta().GetKey(), err)
		}
	}
	u, err := url.Parse("claudecode:" + filepath.Join(t.TempDir(), "copy") + "?config")
	if err != nil {
		t.Fatal(err)
	}
	rt, err := Drivers()[0].Open(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	dst := rt.(*Home)
	var approved []string
	for r, err := range mem.Records(t.Context(), nil) {
		switch r.(type) {
		case *pb.Policy, *pb.Agent, *pb.Skill, *pb.ToolServer, *pb.Artifact, *pb.Memory:
			approved = append(approved, r.GetMeta().GetKey())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got, j := drivertest.Apply(t, dst, mem, approved...)
	if len(got.Refused)+len(got.Conflicts) > 0 {
		t.Errorf("%v %v", got.Refused, got.Conflicts)
	}
	for rel, text := range configFiles(t, dir) {
		have, err := os.ReadFile(filepath.Join(dst.root, rel))
		if rel != "settings.json" && (err != nil || string(have) != text) {
			t.Errorf("%s: %v", rel, err)
		}
	}
	if back, err := replay.ReadBack(t.Context(), mem, Open(dst.root), j); err != nil || back.MissingN+back.ExtraN != 0 {
		t.Errorf("%+v %v", back, err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
	if left := configFiles(t, dst.root); len(left) > 0 {
		t.Error(cmp.Diff(nil, left))
	}
}

// configFiles are the files of a CLAUDE_CONFIG_DIR that are carried, with their bytes.
func configFiles(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		b, err := os.ReadFile(p)
		if kindOf(".claude/"+filepath.ToSlash(rel)) != "" {
			out[rel] = string(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestByteOrderMark: files that an editor began with a byte order mark are read, and arrive with it.
func TestByteOrderMark(t *testing.T) {
	const settings, bom = `{"env":{"PIN":1234},"permissions":{"allow":["Read"]}}`, "\ufeff"
	h := home(t, map[string]string{"settings.json": bom + settings, "skills/s/SKILL.md": bom + "---\r\nname: rye\r\ndescription: >-\r\n  bakes\r\n  rye\r\n---\r\nKnead.\r\n"})
	if err := os.WriteFile(filepath.Join(h.root, ".claude.json"), []byte(bom+`{"mcpServers":{"db":{"command":"false"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	mem, rep := drivertest.Export(t, h)
	if n := rep.Records; rep.Verdict.Coverage != agentstate.Reconciled || n["toolserver"] != 1 || n["toolgrant"] != 1 || n["credential"] != 1 {
		t.Errorf("%v %v %v", rep.Verdict, n, rep.Gaps)
	}
	r, err := mem.Get(t.Context(), "skill/skills%2Fs%2FSKILL.md")
	if s, ok := r.(*pb.Skill); err != nil || !ok || s.Name != "rye" || s.Description != "bakes rye" {
		t.Errorf("%v %v", r, err)
	}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	if err := os.MkdirAll(dst.root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dst.root, ".claude.json"), []byte(bom+`{"userID":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	drivertest.Apply(t, dst, mem, "policy/settings.json", "toolserver//db")
	if d := cmp.Diff(bom+`{"env":{"PIN":""},"permissions":{"allow":["Read"]}}`, files(t, dst.root)[".claude/settings.json"][1:]); d != "" {
		t.Error(d)
	}
	b, err := os.ReadFile(filepath.Join(dst.root, ".claude.json"))
	if err != nil || string(b) != bom+`{"userID":"x","mcpServers": {"db": {"command":"false"}}}` {
		t.Errorf("%s %v", b, err)
	}
}
