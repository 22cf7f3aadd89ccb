package mem0

import (
	"context"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

// Half characters are kept where Python keeps them; JSONB is given what it takes, and no more.
func TestHalves(t *testing.T) {
	for raw, want := range map[string]struct{ text, why string }{
		`"plain é \n \\ud800"`:         {"plain é \n \\ud800", ""},
		`"a \ud83d\ude42 b"`:           {"a 🙂 b", ""},
		`"\ud83dab\u0041"`:             {"\xed\xa0\xbdabA", "half"},
		`"\ud83d\n\ud83d\ude42\ude42"`: {"\xed\xa0\xbd\n🙂\xed\xb9\x82", "half"},
		`"\\\ud83d"`:                   {"\\\xed\xa0\xbd", "half"},
		`"\ud83d\\ude42"`:              {"\xed\xa0\xbd\\ude42", "half"},
		`"\uD83D\uDE42\u00e9"`:         {"🙂é", ""},
		`"\\u0000"`:                    {`\u0000`, ""},
		`"\\\u0000"`:                   {"\\\x00", "nul"},
	} {
		v, ok := jsonvalue.Parse([]byte(raw))
		if !ok {
			t.Fatal(raw)
		}
		if got := exactText(v); got != want.text {
			t.Errorf("%s: got %q, want %q", raw, got, want.text)
		}
		why := map[string]string{
			"half": "its payload holds a half character, which JSONB does not take",
			"nul":  "its payload holds a NUL, which JSONB does not take",
		}[want.why]
		payload := `{"data":` + raw + `}`
		out, got, err := new(writer).held(context.Background(), layout{Form: pgForm}, payload)
		if err != nil || got != why || why == "" && out != payload {
			t.Errorf("%s: got %q, want %q: %v", raw, got, why, err)
		}
		b, err := pickleDocument([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		back, err := unpickle(append(append([]byte{0x80, 4}, b...), '.'))
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := back.(*dict); d == nil || d.get("data") != want.text {
			t.Errorf("%s is pickled as %q", raw, b)
		}
	}
}
