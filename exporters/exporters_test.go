package exporters

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"a+b:file.db":                           "a+b:file.db",
		"a+b:///abs/file.db":                    "a+b:///abs/file.db",
		"x://user:hunter2@host/db":              "x://user:xxxxx@host/db",
		"x://user@host/db?password=hunter2&q=h": "x://user@host/db?password=xxxxx&q=xxxxx",
		"x://user@host/db?search_path=own":      "x://user@host/db?search_path=own",
		"x:user:hunter2@host/db":                "x:…",
		"x://user:hunter2@host:port/db":         "x:…",
		"x://user@host/db?a;hunter2":            "x://user@host/db?xxxxx",
	} {
		got := Redact(in)
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: the secret is in %s", in, got)
		}
	}
}
