package mem0

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// samplePoints are the pickles of the sample.
func samplePoints(t testing.TB) [][]byte {
	t.Helper()
	db, err := sql.Open("sqlite", "file:testdata/python/qdrant/collection/mem0/storage.sqlite?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out [][]byte
	for _, r := range rowsOf(t, db, "SELECT point FROM points ORDER BY rowid") {
		out = append(out, r[0].([]byte))
	}
	if len(out) == 0 {
		t.Fatal("no points")
	}
	return out
}

// harmful are pickles that are made to harm: by what they run, or by what they grow to.
func harmful() map[string][]byte {
	twice := func(n int) string { // a list that holds the one before it twice, n times
		var b strings.Builder
		b.WriteString("]\x94")
		for i := range n {
			b.WriteString("](h" + string(rune(byte(i))) + "h" + string(rune(byte(i))) + "e\x94")
		}
		return b.String()
	}
	return map[string][]byte{
		"runs a program":       []byte("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."),
		"another class":        []byte("\x80\x04\x8c\x08builtins\x8c\x04eval\x93)\x81."),
		"itself in a list":     []byte("\x80\x04]\x94h\x00a."),
		"itself in a dict":     []byte("\x80\x04}\x94\x8c\x01ah\x00s."),
		"itself twice":         []byte("\x80\x04]\x94(h\x00h\x00e."),
		"doubled again":        []byte("\x80\x04" + twice(100) + "."),
		"a huge text":          []byte("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f."),
		"a huge number":        append([]byte("\x80\x04\x8b\x00\x00\x10\x00"), make([]byte, 1<<20)...),
		"a huge frame":         []byte("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff."),
		"many marks":           append([]byte("\x80\x04"), bytes.Repeat([]byte("("), maxValues+1)...),
		"much remembered":      append([]byte("\x80\x04N"), bytes.Repeat([]byte("\x94"), 1<<20)...),
		"memory with gaps":     []byte("\x80\x04Nr\xff\xff\xff\x7f."),
		"deep":                 append([]byte("\x80\x04"), append(bytes.Repeat([]byte("]"), 1<<20), bytes.Repeat([]byte("a"), 1<<20)...)...),
		"a later protocol":     []byte("\x80\x06N."),
		"an older protocol":    []byte("(dp0\n."),
		"nothing":              {},
		"no end":               []byte("\x80\x04N"),
		"more than one value":  []byte("\x80\x04NN."),
		"a list as a name":     []byte("\x80\x04}](N\x86u."),
		"a mark as a value":    []byte("\x80\x04](a."),
		"a point within":       []byte("\x80\x04\x8c\x20" + models + "\x8c\x0bPointStruct\x93)\x81}b."),
		"a point twice built":  []byte("\x80\x04\x8c\x20" + models + "\x8c\x0bPointStruct\x93)\x81}b}b."),
		"members without dict": []byte("\x80\x04\x8c\x01aNs."),
	}
}

// TestHarmful: none of them is run, and none takes much more memory than its own length.
func TestHarmful(t *testing.T) {
	for name, b := range harmful() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if p, err := readPoint(b); err == nil {
				t.Errorf("it is taken for a point: %v", p)
			}
			if v, err := unpickle(b); err == nil {
				x := &printer{limit: 8*len(b) + 1024}
				if err := x.value(v, 0); err == nil && !json.Valid(x.b) {
					t.Error("what is printed is no JSON")
				}
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 256*uint64(len(b))+(2<<20) {
				t.Errorf("%d bytes take %d of memory", len(b), n)
			}
		})
	}
}

// FuzzPickle: a pickle is a point that reads back the same, or an error.
func FuzzPickle(f *testing.F) {
	for _, b := range samplePoints(f) {
		f.Add(b)
	}
	for _, b := range harmful() {
		if len(b) < 4<<10 {
			f.Add(b)
		}
	}
	for _, s := range []string{`{"a\ud96db\ud83d\ude42":{"\udead":["\ud800",{"c":1.0}]},"d":-5000000000}`, `{}`} {
		b, err := picklePoint("p", []float64{1}, []byte(s))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := unpickle(b); err == nil {
			x := &printer{limit: 8*len(b) + 1024}
			if err := x.value(v, 0); err == nil && (!json.Valid(x.b) || len(x.b) > 2*x.limit+len(b)) {
				t.Errorf("%d bytes are printed as %d: %.200q", len(b), len(x.b), x.b)
			}
		}
		p, err := readPoint(b)
		if err != nil || p.payload == nil {
			return
		}
		x := &printer{limit: 8*len(b) + 1024}
		if x.value(p.payload, 0) != nil {
			return
		}
		want := readPayload(x.b)
		if got, err := new(scanner).dict(p.payload, &printer{limit: x.limit}); err == nil {
			said := func(p payload) string {
				all := ""
				for _, l := range p.labels {
					all += fmt.Sprintf(" %q=%q", l.Name, l.Value)
				}
				p.labels, p.halves = nil, false
				return fmt.Sprintf("%+v", p) + all
			}
			if said(got) != said(want) {
				t.Errorf("%q: %s, want %s", x.b, said(got), said(want))
			}
		}
		if id, ok := p.id.(string); ok {
			if twice(x.b) {
				return // of names that JSON has for two, only one is written
			}
			again, err := picklePoint(id, p.dense(nil), x.b)
			if err != nil {
				t.Fatalf("%.200q: %v", x.b, err)
			}
			q, err := readPoint(again)
			if err != nil {
				t.Fatalf("%v of %q", err, again)
			}
			y := &printer{limit: 16*len(again) + 1024}
			if err := y.value(q.payload, 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(x.b, y.b) {
				t.Errorf("another payload: %s", cmp.Diff(string(x.b), string(y.b)))
			}
			if k := rowKey(id); k != "" {
				if back, err := keyID(k); err != nil || back != id {
					t.Errorf("the key of %q is that of %v: %v", id, back, err)
				}
			}
		}
	})
}

// twice tells whether an object has a name twice, as 1 and "1" are to Python's JSON.
func twice(v jsonvalue.Value) (found bool) {
	have := map[string]bool{}
	v.Pairs(func(name, x jsonvalue.Value) {
		found = found || have[string(name)] || twice(x)
		have[string(name)] = true
	})
	v.Elements(func(x jsonvalue.Value) { found = found || twice(x) })
	return found
}

// FuzzPayload: the members of a payload are those of JSON, and writing them anew keeps them.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"data":"a","userId":"u","createdAt":"2026-11-23T02:55:19.482Z","x":[1,{"y":null}],"linkedMemoryIds":["1"]}`))
	f.Add([]byte(`{"a\ud83d":"\ud83d\ude42 \\ud800 \ud800\u0000","":1e300,"a":-0.0,"expiration_date":"2020-01-31"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		readPayload(b)
		ms := members(b)
		var want map[string]json.RawMessage
		if err := json.Unmarshal(b, &want); (err == nil && want != nil) != (ms != nil) {
			t.Fatalf("%q: %v, and %d members", b, err, len(ms))
		}
		for _, python := range []bool{false, true} {
			w := &writer{run: &replay.Run{}, foreign: &foreignTarget{python: python}}
			if out := w.renamed(b, true); ms != nil && !json.Valid([]byte(out)) {
				t.Errorf("%q becomes %q", b, out)
			}
		}
		for _, m := range ms {
			if len(m.raw) > 1 && m.raw[0] == '"' && !strings.Contains(string(m.raw), `\u`) && exactText(m.raw) != textOf(m.raw) {
				t.Errorf("%q is %q", m.raw, exactText(m.raw))
			}
		}
	})
}
