package langgraph

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestExportKilled ends an export with kill -9 at several moments; the same command again must end with the same records.
func TestExportKilled(t *testing.T) {
	for _, kind := range []string{"sqlite", "pg"} {
		t.Run(kind, func(t *testing.T) {
			s := produce(t, python(t), "odd", kind)
			whole := records(t, s.archive)
			archive := filepath.Join(t.TempDir(), "killed.ctxa")
			kills := 0
			for _, after := range []time.Duration{20, 60, 120, 250, 400} {
				kills += killed(t, after*time.Millisecond, "export", s.place.exitramp, archive)
			}
			if exists(archive) {
				exitramp(t, done, "verify", archive, "--integrity-only")
			} else {
				exitramp(t, done, "export", s.place.exitramp, archive)
			}
			if diff := cmp.Diff(whole, records(t, archive)); diff != "" {
				t.Errorf("records after %d kills (-whole +resumed):\n%s", kills, diff)
			}
			t.Logf("%d kills", kills)
		})
	}
}

// TestReplayKilled ends a replay with kill -9 at several moments; the same command again must finish it, and the runtime must see no difference.
// A third replay then changes nothing, and undo takes away all that the replay has made.
func TestReplayKilled(t *testing.T) {
	for _, kind := range []string{"sqlite", "pg"} {
		t.Run(kind, func(t *testing.T) {
			s := produce(t, python(t), "odd", kind)
			target, journal := sqlite(t, "target.sqlite"), filepath.Join(t.TempDir(), "journal")
			if kind == "pg" {
				target = postgres(t, "")
			}
			args := []string{"replay", s.archive, target.exitramp, "--accept-unsigned", "--journal", journal}
			kills := 0
			for _, after := range []time.Duration{50, 150, 300, 500} {
				kills += killed(t, after*time.Millisecond, args...)
			}
			t.Logf("%d kills", kills)
			for range 2 {
				exitramp(t, done, args...)
				exitramp(t, done, "readback", s.archive, target.exitramp, "--accept-unsigned", "--journal", journal)
				s.judge(t, "judge", s.shape, target.of(s.flavour), s.facts)
			}
			exitramp(t, done, "undo", journal, target.exitramp)
			empty := s.script(t, "judge_empty", target.of(s.flavour))
			if empty.code != 0 {
				t.Errorf("undo left rows behind\n%s", tail(empty.all()))
			}
		})
	}
}

// killed starts exitramp and kills it; it returns 0 when the command ended before that.
func killed(t *testing.T, after time.Duration, args ...string) int {
	t.Helper()
	cmd := exec.Command(env.exitramp, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() == -1 {
		return 1
	}
	return 0
}

// records are the keys of an archive. Control records tell of the run itself, so they may differ.
func records(t *testing.T, archive string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	d := json.NewDecoder(strings.NewReader(exitramp(t, done, "list", archive, "--all", "--json").out))
	for d.More() {
		var r struct{ Key, Kind string }
		if err := d.Decode(&r); err != nil || r.Key == "" || r.Kind == "" {
			t.Fatalf("list --json: %v %+v", err, r)
		}
		switch r.Kind {
		case "origin", "completeness", "gap", "mark":
		default:
			out[r.Key] = true
		}
	}
	if len(out) < 1000 {
		t.Fatalf("only %d records listed", len(out))
	}
	return out
}
