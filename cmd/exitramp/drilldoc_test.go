//go:build unix

package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDrillDoc types what docs/drill.md types, and sees what it shows. Numbers and digests differ from
// run to run, and whether there are network namespaces from machine to machine.
func TestDrillDoc(t *testing.T) {
	doc, err := os.ReadFile("../../docs/drill.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl, so that no second program checks the signature, and the verdict is PASS_WITH_LOSS")
	}
	t.Chdir(t.TempDir())
	typed := 0
	for _, block := range regexp.MustCompile("(?s)```(console|yaml) ?([a-z.]*)\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		if block[1] == "yaml" {
			if err := os.WriteFile(block[2], []byte(block[3]), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, step := range strings.Split("\n"+block[3], "\n$ ")[1:] {
			typed++
			command, want, _ := strings.Cut(step, "\n")
			cmd := exec.Command("sh", "-c", command)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v\n%s%s", command, err, out, stderr.String())
			}
			if got := alikeText(string(out)); got != alikeText(want) {
				t.Errorf("%s:\n%s\nthe page shows:\n%s", command, got, alikeText(want))
			}
		}
	}
	if typed < 10 {
		t.Errorf("%d commands: the page is not read", typed)
	}
}

// alikeText is text without what differs from run to run.
func alikeText(s string) string {
	s = regexp.MustCompile(`(stressed: )(empty network namespace|no source driver opened).*`).ReplaceAllString(s, "$1…")
	s = regexp.MustCompile(`\b[0-9a-f]{16,64}\b`).ReplaceAllString(s, "H")
	s = regexp.MustCompile(`\d+:\d\d\b`).ReplaceAllString(s, "0.0 s") // a slow machine
	s = regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(s, "D")
	return strings.TrimSpace(regexp.MustCompile(`\b\d+(\.\d+)? s\b`).ReplaceAllString(s, "T"))
}
