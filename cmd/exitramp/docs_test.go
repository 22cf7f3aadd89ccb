package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command line in the documents is one that the command takes: its verb, its options, as many
// arguments as it wants.
func TestDocs(t *testing.T) {
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range append(docs, "../../README.md") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(b)) {
			n++
			if err := accepts(line); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(path), line, err)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d command lines were found", n)
	}
	for _, bad := range []string{"verfy a", "verify", "verify a --lost", "export a", "plan a.ctxa mem0:b"} {
		if accepts("exitramp "+bad) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

var commandLine = regexp.MustCompile(`(?m)^(?:    |\$ )\$? ?(exitramp [a-z].*)$`)

var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)

// commandLines are the commands in blocks of code, without what a shell takes for itself.
func commandLines(doc string) []string {
	var out []string
	for _, m := range commandLine.FindAllStringSubmatch(doc, -1) {
		line := m[1]
		for _, end := range []string{" #", " > ", " | ", " && ", " 2>", "; "} {
			line, _, _ = strings.Cut(line, end)
		}
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// accepts looks at a command line and does not run it.
func accepts(line string) error {
	root := (&app{}).root()
	words := strings.Fields(quoted.ReplaceAllStringFunc(line, func(s string) string { return strings.ReplaceAll(s, " ", "_") }))[1:]
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err
	}
	// Typed as it stands, it must not be refused for want of somebody to trust.
	if at := c.Flags().Arg(0); c.Flags().Lookup("accept-unsigned") != nil && c.Name() != "sample" && (isArchive(at) || strings.HasSuffix(at, ".plan")) &&
		!c.Flags().Changed("trust") && !c.Flags().Changed("accept-unsigned") {
		return errors.New("want --trust or --accept-unsigned")
	}
	return c.ValidateRequiredFlags()
}
