package exporters_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters"
)

var errRefused = errors.New("login refused")

// driver opens a runtime in memory and says what URL it was given.
func driver(scheme string, got *[]string) exporters.Driver {
	return exporters.Driver{Scheme: scheme, URL: scheme + ":x", Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
		place := u.Opaque
		if place == "" {
			place = u.Host + u.Path
		}
		*got = append(*got, scheme+" "+place)
		if strings.Contains(place, "refuse") {
			pw, _ := u.User.Password()
			return nil, fmt.Errorf("cannot connect to %s with %s: %w", u, pw, errRefused)
		}
		return memstate.NewRuntime(nil), nil
	}}
}

func TestOpen(t *testing.T) {
	var got []string
	r := exporters.NewRegistry(driver("mem", &got), driver("mem+file", &got))
	for _, u := range []string{"mem:state.db", "mem+file:a/b c.db", "mem+file:///abs/x.db", "mem://user:p@host/db", "MEM:upper", "mem:~/x", "mem:a%20b"} {
		rt, err := r.Open(t.Context(), u)
		if err != nil {
			t.Errorf("%s: %v", u, err)
			continue
		}
		if _, err := exporters.Replayable(rt); err != nil {
			t.Error(err)
		}
		rt.Close()
	}
	want := []string{"mem state.db", "mem+file a/b c.db", "mem+file /abs/x.db", "mem host/db", "mem upper", "mem ~/x", "mem a%20b"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestNoSecret: whatever is wrong with a URL or behind it, its password is in no error.
func TestNoSecret(t *testing.T) {
	const pw = "hunter2"
	var got []string
	r := exporters.NewRegistry(driver("mem", &got))
	for u, want := range map[string]error{
		"mem://user:" + pw + "@refuse/db":     errRefused,
		"mem://user:" + pw + "%zz@host/db":    exporters.ErrURL,
		"mem://user:" + pw + "\x7f@host/db":   exporters.ErrURL,
		"mem://user:" + pw + "@host:port/db":  exporters.ErrURL,
		"mem://user:#" + pw + "@host/db":      exporters.ErrURL,
		"mem://[" + pw + "/":                  exporters.ErrURL,
		"other://user:" + pw + "@host/db":     exporters.ErrScheme,
		"user:" + pw + "@host":                exporters.ErrScheme,
		"://" + pw:                            exporters.ErrURL,
		pw:                                    exporters.ErrURL,
		"":                                    exporters.ErrURL,
		"%" + pw:                              exporters.ErrURL,
		"mem:user:" + pw + "@refuse":          errRefused,
		"mem://user@refuse/db?password=" + pw: errRefused,
		"mem://user:" + pw + "@refuse/db?sslmode=off": errRefused,
	} {
		_, err := r.Open(t.Context(), u)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", u, err, want)
		}
		// A password among options, or behind a forgotten //, is the driver's to keep out of its own.
		own := errors.Is(err, errRefused) && !strings.Contains(u, ":"+pw+"@refuse/db")
		if err != nil && !own && strings.Contains(err.Error(), pw) {
			t.Errorf("%q: %v", u, err)
		}
		for e := err; e != nil && !own; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), pw) {
				t.Errorf("%q: inside: %v", u, e)
			}
		}
		if s := exporters.Redact(u); strings.Contains(s, pw) && u != pw {
			t.Errorf("Redact(%q) = %s", u, s)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"langgraph+sqlite:state.db":                   "langgraph+sqlite:state.db",
		"langgraph+sqlite:///abs/state.db":            "langgraph+sqlite:///abs/state.db",
		"pg://user:secret@host:5432/db?search_path=a": "pg://user:xxxxx@host:5432/db?search_path=a",
		"pg://user@host/db?password=secret":           "pg://user@host/db?password=xxxxx",
		"pg://user@host/db?x=1;secret":                "pg://user@host/db?options=xxxxx",
		"mem0:store?flavor=secret&dims=secret":        "mem0:store?dims=xxxxx&flavor=xxxxx",
		"mem0:store?flavor=js":                        "mem0:store?flavor=js",
		"mem0:store?history=h%2Fx.db&key=secret":      "mem0:store?history=h%2Fx.db&key=xxxxx",
		"agentcore://eu-central-1/id?rate=5":          "agentcore://eu-central-1/id?rate=5",
		"pg://user@/db?host=h&port=1&sslmode=require&sslpassword=secret&options=secret&passfile=secret&Host=secret": "pg://user@/db?Host=xxxxx&host=h&options=xxxxx&passfile=xxxxx&port=1&sslmode=require&sslpassword=xxxxx",
		"pg://host/db#secret":                "pg://host/db",
		"pg:user:secret@host":                "pg:…",
		"pg://user:%zzsecret@host":           "pg:…",
		"%zzsecret":                          "…",
		"agentcore://eu-central-1/memory-id": "agentcore://eu-central-1/memory-id",
		"codex:~/.codex":                     "codex:~/.codex",
		"claudecode:.claude?config":          "claudecode:.claude?config",
		"claudecode:.claude?config=secret":   "claudecode:.claude?config=xxxxx",
	} {
		if got := exporters.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
		if got := exporters.Redact(exporters.Redact(in)); got != exporters.Redact(in) && in[0] != '%' {
			t.Errorf("%q: redacted twice: %q", in, got)
		}
	}
}

// TestNearScheme: a scheme that is written nearly right says which one is.
func TestNearScheme(t *testing.T) {
	var got []string
	r := exporters.NewRegistry(driver("mem", &got), driver("mem+postgres", &got), driver("graph+postgres", &got), driver("graph+sqlite", &got))
	for u, want := range map[string]string{
		"mem+postgresql://host/db": `no driver for the scheme "mem+postgresql": want mem+postgres`,
		"mem0:x":                   `no driver for the scheme "mem0": want mem`,
		"graph:x":                  `no driver for the scheme "graph": want graph+postgres or graph+sqlite`,
		"postgres://host/db":       `no driver for the scheme "postgres"`,
	} {
		if _, err := r.Open(t.Context(), u); !errors.Is(err, exporters.ErrScheme) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", u, err, want)
		}
	}
}

func TestRegistry(t *testing.T) {
	var got []string
	r := exporters.NewRegistry(driver("b", &got), driver("a", &got))
	wider := r.With(driver("c", &got))
	var names []string
	for _, d := range wider.Drivers() {
		names = append(names, d.Scheme)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, names); d != "" || len(r.Drivers()) != 2 {
		t.Error(d, len(r.Drivers()))
	}
	if _, err := new(exporters.Registry).Open(t.Context(), "a:x"); !errors.Is(err, exporters.ErrScheme) {
		t.Error(err)
	}
	for name, f := range map[string]func(){
		"twice":      func() { r.With(driver("a", &got)) },
		"no scheme":  func() { exporters.NewRegistry(driver("", &got)) },
		"upper case": func() { exporters.NewRegistry(driver("Mem", &got)) },
		"colon":      func() { exporters.NewRegistry(driver("a:b", &got)) },
		"no Open":    func() { exporters.NewRegistry(exporters.Driver{Scheme: "x"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

type readOnly struct{ *memstate.State }

type wrapped struct{ exporters.Runtime }

func (w wrapped) Unwrap() agentstate.Source { return w.Runtime }

func TestReplayable(t *testing.T) {
	if _, err := exporters.Replayable(readOnly{memstate.New()}); !errors.Is(err, exporters.ErrReadOnly) {
		t.Error(err)
	}
	if _, err := exporters.Replayable(wrapped{memstate.NewRuntime(nil)}); err != nil {
		t.Error(err)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("pg://user:", "hunter2", "@host/db?x=y")
	f.Add("mem:", "a b", "#frag")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		exporters.Redact(before + secret + after) // no panic
		u := url.URL{Scheme: "pg", User: url.UserPassword("u", secret+"hunter2"), Host: "h"}
		if strings.Contains(exporters.Redact(u.String()), "hunter2") {
			t.Fatal(u.String())
		}
		u = url.URL{Scheme: "pg", User: url.User("u"), Host: "h", RawQuery: "flavor=js&password=" + url.QueryEscape(secret+"hunter2")}
		if got := exporters.Redact(u.String()); strings.Contains(got, "hunter2") || !strings.Contains(got, "flavor=js") {
			t.Fatal(u.String(), got)
		}
	})
}
