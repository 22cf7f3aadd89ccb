package plainjson_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/internal/plainjson"
)

func TestWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "not JSON: it ends too early"},
		{`{"n": 1`, "not JSON: it ends too early"},
		{"hello", "not JSON: byte 1 does not belong there"},
		{`{"n" 1}`, "not JSON: byte 6 does not belong there"},
		{`{"n": "secret"}`, `"n": a string is of another kind than what is wanted there`},
		{`{"n": 1.5}`, `"n": a number is of another kind than what is wanted there`},
		{`{"in": {"n": []}}`, `"in.n": an array is of another kind than what is wanted there`},
		{`[1]`, "byte 1: an array is of another kind than what is wanted there"},
		{`{"at": "secret"}`, "a time is not as 2026-11-29T18:00:00Z is"},
		{`{"at": "2026-02-30T18:00:00Z"}`, "a time is not as 2026-11-29T18:00:00Z is"},
		{`{"at": 1}`, "a time is not as 2026-11-29T18:00:00Z is"},
		{`{"m": 1}`, `there is no field "m"`},
	} {
		var v struct {
			N  int       `json:"n"`
			At time.Time `json:"at"`
			In struct {
				N bool `json:"n"`
			} `json:"in"`
		}
		d := json.NewDecoder(strings.NewReader(c.text))
		d.DisallowUnknownFields()
		err := d.Decode(&v)
		if err == nil {
			t.Fatal(c.text)
		}
		if got := plainjson.Words(err).Error(); got != c.want {
			t.Errorf("%s: got %s, want %s (%v)", c.text, got, c.want, err)
		}
		if err := json.Unmarshal([]byte(c.text), &v); c.want == "not JSON: it ends too early" && plainjson.Words(err).Error() != c.want {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	if err := plainjson.Words(nil); err != nil {
		t.Error(err)
	}
	if err := plainjson.Words(os.ErrPermission); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}
