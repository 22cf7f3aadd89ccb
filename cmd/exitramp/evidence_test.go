package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/format"
)

const testStatement = "../../context/evidence/report/testdata/full.json"

// signedPack makes statement.json, its bundle and the pack in the current folder, signed by acme.key.
func signedPack(t *testing.T, raw []byte) {
	t.Helper()
	st, err := evidence.ParseStatement(bytes.NewReader(raw), nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := report.Artifacts(st)
	if err != nil {
		t.Fatal(err)
	}
	report.Attach(st, files)
	payload, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.Open("acme.key")
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	signer, err := format.ParseSigningKey(key)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := format.SignStatement(context.Background(), payload, signer, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := format.SignStatement(context.Background(), append(bytes.Clone(payload), ' '), signer, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"signed.zip": bundle, "unsigned.zip": nil, "other.zip": other, "broken.zip": bytes.Replace(bundle, []byte(`"payload":"`), []byte(`"payload":"IA==`), 1),
	} {
		var pack bytes.Buffer
		if err := report.Pack(&pack, payload, b, files); err != nil {
			t.Fatal(err)
		}
		put(t, name, pack.Bytes())
	}
	for i := range files {
		if files[i].Name == report.NameHTML {
			files[i].Data = append(files[i].Data, ' ')
		}
	}
	var pack bytes.Buffer
	if err := report.Pack(&pack, payload, bundle, files); err != nil {
		t.Fatal(err)
	}
	put(t, "changed.zip", pack.Bytes())
	put(t, "statement.json", payload)
	put(t, "statement.sigstore.json", bundle)
	put(t, "kinder.json", bytes.Replace(payload, []byte(`"verdict":"FAIL"}}`), []byte(`"verdict":"PASS"}}`), 1))
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReport(t *testing.T) {
	raw, err := os.ReadFile(testStatement)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	run := func(args ...string) (int, string) {
		var out, msgs bytes.Buffer
		code := newApp(&out, &msgs).run(context.Background(), args)
		return code, out.String() + msgs.String()
	}
	for _, k := range []string{"acme.key", "stranger.key"} {
		if code, out := run("keygen", "--sign", "-o", k); code != 0 {
			t.Fatal(out)
		}
	}
	signedPack(t, raw)
	put(t, "words.txt", []byte("words"))
	put(t, "short.zip", []byte("PK\x03\x04"))
	for _, tc := range []struct {
		args string
		code int
		want []string
	}{
		{"signed.zip --trust acme.key.pub", 0, []string{"EXERCISE ONLY", "FAIL at L4: 19 of 20 gates", "SIGNATURE     signed by acme (", "FILES         40 files as the statement names them", "NOT TESTED    5 of 46"}},
		{"signed.zip", 0, []string{"SIGNATURE     not checked (give --trust FILE)"}},
		{"unsigned.zip", 0, []string{"SIGNATURE     not signed", "40 files"}},
		{"statement.json", 0, []string{"computed anew, by other gates, statements or controls than the drill had\n", "SIGNATURE     not signed", "FILES         not at hand"}},
		{"statement.sigstore.json --trust acme.key.pub", 0, []string{"SIGNATURE     signed by acme ("}},
		{"statement.sigstore.json --trust acme.key.pub --json", 0, []string{`"verdict": "FAIL"`, `"name": "acme"`, `"AC-37"`}},
		{"signed.zip --trust stranger.key.pub", 5, []string{"by a key of the trust file"}},
		{"signed.zip --trust acme.key.pub --threshold 2", 2, []string{"has 1 key"}},
		{"unsigned.zip --trust acme.key.pub", 5, []string{"nobody signed the statement", "hint: the pack has no statement.sigstore.json"}},
		{"other.zip", 5, []string{"another statement"}},
		{"other.zip --trust acme.key.pub", 5, []string{"another statement"}},
		{"broken.zip", 5, []string{"is no bundle"}},
		{"broken.zip --trust acme.key.pub", 5, []string{"broken.zip: "}},
		{"changed.zip --trust acme.key.pub", 5, []string{`"report.html": want sha256`}},
		{"changed.zip", 5, []string{`"report.html": want sha256`}},
		{"kinder.json", 5, []string{"want FAIL, got \"PASS\""}},
		{"words.txt", 5, []string{"no statement about a drill"}},
		{"short.zip", 5, []string{"no evidence pack"}},
		{"none.zip", 1, []string{"no such file"}},
	} {
		code, out := run(append([]string{"report"}, strings.Fields(tc.args)...)...)
		if code != tc.code {
			t.Errorf("report %s: exit code %d, want %d: %s", tc.args, code, tc.code, out)
		}
		for _, w := range tc.want {
			if !strings.Contains(out, w) {
				t.Errorf("report %s: no %q in\n%s", tc.args, w, out)
			}
		}
	}
	if found, _ := filepath.Glob("*/*"); len(found) > 0 {
		t.Errorf("without -o it wrote %q", found)
	}

	// What it writes: the files of the pack as they are, or made anew.
	for _, from := range []string{"signed.zip", "statement.json", "statement.sigstore.json"} {
		if code, out := run("report", from, "-o", "out-"+from); code != 0 {
			t.Fatal(code, out)
		}
		html, err := os.ReadFile("out-" + from + "/report.html")
		if err != nil || !bytes.Contains(html, []byte("FAIL at L4")) {
			t.Errorf("%s: report.html of %d bytes, %v", from, len(html), err)
		}
		if code, out := run("report", from, "-o", from+".html"); code != 0 {
			t.Fatal(code, out)
		}
		if again, _ := os.ReadFile(from + ".html"); !bytes.Equal(html, again) {
			t.Errorf("%s: -o FILE.html is another report than the one in -o DIR", from)
		}
		if st, _ := os.ReadFile("out-" + from + "/statement.json"); !bytes.HasPrefix(st, []byte(`{"_type":`)) {
			t.Errorf("%s: statement.json is %.30q", from, st)
		}
		if b, err := os.ReadFile("out-" + from + "/statement.sigstore.json"); (err == nil) != (from != "statement.json") {
			t.Errorf("%s: bundle of %d bytes, %v", from, len(b), err)
		}
	}
}
