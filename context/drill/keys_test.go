package drill

import "testing"

func TestWithoutKeys(t *testing.T) {
	for in, want := range map[string]string{
		"replay: target: at memory/ada@example.org/1: no": "replay: target: at memory … no",
		"conversation/t1, which it belongs to, was not":   "conversation …, which it belongs to, was not",
		"message/a%2Fb/c;toolgrant/x":                     "message …;toolgrant …",
		"no key in here: 3/4 of memories":                 "no key in here: 3/4 of memories",
		"a.ctxa: format: data/r/message/00000001: digest": "a.ctxa: format: data/r/message … digest",
	} {
		if got := withoutKeys(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
