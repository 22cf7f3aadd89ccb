package responses

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
)

// What Shorten leaves is JSON of the same shape, whose long strings are still too long for a record.
func TestShorten(t *testing.T) {
	if b := []byte(`{"a":"b"}`); !bytes.Equal(Shorten(b), b) {
		t.Error("a short text is changed")
	}
	for name, piece := range map[string]string{"plain": "abcdefg", "characters": "日本語", "escapes": `\u00e9`, "quotes": `\"\\`, "mixed": `x\u00e9日\n`, "surrogates": `\ud83d\ude00`} {
		b := []byte(`{"type":"message","n":[1,{"long":"` + strings.Repeat(piece, 3<<20/len(piece)) + `","after":"\u00e9\""}],"end":true}`)
		if !json.Valid(b) {
			t.Fatal(name)
		}
		short := Shorten(b)
		if len(short) > keptString+200 {
			t.Errorf("%s: %d bytes are left", name, len(short))
		}
		var got struct {
			Type string
			N    []any
			End  bool
		}
		if err := json.Unmarshal(short, &got); err != nil || got.Type != "message" || !got.End || len(got.N) != 2 {
			t.Fatalf("%s: %v %.100s", name, err, short)
		}
		in := got.N[1].(map[string]any)
		if long := in["long"].(string); len(long) <= agentstate.SpillSize || in["after"] != "é\"" || strings.Contains(strings.TrimSuffix(long, "\ufffd"), "\ufffd") {
			t.Errorf("%s: %d bytes of the string are left", name, len(long))
		}
		var s Shortener
		for i := range b {
			s.Write(b[i : i+1])
		}
		if !bytes.Equal(s.Bytes(), short) {
			t.Errorf("%s: in pieces it is another", name)
		}
	}
}
