package langgraph

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestHandlerAsks: a thread waits where the handler of the one error asks, and is failed where another failed too, or the
// handler did.
func TestHandlerAsks(t *testing.T) {
	const in = `INSERT INTO writes SELECT thread_id, checkpoint_ns, max(checkpoint_id), `
	const at = ` FROM checkpoints WHERE thread_id = 't-interrupt' AND checkpoint_ns = ''`
	row := func(task, path, rest string) string {
		return in + "'" + task + "', '" + path + "', " + rest + ", 'msgpack', x'c0'" + at
	}
	bad := []string{row("bad", "~__pregel_pull, bad", "-1, '__error__'"), row("bad", "~__pregel_pull, bad", "1, '__error_source_node__'")}
	asks := row("handler", "~__pregel_pull, bad"+handler, "-3, '__interrupt__'")
	for name, c := range map[string]struct {
		writes []string
		want   string
	}{
		"the handler asks":      {append(slices.Clone(bad), asks), "waiting"},
		"it has not asked":      {bad, "failed"},
		"of another error":      {append(slices.Clone(bad), row("handler", "~__pregel_pull, worse"+handler, "-3, '__interrupt__'")), "failed"},
		"it failed":             {append(slices.Clone(bad), asks, row("handler", "~__pregel_pull, bad"+handler, "-1, '__error__'"), row("handler", "~__pregel_pull, bad"+handler, "-4, '__resume__'")), "failed"},
		"a called one failed":   {[]string{row("flow", "~__pregel_pull, flow", "-3, '__interrupt__'"), row("job", "~__pregel_push, ~__pregel_pull, flow, 0000000003, 0000000001", "-1, '__error__'")}, "waiting"},
		"both failed":           {[]string{row("flow", "~__pregel_pull, flow", "-1, '__error__'"), row("job", "~__pregel_push, ~__pregel_pull, flow, 0000000003, 0000000001", "-1, '__error__'")}, "failed"},
		"another failed beside": {append(slices.Clone(bad), asks, row("other", "~__pregel_pull, other", "-1, '__error__'")), "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			src := withPath(t)
			change(t, src, "DELETE FROM writes WHERE thread_id = 't-interrupt';"+strings.Join(c.writes, ";"))
			m, _ := drivertest.Export(t, src)
			if got := get[*pb.Conversation](t, m, "conversation/t-interrupt").Status; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestErrorOfBefore: the library leaves the error of a task that ran again. A thread that waits since is not failed.
func TestErrorOfBefore(t *testing.T) {
	const failed = "df89840a-6234-55e3-437e-33aded407b80" // a worker of the thread t-failed, beside two that went well
	const asks, wrote, answered = "-3, '__interrupt__'", "0, 'results'", "-4, '__resume__'"
	for name, c := range map[string]struct {
		writes [][2]string // task; index and channel
		want   string
	}{
		"as it is":                          {nil, "failed"},
		"it asks when it runs again":        {[][2]string{{failed, asks}}, "waiting"},
		"it failed behind an answer":        {[][2]string{{failed, asks}, {failed, answered}}, "failed"},
		"behind an answer for all":          {[][2]string{{failed, asks}, {noTask, answered}}, "failed"},
		"another asks":                      {[][2]string{{"other", asks}}, "failed"},
		"it went well, another asks":        {[][2]string{{failed, wrote}, {"other", asks}}, "waiting"},
		"it wrote, and failed in its edges": {[][2]string{{failed, wrote}}, "failed"},
		"a handler of its error asks":       {[][2]string{{failed, "0, '__error_source_node__'"}, {"other", asks}}, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "python.sqlite")
			var sql []string
			for _, w := range c.writes {
				sql = append(sql, fmt.Sprintf(`INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value)
					SELECT thread_id, checkpoint_ns, max(checkpoint_id), '%s', %s, 'msgpack', x'c0' FROM checkpoints WHERE thread_id = 't-failed' AND checkpoint_ns = ''`, w[0], w[1]))
			}
			run(t, p, false, sql...)
			m, _ := drivertest.Export(t, SQLite(p))
			if got := get[*pb.Conversation](t, m, "conversation/t-failed").Status; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if len(c.writes) != 2 {
				return
			}
			pg := postgres(t, pgtest.Database(t))
			asSaid(t, m, pg)
			there, _ := drivertest.Export(t, pg)
			if got := get[*pb.Conversation](t, there, "conversation/t-failed").Status; got != c.want {
				t.Errorf("in PostgreSQL %q, want %q", got, c.want)
			}
		})
	}
}
