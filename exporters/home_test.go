package exporters_test

import (
	"testing"

	"github.com/exitramp/exitramp/exporters"
)

func TestAtHome(t *testing.T) {
	for in, want := range map[string]string{
		"codex:~/.codex": "codex:/home/a%20b/.codex", "claudecode:~": "claudecode:/home/a%20b", "claudecode:~?config": "claudecode:/home/a%20b?config",
		"x:~b/c": "x:~b/c", "x:./~/c": "x:./~/c", "x://~/c": "x://~/c", "~/x": "~/x", "": "",
	} {
		if got := exporters.AtHome(in, "/home/a b"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := exporters.AtHome("codex:~/.codex", ""); got != "codex:~/.codex" {
		t.Error(got)
	}
}
