package callid

import (
	"regexp"
	"strings"
	"testing"
)

func TestLegal(t *testing.T) {
	for name, want := range map[string]string{"lookup_order": "lookup_order", "a-1": "a-1", strings.Repeat("x", 64): strings.Repeat("x", 64)} {
		if got, changed := Legal(name); got != want || changed {
			t.Errorf("%s: %s, changed %v", name, got, changed)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{"", "orders.lookup", "orders_lookup.", "orders lookup", "Bücher", strings.Repeat("x", 65), strings.Repeat("x", 66), "<script>"} {
		got, changed := Legal(name)
		if !changed || seen[got] != "" || !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`).MatchString(got) {
			t.Errorf("%q: %q, changed %v, as %q", name, got, changed, seen[got])
		}
		if again, changed := Legal(got); again != got || changed {
			t.Errorf("%q becomes %q, then %q", name, got, again)
		}
		seen[got] = name
	}
}
