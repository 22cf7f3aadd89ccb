package openaiagents

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

type target interface {
	agentstate.Source
	replay.Target
}

// inUse replays src into targets that have given ids of their own: a plan says whose counter is another,
// and nothing differs that it did not say.
func inUse(t *testing.T, src agentstate.Source, path string, targets map[string]target, lost map[string]uint64) {
	t.Helper()
	mem, _ := drivertest.Export(t, src)
	for name, dst := range targets {
		plan, err := replay.Plan(t.Context(), dst, mem, nil)
		if err != nil {
			t.Fatal(err)
		}
		rep, j, _ := apply(t, dst, mem)
		if a, b := plan.LossCount[path], rep.LossCount[path]; a != lost[name] || b != lost[name] {
			t.Errorf("%s: planned %d and said %d, want %d", name, a, b, lost[name])
		}
		if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
			t.Errorf("%s: %+v %v", name, back, err)
		}
	}
}

func itemAt(id int, session string) string {
	return fmt.Sprintf(`INSERT INTO agent_messages (id, session_id, message_data, created_at) VALUES (%d, '%s', '{"role":"user","content":"a"}', '2026-11-23 16:21:40')`, id, session)
}

const theirSession = `INSERT INTO agent_sessions VALUES ('theirs', '2026-11-23 16:21:40', '2026-11-23 16:21:40')`

func TestCounterInUse(t *testing.T) {
	inUse(t, made(t, itemAt(7, "s")), "opaque.native.seq", map[string]target{
		"fresh": Open(filepath.Join(t.TempDir(), "new")), "behind": made(t, theirSession, itemAt(3, "theirs")), "ahead": made(t, theirSession, itemAt(900, "theirs")),
		"ids of rows that are gone": made(t, theirSession, itemAt(900, "theirs"), "DELETE FROM agent_messages"),
	}, map[string]uint64{"ahead": 1, "ids of rows that are gone": 1})
}

func TestCounterInUsePostgres(t *testing.T) {
	given := func(n int) string { return fmt.Sprintf("SELECT setval('agent_messages_id_seq', %d)", n) }
	mine := `INSERT INTO agent_sessions VALUES ('s', '2026-11-23 16:21:40', '2026-11-23 16:21:40')`
	at := func(statements ...string) *Store {
		return postgres(t, pgtest.Database(t, append([]string{tables(ownNames())}, statements...)...))
	}
	inUse(t, at(mine, itemAt(7, "s"), given(7)), "opaque.native.last_id", map[string]target{
		"fresh": postgres(t, pgtest.Database(t)), "behind": at(theirSession, itemAt(3, "theirs"), given(3)), "ahead": at(theirSession, itemAt(900, "theirs"), given(900)),
		"ids of rows that are gone": at(given(900)),
	}, map[string]uint64{"ahead": 1, "ids of rows that are gone": 1})
}
