package jsonvalue

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// compare holds v against what encoding/json makes of its bytes. Where they are no UTF-8 it only walks.
func compare(t *testing.T, v Value) {
	t.Helper()
	walked := func(d string) {
		if d != "" && utf8.Valid(v) {
			t.Error(d)
		}
	}
	switch v[0] {
	case '{':
		want, got := map[string]json.RawMessage{}, map[string]json.RawMessage{}
		if err := json.Unmarshal(v, &want); err != nil {
			t.Fatal(err)
		}
		v.Members(func(name []byte, x Value) {
			got[string(name)] = json.RawMessage(x)
			compare(t, x)
		})
		walked(cmp.Diff(want, got))
		for name, x := range want {
			walked(cmp.Diff(string(x), string(v.Get(name))))
		}
	case '[':
		var want, got []json.RawMessage
		if err := json.Unmarshal(v, &want); err != nil {
			t.Fatal(err)
		}
		v.Elements(func(x Value) {
			got = append(got, json.RawMessage(x))
			compare(t, x)
		})
		walked(cmp.Diff(len(want), len(got)))
		for i := range min(len(want), len(got)) {
			walked(cmp.Diff(want[i], got[i]))
		}
	case '"':
		var want string
		if err := json.Unmarshal(v, &want); err != nil || !v.IsText() {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, v.Text()); d != "" {
			t.Error(d)
		}
		if utf8.Valid(v) && !v.Is(want) || v.Is(want+"x") {
			t.Errorf("%s is not itself", v)
		}
	default:
		if v.IsText() || v.Text() != "" || v.IsNull() != (string(v) == "null") {
			t.Errorf("%s is text", v)
		}
	}
}

// FuzzParse: a document passes where encoding/json passes it, and says the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : 1 , "b":[ {"c":"}"} ,2],"d":"\\\"" } `, `{"a":1,"a":{"b":null}}`, `{"\u00e9\ud800":-1e+22,"é":true}`, `[1]`, `null`, `{"":""}`, "{\"a\xff\":1}",
		"[01]", "-", "1.", "1e", "[1,]", `{"a"}`, `{"a":}`, "\"\x1f\"", `"\x"`, `"\u12g4"`, "tru", "[1 2]", "", " ", "1 2", `"12345678\"12345678"`, `"\ud83d\ude00 \ud83d \ude00\ud83d\u0041 \b\f\n\r\t\/\\\" \uD83D\uDE00\u0000"`, `[false,true,null,0.5E-1]`, strings.Repeat("[", 10001)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := Parse(b)
		if ok != json.Valid(b) {
			t.Fatalf("%v, encoding/json says %v", ok, !ok)
		}
		next, rest, is := Next(append(slices.Clip(b), " {}"...))
		if again, more, whole := Next(rest); ok && (!is || string(next) != string(v) || !whole || string(again) != "{}" || len(more) > 0) {
			t.Errorf("Next says %v: %s, and then %s", is, next, rest)
		}
		var one, two []string
		v.Members(func(name []byte, x Value) { one = append(one, string(name), string(x)) })
		if o, is := Object(b, func(name []byte, x Value) { two = append(two, string(name), string(x)) }); is != ok || string(o) != string(v) {
			t.Fatalf("Object says %v: %s", is, o)
		}
		if ok {
			if d := cmp.Diff(one, two); d != "" {
				t.Error(d)
			}
			compare(t, v)
		}
	})
}

// Depth ends where encoding/json ends.
func TestDepth(t *testing.T) {
	for _, n := range []int{maxDepth - 1, maxDepth, maxDepth + 1} {
		doc := []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
		if _, ok := Parse(doc); ok != json.Valid(doc) {
			t.Errorf("%d deep: %v", n, ok)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	doc, err := os.ReadFile("../../claudecode/testdata/home/.claude/projects/-home-dev-shop/1d53ed8b-8007-4790-b339-b359d2943d42.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	lines := strings.SplitAfter(string(doc), "\n")
	for name, fn := range map[string]func([]byte) bool{"ours": func(l []byte) bool { _, ok := Parse(l); return ok }, "encoding-json": json.Valid} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				for _, l := range lines {
					if l != "" && !fn([]byte(l)) {
						b.Fatal(l)
					}
				}
			}
		})
	}
}

// TestExact: what stands for no character is known by its escape, and not by what is beside it.
func TestExact(t *testing.T) {
	for v, want := range map[string]bool{
		`"\ud83d"`: false, `"\udc00"`: false, `"\uD83D\u0041"`: false, `"\ud83d\ud83d\ude42"`: false, `"\ude42\ud83d"`: false, "\"\xff\"": false, `7`: false, ``: false,
		`"\ufffd"`: true, `"\ufffd \ud83d\ude42"`: true, "\"\ufffd \\\\ud83d\"": true, `"\\\\ud83d"`: true, `"\\\ud83d"`: false, `""`: true, `"a\nb\""`: true,
	} {
		if got := Value(v).Exact(); got != want {
			t.Errorf("%s: %v", v, got)
		}
	}
}
