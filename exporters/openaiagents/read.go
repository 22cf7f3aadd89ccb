package openaiagents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelDatabase is the name of the Origin's labels that say what the tables of a database are.
const labelDatabase = "database"

// A reading is one stream under way.
type reading struct {
	out  *agentstate.Emitter
	dbs  map[string]*db
	docs map[string]found
	n    map[string]uint64 // by kind, as other routes count
}

var errStop = errors.New("the consumer stopped")

func (r *reading) put(rec agentstate.Record) error {
	if !r.out.Put(rec) {
		return errStop
	}
	return nil
}

func (r *reading) gap(kind, place, detail string) error {
	if !r.out.Gap(&pb.Gap{Kind: kind, Place: place, Reason: pb.Gap_REASON_CORRUPT, Detail: detail, Count: 1}) {
		return errStop
	}
	r.n[kind]++
	return nil
}

// begin opens everything, so that all databases are read at nearly one instant.
func (f *Folder) begin(ctx context.Context) (r *reading, o *pb.Origin, notes []string, err error) {
	ours, notes, err := f.find(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	r = &reading{dbs: map[string]*db{}, docs: map[string]found{}, n: map[string]uint64{}}
	defer func(opened *reading) {
		if err != nil {
			opened.close()
		}
	}(r)
	o = &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "files", Location: strings.ToValidUTF8(f.root, "\ufffd")}
	for _, x := range ours {
		if x.form != database {
			r.docs[x.rel] = x
			continue
		}
		d, err := openDB(ctx, x, f.wait)
		if err != nil {
			return nil, nil, nil, own(err)
		}
		if d == nil {
			notes = append(notes, x.rel+" is a database without sessions: not carried")
			continue
		}
		r.dbs[x.rel] = d
		b, err := json.Marshal(d.layout)
		if err != nil {
			return nil, nil, nil, own(err)
		}
		o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: labelDatabase, Value: strings.ToValidUTF8(string(b), "\ufffd")})
		for _, n := range d.Notes {
			notes = append(notes, x.rel+": "+n)
		}
	}
	return r, o, notes, nil
}

func (r *reading) close() {
	for _, d := range r.dbs {
		d.Close()
	}
}

// Records reads the folder: databases, then documents, each in the order of names.
func (f *Folder) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if opts != nil && len(opts.Cursor) > 0 {
			yield(nil, fmt.Errorf("openaiagents: %w", agentstate.ErrCursor)) // small files: read anew
			return
		}
		r, o, _, err := f.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		f.mu.Lock()
		f.reading = r
		f.mu.Unlock()
		defer func() {
			f.mu.Lock()
			f.reading = nil
			f.mu.Unlock()
		}()
		r.out = agentstate.NewEmitter(ctx, yield, o)
		err = r.run(ctx)
		if errors.Is(err, errStop) {
			return
		}
		if err == nil {
			err = r.finish(f)
		}
		r.out.End(err)
	}
}

func (r *reading) run(ctx context.Context) error {
	for _, rel := range sorted(r.dbs) {
		d := r.dbs[rel]
		for i := range d.layout.Pairs {
			if err := r.pair(ctx, d, &d.layout.Pairs[i]); err != nil {
				return r.wrap(d, err)
			}
		}
		if err := r.extras(ctx, d); err != nil {
			return r.wrap(d, err)
		}
		if err := d.Check(); err != nil {
			return own(err)
		}
	}
	for _, rel := range sorted(r.docs) {
		if err := r.doc(ctx, r.docs[rel]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) wrap(d *db, err error) error {
	if errors.Is(err, errStop) {
		return err
	}
	return own(d.Wrap(err))
}

func sorted[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// place names a pair of tables in keys: the file, and the table where it is not the SDK's own.
func (d *db) place(p *pair) string {
	if p == nil || p.Messages == "agent_messages" {
		return d.rel
	}
	return d.rel + "#" + p.Messages
}

// pair reads the sessions of two tables, the messages of each behind it.
func (r *reading) pair(ctx context.Context, d *db, p *pair) error {
	counts, err := query(ctx, d.Conn, "SELECT (SELECT count(*) FROM "+quote(p.Sessions)+"), (SELECT count(*) FROM "+quote(p.Messages)+")")
	if err != nil {
		return err
	}
	r.n["conversation"] += uint64(counts[0][0].(int64))
	r.n["message"] += uint64(counts[0][1].(int64))
	cols := columnsOf(p.Sessions, p)
	after := any("")
	for first := true; ; first = false {
		// Pages: while one is worked through, the connection reads messages.
		q := "SELECT " + selects(cols) + " FROM " + quote(p.Sessions)
		var args []any
		if !first {
			q, args = q+" WHERE session_id > ?", []any{after}
		}
		page, err := query(ctx, d.Conn, q+" ORDER BY session_id LIMIT 200", args...)
		if err != nil {
			return err
		}
		for _, v := range page {
			if err := r.session(ctx, d, p, v[0], d.row(p.Sessions, cols, v, p), v); err != nil {
				return err
			}
			after = v[0]
		}
		if len(page) < 200 {
			break
		}
	}
	return r.orphans(ctx, d, p)
}

// orphans are messages whose session has no row: somebody deleted it with foreign keys off.
func (r *reading) orphans(ctx context.Context, d *db, p *pair) error {
	ids, err := query(ctx, d.Conn, "SELECT DISTINCT +session_id FROM "+quote(p.Messages)+" WHERE session_id NOT IN (SELECT session_id FROM "+quote(p.Sessions)+")")
	if err != nil {
		return err
	}
	for _, v := range ids {
		r.n["conversation"]++
		if err := r.session(ctx, d, p, v[0], nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// asText is a value as text: ids are text, unless somebody wrote a number.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return "\x00blob:" + string(v)
	case nil:
		return "\x00null"
	}
	return fmt.Sprint(v)
}

func (r *reading) session(ctx context.Context, d *db, p *pair, id any, native *pb.Native, v []any) error {
	place, sid := d.place(p), asText(id)
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", native, place, sid), Title: strings.ToValidUTF8(sid, "\ufffd")}
	if v != nil {
		c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = timeOf(v[1]), timeOf(v[2])
	} else {
		c.Meta.Labels = append(c.Meta.Labels, &pb.Label{Name: "session", Value: "has no row of its own; its messages have"})
	}
	key := c.Meta.Key
	if err := r.branches(ctx, d, p, c, id); err != nil {
		return err
	}
	if err := r.put(c); err != nil {
		return err
	}
	cols := columnsOf(p.Messages, p)
	return each(ctx, d.Conn, "SELECT "+selects(cols)+" FROM "+quote(p.Messages)+" WHERE session_id IS ? ORDER BY id", []any{id}, func(v []any) error {
		m := &pb.Message{Meta: agentstate.Meta("message", d.row(p.Messages, cols, v, p), place, asText(v[0])), ConversationKey: key}
		m.Meta.CreatedUnixNano = timeOf(v[3])
		switch data := v[2].(type) {
		case string:
			responses.Read(m, []byte(data))
		case []byte:
			responses.Read(m, data)
		}
		return r.put(m)
	})
}

// branches names the heads of a session of AdvancedSQLiteSession.
func (r *reading) branches(ctx context.Context, d *db, p *pair, c *pb.Conversation, id any) error {
	if !slices.Contains(d.layout.Extra, "message_structure") || p != &d.layout.Pairs[0] {
		return nil
	}
	heads, err := query(ctx, d.Conn, `SELECT +branch_id, +message_id, max(sequence_number) FROM message_structure WHERE session_id IS ? GROUP BY branch_id ORDER BY branch_id`, id)
	for _, h := range heads {
		c.Branches = append(c.Branches, &pb.Branch{Name: strings.ToValidUTF8(asText(h[0]), "\ufffd"), HeadKey: agentstate.Key("message", d.place(p), asText(h[1]))})
	}
	return err
}

// extras reads the structure of branches, usage and counters, row by row.
func (r *reading) extras(ctx context.Context, d *db) error {
	for _, t := range d.layout.Extra {
		cols, key := extraTables()[t], keyOf(t, nil)
		kind := "opaque"
		if t == "turn_usage" {
			kind = "run"
		}
		n, err := query(ctx, d.Conn, "SELECT count(*) FROM "+t)
		if err != nil {
			return err
		}
		r.n[kind] += uint64(n[0][0].(int64))
		if err := each(ctx, d.Conn, "SELECT "+selects(cols)+" FROM "+t+" ORDER BY "+strings.Join(key, ", "), nil, func(v []any) error {
			parts := []string{d.rel, t}
			for _, k := range key {
				parts = append(parts, asText(v[slices.Index(cols, k)]))
			}
			native := d.row(t, cols, v, nil)
			if kind == "run" {
				return r.put(d.usage(native, parts, v))
			}
			o := &pb.Opaque{Meta: agentstate.Meta("opaque", native, parts...)}
			if i := slices.Index(cols, "message_id"); i >= 0 {
				o.AboutKeys = []string{agentstate.Key("message", d.place(&d.layout.Pairs[0]), asText(v[i]))}
			}
			return r.put(o)
		}); err != nil {
			return err
		}
	}
	return nil
}

// usage is a row of turn_usage.
func (d *db) usage(native *pb.Native, parts []string, v []any) *pb.Run {
	num := func(x any) uint64 {
		n, _ := x.(int64)
		return uint64(max(n, 0))
	}
	u := &pb.Run{Meta: agentstate.Meta("run", native, parts...), ConversationKey: agentstate.Key("conversation", d.place(&d.layout.Pairs[0]), asText(v[1])),
		InputTokens: num(v[5]), OutputTokens: num(v[6])}
	var details struct {
		Cached uint64 `json:"cached_tokens"`
	}
	if s, ok := v[8].(string); ok && json.Unmarshal([]byte(s), &details) == nil {
		u.CachedTokens = details.Cached
	}
	u.Meta.CreatedUnixNano = timeOf(v[10])
	return u
}

// doc reads a JSON file.
func (r *reading) doc(ctx context.Context, f found) error {
	kind := map[form]string{runState: "state", itemList: "conversation"}[f.form]
	st, err := os.Stat(f.path)
	if err != nil {
		return own(err)
	}
	if st.Size() > maxJSON {
		return r.gap(kind, f.rel, fmt.Sprintf("%d bytes; a document of the SDK is taken apart up to %d", st.Size(), maxJSON))
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return own(err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f.form == runState {
		return r.runState(f, b)
	}
	return r.items(f, b)
}

// finish states what was counted by other routes.
func (r *reading) finish(f *Folder) error {
	for _, k := range []string{"conversation", "message", "run", "state", "opaque", "credential"} {
		if k == "credential" && r.n[k] == 0 {
			continue
		}
		r.out.Reference(k, r.n[k], "count(*) and number of files", "whole folder")
	}
	r.out.Derived("interrupt", "state")
	r.out.AbsentOthers()
	s := r.out.Statement()
	s.Observer, s.ObserverBasis, s.Account = "uid "+strconv.Itoa(os.Getuid()), "process", strings.ToValidUTF8(f.root, "\ufffd")
	s.Consistent = len(r.dbs)+len(r.docs) == 1
	return nil
}

// openBlob opens a whole file, or one value of a row.
func (r *reading) openBlob(ctx context.Context, id string) (io.ReadCloser, error) {
	if rel, ok := strings.CutPrefix(id, "file:"); ok {
		f, ok := r.docs[rel]
		if !ok {
			return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
		}
		if f.form != runState {
			return os.Open(f.path)
		}
		b, err := os.ReadFile(f.path)
		b, _ = withoutKeys(b)
		return io.NopCloser(bytes.NewReader(b)), err
	}
	body, ok := strings.CutPrefix(id, "row:")
	var parts []any
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if !ok || dec.Decode(&parts) != nil || len(parts) < 5 || len(parts)%2 == 0 {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	rel, _ := parts[0].(string)
	d := r.dbs[rel]
	if d == nil {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id)
	}
	var where []string
	var args []any
	for i := 3; i < len(parts); i += 2 {
		where = append(where, quote(fmt.Sprint(parts[i]))+" = ?")
		if n, ok := parts[i+1].(json.Number); ok {
			v, _ := n.Int64()
			args = append(args, v)
		} else {
			args = append(args, parts[i+1])
		}
	}
	rows, err := query(ctx, d.Conn, "SELECT CAST("+quote(fmt.Sprint(parts[2]))+" AS BLOB) FROM "+quote(fmt.Sprint(parts[1]))+" WHERE "+strings.Join(where, " AND "), args...)
	if err != nil || len(rows) != 1 {
		return nil, errors.Join(own(d.Wrap(err)), fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, id))
	}
	b, _ := rows[0][0].([]byte)
	return io.NopCloser(bytes.NewReader(b)), nil
}

// timeOf reads the times that the SDK and SQLite write, UTC; 0: none.
func timeOf(v any) int64 {
	s, _ := v.(string)
	for _, f := range []string{"2006-01-02 15:04:05.999999", time.RFC3339Nano} {
		if t, err := time.Parse(f, s); err == nil {
			return agentstate.UnixNano(t)
		}
	}
	return 0
}

// Preflight counts what the folder holds; it reads only.
func (f *Folder) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, o, notes, err := f.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	p := &agentstate.Preflight{Origin: o, Observer: "uid " + strconv.Itoa(os.Getuid()), Counts: map[string]int64{}, Notes: notes,
		Never: []string{"the agents' code and tools; keys of encrypted sessions", "tracing_api_key in run states: taken out"}}
	sealed := int64(0)
	for _, d := range r.dbs {
		for i := range d.layout.Pairs {
			pr := &d.layout.Pairs[i]
			n, err := query(ctx, d.Conn, "SELECT (SELECT count(*) FROM "+quote(pr.Sessions)+"), (SELECT count(*) FROM "+quote(pr.Messages)+"), (SELECT count(*) FROM "+quote(pr.Messages)+` WHERE message_data LIKE '{"__enc__"%')`)
			if err != nil {
				return nil, own(d.Wrap(err))
			}
			p.Counts["conversation"] += n[0][0].(int64)
			p.Counts["message"] += n[0][1].(int64)
			sealed += n[0][2].(int64)
		}
	}
	for _, x := range r.docs {
		if x.form == runState {
			p.Counts["state"]++
		} else {
			p.Counts["conversation"]++
			if b, err := os.ReadFile(x.path); err == nil && len(b) <= maxJSON {
				p.Counts["message"] += int64(countElements(b))
			}
		}
	}
	if sealed > 0 {
		p.Notes = append(p.Notes, sealedNote(sealed))
	}
	return p, nil
}

func sealedNote(n int64) string {
	return fmt.Sprintf("%d encrypted items: carried as they are; they open with the same key and session id alone, and read as empty after their ttl", n)
}
