package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An authority that does not answer as it should: no signature, the archive as it was, and no
// password in the message. What answers well is judged with openssl: interop/archive/check.
func TestTSA(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("support.sqlite", supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (int, string) {
		var out, msgs bytes.Buffer
		code := newApp(&out, &msgs).run(context.Background(), args)
		return code, out.String() + msgs.String()
	}
	for _, args := range [][]string{{"keygen", "--sign", "-o", "acme.key"}, {"export", "langgraph+sqlite:support.sqlite", "a.ctxa"}} {
		if code, out := run(args...); code != 0 {
			t.Fatal(code, out)
		}
	}
	before, err := os.ReadFile("a.ctxa")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
			t.Errorf("%s, %v", r.Method, r.Header)
		}
		switch r.URL.Path {
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/long":
			w.Write(make([]byte, 100_000))
		default:
			w.Write([]byte("garbage"))
		}
	}))
	defer srv.Close()
	u := strings.Replace(srv.URL, "http://", "http://me:s3cr3t-canary@", 1)
	for path, want := range map[string]string{"/busy": "503", "/long": "at most", "/garbage": "TimeStampResp"} {
		code, out := run("sign", "a.ctxa", "--key", "acme.key", "--tsa", u+path)
		if code != exitOther || !strings.Contains(out, want) || strings.Contains(out, "canary") {
			t.Errorf("%s: exit code %d, %s", path, code, out)
		}
	}
	srv.Close()
	if code, out := run("sign", "a.ctxa", "--key", "acme.key", "--tsa", u); code != exitOther || strings.Contains(out, "canary") {
		t.Errorf("nobody there: exit code %d, %s", code, out)
	}
	if after, err := os.ReadFile("a.ctxa"); err != nil || !bytes.Equal(after, before) || asked != 3 {
		t.Errorf("the archive is another, or %d requests: %v", asked, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.ctxa.new")); !os.IsNotExist(err) {
		t.Errorf("a.ctxa.new: %v", err)
	}
	for _, bad := range []string{"ftp://x", "x", "http://"} {
		if code, _ := run("sign", "a.ctxa", "--key", "acme.key", "--tsa", bad); code != exitUsage {
			t.Errorf("--tsa %s: exit code %d", bad, code)
		}
	}
	if code, _ := run("verify", "a.ctxa", "--integrity-only", "--tsa-cert", "acme.key"); code != exitUsage {
		t.Errorf("--tsa-cert without --trust: exit code %d", code)
	}
	if code, _ := run("verify", "a.ctxa", "--trust", "acme.key.pub", "--tsa-cert", "acme.key.pub"); code != exitOther {
		t.Errorf("a key for a certificate: exit code %d", code)
	}
}
