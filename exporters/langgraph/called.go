package langgraph

import "context"

// spare takes the failures from tasks of JavaScript's library that other tasks called: no path says that they were.
func (t *thread) spare(ctx context.Context, g *group, tasks map[string]*doing) error {
	failed := 0
	for _, d := range tasks {
		if d.failed {
			failed++
		}
	}
	if by := tasks[noTask]; failed == 0 || t.r.lay.lang != javascript || by != nil && by.sends { // a task by its place among those
		return nil
	}
	r, err := t.runsAt(ctx, g)
	if err != nil {
		return err
	}
	called := r.known
	for id, d := range tasks { // else by what did something there: a function with a new name is unknown, too
		called = called || r.all && r.nodes[id] != "" && (d.asks || d.wrote || d.failed)
	}
	if !r.all && len(r.nodes) == 0 {
		if called, err = t.callerAsks(ctx, g, tasks); err != nil {
			return err
		}
	}
	for id, d := range tasks {
		d.failed = d.failed && (!called || r.nodes[id] != "")
	}
	return nil
}

// callerAsks tells whether two tasks ask the same, and neither failed. Where nothing says what is due, as in the first run of a
// function, the one calls the other, and all else that runs there.
func (t *thread) callerAsks(ctx context.Context, g *group, tasks map[string]*doing) (bool, error) {
	w, value := t.r.lay.writes(), "value"
	if t.r.lay.engine == "postgres" {
		value = "blob"
	}
	const here = "thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? AND channel = ?"
	args := []any{t.id.arg(), g.ns, g.id, channelInterrupt}
	rows, err := t.r.eng.query(ctx, "SELECT task_id FROM "+w.ident+" WHERE "+here+" AND "+value+" IN (SELECT "+value+" FROM "+w.ident+
		" WHERE "+here+" GROUP BY "+value+" HAVING count(*) > 1)", append(args, args...)...)
	for _, r := range rows {
		if d := tasks[r[0].String()]; d == nil || d.failed {
			return false, err
		}
	}
	return len(rows) > 1, err
}
