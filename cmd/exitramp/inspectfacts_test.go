package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestInspectFacts: how many secrets are stored and how many are references, and how far the newest
// change is from the start of the reading, are said where the archive says them, and nowhere else.
func TestInspectFacts(t *testing.T) {
	docs := readJSONDoc(t)
	const start = int64(1_700_000_000_000_000_000)
	for _, c := range []struct {
		name           string
		scan           bool
		mode           secrets.Mode
		credentials    int
		newest         int64
		stored, change string // lines; empty: none
		json           string
	}{
		{"labelled", true, secrets.Label, 2, start - int64(2*time.Minute), "stored  1 secret that was found · 2 references to secrets kept elsewhere", "newest change 2 min before the start of the reading", `[1,2,120]`},
		{"taken out", true, secrets.Redact, 1, start + int64(3*time.Second), "stored  0 secrets that were found · 1 reference to a secret kept elsewhere", "newest change 3 s after the start of the reading", `[0,1,-3]`},
		{"not scanned", false, 0, 1, start - int64(72*time.Hour), "stored  1 reference to a secret kept elsewhere", "newest change 3 days before the start of the reading", `[null,1,259200]`},
		{"nothing known", false, 0, 0, 0, "", "", `[null,0,null]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			recs := []agentstate.Record{&pb.Origin{Meta: agentstate.Meta("origin", nil, "x"), Product: "service"}}
			for i := range c.credentials {
				recs = append(recs, &pb.Credential{Meta: agentstate.Meta("credential", nil, string(rune('a'+i))), Name: "crm", Form: "oauth2"})
			}
			recs = append(recs, &pb.Memory{Meta: agentstate.Meta("memory", nil, "m"), Content: &pb.Memory_Text{Text: "use ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6 please"}},
				&pb.Completeness{Meta: agentstate.Meta("completeness", nil, "x"), FromUnixNano: start, ToUnixNano: start + 1, NewestUnixNano: c.newest})
			var src agentstate.Source = memstate.New(recs...)
			if c.scan {
				s, err := secrets.New()
				if err != nil {
					t.Fatal(err)
				}
				src = secrets.Scan(src, s, secrets.Options{Mode: c.mode})
			}
			path := filepath.Join(t.TempDir(), "a.ctxa")
			if _, err := format.Export(t.Context(), path, src, &format.WriterOptions{}, nil); err != nil {
				t.Fatal(err)
			}
			var stored, change string
			for line := range strings.Lines(inspected(t, path)) {
				switch line = strings.TrimRight(line, "\n"); {
				case strings.HasPrefix(line, "stored "):
					stored = line
				case strings.HasPrefix(line, "newest "):
					change = line
				}
			}
			if stored != c.stored || change != c.change {
				t.Errorf("%q and %q; want %q and %q", stored, change, c.stored, c.change)
			}
			out := inspected(t, path, "--json")
			if err := docs.check([]string{"inspect", "--json"}, []byte(out)); err != nil {
				t.Error(err)
			}
			var in struct {
				Stored     *int `json:"secrets_stored"`
				References *int `json:"secret_references"`
				Readings   []struct {
					Newest int64    `json:"newest_unix_nano"`
					Before *float64 `json:"newest_before_start_seconds"`
				}
			}
			if err := json.Unmarshal([]byte(out), &in); err != nil || len(in.Readings) != 1 {
				t.Fatal(err, out)
			}
			if got, _ := json.Marshal([]any{in.Stored, in.References, in.Readings[0].Before}); string(got) != c.json || in.Readings[0].Newest != c.newest {
				t.Errorf("%s, newest %d; want %s, newest %d", got, in.Readings[0].Newest, c.json, c.newest)
			}
		})
	}
}

// inspected is what inspect prints of an archive.
func inspected(t *testing.T, path string, flags ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := newApp(&stdout, &stderr).run(t.Context(), append([]string{"inspect", path}, flags...)); code != exitDone {
		t.Fatalf("inspect: %d %s", code, stderr.String())
	}
	return stdout.String()
}
