package langgraph

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestHalf goes through every half-precision number.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		f := halfTo(uint16(h))
		if back := halfOf(f); back != uint16(h) && !math.IsNaN(float64(f)) {
			t.Fatalf("%#04x is %v and comes back as %#04x", h, f, back)
		}
	}
	for f, want := range map[float32]uint16{
		1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65520: 0x7c00, 1e9: 0x7c00, 5.960464477539063e-08: 1, 2.9802322387695312e-08: 0,
		2.98023224e-08 * 1.0001: 1, 1.0009765625: 0x3c01, 1.00048828125: 0x3c00, 1.001464843750: 0x3c02, 0.33333334: 0x3555,
	} {
		if got := halfOf(f); got != want {
			t.Errorf("%v: %#04x, want %#04x", f, got, want)
		}
	}
}

// FuzzVector: what is printed as pgvector prints it reads back as the same numbers.
func FuzzVector(f *testing.F) {
	f.Add([]byte{0, 0, 0x80, 0x3f, 0xcd, 0xcc, 0xcc, 0x3d}, false)
	f.Add([]byte{0, 0x3c, 0x55, 0x35}, true)
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0x7f, 0x7f, 0, 0, 0, 0x80}, false)
	f.Fuzz(func(t *testing.T, v []byte, half bool) {
		e, size := pb.Embedding_ELEMENT_FLOAT32, 4
		if half {
			e, size = pb.Embedding_ELEMENT_FLOAT16, 2
		}
		v = v[:len(v)/size*size]
		for _, x := range floats(&pb.Embedding{Vector: v, Element: e}) {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return
			}
		}
		if len(v) == 0 {
			return
		}
		s := formatVector(v, e)
		back, n, err := parseVector(s, e)
		if err != nil || !bytes.Equal(back, v) || int(n) != len(v)/size {
			t.Errorf("%x prints as %s and reads as %x (%d): %v", v, s, back, n, err)
		}
	})
}

// FuzzRowID: every key finds its way back from the journal.
func FuzzRowID(f *testing.F) {
	f.Add("thread", "", "1f1e", int64(-4), []byte{0, 255})
	f.Add("a/b%2F#,c", "ns|x", "ü\x00", int64(math.MinInt64), []byte(nil))
	f.Fuzz(func(t *testing.T, a, b, c string, n int64, raw []byte) {
		tab := &table{name: "writes", key: keyColumns("writes", false)}
		want := []cell{textCell(a), textCell(b), {kind: blob, b: raw}, textCell(c), {kind: integer, i: n}}
		row := map[string]cell{}
		for i, k := range tab.key {
			row[k] = want[i]
		}
		id := rowID(tab, row)
		if strings.Contains(id, ",") {
			t.Fatalf("a comma in %s", id)
		}
		name, key, ok := parseRowID(id)
		if !ok || name != "writes" || len(key) != len(want) {
			t.Fatalf("%s: %v %v", id, name, key)
		}
		for i := range want {
			if !want[i].equal(key[i]) {
				t.Errorf("%s: part %d is %v, want %v", id, i, key[i], want[i])
			}
		}
		parseRowID(a) // anything may stand in a journal
	})
}

// TestJSONBProblem names what PostgreSQL refuses, and nothing else.
func TestJSONBProblem(t *testing.T) {
	for s, want := range map[string]string{
		`{"a":1.50,"b":[true,null,"\u00fc\ud83d\ude00"]}`: "", `"\\u0000"`: "", `[1e9999]`: "", `"e5"`: "", `{"e":"E"}`: "",
		`"\u0000"`: "NUL", `"\ud800"`: "surrogate", `"\udc00\ud800"`: "surrogate", `"\ud800\u0041"`: "surrogate", `"\ud800`: "not JSON",
		`NaN`: "not JSON", `{"a":NaN}`: "not JSON", `1e10001`: "range", `1e-99999999999999999999`: "range", `{"a":1`: "not JSON", "\"\xff\"": "UTF-8",
		strings.Repeat("[", 1001) + strings.Repeat("]", 1001): "deep",
	} {
		got := jsonbProblem([]byte(s))
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%.40s: %q, want %q", s, got, want)
		}
	}
}

// TestMetadata: what an application said of a checkpoint reaches jsonb, and what it cannot hold is named.
func TestMetadata(t *testing.T) {
	for s, want := range map[string]string{
		`{"a": "x\\u0000", "b": [1.50, "NaN", "1e5"]}`: "",
		`{"a": "x\\\u0000y", "\u0000": 1}`:             "native.metadata meta.labels.name meta.labels.value",
		`{"a": [NaN, -Infinity, Infinity]}`:            "native.metadata meta.labels.value",
		`{"a": 1e22, "b": -0.0}`:                       "meta.labels.value",
	} {
		out, losses := jsonbMetadata([]byte(s))
		var paths []string
		for _, l := range losses {
			paths = append(paths, l.Path)
		}
		if why := jsonbProblem(out); why != "" || strings.Join(paths, " ") != want {
			t.Errorf("%s: %s %s, losses %v, want %s", s, out, why, paths, want)
		}
	}
	if out, _ := jsonbMetadata([]byte(`{"a": [NaN, -Infinity, "a\u0000b"]}`)); string(out) != `{"a": [null, null, "ab"]}` {
		t.Errorf("%s", out)
	}
}

// FuzzJSONB: no text panics, and what is said to fit is valid.
func FuzzJSONB(f *testing.F) {
	for _, s := range []string{`{"a":"\u0000"}`, `"\ud83d\ude00"`, `[1e5,{"x":"\\u0000"}]`, `"\ud800\ud`, `\u0000`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if jsonbProblem(b) == "" && !json.Valid(b) {
			t.Errorf("%q", b)
		}
		if clean, _ := jsonbMetadata(b); json.Valid(b) && !json.Valid(clean) {
			t.Errorf("%q becomes %q", b, clean)
		}
	})
}
