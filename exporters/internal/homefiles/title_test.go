package homefiles

import (
	"strings"
	"testing"
)

// TestFirstWords: a title has no half word, which might be half a secret, and nothing that steers a terminal.
func TestFirstWords(t *testing.T) {
	words := strings.Repeat("words ", 12)
	for _, c := range [][2]string{
		{"do\n it ", "do it"},
		{words + "and", words + "and"},
		{words + "key_0123456789", strings.TrimSpace(words) + "…"},
		{"go" + strings.Repeat(" ", 1270) + "key_0123456789", "go…"},
		{"key_" + strings.Repeat("0", 100), ""},
		{strings.Repeat("語", 100), strings.Repeat("語", 79) + "…"},
		{"a\x1b[31mb\x00c", "a [31mb c"},
		{"<reminder>", ""},
		{"<b> is what I say", "<b> is what I say"},
		{"", ""},
	} {
		if got := FirstWords(TextPart(c[0])); got != c[1] {
			t.Errorf("%.20q: %q, want %q", c[0], got, c[1])
		}
	}
}
