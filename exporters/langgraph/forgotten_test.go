package langgraph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestForgotten: where another program goes on in a thread, or one that was changed, SQLite forgets the values of channels that it does
// not have, and keeps their versions. PostgreSQL has one value for a version, and must not show it there: its trigger would run a
// node again. What is spilled into a blob is told from a snapshot as what is not.
func TestForgotten(t *testing.T) {
	const version = "00000000000000000000000000000002.0.1234567890123456"
	text := func(s string) string { return string(append([]byte{0xda, byte(len(s) >> 8), byte(len(s))}, s...)) }
	doc := func(id string, values ...string) string {
		out := fmt.Sprintf("\x86%s\x04%s%s%s%s%s\x80%s", text("v"), text("ts"), text("2026-11-23T15:54:29.009352+00:00"), text("id"), text(id), text("versions_seen"), text("channel_values"))
		out += string([]byte{0x80 | byte(len(values)/2)})
		for _, v := range values {
			out += text(v)
		}
		return out + fmt.Sprintf("%s\x82%s%s%s%s", text("channel_versions"), text("branch:to:ask"), text(version), text("long"), text(version))
	}
	p := sample(t, "python.sqlite")
	row := func(id, parent, doc string) string {
		return fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t-other', '', '%s', %s, 'msgpack', x'%x', CAST('{"step": 1, "source": "loop", "parents": {}}' AS BLOB))`, id, parent, doc)
	}
	run(t, p, false, "DELETE FROM checkpoints WHERE thread_id = 't-encrypted'", "DELETE FROM writes WHERE thread_id = 't-encrypted'",
		row("1f", "NULL", doc("1f", "branch:to:ask", "now", "long", strings.Repeat("x", 20_000))), row("2f", "'1f'", doc("2f")), row("3f", "'2f'", doc("3f")))
	m, _ := drivertest.Export(t, SQLite(p))
	dst := postgres(t, pgtest.Database(t))
	asSaid(t, m, dst)
	got, _ := drivertest.Export(t, dst)
	for id, want := range map[string]int{"1f": 2, "2f": 0, "3f": 0} {
		values := map[string]bool{}
		for _, ref := range get[*pb.Checkpoint](t, got, "checkpoint/t-other//"+id).Channels {
			if ref.ValueKey != "" {
				values[ref.Channel] = true
			}
		}
		if len(values) != want {
			t.Errorf("checkpoint %s has values of %v, want %d", id, slices.Sorted(maps.Keys(values)), want)
		}
	}
	if next := get[*pb.Checkpoint](t, got, "checkpoint/t-other//3f").NextNodes; len(next) > 0 {
		t.Errorf("%v would run again", next)
	}
}

// TestSnapshotOfBranch: branches of a JavaScript thread count to the same version. One where the delta channel has a snapshot there must
// not show it on another; on its own line PostgreSQL shows it as long as the version stays.
func TestSnapshotOfBranch(t *testing.T) {
	p := sample(t, "js.sqlite")
	row := func(id, parent, values string, version int) string {
		counters := `, "counters_since_delta_snapshot": {"log": [1, 1]}`
		if values != "" {
			counters = ""
		}
		return fmt.Sprintf(`INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata) VALUES ('t', '', '%[1]s', %[2]s, 'json',
			'{"v":4,"id":"%[1]s","ts":"2026-11-29T21:06:29.704Z","channel_values":{%[3]s},"channel_versions":{"log":%[4]d},"versions_seen":{}}', '{"source":"update","step":0%[5]s}')`, id, parent, values, version, counters)
	}
	run(t, p, false, "DELETE FROM checkpoints", "DELETE FROM writes", row("a0", "NULL", "", 1),
		row("b1", "'a0'", `"log":`+snapshotJSON+`,"value":["a"]}`, 2), row("b2", "'b1'", "", 2), row("b3", "'b2'", "", 2),
		row("c1", "'a0'", "", 2), row("c2", "'c1'", "", 2), row("c3", "'c2'", "", 2))
	m, _ := drivertest.Export(t, SQLite(p))
	dst := postgres(t, pgtest.Database(t))
	asSaid(t, m, dst)
	got, _ := drivertest.Export(t, dst)
	shown := map[string]bool{}
	for id := range strings.FieldsSeq("a0 b1 b2 b3 c1 c2 c3") {
		for _, ref := range get[*pb.Checkpoint](t, got, "checkpoint/t//"+id).Channels {
			if v, err := got.Get(t.Context(), ref.ValueKey); err == nil && v.(*pb.ChannelValue).Serializer != "empty" {
				shown[id] = true
			}
		}
	}
	if ids := slices.Sorted(maps.Keys(shown)); !slices.Equal(ids, []string{"b1", "b2", "b3"}) {
		t.Errorf("the snapshot shows at %v", ids)
	}
}
