package drill

import (
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestFormOf: views have no bytes of their own, and do not count.
func TestFormOf(t *testing.T) {
	for name, tc := range map[string]struct {
		seen *SeenKind
		want string
	}{
		"not seen":         {nil, ""},
		"views alone":      {&SeenKind{Records: 3, Views: 3}, ""},
		"all have them":    {&SeenKind{Records: 3, Views: 1, Native: 2}, evidence.FormVerbatim},
		"some have them":   {&SeenKind{Records: 3, Views: 1, Native: 1}, evidence.FormInPart},
		"none of them has": {&SeenKind{Records: 3, Views: 1}, evidence.FormRestructured},
	} {
		r := &run{st: &state{Seen: &Seen{Kinds: map[string]*SeenKind{}}}}
		if tc.seen != nil {
			r.st.Seen.Kinds["memory"] = tc.seen
		}
		if got := r.formOf("memory"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
