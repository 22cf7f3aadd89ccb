package openaiagents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// foreignFile is where conversations of other runtimes go: a database of SQLiteSession.
const foreignFile = "sessions.sqlite"

// foreign writes a record of another runtime from its mapped fields: a conversation is a session,
// and a message one item, or several.
func (w *writer) foreign(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	switch r := r.(type) {
	case *pb.Conversation:
		return w.foreignSession(ctx, r)
	case *pb.Message:
		return w.foreignMessage(ctx, r)
	}
	return replay.Receipt{Action: replay.Skipped, Why: "the SDK's sessions hold no " + agentstate.KindOf(r)}, nil
}

// foreignDB is the database that conversations go to, and the tables of the one under key. What
// comes from SQLAlchemySession in PostgreSQL keeps the names of its tables.
func (w *writer) foreignDB(ctx context.Context, key string) (*db, pair, error) {
	l, ok := w.layouts[foreignFile]
	if !ok {
		l = layout{File: foreignFile, Dialect: plainSQLite, Pairs: []pair{ownNames()}}
	}
	p := l.Pairs[0]
	if _, parts := agentstate.SplitKey(key); ok && len(parts) == 2 {
		if x := l.pair(parts[0]); x != nil {
			p = *x
		}
	}
	d, err := w.open(ctx, foreignFile, l)
	return d, p, err
}

// placeIn names a pair of tables of a file in keys.
func placeIn(rel string, p pair) string { return (&db{rel: rel}).place(&p) }

// sessionID is the id of the session that a conversation becomes. Where not all of its own id can be one,
// a digest keeps two conversations apart.
func sessionID(key string) string {
	_, parts := agentstate.SplitKey(key)
	had := strings.Join(parts, "/")
	id := strings.ToValidUTF8(strings.ReplaceAll(had, "\x00", ""), "\ufffd")
	if id != had {
		sum := sha256.Sum256([]byte(had))
		id += "-" + hex.EncodeToString(sum[:4])
	}
	return id
}

const (
	stampForm   = "2006-01-02 15:04:05"        // SQLite's
	alchemyForm = "2006-01-02 15:04:05.000000" // SQLAlchemy's in SQLite
)

// stamp is a time as the maker of the tables writes it, and what it loses.
func (w *writer) stamp(ns int64, path string) (string, []fidelity.Loss) {
	if w.layouts[foreignFile].Dialect == sqlAlchemy && ns != 0 && ns%int64(time.Microsecond) == 0 {
		return time.Unix(0, ns).UTC().Format(alchemyForm), nil
	}
	if ns == 0 {
		return time.Now().UTC().Format(stampForm), []fidelity.Loss{{Path: path, Grade: fidelity.Defaulted, Why: "not said: it is the time of the replay"}}
	}
	s := time.Unix(0, ns).UTC().Format(stampForm)
	if ns%int64(time.Second) != 0 {
		return s, []fidelity.Loss{{Path: path, Grade: fidelity.Transformed, Why: "kept to the second"}}
	}
	return s, nil
}

func (w *writer) foreignSession(ctx context.Context, c *pb.Conversation) (replay.Receipt, error) {
	d, p, err := w.foreignDB(ctx, c.Meta.Key)
	if err != nil {
		return replay.Receipt{}, err
	}
	id, err := sessionOf(ctx, w.run, c)
	if err != nil {
		return replay.Receipt{}, err
	}
	if !w.owns(p, id, c.Meta.Key) {
		return refused(sameSession)
	}
	losses := w.seen.session(w.run.From, c, id)
	created, l1 := w.stamp(c.Meta.CreatedUnixNano, "meta.created_unix_nano")
	updated, l2 := w.stamp(c.Meta.UpdatedUnixNano, "meta.updated_unix_nano")
	losses = append(append(losses, l1...), l2...)
	key := agentstate.Key("conversation", placeIn(foreignFile, p), id)
	cols := columnsOf(p.Sessions, &p)
	if d != nil {
		have, err := d.find(ctx, p.Sessions, cols, []string{"session_id"}, []any{id, nil, nil})
		if err != nil && !strings.Contains(err.Error(), "no such table") {
			return replay.Receipt{}, d.Wrap(err)
		}
		if have != nil { // times of a session that goes on move
			return replay.Receipt{Action: replay.Same, Target: key, Losses: losses}, nil
		}
	}
	rc, err := w.insert(ctx, d, p.Sessions, []string{"session_id"}, newRow{key: key, cols: cols, vals: []any{id, created, updated}, added: nil})
	if rc.Action == replay.Refused {
		w.owner[[2]string{p.Messages, id}] = "" // its items are refused with it
		return rc, err
	}
	rc.Losses = losses
	return rc, err
}

const sameSession = "another session of the archive has the same id, and a database has one of each"

// owns tells whether the session id in a pair of tables is that of the conversation key: it is of the first that comes.
func (w *writer) owns(p pair, id, key string) bool {
	at := [2]string{p.Messages, id}
	if _, ok := w.owner[at]; !ok {
		w.owner[at] = strings.Clone(key)
	}
	return w.owner[at] == key
}

func (w *writer) foreignMessage(ctx context.Context, m *pb.Message) (replay.Receipt, error) {
	if w.seen.hides(m) {
		return replay.Receipt{Action: replay.Skipped, Why: "the model does not see it: another branch, or cut from the context"}, nil
	}
	sid, err := sessionOf(ctx, w.run, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	d, p, err := w.foreignDB(ctx, m.Meta.Key)
	if err != nil {
		return replay.Receipt{}, err
	}
	if !w.owns(p, sid, m.ConversationKey) {
		return refused("its session was not taken")
	}
	items, losses, err := itemsOf(ctx, w.run, w.ids.of(sid), m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if len(items) == 0 {
		return replay.Receipt{Action: replay.Skipped, Why: "says nothing that an item can hold", Losses: losses}, nil
	}
	place := placeIn(foreignFile, p)
	created, l := w.stamp(m.Meta.CreatedUnixNano, "meta.created_unix_nano")
	losses = append(append(losses, l...), notTaken(w.run.From, m)...)
	rc := replay.Receipt{Action: replay.Created, Losses: losses}
	if d == nil || w.run.DryRun {
		w.next++
		rc.Target = agentstate.Key("message", place, fmt.Sprintf("new-%d", w.next))
		return rc, nil
	}
	err = d.apart(ctx, len(items) > 1, func() (err error) { // all or none
		x := newItem{session: sid, created: created, doubt: w.run.Doubts(m.Meta.Key)}
		rc.Target, rc.Version, err = x.each(items, place, func(x newItem) (int64, string, error) { return w.putItem(ctx, d, p, x) })
		return err
	})
	if err != nil {
		return d.notTaken(p.Messages, err)
	}
	return rc, nil
}

// A newItem is an item as a table of messages takes it.
type newItem struct {
	session, data, created string
	doubt                  bool // an attempt of this run may have written it
}

// each puts items one after the other, and gives the key of the first below place and what they are known by.
func (x newItem) each(items [][]byte, place string, put func(newItem) (id int64, at string, err error)) (target, version string, err error) {
	var versions []string
	for i, item := range items {
		x.data = string(item)
		id, at, err := put(x)
		if err != nil {
			return "", "", err
		}
		if i == 0 {
			target = agentstate.Key("message", place, fmt.Sprint(id))
		}
		versions = append(versions, sqlitefile.Digest(id, x.session, x.data, at))
	}
	return target, strings.Join(versions, ","), nil
}

// putItem writes an item, and gives its id and time. In doubt it looks first whether an attempt of this run wrote it.
func (w *writer) putItem(ctx context.Context, d *db, p pair, x newItem) (id int64, at string, err error) {
	if x.doubt {
		id, at, err = d.written(ctx, p, x.session, x.data, w.next)
		if w.next = max(w.next, id); err != nil || id != 0 {
			return id, at, err
		}
	}
	id, err = d.Put(ctx, "INSERT INTO "+quote(p.Messages)+" (session_id, message_data, created_at) VALUES (?, ?, ?)", x.session, x.data, x.created)
	return id, x.created, err
}

// written looks for an item that an attempt of this run wrote before it was broken off: the first
// behind after. 0: there is none.
func (d *db) written(ctx context.Context, p pair, session, item string, after int64) (id int64, created string, err error) {
	rows, err := sqlitefile.Query(ctx, d.Conn, "SELECT id, +created_at FROM "+quote(p.Messages)+" WHERE session_id = ? AND message_data = ? AND id > ? ORDER BY id LIMIT 1", session, item, after)
	if err != nil || len(rows) == 0 {
		return 0, "", d.Wrap(err)
	}
	id, _ = rows[0][0].(int64)
	return id, sqlitefile.Text(rows[0][1]), nil
}
