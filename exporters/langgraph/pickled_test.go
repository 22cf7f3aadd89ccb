package langgraph

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// pickled is a thread that waits for a person, whose newest checkpoint is a pickle: Python's library makes
// one of what has no other form. older keeps the checkpoint before it readable, with a question that was
// answered since.
func pickled(t *testing.T, older bool) *Store {
	t.Helper()
	p := sample(t, "python.sqlite")
	const head = "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = 't-interrupt' AND checkpoint_ns = '')"
	queries := []string{"UPDATE checkpoints SET type = 'pickle', checkpoint = x'80049500' WHERE thread_id = 't-interrupt' AND checkpoint_id = " + head}
	if older {
		queries = append(queries, `INSERT INTO writes SELECT thread_id, checkpoint_ns, (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = 't-interrupt' AND checkpoint_ns = '' AND checkpoint_id < `+head+`),
			'older', idx, channel, type, x'9182a576616c7565a1' || x'61' || x'a26964a36f6c64' FROM writes WHERE thread_id = 't-interrupt' AND channel = '__interrupt__' LIMIT 1`)
	}
	run(t, p, false, queries...)
	return SQLite(p)
}

// oddValue is such a thread in PostgreSQL, where a value has a row of its own: it gets another type and other bytes, as hexadecimal.
func oddValue(t *testing.T, typ, hex string) *Store {
	t.Helper()
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	tag, err := connect(t, u).Exec(t.Context(), `UPDATE checkpoint_blobs SET type = $1, blob = decode($2, 'hex') WHERE thread_id = 't-interrupt' AND channel = 'messages'
		AND version = (SELECT checkpoint->'channel_versions'->>'messages' FROM checkpoints WHERE thread_id = 't-interrupt' ORDER BY checkpoint_id DESC LIMIT 1)`, typ, hex)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatal(tag, err)
	}
	return postgres(t, u)
}

// A thread whose newest checkpoint cannot arrive is refused as a whole: from an older one the runtime would
// do again what was done since, and questions would look open, or answered, that are not. Read-back finds
// nothing that was not said.
func TestPickledThread(t *testing.T) {
	server := func(t *testing.T) *Store { return postgres(t, pgtest.Database(t)) }
	file := func(t *testing.T) *Store { return SQLite(filepath.Join(t.TempDir(), "new.sqlite")) }
	for name, c := range map[string]struct {
		from func(t *testing.T) *Store
		to   func(t *testing.T) *Store
	}{
		"newest waits":          {func(t *testing.T) *Store { return pickled(t, false) }, server},
		"an older one waited":   {func(t *testing.T) *Store { return pickled(t, true) }, server},
		"a value in PostgreSQL": {func(t *testing.T) *Store { return oddValue(t, "pickle", "80049500") }, file},
		// An application that packs what the library made, and leaves the type as it was.
		"a value that is packed": {func(t *testing.T) *Store { return oddValue(t, "msgpack", "789c4b4c040001260100") }, file},
		"a value without bytes":  {func(t *testing.T) *Store { return oddValue(t, "msgpack", "") }, file},
	} {
		t.Run(name, func(t *testing.T) {
			src, dst := c.from(t), c.to(t)
			m, _ := drivertest.Export(t, src)
			open := 0
			for _, r := range records(t, m) {
				if i, ok := r.(*pb.Interrupt); ok && i.ConversationKey == "conversation/t-interrupt" && i.Status == pb.Interrupt_STATUS_OPEN {
					open++
				}
			}
			if open == 0 {
				t.Fatal("nothing waits in the source: nothing is tested")
			}
			j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			rep, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j})
			if err != nil {
				t.Fatal(err)
			}
			why := map[string]bool{}
			for _, rc := range rep.Refused {
				if strings.HasPrefix(rc.Key, "checkpoint/t-interrupt/") {
					why[rc.Why] = true
				}
			}
			t.Log(rep.Actions, why)
			if len(why) != 2 {
				t.Errorf("checkpoints are refused for %d reasons, want 2: the newest for its own, the others for it", len(why))
			}
			back, err := replay.ReadBack(t.Context(), m, dst, j)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range back.Unannounced {
				t.Errorf("not announced: %v", l)
			}
			if back.MissingN > 0 {
				t.Errorf("missing %d %v", back.MissingN, back.Missing)
			}
			got, _ := drivertest.Export(t, dst)
			for _, r := range records(t, got) {
				if k := r.GetMeta().GetKey() + "/"; strings.Contains(k, "/t-interrupt/") {
					t.Errorf("%s is in the target", k)
				}
			}
		})
	}
}

// TestPickledFirst: a thread whose first checkpoint is refused begins later in the target, and read-back
// knows of it.
func TestPickledFirst(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "UPDATE checkpoints SET type = 'pickle', checkpoint = x'80049500' WHERE thread_id = 't-interrupt' AND checkpoint_id = (SELECT min(checkpoint_id) FROM checkpoints WHERE thread_id = 't-interrupt')")
	m, _ := drivertest.Export(t, SQLite(p))
	dst := postgres(t, pgtest.Database(t))
	asSaid(t, m, dst)
	got, _ := drivertest.Export(t, dst)
	c := get[*pb.Conversation](t, got, "conversation/t-interrupt")
	if want := get[*pb.Conversation](t, m, "conversation/t-interrupt"); c.Meta.CreatedUnixNano <= want.Meta.CreatedUnixNano || c.Status != want.Status {
		t.Errorf("%v, want it to begin later than %v", c, want)
	}
}

// A delta channel is rebuilt from what was written at older checkpoints: where one of those that its state
// needs is refused, its thread is, and where one that it does not need is, the rest arrives.
func TestPickledBeforeDelta(t *testing.T) {
	for name, c := range map[string]struct {
		seed, step string // where both channels have a value; the checkpoint that is a pickle
		arrives    bool
	}{
		"between":         {"", "5", false},
		"the first":       {"", "-1", false},
		"before the seed": {"7", "5", true},
		"the seed":        {"7", "7", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "python.sqlite")
			at := func(step string) string {
				return "thread_id = 't-delta' AND json_extract(CAST(metadata AS TEXT), '$.step') = " + step
			}
			if c.seed != "" { // it has one of log2 already
				db := run(t, p, true)
				var doc []byte
				if err := db.QueryRow("SELECT checkpoint FROM checkpoints WHERE " + at(c.seed)).Scan(&doc); err != nil {
					t.Fatal(err)
				}
				before, rest, ok := bytes.Cut(doc, []byte("\xaechannel_values"))
				if !ok || rest[0]>>4 != 8 {
					t.Fatalf("channel_values: %x", rest[:1])
				}
				rest[0]++
				seeded := slices.Concat(before, []byte("\xaechannel_values"), rest[:1], []byte("\xa3log\x91\xa1x"), rest[1:])
				if _, err := db.Exec("UPDATE checkpoints SET checkpoint = ? WHERE "+at(c.seed), seeded); err != nil {
					t.Fatal(err)
				}
				db.Close()
			}
			run(t, p, false, "UPDATE checkpoints SET type = 'pickle', checkpoint = x'80049500' WHERE "+at(c.step))
			m, _ := drivertest.Export(t, SQLite(p))
			dst := postgres(t, pgtest.Database(t))
			n, less := map[string]int{}, 0
			for _, rc := range apply(t, dst, m, false) {
				if strings.HasPrefix(rc.Key, "checkpoint/t-delta/") {
					n[rc.Action.String()+" "+rc.Why]++
					if slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool { return strings.Contains(l.Why, "another state of log, log2") }) {
						less++
					}
				}
			}
			t.Log(n)
			if c.arrives {
				if n["create "] != 14 || len(n) != 2 || less != 1 { // the one between it and the seed
					t.Errorf("%v, %d show another state; want one refused, and one", n, less)
				}
				return
			}
			why := 0
			for s, count := range n {
				if strings.HasPrefix(s, "refuse "+rebuiltFrom) {
					why += count
				}
			}
			if why != 14 || len(n) != 2 {
				t.Errorf("%v, want 14 refused for one that is a pickle", n)
			}
		})
	}
}

// TestPickledInside: the newest checkpoint of a graph inside a thread counts as the thread's own does, though
// the graph says nothing: it is refused before anything of the thread is written.
func TestPickledInside(t *testing.T) {
	p := sample(t, "python.sqlite")
	const inside = "thread_id = 't-subgraph' AND checkpoint_ns <> ''"
	run(t, p, false, "UPDATE checkpoints SET type = 'pickle', checkpoint = x'80049500' WHERE "+inside+" AND checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints WHERE "+inside+")")
	m, _ := drivertest.Export(t, SQLite(p))
	dst := postgres(t, pgtest.Database(t))
	asSaid(t, m, dst)
	got, _ := drivertest.Export(t, dst)
	for _, r := range records(t, got) {
		if k := r.GetMeta().GetKey() + "/"; strings.Contains(k, "/t-subgraph/") {
			t.Errorf("%s is in the target", k)
		}
	}
}
