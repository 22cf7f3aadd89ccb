package exporters_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters"
)

func TestPath(t *testing.T) {
	for raw, want := range map[string]string{
		"x:a/b.db": "a/b.db", "x:///a/b": "/a/b", "x:a%3Fb%23c%25": "a?b#c%", "x:/a": "/a",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := exporters.Path(u, "x:FILE"); err != nil || p != want {
			t.Errorf("%s: %q, %v; want %q", raw, p, err, want)
		}
	}
	for raw, says := range map[string]string{
		"x:": "no file or folder", "x://host/a": "no host", "x://u:hunter2@/a": "no host", "x:a?b=hunter2": "options", "x:a#hunter2": "options", "x:50%": "malformed %",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = exporters.Path(u, "x:FILE")
		if !errors.Is(err, exporters.ErrURL) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want ErrURL with %q and nothing of the URL", raw, err, says)
		}
	}
}
