package mem0

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// JavaScript writes half a pair of surrogates as bytes that are not UTF-8. Python's sqlite3 fails at such a text,
// and with it the whole list: there they become U+FFFD, which is announced. JavaScript gets them as they are.
func TestHalfPairs(t *testing.T) {
	dir := copied(t, "js")
	sqlOf(t, dir+"/history.db", "UPDATE memory_history SET previous_value = CAST(x'61eda0bd62' AS TEXT), new_value = CAST(x'eda0bd' AS TEXT) WHERE id = (SELECT max(id) FROM memory_history)",
		"UPDATE messages SET content = CAST(x'61eda0bd62' AS TEXT) WHERE rowid = (SELECT min(rowid) FROM messages)")
	mem, _ := drivertest.Export(t, Open(dir))
	for flavor, bad := range map[string]int{"python": 0, "js": 3} {
		dst := Open(filepath.Join(t.TempDir(), "new"))
		dst.flavor = flavor
		_, j := drivertest.Apply(t, dst, mem)
		if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
			t.Errorf("%s: %+v %v", flavor, back, err)
		}
		history := map[string]string{"python": "old_memory, new_memory FROM history", "js": "previous_value, new_value FROM memory_history"}[flavor]
		n, mended := 0, 0
		for _, rows := range [][][]any{rowsOf(t, opens(t, dst.root+"/history.db"), "SELECT "+history), rowsOf(t, opens(t, dst.root+"/history.db"), "SELECT content FROM messages")} {
			text := fmt.Sprint(rows)
			mended += strings.Count(text, "\ufffd")
			for !utf8.ValidString(text) {
				n++
				_, text, _ = strings.Cut(text, "\xed\xa0\xbd")
			}
		}
		if n != bad || mended+n != 3 {
			t.Errorf("%s: %d texts are not UTF-8, %d are mended; want %d", flavor, n, mended, bad)
		}
	}
}
