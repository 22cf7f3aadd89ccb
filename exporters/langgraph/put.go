package langgraph

import (
	"context"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
)

// An outRow is a row on its way into a table.
type outRow struct {
	t   *table
	row map[string]cell
}

// put writes main and says what became of it. extras are rows that the runtime writes beside it;
// where one is there already it stays as it is.
func (w *writer) put(ctx context.Context, main outRow, extras ...outRow) (replay.Receipt, error) {
	rc := replay.Receipt{Action: replay.Created}
	if w.run.DryRun {
		vectors := w.lay.t["store_vectors"] != nil && w.lay.t["store_vectors"].planned && main.t.name == "store_migrations" // JavaScript's
		if v := main.row["v"]; (main.t.planned || vectors && v.i >= firstOfVectors) && strings.HasSuffix(main.t.name, "_migrations") && v.i <= w.lay.v[main.t.name] {
			rc.Action = replay.Same // the setup writes it
			return rc, nil
		}
		if main.t.planned {
			return rc, nil
		}
		w.late()
		found, cols, err := w.d.differs(ctx, main.t, main.row)
		if len(cols) > 0 {
			return conflict(main.t, cols), err
		}
		if found {
			rc.Action = replay.Same
		}
		return rc, err
	}
	longest, ruled := main.keyBytes(), w.ruled[main.t.name]
	for _, o := range extras {
		longest, ruled = max(longest, o.keyBytes()), ruled || w.ruled[o.t.name]
	}
	if !ruled && longest <= pgsnapshot.SureKey { // else the answer comes at once, and may be no
		w.late()
	}
	err := w.d.apart(ctx, main.t, longest, ruled, func() (err error) {
		rc, err = w.insert(ctx, main, extras)
		return err
	})
	return rc, err
}

// late says that others may have their turn before the database has answered for the record that is written.
func (w *writer) late() {
	if w.taken != nil {
		w.taken()
	}
}

// keyBytes is how long the key of o is.
func (o outRow) keyBytes() (n int) {
	for _, k := range o.t.key {
		n += len(o.row[k].b)
	}
	return n
}

// insert is put, but for a plan.
func (w *writer) insert(ctx context.Context, main outRow, extras []outRow) (replay.Receipt, error) {
	rc, key := replay.Receipt{Action: replay.Created}, w.key
	created, digest, err := w.d.insert(ctx, main.t, main.row)
	if err != nil {
		return rc, err
	}
	if !created {
		found, cols, err := w.d.differs(ctx, main.t, main.row)
		switch {
		case err != nil:
			return rc, err
		case !found && !w.ruled[main.t.name]: // no refusal: others go on as if the row were taken
			return rc, own(fmt.Errorf("%w: table %s had another row under this key, and has none any more; run again", pgsnapshot.ErrBusy, main.t.name))
		case !found:
			return rc, refuse("the target's table %s has a further unique constraint, or a trigger, that keeps the row out", main.t.name)
		case len(cols) > 0:
			return conflict(main.t, cols), nil
		}
		if !w.run.Doubts(key) {
			rc.Action = replay.Same
			return rc, nil
		}
		// An earlier attempt of this run wrote it, and broke off before it could say so.
		if digest, err = w.d.digest(ctx, main.t, main.row); err != nil {
			return rc, err
		}
	}
	ids, versions := []string{rowID(main.t, main.row)}, []string{digest}
	for _, o := range extras {
		created, digest, err := w.d.insert(ctx, o.t, o.row)
		if err != nil {
			return rc, err
		}
		if created {
			ids, versions = append(ids, rowID(o.t, o.row)), append(versions, digest)
		}
	}
	rc.Target, rc.Version = strings.Join(ids, ","), strings.Join(versions, ",")
	return rc, nil
}

func conflict(t *table, cols []string) replay.Receipt {
	return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("table %s holds another row under this key: want and got differ in %s", t.name, strings.Join(cols, ", "))}
}
