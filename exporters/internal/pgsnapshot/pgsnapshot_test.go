package pgsnapshot

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters"
)

func TestSearchPath(t *testing.T) {
	for _, c := range []struct {
		path string
		want []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a, B ,", []string{"a", "B"}},
		{`"a,b","c""d"`, []string{"a,b", `c"d`}},
	} {
		if d := cmp.Diff(c.want, splitPath(c.path)); d != "" {
			t.Errorf("%q: %s", c.path, d)
		}
	}
}

// Whatever is wrong with a URL, its password is not told.
func TestParse(t *testing.T) {
	const canary = "s3cret-zq"
	for _, u := range []string{"", "postgres://", "postgres://u:" + canary + "@host:notaport/db", "postgres://u:" + canary + "@host/db?sslmode=" + canary} {
		_, err := Parse(u)
		if err == nil || !errors.Is(err, exporters.ErrURL) || !strings.Contains(err.Error(), "+postgres://user@host") || strings.Contains(err.Error(), canary) {
			t.Errorf("%v", err)
		}
	}
	if s, err := Parse("postgres://u@h/db?options=-c%20search_path%3Da&application_name=a%2Bb"); err != nil || s.conn.RuntimeParams["options"] != "-c search_path=a" || s.conn.RuntimeParams["application_name"] != "a+b" {
		t.Errorf("%v %v", s.conn.RuntimeParams, err)
	}
	s, err := Parse("postgres://u:" + canary + "@example.org:5433/db?search_path=a,b")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.String(); got != "example.org:5433/db" {
		t.Error(got)
	}
	if d := cmp.Diff([]string{"a", "b"}, s.Schema); d != "" {
		t.Error(d)
	}
}
