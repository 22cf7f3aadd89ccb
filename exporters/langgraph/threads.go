package langgraph

import (
	"context"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// giving is where the records of a thread go.
type giving interface {
	Give(agentstate.Record) error
	// First waits until all threads before are read: for what takes much memory.
	First() error
}

// mostTogether is how many threads of PostgreSQL are read together, where there is room.
const mostTogether = 256

// threads reads every thread after the given one, in the order of the database.
func (r *reading) threads(ctx context.Context, after []cell) error {
	if r.lay.t["checkpoints"] == nil {
		return nil
	}
	if err := r.askOdd(ctx); err != nil {
		return err
	}
	d, shared := r.eng.(*postgresDB)
	n, calm := 1, 0
	if shared {
		n = 16
	}
	for {
		ids, err := r.nextThreads(ctx, after, n)
		if err != nil || len(ids) == 0 {
			return err
		}
		full := false
		if shared {
			full, err = r.together(ctx, d, ids)
		} else {
			err = r.alone(ctx, ids[0])
		}
		switch {
		case err == errStop:
			return nil
		case err != nil:
			return err
		case full:
			n, calm = max(n/2, 1), -4
		case shared:
			if calm++; calm > 0 {
				n = min(2*n, mostTogether)
			}
		}
		after = ids[len(ids)-1:]
	}
}

// together reads threads that share their trips to the server.
func (r *reading) together(ctx context.Context, d *postgresDB, ids []cell) (full bool, err error) {
	ts := make([]*thread, len(ids))
	for i, id := range ids {
		ts[i] = beginThread(r, id)
	}
	line := &pgsnapshot.Line[agentstate.Record]{
		Turns: d.shared,
		Read: func(i int, p *pgsnapshot.Place[agentstate.Record]) error {
			return ts[i].readNamed(ctx, p)
		},
		Take: r.take,
		End: func(i int) error {
			t := ts[i]
			ts[i] = nil
			return r.ended(t)
		},
	}
	return line.Run(ctx, len(ids))
}

// alone reads one thread.
func (r *reading) alone(ctx context.Context, id cell) error {
	t := beginThread(r, id)
	if err := t.readNamed(ctx, straight{r}); err != nil {
		return err
	}
	return r.ended(t)
}

// straight yields the records of a thread that is read alone.
type straight struct{ r *reading }

func (s straight) Give(rec agentstate.Record) error { return s.r.take(rec) }
func (s straight) First() error                     { return nil }

func (t *thread) readNamed(ctx context.Context, out giving) error {
	err := t.read(ctx, out)
	if err != nil && err != errStop {
		err = fmt.Errorf("thread %q: %w", t.name, err)
	}
	return err
}

// take yields a record of a thread.
func (r *reading) take(rec agentstate.Record) error {
	g, ok := rec.(*pb.Gap)
	if !ok {
		return r.put(rec)
	}
	if !r.e.Gap(g) {
		return errStop
	}
	return nil
}

// ended marks the end of t, all of which was yielded.
func (r *reading) ended(t *thread) error {
	for kind, n := range t.sealed {
		r.pos.Opaque[kind] += n
	}
	return r.mark([]cell{t.id})
}

// nextThreads are the first n thread ids after after that any table has. A thread may be left in the writes alone.
func (r *reading) nextThreads(ctx context.Context, after []cell, n int) ([]cell, error) {
	var from []*table
	for _, t := range []*table{r.lay.t["checkpoints"], r.lay.t["checkpoint_blobs"], r.lay.writes()} {
		if t.readable() {
			from = append(from, t)
		}
	}
	if len(from) == 0 {
		return nil, nil
	}
	next := func(where string) string {
		var parts []string
		for _, t := range from {
			parts = append(parts, "SELECT t FROM (SELECT thread_id AS t FROM "+t.ident+where+" ORDER BY thread_id LIMIT 1) x")
		}
		return "SELECT t FROM (" + strings.Join(parts, " UNION ALL ") + ") x ORDER BY t LIMIT 1"
	}
	first, args := next(""), []any(nil)
	if len(after) > 0 {
		first = next(" WHERE thread_id > ?")
		for range from {
			args = append(args, after[0].arg())
		}
	}
	q := first
	if n > 1 {
		q = "WITH RECURSIVE n(t, i) AS (SELECT t, 1 FROM (" + first + ") f UNION ALL SELECT (" + next(" WHERE thread_id > n.t") + "), i + 1 FROM n WHERE t IS NOT NULL AND i < ?) SELECT t FROM n WHERE t IS NOT NULL ORDER BY i"
		args = append(args, n)
	}
	rows, err := r.eng.query(ctx, q, args...)
	ids := make([]cell, len(rows))
	for i, row := range rows {
		ids[i] = row[0]
	}
	return ids, err
}
