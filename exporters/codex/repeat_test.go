package codex

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// threadHome is a home of rollouts, by the ids in their names: of each what its head says of others, and
// what a person says.
func threadHome(t *testing.T, rollouts map[string][2]string) string {
	files := map[string]string{}
	for name, r := range rollouts {
		files["sessions/2026/11/24/rollout-2026-11-24T00-00-00-"+name+".jsonl"] = fmt.Sprintf(`{"type":"session_meta","payload":{"id":"%s","timestamp":"2026-11-24T00:00:00.000Z"%s}}
{"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":%q}]}}
`, name[:36], r[0], r[1])
	}
	return hometest.Write(t, files)
}

// TestRepeat: forks repeat what stands before them, up to a bound; the first one beyond it says so, and
// has its own turns.
func TestRepeat(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("01a20b77-0000-7000-8000-00000000000%d", n) }
	from := `,"forked_from_id":"` + id(1) + `","history_base":{"thread_id":"` + id(1) + `","end_ordinal_exclusive":9}`
	h := Open(threadHome(t, map[string][2]string{id(1): {"", "one"}, id(2): {from, "two"}, id(3): {from, "three"}}))
	h.repeat = 2 * perMessage
	mem, rep := exportertest.Export(t, h)
	said := map[string]string{}
	for r := range mem.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok {
			said[filepath.Base(m.ConversationKey)] += m.Parts[0].GetText() + " "
		}
	}
	got := ""
	for n := range 3 {
		for k, s := range said {
			if strings.Contains(k, id(n+1)) {
				got += s + "/ "
			}
		}
	}
	at := "sessions/2026/11/24/rollout-2026-11-24T00-00-00-"
	gaps := []string{"conversation " + at + id(3) + ".jsonl history_base " + at + id(1) + ".jsonl limit"}
	if d := cmp.Diff("one / one two / three / ", got) + cmp.Diff(gaps, exportertest.Gaps(rep)); d != "" {
		t.Error(d)
	}
}

// TestRevertOfOldThread: the id of a thread of an older release may be larger than those of reverts; it
// is the first all the same.
func TestRevertOfOldThread(t *testing.T) {
	id, revert := "f1a20b77-0000-4000-8000-000000000001", "01a20b77-0000-7000-8000-000000000002"
	got := spoken(t, threadHome(t, map[string][2]string{id: {"", "one"}, id + "_" + revert: {`,"history_base":{"thread_id":"` + id + `","end_ordinal_exclusive":9}`, "two"}}))
	if d := cmp.Diff(map[string]string{id: "one reverted", id + "_" + revert: "one two"}, got); d != "" {
		t.Error(d)
	}
}
