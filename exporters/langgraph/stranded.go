package langgraph

import (
	"context"
	"maps"
)

// stranded takes out of tasks those that the runtime does not start again. Nothing is due where a value that started them was
// lost: PostgreSQL keeps one for a channel and version, and drops what a second branch of a JavaScript thread counts to the same.
func (t *thread) stranded(ctx context.Context, g *group, p prospect, tasks map[string]*doing) error {
	all := tasks[noTask]
	if !p.built || !p.sure || all != nil && all.wrote { // what a command wrote may start some, too
		return nil
	}
	out := func(string) bool { return true }
	if p.next {
		if t.r.lay.lang != javascript || t.r.lay.engine != "postgres" || !anyStands(tasks) {
			return nil
		}
		r, err := t.runsAt(ctx, g)
		if err != nil {
			return err
		}
		out = func(id string) bool { return r.by[id] != "" && !p.by[r.by[id]] }
	}
	maps.DeleteFunc(tasks, func(id string, _ *doing) bool {
		gone := out(id)
		t.strand[hashOf(g.ns, id)] = gone
		return gone
	})
	return nil
}

// anyStands tells whether a task asks or failed.
func anyStands(tasks map[string]*doing) bool {
	for _, d := range tasks {
		if d.asks || d.failed {
			return true
		}
	}
	return false
}
