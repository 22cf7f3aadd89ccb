package langgraph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ownRules finds what may keep rows out of the target and is not the library's.
func (w *writer) ownRules(ctx context.Context) error {
	if w.d == nil || len(w.lay.t) == 0 {
		return nil
	}
	flavor := w.lay.flavor()
	known := map[string]*table{}
	for _, g := range []tableGroup{checkpointTables, storeTables} {
		maps.Copy(known, tablesOf(flavor, g, newestVersion, nil))
	}
	fills := func(table, column string) bool {
		t := known[table]
		return t == nil || t.col(column) >= 0
	}
	mine := ownName(flavor)
	for _, name := range slices.Sorted(maps.Keys(w.lay.t)) {
		found, err := w.d.rules(ctx, w.lay.t[name], func(what, rule string) bool { return mine(rule) || what == "NOT NULL" && fills(name, rule) })
		if err != nil {
			return err
		}
		for _, r := range found {
			w.rules = append(w.rules, valid(r))
		}
		if w.ruled[name] = len(found) > 0 && !w.run.DryRun; w.ruled[name] && threadTable(name) {
			w.guard = true
		}
	}
	return nil
}

// Rules are the target's own.
func (w *writer) Rules() []string { return w.rules }

// rules leaves out keys of the library's own: the primary ones, and that of vectors to their items.
func (d *postgresDest) rules(ctx context.Context, t *table, mine func(what, rule string) bool) ([]string, error) {
	found, err := d.cfg.Rules(ctx, d.conn, t.ident, t.name, func(what, rule, refers string) bool {
		return mine(what, rule) || what == "FOREIGN KEY" && t.name == "store_vectors" && refers == "store"
	})
	return found, own(err)
}

func (d *sqliteDest) rules(ctx context.Context, t *table, mine func(what, rule string) bool) ([]string, error) {
	found, err := sqlitefile.Rules(ctx, d.Conn, t.name, mine)
	return found, d.wrap(err)
}

// A refusal says why the target will not take a record. It never holds content.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// notTaken is why a row was refused that a rule of the target keeps out.
func notTaken(err error) error { return refuse("the target does not take the row: %v", err) }

// apart makes a savepoint where something may keep the row out. What is of a thread is answered at once, for what comes behind it depends on that.
func (d *postgresDest) apart(ctx context.Context, t *table, keyBytes int, ruled bool, fn func() error) error {
	if !ruled && keyBytes <= pgsnapshot.SureKey {
		return fn()
	}
	apart := func() error { return d.turns.Apart(ctx, fn) }
	if at := apart; threadTable(t.name) {
		apart = func() error { return d.turns.AtOnce(at) }
	}
	err := apart()
	switch {
	case keyBytes > pgsnapshot.SureKey && errors.Is(err, pgsnapshot.ErrLimit):
		return refuse("it is beyond a limit of the database (SQLSTATE 54000): its key has %d bytes, and an index holds some 2,700, packed", keyBytes)
	case errors.Is(err, replay.ErrRule):
		return notTaken(err)
	}
	return err
}

// apart needs no care for keys: SQLite takes them of any length.
func (d *sqliteDest) apart(ctx context.Context, _ *table, _ int, ruled bool, fn func() error) error {
	if !ruled {
		return fn()
	}
	err := d.Apart(ctx, fn)
	if sqlitefile.Alone(err) {
		return notTaken(err)
	}
	return err
}

// tried runs try, which writes what the thread cannot do without into tables with rules, to see whether they take it. Nothing of
// it stays.
func (w *writer) tried(ctx context.Context, try func() error) error {
	if !w.guard {
		return try()
	}
	if err := w.d.exec(ctx, "SAVEPOINT exitramp_try"); err != nil {
		return err
	}
	if err := try(); err != nil {
		return err
	}
	return w.d.exec(ctx, "ROLLBACK TO SAVEPOINT exitramp_try; RELEASE SAVEPOINT exitramp_try")
}

// takes is a refusal where the table does not take the row, which changes to what it has columns for.
func (w *writer) takes(ctx context.Context, t *table, row map[string]cell) error {
	_, err := w.fit(t, row)
	if err == nil && w.ruled[t.name] {
		_, err = w.put(ctx, outRow{t, row})
		w.front.ruled = w.front.ruled || err != nil
	}
	return err
}

// notWritten is the receipt of r, which the target does not take. A value inside the checkpoints of a thread that a rule keeps
// out is none that a plan counts as written: it is skipped, and what changes of it is said all the same, for its checkpoints
// may come when the rule is gone.
func (w *writer) notWritten(ctx context.Context, r agentstate.Record, why string) (replay.Receipt, error) {
	v, ok := r.(*pb.ChannelValue)
	switch {
	case !ok || !w.front.ruled || values.IsEncrypted(v.Serializer):
	case w.same() && len(v.Meta.GetNative()) == 0:
		return skip(why), nil
	case w.lay.engine == "sqlite" && !w.same():
		rc, err := w.valueToSQLite(ctx, v)
		rc.Why, rc.NoLoss = why, false
		return rc, err
	}
	return replay.Receipt{Action: replay.Refused, Why: why}, nil
}

// takesValues is takes for the rows of the values that c holds.
func (w *writer) takesValues(ctx context.Context, c *pb.Checkpoint) error {
	if !w.ruled["checkpoint_blobs"] {
		return nil
	}
	for _, ref := range c.Channels {
		rec, err := w.resolver().Get(ctx, ref.ValueKey)
		if v, ok := rec.(*pb.ChannelValue); ok && err == nil {
			if w.same() {
				_, err = w.exact(ctx, v)
			} else {
				_, err = w.valueToPostgres(ctx, v)
			}
		}
		if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
			w.front.ruled = true
			return held{err, ref.ValueKey}
		}
	}
	return nil
}

// held is why the target does not take a checkpoint: it does not take the value key.
type held struct {
	error
	key string
}

func (h held) Unwrap() error { return h.error }

// blamed is the key of the record that err is about, which came of fitting the checkpoint key.
func blamed(err error, key string) string {
	var h held
	if errors.As(err, &h) {
		return h.key
	}
	return key
}
