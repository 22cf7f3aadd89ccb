//go:build unix

package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDrillExample types what the page of the kept drill types. cosign is run where it is installed.
func TestDrillExample(t *testing.T) {
	t.Chdir("../../docs/drill-example")
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	typed := func(command string, want ...string) {
		t.Helper()
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: %s\ndoes not say %q", command, out, w)
			}
		}
	}
	commands := 0
	for _, m := range regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(string(page), -1) {
		commands++
		program, _, _ := strings.Cut(strings.TrimPrefix(m[1], "d=$(mktemp -d) && "), " ")
		if _, err := exec.LookPath(program); err != nil {
			t.Logf("not typed, there is no %s: %s", program, m[1])
			continue
		}
		typed(m[1], map[string][]string{
			"exitramp": {"PASS_WITH_LOSS at L3: 18 of 18 gates", "as the checks say, computed anew", "signed by ops"},
			"cosign":   {"Verified OK"},
			"unzip":    {"every file is as listed"},
		}[program]...)
	}
	if commands != 3 {
		t.Errorf("%d commands, want 3: the page is not read", commands)
	}
	typed("exitramp report q4-python.evidence.zip --trust ops.key.pub", "PASS at L3, 18 gates", "signed by ops")
	for _, name := range []string{"q4-js", "q4-stressed-js"} {
		typed("exitramp report "+name+".evidence.zip --trust ops.key.pub", "PASS_WITH_LOSS at L3: 18 of 18 gates", "signed by ops")
	}
	typed("exitramp drills drills.jsonl", "4 drills, 4 passed", "the chain of 4 entries holds", "langgraph js+postgres")
	b, err := os.ReadFile("transcript.txt")
	if err != nil || !bytes.Contains(b, []byte("PASS_WITH_LOSS at L3")) {
		t.Errorf("transcript.txt: %v", err)
	}
}

// TestDrillExampleFiles: the kept drill is small, and names no folder of the machine that made it.
func TestDrillExampleFiles(t *testing.T) {
	paths, err := filepath.Glob("../../docs/drill-example/*")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	total := 0
	local := regexp.MustCompile(`/(tmp|root|work|home|Users|var)/`)
	clean := func(name string, b []byte) {
		if at := local.FindIndex(b); at != nil {
			t.Errorf("%s has a local path: …%s", name, b[max(0, at[0]-20):min(len(b), at[1]+20)])
		}
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		total += len(b)
		switch {
		case strings.HasSuffix(path, ".zip"):
			z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range z.File {
				r, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(io.LimitReader(r, 8<<20))
				if err != nil {
					t.Fatal(err)
				}
				clean(path+" "+f.Name, b)
			}
		case strings.HasSuffix(path, ".sigstore.json"):
			var s struct{ DsseEnvelope struct{ Payload string } }
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
			payload, err := base64.StdEncoding.DecodeString(s.DsseEnvelope.Payload)
			if err != nil || len(payload) == 0 {
				t.Fatal(err)
			}
			clean(path, payload)
		default:
			clean(path, b)
		}
	}
	if total > 4<<20 {
		t.Errorf("%d bytes in all", total)
	}
}
