package codex

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// spoken is what each conversation of a home says, in order: what the model sees where that is less.
func spoken(t *testing.T, root string) map[string]string {
	t.Helper()
	mem, rep := drivertest.Export(t, Open(root))
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Verdict, drivertest.Gaps(rep))
	}
	out, texts := map[string]string{}, map[string]string{}
	var all []*pb.Conversation
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Conversation:
			all = append(all, r)
		case *pb.Message:
			if texts[r.Meta.Key] != "" {
				t.Errorf("%s twice", r.Meta.Key)
			}
			for _, p := range r.Parts {
				texts[r.Meta.Key] += p.GetText() + " "
			}
			out[r.ConversationKey] += texts[r.Meta.Key]
		}
	}
	named := map[string]string{}
	for _, c := range all {
		s := out[c.Meta.Key]
		if len(c.ContextKeys) > 0 {
			s = ""
			for _, k := range c.ContextKeys {
				s += texts[k]
			}
		}
		named[strings.TrimPrefix(filepath.Base(strings.ReplaceAll(c.Meta.Key, "%2F", "/")), "rollout-2026-11-24T00-00-00-")] = strings.TrimSpace(s + c.Status)
	}
	return named
}

// TestChain: a fork or a revert of a release that writes only its own turns has the earlier ones, up to where it left;
// the rollout that a revert took the place of says so.
func TestChain(t *testing.T) {
	root := t.TempDir()
	id := func(n int) string { return fmt.Sprintf("01a20b77-0000-7000-8000-00000000000%d", n) }
	ordinal := 0
	item := func(role, text string) string {
		ordinal++
		return fmt.Sprintf(`{"ordinal":%d,"type":"response_item","payload":{"type":"message","role":"%s","content":[{"type":"input_text","text":"%s"}]}}`+"\n", ordinal, role, text)
	}
	// write makes a rollout; base is what its head says of those before it.
	write := func(name, thread, base string, lines ...string) int {
		text := fmt.Sprintf(`{"type":"session_meta","payload":{"id":"%s","timestamp":"2026-11-24T00:00:00.000Z","cwd":"/w"%s}}`+"\n", thread, base) + strings.Join(lines, "")
		p := filepath.Join(root, "sessions/2026/11/24/rollout-2026-11-24T00-00-00-"+name+".jsonl")
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	from := func(of string, bytes, ordinal int) string {
		return fmt.Sprintf(`,"history_base":{"thread_id":"%s","end_byte_offset":%d,"end_ordinal_exclusive":%d}`, of, bytes, ordinal)
	}
	one, two, three := item("user", "one"), item("assistant", "two"), item("user", "three")
	end := write(id(1), id(1), "", one, two, three) - len(three)
	write(id(1)+"_"+id(2), id(1), from(id(1), end, 0), item("user", "four"), item("assistant", "five"))
	last := write(id(1)+"_"+id(3), id(1), from(id(2), 0, ordinal), item("user", "six"))
	write(id(4), id(4), `,"forked_from_id":"`+id(1)+`"`+from(id(3), last, 0), item("user", "in the fork"))
	write(id(5), id(5), `,"forked_from_id":"`+id(1)+`","forked_from_ordinal_exclusive":3`, item("user", "by its number"))
	all := write(id(6), id(6), from(id(1), end, 0), item("user", "sum it up"),
		`{"type":"compacted","payload":{"message":"sum","replacement_history":[{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]}]}}`+"\n", item("user", "after it"))
	write(id(7), id(7), from(id(6), all, 0), item("user", "after the sum"))
	write(id(8), id(8), `,"forked_from_id":"`+id(1)+`"`, one, item("user", "of an older release"))
	want := map[string]string{
		id(1):               "one two three reverted",
		id(1) + "_" + id(2): "four five reverted",
		id(1) + "_" + id(3): "one two four six",
		id(4):               "one two four six in the fork",
		id(5):               "one two by its number",
		id(6):               "one after it",
		id(7):               "one after it after the sum",
		id(8):               "one of an older release",
	}
	if d := cmp.Diff(want, spoken(t, root)); d != "" {
		t.Error(d)
	}
}
