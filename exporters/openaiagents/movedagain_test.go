package openaiagents

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

var errKilled = errors.New("killed")

// A killed is a target of which a run is broken off behind its commit, before the journal has it.
type killed struct{ target }

type killedWriter struct {
	replay.Writer
	replay.Exacter
	replay.Deferrer
}

func (k killed) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := k.target.Begin(ctx, run)
	if err != nil {
		return nil, err
	}
	return killedWriter{w, w.(replay.Exacter), w.(replay.Deferrer)}, nil
}

func (w killedWriter) Commit(ctx context.Context) error {
	return errors.Join(w.Writer.Commit(ctx), errKilled)
}

// all is what the tables of a store hold: sessions, and messages with their ids.
func all(t *testing.T, dst target, rawURL string) []string {
	t.Helper()
	const sessions, messages = "SELECT 'session ' || session_id FROM agent_sessions ORDER BY 1", "SELECT id || ' ' || session_id || ' ' || message_data FROM agent_messages ORDER BY id"
	if rawURL != "" {
		return slices.Concat(pgtest.Rows(t, rawURL, sessions), pgtest.Rows(t, rawURL, messages))
	}
	path := filepath.Join(dst.(*Folder).root, "s.db")
	return slices.Concat(rows(t, path, sessions), rows(t, path, messages))
}

// TestMovedAgain: rows that got another id are found there by each later run, whatever else the target and the archive have under the ids
// around theirs; a run that was broken off behind its commit claims them and nothing else.
func TestMovedAgain(t *testing.T) {
	said := func(s string) string { return `{"role":"user","content":"` + s + `"}` }
	for name, c := range map[string]struct {
		source, inUse []string
		freed         string // is done in the target before the run goes on
		want          map[string]int
	}{
		// d comes behind b, whose ids are higher, and nobody has its own.
		"free ids between": {
			[]string{sessionRow("a"), sessionRow("b"), sessionRow("d"), row(1, "a", said("1")), row(10, "b", said("10")), row(5, "d", said("5")), row(6, "d", said("6"))},
			[]string{sessionRow("theirs"), row(1, "theirs", said("x"))}, "", map[string]int{"a": 1, "b": 1, "d": 2},
		},
		"twice the same words": {
			[]string{sessionRow("a"), row(2, "a", said("yes")), row(3, "a", said("yes")), row(4, "a", said("yes"))},
			[]string{sessionRow("theirs"), row(3, "theirs", said("x"))}, "", map[string]int{"a": 3},
		},
		"the target's own rows went": {
			[]string{sessionRow("a"), row(1, "a", said("1")), row(2, "a", said("2"))},
			[]string{sessionRow("theirs"), row(1, "theirs", said("x")), row(2, "theirs", said("y"))}, "DELETE FROM agent_messages WHERE session_id = 'theirs' AND id = 1", map[string]int{"a": 2},
		},
	} {
		for _, pg := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", PostgreSQL ", pg), func(t *testing.T) {
				store := func(statements []string) (target, string) {
					if !pg {
						return made(t, statements...), ""
					}
					u := pgtest.Database(t, slices.Concat([]string{tables(ownNames())}, statements, []string{"SELECT setval('agent_messages_id_seq', (SELECT max(id) FROM agent_messages))"})...)
					return postgres(t, u), u
				}
				src, _ := store(c.source)
				mem, _ := drivertest.Export(t, src)
				dst, u := store(c.inUse)
				was := all(t, dst, u)
				plan, err := replay.Plan(t.Context(), dst, mem, nil)
				if err != nil {
					t.Fatal(err)
				}

				path := filepath.Join(t.TempDir(), "journal")
				if _, _, err := run(t, killed{dst}, mem, path); !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				there := all(t, dst, u)
				if c.freed != "" {
					execIn(t, dst, u, c.freed)
					there, was = all(t, dst, u), slices.DeleteFunc(was, func(s string) bool { return strings.HasPrefix(s, "1 theirs") })
				}
				for s, n := range c.want {
					if got := texts(t, dst, s); len(got) != n {
						t.Errorf("%s: %q", s, got)
					}
				}
				j, done, err := run(t, dst, mem, path)
				if d := cmp.Diff(plan.Kinds, done.Kinds) + cmp.Diff(plan.LossCount, done.LossCount); err != nil || d != "" {
					t.Fatalf("planned, and done: %v %s", err, d)
				}
				if d := cmp.Diff(there, all(t, dst, u)); d != "" {
					t.Errorf("resumed: %s", d)
				}
				rep, _, _ := apply(t, dst, mem)
				if d := cmp.Diff(there, all(t, dst, u)); d != "" || rep.Actions[replay.Same] != rep.Records {
					t.Errorf("again: %v %s", rep.Actions, d)
				}
				if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN+u.Gone != 0 {
					t.Errorf("%+v %v", u, err)
				}
				if d := cmp.Diff(was, all(t, dst, u)); d != "" {
					t.Errorf("undone: %s", d)
				}
			})
		}
	}
}

// run is apply for one that may fail, with the journal at path.
func run(t *testing.T, dst replay.Target, src agentstate.Source, path string) (*replay.Journal, *replay.Report, error) {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j})
	if err != nil {
		j.Close()
	} else {
		t.Cleanup(func() { j.Close() })
	}
	return j, rep, err
}

// execIn changes a store as its owner would.
func execIn(t *testing.T, dst target, rawURL, statement string) {
	t.Helper()
	if rawURL != "" {
		pgtest.Exec(t, rawURL, statement)
		return
	}
	change(t, filepath.Join(dst.(*Folder).root, "s.db"), statement)
}

// TestMovedOdd: ids below 1 stay what they are in a target that has none, and where a table has no id left, that is a conflict of a record.
func TestMovedOdd(t *testing.T) {
	const hi = `{"role":"user","content":"hi"}`
	mem, _ := drivertest.Export(t, made(t, sessionRow("a"), row(-3, "a", hi), row(0, "a", hi), row(1, "a", hi)))
	dst := made(t)
	if rep, _, _ := apply(t, dst, mem); rep.LossCount["message.native.id"] != 0 {
		t.Errorf("%v", rep.LossCount)
	}
	if d := cmp.Diff([]string{"session a", "session s", "-3 a " + hi, "0 a " + hi, "1 a " + hi}, all(t, dst, "")); d != "" {
		t.Errorf("%s", d)
	}
	for _, pg := range []bool{false, true} {
		t.Run(fmt.Sprint("PostgreSQL ", pg), func(t *testing.T) {
			store, last := func(statements ...string) target { return made(t, statements...) }, math.MaxInt64
			if pg {
				store, last = func(statements ...string) target {
					return postgres(t, pgtest.Database(t, slices.Concat([]string{tables(ownNames())}, statements)...))
				}, math.MaxInt32
			}
			mem, _ := drivertest.Export(t, store(sessionRow("a"), sessionRow("b"), row(last, "a", hi), row(1, "b", hi)))
			dst := store(sessionRow("theirs"), row(1, "theirs", hi))
			plan, err := replay.Plan(t.Context(), dst, mem, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, rep, err := run(t, dst, mem, filepath.Join(t.TempDir(), "journal"))
			if err != nil || rep.Kinds["message"][replay.Conflict] > 1 || rep.Kinds["message"][replay.Created] == 0 {
				t.Fatalf("%v %v", rep.Kinds, err)
			}
			if d := cmp.Diff(plan.Kinds, rep.Kinds); d != "" {
				t.Errorf("planned, and done: %s", d)
			}
		})
	}
}
