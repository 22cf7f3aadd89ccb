package values

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	_ "modernc.org/sqlite"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

type golden struct{ Name, Type, Hex, Py string }

// goldens are values that the real Python serializer wrote.
func goldens(t testing.TB) []golden {
	f, err := os.Open("testdata/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []golden
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var g golden
		if err := json.Unmarshal(sc.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	if len(out) == 0 {
		t.Fatal("no goldens")
	}
	return out
}

// Every golden parses, and renders as JSON that is JSON.
func TestGoldens(t *testing.T) {
	for _, g := range goldens(t) {
		b, err := hex.DecodeString(g.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if g.Type == "msgpack" {
			if _, err := parse(g.Type, b); err != nil {
				t.Errorf("%s: %v", g.Name, err)
			}
		}
		if IsEncrypted(g.Type) || g.Type == "pickle" {
			continue
		}
		out := JSON(g.Type, b, 1<<20)
		if !json.Valid(out) {
			t.Errorf("%s: %s", g.Name, out)
		}
		t.Logf("%s %s: %.120s", g.Name, g.Py[:min(len(g.Py), 40)], out)
	}
}

// document is one checkpoint of a sample.
type document struct {
	typ           string
	doc, metadata []byte
}

func samples(t testing.TB, file string) (docs []document, writes []TypedValue) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT type, checkpoint, metadata FROM checkpoints")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var d document
		if err := rows.Scan(&d.typ, &d.doc, &d.metadata); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	rows, err = db.Query("SELECT channel, type, value FROM writes")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var w TypedValue
		if err := rows.Scan(&w.Channel, &w.Type, &w.Value); err != nil {
			t.Fatal(err)
		}
		writes = append(writes, w)
	}
	if len(docs) == 0 || len(writes) == 0 {
		t.Fatalf("%s: %d checkpoints, %d writes", file, len(docs), len(writes))
	}
	return docs, writes
}

var files = []string{"testdata/lgpy.sqlite", "testdata/lgjs.sqlite"}

// Every document of the samples parses, its spans are values, and the pieces between and in
// them are the document again. Splitting and joining keeps every value.
func TestSamples(t *testing.T) {
	for _, file := range files {
		docs, writes := samples(t, file)
		messages, interrupts, spans := 0, 0, 0
		for _, d := range docs {
			if _, err := ParseMetadata(d.metadata); err != nil {
				t.Errorf("metadata: %v", err)
			}
			if IsEncrypted(d.typ) {
				continue
			}
			c, err := ParseCheckpoint(d.typ, d.doc)
			if err != nil {
				t.Fatal(err)
			}
			if c.ID == "" || c.TS == "" || c.V == 0 {
				t.Errorf("%s: no id, ts or v", file)
			}
			var again []byte
			at := 0
			for _, s := range c.Inline {
				if _, err := parse(d.typ, d.doc[s.Start:s.End]); err != nil {
					t.Errorf("%s: channel %s: %v", c.ID, s.Name, err)
				}
				again = append(append(again, d.doc[at:s.Start]...), d.doc[s.Start:s.End]...)
				at = s.End
				spans++
				ms, ok, err := readMessages(d.typ, d.doc[s.Start:s.End])
				if err != nil || s.Name == "messages" && !ok && s.End-s.Start > 2 {
					t.Errorf("%s: channel %s: %v", c.ID, s.Name, err)
				}
				messages += len(ms)
			}
			if !bytes.Equal(append(again, d.doc[at:]...), d.doc) {
				t.Errorf("%s: spans do not tile the document", c.ID)
			}
			trip(t, d.typ == "json", d.doc, c)
		}
		for _, w := range writes {
			if w.Channel != "__interrupt__" || IsEncrypted(w.Type) {
				continue
			}
			is, err := Interrupts(w.Type, w.Value)
			if err != nil || len(is) == 0 || is[0].ID == "" || !json.Valid(is[0].Value) {
				t.Errorf("interrupt: %+v, %v", is, err)
			}
			interrupts += len(is)
		}
		if messages == 0 || interrupts == 0 {
			t.Errorf("%s: %d messages, %d interrupts", file, messages, interrupts)
		}
		t.Logf("%s: %d checkpoints, %d spans, %d messages, %d interrupts", file, len(docs), spans, messages, interrupts)
	}
}

func trip(t *testing.T, js bool, doc []byte, c *Checkpoint) {
	t.Helper()
	cp, vs, _, err := SplitCheckpoint(js, doc)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	back, _, err := JoinCheckpoint(js, cp, vs)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	typ := "msgpack"
	if js {
		typ = "json"
	}
	d, err := ParseCheckpoint(typ, back)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	if d.ID != c.ID || d.TS != c.TS || len(d.Channels) != len(c.Channels) || len(d.Inline) != len(c.Inline) {
		t.Fatalf("%s: comes back as another checkpoint", c.ID)
	}
	for i, s := range c.Inline {
		if x := d.Inline[i]; x.Name != s.Name || !bytes.Equal(back[x.Start:x.End], doc[s.Start:s.End]) {
			t.Errorf("%s: channel %s comes back otherwise", c.ID, s.Name)
		}
	}
}

func TestLoneSurrogates(t *testing.T) {
	for s, want := range map[string]bool{`"a\ud83dz"`: false, `"\ud83d\ude00"`: true, `"\ud83d\u0041"`: false, `"\ud83d"`: false, `"a\\\"b"`: true, `"\u0000"`: true} {
		v, err := parse("json", []byte(s))
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if _, ok := v.text(); ok != want {
			t.Errorf("%s: %v, want %v", s, ok, want)
		}
	}
	ms, ok, err := readMessages("json", []byte(`[{"role":"user","content":"x\ud83d"}]`))
	if err != nil || !ok || ms[0].Parts[0].GetData() == nil {
		t.Error(ms, ok, err)
	}
}

func FuzzValues(f *testing.F) {
	n := 0
	for _, g := range goldens(f) {
		b, _ := hex.DecodeString(g.Hex)
		f.Add(b)
		n++
	}
	for _, file := range files {
		docs, _ := samples(f, file)
		for _, d := range docs[:min(10, len(docs))] {
			f.Add(d.doc)
			f.Add(d.metadata)
			n += 2
		}
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range []string{"msgpack", "json"} {
			c, err := ParseCheckpoint(s, b)
			if err == nil {
				for _, x := range c.Inline {
					if x.Start < 0 || x.End > len(b) || x.Start >= x.End {
						t.Fatal("span outside of the document")
					}
					if _, err := parse(s, b[x.Start:x.End]); err != nil {
						t.Fatal("a span that is no value")
					}
				}
			}
			readMessages(s, b)
			Interrupts(s, b)
			if out := JSON(s, b, 10_000); len(out) > 1_000_000 {
				t.Fatalf("%d bytes", len(out))
			}
			SplitCheckpoint(s == "json", b)
		}
		ParseMetadata(b)
	})
}

// readMessages is what messages reads out of a value.
func readMessages(serializer string, b []byte) (ms []*pb.Message, ok bool, err error) {
	v, err := parse(serializer, b)
	if err != nil {
		return nil, false, err
	}
	ms, ok = messages(v)
	return ms, ok, nil
}
