package drill

import (
	"strings"
	"testing"
)

func TestOneKey(t *testing.T) {
	id := strings.Repeat("9f3a5c01d2e4b678", 4)
	for _, tc := range []struct {
		a, b string
		one  bool
	}{
		{id, id, true},
		{id, id[:16], true},
		{strings.ToUpper(id), id, true},
		{"SHA256:9F:3A:5C:01:D2:E4:B6:78", id, true},
		{" 9f3a 5c01 d2e4 b678 ", id, true},
		{"k1", "k1", true},
		{id, id[:15], false}, // too short to tell keys apart
		{id, "9f3a5c01d2e4b679", false},
		{"k1", "k2", false},
		{"", id, false},
		{"", "", false},
		{"sha256:", " ", false},
	} {
		if got := oneKey(tc.a, tc.b); got != tc.one || oneKey(tc.b, tc.a) != tc.one {
			t.Errorf("%q and %q: %v", tc.a, tc.b, got)
		}
	}
}
