package mem0

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// history reads what happened to memories, and the last messages of each scope.
func (r *reading) history(ctx context.Context, d *db) error {
	n, err := d.one(ctx, "SELECT count(*) FROM "+d.main())
	if err != nil {
		return err
	}
	r.n["revision"] += uint64(n)
	cols := d.layout.columns(d.main())
	at := columnsAt(cols)
	err = d.each(ctx, "SELECT "+d.selects(d.main(), cols)+" FROM "+d.main()+" ORDER BY rowid", nil, func(v []any) error {
		text := func(name string) (s string) {
			if i, ok := at[name]; ok {
				s, _ = v[i].(string)
			}
			return s
		}
		id, memory := sqlitefile.Text(v[at["id"]]), sqlitefile.Text(v[at["memory_id"]])
		of, err := r.collectionOf(memory)
		if err != nil {
			return err
		}
		rev := &pb.Revision{OfKey: agentstate.Key("memory", of, memory), Operation: strings.ToValidUTF8(text("event"), "\ufffd")}
		if n, ok := v[at["id"]].(int64); ok && n > 0 {
			rev.Number = uint64(n)
		}
		row := &pb.Row{}
		for i, c := range cols {
			row.Columns = append(row.Columns, d.cell(c, id, v[i]))
		}
		for _, x := range []struct {
			name, field string
			data        **pb.Data
		}{{"old_memory", "before", &rev.Before}, {"new_memory", "after", &rev.After}} {
			i, ok := at[x.name]
			if !ok {
				continue
			}
			if s, ok := v[i].(string); ok {
				*x.data = &pb.Data{MediaType: "text/plain", Body: &pb.Data_Inline{Inline: []byte(s)}}
				if len(s) > agentstate.SpillSize {
					(*x.data).Body = &pb.Data_Blob{Blob: &pb.Blob{Id: d.blobID(cols[i], id)}}
				}
				row.Columns[i] = &pb.Column{Name: cols[i], Value: &pb.Column_At{At: "#" + x.field}}
			}
		}
		rev.Meta = agentstate.Meta("revision", &pb.Native{Type: d.main(), Body: &pb.Native_Row{Row: row}}, d.layout.Place, id)
		rev.Meta.CreatedUnixNano, rev.Meta.UpdatedUnixNano = timeOf(text("created_at")), timeOf(text("updated_at"))
		if who := text("actor_id"); who != "" && utf8.ValidString(who) {
			rev.ByKey = agentstate.Key("principal", "actor", who)
		}
		return r.put(rev)
	})
	if err != nil || !slices.Contains(d.layout.Tables, "messages") {
		return err
	}
	return r.messages(ctx, d)
}

// earlier are the names that columns of the Python package's history bore in older releases, and bear in JavaScript's.
func earlier(name string) []string {
	switch name {
	case "old_memory":
		return []string{"previous_value", "prev_value"}
	case "new_memory":
		return []string{"new_value"}
	case "event":
		return []string{"action"}
	case "created_at":
		return []string{"timestamp"}
	}
	return nil
}

// columnsAt says where the columns of a history are, by the names of the Python package's.
func columnsAt(cols []string) map[string]int {
	at := map[string]int{}
	for _, name := range columnsOf(string(pythonHistory)) {
		for _, n := range append([]string{name}, earlier(name)...) {
			if i := slices.Index(cols, n); i >= 0 {
				at[name] = i
				break
			}
		}
	}
	return at
}

// older tells whether a history of these columns may be one of an older release: all of them said at least this.
func older(cols []string) bool {
	at := columnsAt(cols)
	for _, name := range []string{"id", "memory_id", "old_memory", "new_memory", "event", "created_at", "is_deleted"} {
		if _, ok := at[name]; !ok {
			return false
		}
	}
	return true
}

// ofOlder are those of the columns that any release made.
func ofOlder(cols []string) (out []string) {
	var known []string
	for _, name := range columnsOf(string(pythonHistory)) {
		known = append(append(known, name), earlier(name)...)
	}
	for _, c := range cols {
		if slices.Contains(known, c) {
			out = append(out, c)
		}
	}
	return out
}

// today refuses a target whose history is in the columns of an older release, but for a state whose history is in the
// same: that release reads no other, and today's would forget what stands in columns that were named otherwise.
func (s *Store) today(have, from map[string]layout) error {
	for place, l := range have {
		if l.Columns == nil || slices.Equal(slices.Sorted(slices.Values(l.Columns)), slices.Sorted(slices.Values(from[place].Columns))) {
			continue
		}
		name := l.File
		if s.beside != "" {
			name = s.beside
		}
		return fmt.Errorf("%w: %s is a history of an older release, with the columns %s, which the state's has not: replay into a place without one. mem0 makes it today's when it opens it, and forgets what stands in columns that were named otherwise: export it before", ErrSchema, name, strings.Join(l.Columns, ", "))
	}
	return nil
}

// madeToday says that a history of other columns than today's is made in those.
func (l layout) madeToday() []string {
	if l.Columns == nil {
		return nil
	}
	return []string{fmt.Sprintf("%s is made in today's columns; the state's has %s. The release that made that one may not read it: mem0 0.1.5 fails on one of today's and leaves it empty, 0.1.101 and later read it", l.File, strings.Join(l.Columns, ", "))}
}

// current makes of a row of an older history one of today's, as mem0 itself does when it opens one, which forgets
// what it has no column for. Earlier names of columns are of what bears another name now.
func current(vals map[string]any) (losses []fidelity.Loss) {
	want := columnsOf(string(pythonHistory))
	have := slices.Sorted(maps.Keys(vals))
	for name, i := range columnsAt(have) {
		if _, ok := vals[name]; !ok {
			vals[name] = vals[have[i]]
			delete(vals, have[i])
			for _, n := range []string{have[i], name} {
				losses = append(losses, fidelity.Loss{Path: "native." + n, Grade: fidelity.Transformed, Why: "an older release's " + have[i] + " is " + name + " today"})
			}
		}
	}
	for name := range vals {
		if !slices.Contains(want, name) {
			delete(vals, name)
			losses = append(losses, fidelity.Loss{Path: "native." + name, Grade: fidelity.Dropped, Why: "a column of an older release, which mem0 drops when it opens the history"})
		}
	}
	for _, name := range want {
		if _, ok := vals[name]; !ok {
			vals[name] = nil
			losses = append(losses, fidelity.Loss{Path: "native." + name, Grade: fidelity.Defaulted, Why: "an older release had no such column"})
		}
	}
	slices.SortFunc(losses, func(a, b fidelity.Loss) int { return strings.Compare(a.Path, b.Path) })
	return losses
}

// collections are those of memories, in the order in which they are read.
func (r *reading) collections() (out []string) {
	for _, d := range r.dbs {
		if !d.layout.Form.history() && d.layout.subject() == "memory" {
			out = append(out, d.layout.Place)
		}
	}
	return out
}

// remember notes in which collection a memory is: several share one history.
func (r *reading) remember(id, place string) error {
	if len(r.places) < 2 {
		return nil
	}
	if _, ok, err := r.seen.Get("collection of " + id); ok || err != nil {
		return err
	}
	return r.seen.Put("collection of "+id, []byte(place))
}

// collectionOf is the collection of a memory in the history, which does not say so itself: the one that
// holds it. Of one that is gone nobody knows: it is taken for one of the first.
func (r *reading) collectionOf(id string) (string, error) {
	if len(r.places) == 0 {
		return "", nil
	}
	if len(r.places) > 1 {
		if place, ok, err := r.seen.Get("collection of " + id); ok || err != nil {
			return string(place), err
		}
	}
	return r.places[0], nil
}

// messages reads the last messages of each scope: a conversation has no row of its own.
func (r *reading) messages(ctx context.Context, d *db) error {
	n, err := d.one(ctx, "SELECT count(*) FROM messages")
	if err != nil {
		return err
	}
	r.n["message"] += uint64(n)
	cols := columnsOf("messages")
	last, first := "", true
	at := uint64(0)
	var conversation string
	// Each scope is where its first message is.
	return d.each(ctx, "SELECT "+d.selects("messages", cols)+" FROM messages m JOIN (SELECT session_scope AS s, min(rowid) AS f FROM messages GROUP BY session_scope) g ON g.s IS m.session_scope ORDER BY g.f, m.rowid", nil, func(v []any) error {
		id, scope := sqlitefile.Text(v[0]), sqlitefile.Text(v[1])
		key := agentstate.Key("message", d.layout.Place, id)
		if first || scope != last {
			first, last, at = false, scope, 0
			c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, d.layout.Place, scope), Title: strings.ToValidUTF8(scope, "\ufffd")}
			c.Meta.ViewOfKeys = []string{key}
			c.ParticipantKeys = participants(scope)
			conversation = c.Meta.Key
			if err := r.put(c); err != nil {
				return err
			}
		}
		at++
		row := &pb.Row{}
		for i, c := range cols {
			row.Columns = append(row.Columns, d.cell(c, id, v[i]))
		}
		m := &pb.Message{Meta: &pb.Meta{Key: key, Native: []*pb.Native{{Type: "messages", Body: &pb.Native_Row{Row: row}}}}, ConversationKey: conversation, Position: at}
		if utf8.ValidString(id) {
			m.NativeId = id
		}
		created, _ := v[5].(string)
		m.Meta.CreatedUnixNano = timeOf(created)
		switch role, _ := v[2].(string); role {
		case "user":
			m.Role = pb.Role_ROLE_USER
		case "assistant":
			m.Role = pb.Role_ROLE_ASSISTANT
		case "system":
			m.Role = pb.Role_ROLE_SYSTEM
		case "tool":
			m.Role = pb.Role_ROLE_TOOL
		default:
			m.NativeRole = strings.ToValidUTF8(role, "\ufffd")
		}
		if name, ok := v[4].(string); ok && name != "" {
			m.AuthorPath = []string{strings.ToValidUTF8(name, "\ufffd")}
		}
		switch s, _ := v[3].(string); {
		case s == "":
		case !utf8.ValidString(s) || len(s) > agentstate.SpillSize:
			m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "content", Value: "in the native form alone: too long, or not UTF-8"})
		default:
			m.Parts = []*pb.Part{{Body: &pb.Part_Text{Text: s}}}
		}
		return r.put(m)
	})
}

// participants are the people of a scope, "agent_id=a&user_id=u".
func participants(scope string) []string {
	var out []string
	for part := range strings.SplitSeq(scope, "&") {
		name, v, _ := strings.Cut(part, "=")
		if id, err := url.PathUnescape(v); err == nil && id != "" {
			switch name {
			case "user_id":
				out = append(out, agentstate.Key("principal", "user", id))
			case "agent_id":
				out = append(out, agentstate.Key("principal", "agent", id))
			}
		}
	}
	return out
}
