package drill

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/replay"
)

// TestManyScopes: what waits for an approval does not make the file of a broken drill too long to be read again, or
// hold the scopes of anybody.
func TestManyScopes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q.drill.json")
	p := &Plan{}
	s, err := loadState(path, p, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	scopes := slices.Repeat([]string{"https://mail.example/" + strings.Repeat("read.", 12)}, 500)
	for range mostWaiting + 1 {
		s.asks(replay.Approval{Key: "toolgrant/a", Principal: "principal/a", Tool: "tool/mail", Before: scopes, After: scopes, Effect: "allow"})
	}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	again, err := loadState(path, p, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again.Waiting); n != mostWaiting || again.Waiting[0].Scopes != 500 || again.Waiting[0].Holder != "principal/a" {
		t.Errorf("%d are kept, the first as %+v", n, again.Waiting[0])
	}
}
