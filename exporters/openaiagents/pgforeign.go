package openaiagents

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// foreign writes a record of another runtime, or of a folder of this one: a conversation is a
// session, and a message one item, or several. Ids come from the sequence.
func (w *pgWriter) foreign(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	switch r := r.(type) {
	case *pb.Conversation:
		return w.foreignSession(ctx, r)
	case *pb.Message:
		return w.foreignMessage(ctx, r)
	}
	return replay.Receipt{Action: replay.Skipped, Why: "the SDK's sessions in PostgreSQL hold no " + agentstate.KindOf(r)}, nil
}

func ownNames() pair { return pair{"agent_sessions", "agent_messages"} }

// pgTime is a time as PostgreSQL keeps it, and what it loses.
func (w *pgWriter) pgTime(ns int64, path string) (time.Time, []fidelity.Loss) {
	if ns == 0 {
		return w.now, []fidelity.Loss{{Path: path, Grade: fidelity.Defaulted, Why: "not said: it is the time of the replay"}}
	}
	t := time.Unix(0, ns).UTC().Truncate(time.Microsecond)
	if ns%int64(time.Microsecond) != 0 {
		return t, []fidelity.Loss{{Path: path, Grade: fidelity.Transformed, Why: "kept to the microsecond"}}
	}
	return t, nil
}

func (w *pgWriter) foreignSession(ctx context.Context, c *pb.Conversation) (replay.Receipt, error) {
	id, err := sessionOf(ctx, w.run, c)
	if err != nil {
		return replay.Receipt{}, err
	}
	if why := unfit(id, true); why != "" {
		return refused("session id: %s", why)
	}
	if o, ok := w.owner[id]; ok && o != c.Meta.Key {
		return refused(sameSession)
	}
	w.owner[id] = c.Meta.Key
	losses := w.seen.session(w.run.From, c, id)
	p, made, err := w.table(ctx, ownNames())
	if err != nil {
		return replay.Receipt{}, err
	}
	created, l1 := w.pgTime(c.Meta.CreatedUnixNano, "meta.created_unix_nano")
	updated, l2 := w.pgTime(c.Meta.UpdatedUnixNano, "meta.updated_unix_nano")
	losses = append(append(losses, l1...), l2...)
	key := agentstate.Key("conversation", p.Messages, id)
	cols := []string{"session_id", "created_at", "updated_at"}
	if made {
		have, err := w.stored(ctx, p.sessions.ident, cols, id)
		if err != nil {
			return replay.Receipt{}, err
		}
		if have != nil { // times of a session that goes on move
			w.there[[2]string{p.Messages, id}] = true
			rc := replay.Receipt{Action: replay.Same, Target: key, Losses: losses}
			return rc, w.end(ctx, p, id)
		}
	}
	rc, err := w.insert(ctx, made, p.sessions, newRow{key: key, cols: cols, vals: []any{id, created.Format(pgStamp), updated.Format(pgStamp)}, added: nil})
	if rc.Action == replay.Refused {
		w.owner[id] = "" // its items are refused with it
		return rc, err
	}
	w.there[[2]string{p.Messages, id}] = err == nil
	rc.Losses = losses
	return rc, err
}

// end notes the time of the last item of a session that is there: the SDK reads items in the order
// of their times.
func (w *pgWriter) end(ctx context.Context, p *pgPair, id string) error {
	if w.run.Doubts(w.owner[id]) {
		return nil
	}
	last := ""
	if _, err := w.one(ctx, "SELECT coalesce(max(created_at)::text, '') FROM "+p.messages.ident+" WHERE session_id = $1::text", []any{id}, &last); err != nil {
		return err
	}
	if t, err := time.Parse(pgStamp, last); err == nil {
		w.ends[id] = t
	}
	return nil
}

func (w *pgWriter) foreignMessage(ctx context.Context, m *pb.Message) (replay.Receipt, error) {
	if w.seen.hides(m) {
		return replay.Receipt{Action: replay.Skipped, Why: "the model does not see it: another branch, or cut from the context"}, nil
	}
	sid, err := sessionOf(ctx, w.run, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if o := w.owner[sid]; o != m.ConversationKey {
		return refused("its session was not taken")
	}
	items, losses, err := itemsOf(ctx, w.run, w.ids.of(sid), m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if len(items) == 0 {
		return replay.Receipt{Action: replay.Skipped, Why: "says nothing that an item can hold", Losses: losses}, nil
	}
	for _, item := range items {
		if why := unfit(string(item), true); why != "" {
			return refused("item: %s", why)
		}
	}
	p, made, err := w.table(ctx, ownNames())
	if err != nil {
		return replay.Receipt{}, err
	}
	created, l := w.pgTime(m.Meta.CreatedUnixNano, "meta.created_unix_nano")
	if last := w.ends[sid]; created.Before(last) {
		created = last
		l = []fidelity.Loss{{Path: "meta.created_unix_nano", Grade: fidelity.Transformed, Why: "not before the item that it follows: the SDK reads items in the order of their times"}}
	}
	w.ends[sid] = created
	rc := replay.Receipt{Action: replay.Created, Losses: append(append(losses, l...), notTaken(w.run.From, m)...)}
	if !made || w.run.DryRun {
		w.next++
		rc.Target = agentstate.Key("message", p.Messages, fmt.Sprintf("new-%d", w.next))
		return rc, nil
	}
	why, err := w.apart(ctx, p.messages, len(sid), false, func() (err error) {
		x := newItem{session: sid, created: created.Format(pgStamp), doubt: w.run.Doubts(m.Meta.Key)}
		if x.doubt {
			rc.Target, rc.Version, err = x.each(items, p.Messages, func(x newItem) (int64, string, error) { return w.put(ctx, p, x) })
			return err
		}
		rc.Target, rc.Version, err = w.putAll(ctx, p, x, items)
		return err
	})
	switch {
	case err != nil:
		return replay.Receipt{}, err
	case why != nil:
		return notTakenIn(p.messages, why)
	}
	return rc, nil
}

// putAll writes items in one statement: none of the run comes between them.
func (w *pgWriter) putAll(ctx context.Context, p *pgPair, x newItem, items [][]byte) (target, version string, err error) {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = string(item)
	}
	var ids []int64
	var at []string
	err = w.ask(ctx, "INSERT INTO "+p.messages.ident+" (session_id, message_data, created_at) SELECT $1::text, x, $3::text::timestamp FROM unnest($2::text[]) WITH ORDINALITY u (x, n) ORDER BY n RETURNING id::int8, created_at::text",
		[]any{x.session, texts, x.created}, func(rows pgx.Rows) error {
			var id int64
			var when string
			_, err := pgx.ForEachRow(rows, []any{&id, &when}, func() error {
				ids, at = append(ids, id), append(at, when)
				return nil
			})
			if err == nil && len(ids) != len(items) {
				err = w.server.PassedOver()
			}
			return err
		})
	if err != nil {
		return "", "", err
	}
	i := -1
	return x.each(items, p.Messages, func(newItem) (int64, string, error) {
		i++
		return ids[i], at[i], nil
	})
}

// put writes an item. In doubt it looks first whether an attempt of this run wrote it before it was
// broken off: the first behind the last one that was found.
func (w *pgWriter) put(ctx context.Context, p *pgPair, x newItem) (id int64, at string, err error) {
	if x.doubt {
		ok, err := w.one(ctx, "SELECT id::int8, created_at::text FROM "+p.messages.ident+" WHERE session_id = $1::text AND message_data = $2::text AND id > $3::int8 ORDER BY id LIMIT 1",
			[]any{x.session, x.data, w.next}, &id, &at)
		if ok || err != nil {
			w.next = max(w.next, id)
			return id, at, err
		}
	}
	ok, err := w.one(ctx, "INSERT INTO "+p.messages.ident+" (session_id, message_data, created_at) VALUES ($1::text, $2::text, $3::text::timestamp) RETURNING id::int8, created_at::text",
		[]any{x.session, x.data, x.created}, &id, &at)
	if err == nil && !ok {
		err = w.server.PassedOver()
	}
	return id, at, err
}
