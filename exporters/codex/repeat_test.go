package codex

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// rolloutAt is what the paths of rollouts begin with here.
const rolloutAt = "sessions/2026/11/24/rollout-2026-11-24T00-00-00-"

// threadHome is a home of rollouts, by the ids in their names: of each what its head says of others,
// what a person says, and more lines.
func threadHome(t *testing.T, rollouts map[string][]string) string {
	files := map[string]string{}
	for name, r := range rollouts {
		files[rolloutAt+name+".jsonl"] = fmt.Sprintf(`{"type":"session_meta","payload":{"id":"%s","timestamp":"2026-11-24T00:00:00.000Z"%s}}
{"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":%q}]}}
`, name[:36], r[0], r[1]) + strings.Join(r[2:], "")
	}
	return hometest.Write(t, files)
}

func threadID(n int) string { return fmt.Sprintf("01a20b77-0000-7000-8000-%012d", n) }

// forkOf is what the head of a fork says of the n-th thread.
func forkOf(n int) string {
	return `,"forked_from_id":"` + threadID(n) + `","history_base":{"thread_id":"` + threadID(n) + `","end_ordinal_exclusive":9}`
}

// event is a line that is no part of the conversation.
func event(bytes int) string {
	return `{"type":"event_msg","payload":{"type":"agent_message","message":"` + strings.Repeat("x", bytes) + `"}}` + "\n"
}

// TestRepeat: forks repeat what stands before them, the newest first, up to a bound of all that is read for
// it; the first one beyond it says so, and has the turns that were read, and its own.
func TestRepeat(t *testing.T) {
	gap := func(n, of int) []string {
		return []string{"conversation " + rolloutAt + threadID(n) + ".jsonl history_base " + rolloutAt + threadID(of) + ".jsonl limit"}
	}
	three := func(more string) map[string][]string {
		return map[string][]string{threadID(1): {"", "one", more}, threadID(2): {forkOf(1), "two"}, threadID(3): {forkOf(1), "three"}}
	}
	const summed = `{"type":"compacted","payload":{"message":"sum"}}` + "\n"
	for _, c := range []struct {
		name     string
		rollouts map[string][]string
		repeat   int64
		said     string
		gaps     []string
	}{
		{"short ones", three(""), 2 * perRollout, "one / two / one three / ", gap(2, 1)},
		{"what is passed over", three(event(3 * perRollout)), 4 * perRollout, "one / two / one three / ", gap(2, 1)},
		{"no more than is allowed", three(event(3 * perRollout)), 6 * perRollout, "one / one two / one three / ", nil},
		{"read twice", three(event(3*perRollout) + summed), 7 * perRollout, "one sum / two / one sum three / ", gap(2, 1)},
		{"of a fork", map[string][]string{threadID(1): {"", "one"}, threadID(2): {forkOf(1), "two"}, threadID(3): {forkOf(2), "three"}},
			2*perRollout + 500, "one / two / one two three / ", gap(2, 1)},
	} {
		h := Open(threadHome(t, c.rollouts))
		h.repeat = c.repeat
		mem, rep := drivertest.Export(t, h)
		said := map[string]string{}
		for r := range mem.Records(t.Context(), nil) {
			if m, ok := r.(*pb.Message); ok {
				said[filepath.Base(m.ConversationKey)] += m.Parts[0].GetText() + " "
			}
		}
		got := ""
		for n := range 3 {
			for k, s := range said {
				if strings.Contains(k, threadID(n+1)) {
					got += s + "/ "
				}
			}
		}
		if d := cmp.Diff(c.said, got) + cmp.Diff(c.gaps, drivertest.Gaps(rep)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		for _, g := range rep.Gaps {
			if !strings.Contains(g.Detail, "turns up to the end of the one that is named are missing") {
				t.Errorf("%s: %s", c.name, g.Detail)
			}
		}
	}
}

// TestPackedRepeat: what is read counts, not what it is packed into.
func TestPackedRepeat(t *testing.T) {
	root := threadHome(t, map[string][]string{threadID(2): {forkOf(1), "two"}, threadID(3): {forkOf(1), "three"}})
	hometest.Put(rolloutAt+threadID(1)+".jsonl.zst", pack(`{"type":"session_meta","payload":{"id":"`+threadID(1)+`"}}`+"\n"+event(3*perRollout)))(t, root)
	h := Open(root)
	h.repeat = 4 * perRollout
	if _, rep := drivertest.Export(t, h); len(rep.Gaps) != 1 || rep.Gaps[0].Reason != pb.Gap_REASON_LIMIT {
		t.Error(drivertest.Gaps(rep))
	}
}

// TestManyRollouts: memory does not grow with how many there are, one behind the other or not.
func TestManyRollouts(t *testing.T) {
	rollouts := map[string][]string{}
	for n := range 120 {
		from := ""
		if n > 0 && n < 60 {
			from = forkOf(n - 1)
		}
		rollouts[threadID(n)] = []string{from, "words", event(250_000)}
	}
	h, messages := Open(threadHome(t, rollouts)), 0
	clear(rollouts)
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, high := live(), uint64(0)
	for r, err := range h.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch r.(type) {
		case *pb.Conversation:
			high = max(high, live())
		case *pb.Message:
			messages++
		}
	}
	if mib := (high - min(high, before)) >> 20; mib > 5 || messages != 60*61/2+60 {
		t.Errorf("%d MiB, %d messages", mib, messages)
	}
}

// TestRevertOfOldThread: the id of a thread of an older release may be larger than those of reverts; it
// is the first all the same.
func TestRevertOfOldThread(t *testing.T) {
	id, revert := "f1a20b77-0000-4000-8000-000000000001", "01a20b77-0000-7000-8000-000000000002"
	got := spoken(t, threadHome(t, map[string][]string{id: {"", "one"}, id + "_" + revert: {`,"history_base":{"thread_id":"` + id + `","end_ordinal_exclusive":9}`, "two"}}))
	if d := cmp.Diff(map[string]string{id: "one reverted", id + "_" + revert: "one two"}, got); d != "" {
		t.Error(d)
	}
}

// pack is a rollout as Codex packs old ones.
func pack(text string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}
