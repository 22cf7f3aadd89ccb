package langgraph

import "context"

// head reads the newest checkpoint of a graph for its conversation: its state in a word, and its
// messages.
func (t *thread) head(ctx context.Context, v *view, c *table, row []cell) error {
	s, err := t.standing(ctx, row[c.col("checkpoint_ns")], row[c.col("checkpoint_id")])
	if err != nil {
		return err
	}
	next, understood, err := t.headValues(ctx, v, c, row)
	if err != nil {
		return err
	}
	switch {
	case s.failed:
		v.conv.Status = "failed"
	case s.waiting:
		v.conv.Status = "waiting"
	case s.erred:
		v.conv.Status = "failed"
	case !understood:
	case next:
		v.conv.Status = "unfinished"
	default:
		v.conv.Status = "finished"
	}
	return nil
}

// standing is how the tasks of a checkpoint stand.
type standing struct {
	waiting bool // one asks
	failed  bool // one failed, and did nothing since
	erred   bool // one failed at some time: the library leaves the error of a task that ran again and went well
}

// standing looks at the writes of a checkpoint, a task at a time.
func (t *thread) standing(ctx context.Context, ns, id cell) (s standing, err error) {
	w := t.r.lay.writes()
	if !w.readable() {
		return s, nil
	}
	// By name: JavaScript's checkpoint-sqlite 0.1 counted what tells of a task among its other writes.
	rows, err := t.r.eng.query(ctx, `SELECT task_id, max(CASE WHEN channel = ? THEN 1 ELSE 0 END), max(CASE WHEN channel = ? THEN 1 ELSE 0 END), max(CASE WHEN channel = ? THEN 1 ELSE 0 END),
		max(CASE WHEN channel IN (?, ?, ?, '__scheduled__', '__error_source_node__') THEN 0 ELSE 1 END) FROM `+w.ident+
		" WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? GROUP BY task_id",
		channelError, channelInterrupt, channelResume, channelError, channelInterrupt, channelResume, t.id.arg(), ns.arg(), id.arg())
	if err != nil {
		return s, err
	}
	answered := false // for the whole graph
	for _, r := range rows {
		answered = answered || r[0].String() == noTask && r[3].i != 0
	}
	for _, r := range rows {
		failed, asks, resumed, wrote := r[1].i != 0, r[2].i != 0, r[3].i != 0, r[4].i != 0
		s.waiting, s.erred = s.waiting || asks, s.erred || failed
		// Without an answer nothing can have failed behind the question: the task failed first, and ran again.
		s.failed = s.failed || failed && !wrote && (!asks || resumed || answered)
	}
	return s, nil
}
