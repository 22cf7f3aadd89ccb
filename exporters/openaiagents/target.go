package openaiagents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one run. Every database has one transaction until Commit, and documents wait in
// files of another name.
type writer struct {
	run     *replay.Run
	f       *Folder
	exact   bool
	layouts map[string]layout // by file, as the source had them
	dbs     map[string]*db    // open; in a plan nil for files that are not there
	ids     map[string]int64  // in a plan: the highest id in each table that the run would make
	files   []file
	ctx     map[string]map[string]bool // foreign: what the model sees, by conversation
	next    int64                      // of a foreign state: the last message id that was given or found
}

// A file is a document on its way.
type file struct{ tmp, path string }

// Begin looks at the folder, and refuses an Origin whose tables are not the SDK's.
func (f *Folder) Begin(_ context.Context, run *replay.Run) (replay.Writer, error) {
	w := &writer{run: run, f: f, exact: run.From.GetProduct() == product && run.From.GetFlavor() != flavorPostgres, layouts: map[string]layout{}, dbs: map[string]*db{},
		ids: map[string]int64{}, ctx: map[string]map[string]bool{}}
	if st, err := os.Stat(f.root); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%w: openaiagents: %s is a file; want a folder", replay.ErrTarget, f.root)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: openaiagents: %w", replay.ErrTarget, err)
	}
	for _, l := range run.From.GetMeta().GetLabels() {
		var x layout
		if run.From.GetProduct() != product || l.Name != labelDatabase {
			continue
		}
		err := json.Unmarshal([]byte(l.Value), &x)
		if !w.exact {
			x.File = foreignFile // a database of PostgreSQL has no name of its own
		}
		if err != nil || !x.valid() {
			return nil, fmt.Errorf("%w: %w: the archive names tables of %.60q that the SDK does not make", replay.ErrTarget, ErrSchema, x.File)
		}
		w.layouts[x.File] = x
	}
	return w, nil
}

// Exact tells whether the state is of this runtime: then what is read out of documents is left out.
func (w *writer) Exact() bool { return w.exact }

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (l *layout) valid() bool {
	for _, p := range l.Pairs {
		if !identifier.MatchString(p.Sessions) || !identifier.MatchString(p.Messages) || p.Sessions == p.Messages ||
			strings.HasPrefix(strings.ToLower(p.Sessions), "sqlite_") || strings.HasPrefix(strings.ToLower(p.Messages), "sqlite_") {
			return false
		}
	}
	for _, t := range l.Extra {
		if extraTables()[t] == nil {
			return false
		}
	}
	return len(l.Pairs) > 0 && localFile(l.File) && (l.Dialect == plainSQLite || l.Dialect == sqlAlchemy)
}

// localFile refuses names that lead out of the folder.
func localFile(rel string) bool {
	return filepath.IsLocal(filepath.FromSlash(rel)) && rel != "." && !strings.ContainsAny(rel, "\x00\\") && !strings.HasSuffix(rel, partSuffix)
}

func refused(format string, args ...any) (replay.Receipt, error) {
	return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf(format, args...)}, nil
}

// Write takes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	rc, err := w.write(ctx, r)
	if err != nil {
		err = own(err)
	}
	return rc, err
}

func (w *writer) write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	if !w.exact {
		return w.foreign(ctx, r)
	}
	ns := r.GetMeta().GetNative()
	if len(ns) != 1 {
		return replay.Receipt{Action: replay.Skipped, Why: "has no row or file of its own"}, nil
	}
	kind, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	if len(parts) == 0 || strings.Contains(r.GetMeta().GetKey(), "~") && len(parts[0]) > 1000 {
		return refused("its key does not say which file it belongs to")
	}
	if ns[0].GetRow() == nil || ns[0].Type == "runstate" {
		return w.document(ctx, r, kind, parts[0], ns[0])
	}
	rel, table, _ := strings.Cut(parts[0], "#")
	l, ok := w.layouts[rel]
	if !ok {
		return refused("the archive does not say how the tables of its file are made")
	}
	p := l.pair(table)
	name := ""
	switch want := map[string]string{"agent_sessions": "conversation", "agent_messages": "message", "turn_usage": "run"}[ns[0].Type]; {
	case p == nil:
		return refused("the archive names no table %q in its file", table)
	case want != "" && want != kind, want == "" && kind != "opaque":
		return refused("a %s cannot be a row of %.40q", kind, ns[0].Type)
	case ns[0].Type == "agent_sessions":
		name = p.Sessions
	case ns[0].Type == "agent_messages":
		name = p.Messages
	case slices.Contains(l.Extra, ns[0].Type):
		name, p = ns[0].Type, nil
	default:
		return refused("no table of the SDK: %.40q", ns[0].Type)
	}
	cols := columnsOf(name, p)
	vals, err := w.values(ctx, r, ns[0].GetRow(), cols)
	if err != nil {
		return replay.Receipt{}, err
	}
	if vals == nil {
		return refused("want the columns %s", strings.Join(cols, ", "))
	}
	d, err := w.open(ctx, rel, l)
	if err != nil {
		return replay.Receipt{}, err
	}
	return w.insert(ctx, d, r.GetMeta().GetKey(), name, cols, keyOf(name, p), vals)
}

// pair is the pair of tables with this table of messages; empty: the SDK's own, or the first.
func (l *layout) pair(messages string) *pair {
	for i := range l.Pairs {
		if l.Pairs[i].Messages == messages || messages == "" && l.Pairs[i].Messages == "agent_messages" {
			return &l.Pairs[i]
		}
	}
	if messages == "" {
		return &l.Pairs[0]
	}
	return nil
}

// values are the columns of a row; nil: they are others.
func (w *writer) values(ctx context.Context, r agentstate.Record, row *pb.Row, cols []string) ([]any, error) {
	if len(row.Columns) != len(cols) {
		return nil, nil
	}
	out := make([]any, len(cols))
	for i, c := range row.Columns {
		if c.Name != cols[i] {
			return nil, nil
		}
		v, err := w.run.Source.Column(ctx, r, c)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// open opens the database of a file, and makes what is missing in it. nil in a plan: it is not there.
func (w *writer) open(ctx context.Context, rel string, l layout) (*db, error) {
	if d, ok := w.dbs[rel]; ok {
		return d, nil
	}
	path, err := w.inside(rel)
	if err != nil {
		return nil, err
	}
	if w.run.DryRun && sqlitefile.Missing(path) {
		w.dbs[rel] = nil
		return nil, nil
	}
	var s *sqlitefile.DB
	if w.run.DryRun {
		s, err = sqlitefile.Open(ctx, path, w.f.wait)
	} else if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		s, err = sqlitefile.OpenWrite(ctx, path, w.f.wait)
	}
	if err != nil {
		return nil, err
	}
	d := &db{DB: s, rel: rel, layout: l}
	have, err := readLayout(ctx, s.Conn, rel)
	if err == nil {
		err = w.setup(ctx, d, have)
	}
	if err != nil {
		s.Close()
		return nil, d.Wrap(err)
	}
	w.dbs[rel] = d
	return d, nil
}

// inside is the path of rel, which no link on the way may lead out of the folder.
func (w *writer) inside(rel string) (string, error) {
	if !localFile(rel) {
		return "", fmt.Errorf("%.80q leads out of the folder", rel)
	}
	path := filepath.Join(w.f.root, filepath.FromSlash(rel))
	for p := path; p != filepath.Clean(w.f.root) && len(p) > len(w.f.root); p = filepath.Dir(p) {
		if st, err := os.Lstat(p); err == nil && st.Mode()&fs.ModeSymlink != 0 {
			return "", fmt.Errorf("%s is a symbolic link; exitramp does not write through it", p)
		}
	}
	return path, nil
}

// setup makes the tables that are missing, as the SDK makes them.
func (w *writer) setup(ctx context.Context, d *db, have layout) error {
	for _, p := range d.layout.Pairs {
		if slices.Contains(have.Pairs, p) {
			continue
		}
		if w.run.DryRun {
			continue
		}
		for _, q := range createPair(d.layout.dialectOf(p), p) {
			if slices.Contains(d.layout.ByTime, p.Messages) {
				q = strings.Replace(q, "(session_id, id)", "(session_id, created_at)", 1)
			}
			if _, err := d.Conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
	}
	for _, t := range d.layout.Extra {
		if slices.Contains(have.Extra, t) || w.run.DryRun {
			continue
		}
		for _, q := range createExtra(t, d.layout.Pairs[0]) {
			if _, err := d.Conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// digest is the mark of a row, with the storage class of each value.
func digest(vals []any) string {
	h := sha256.New()
	for _, v := range vals {
		s := fmt.Sprint(v)
		if b, ok := v.([]byte); ok {
			s = string(b)
		}
		fmt.Fprintf(h, "%T %d:%s", v, len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// insert puts a row, unless one with its key is there.
func (w *writer) insert(ctx context.Context, d *db, key, table string, cols, pk []string, vals []any) (replay.Receipt, error) {
	rc := replay.Receipt{Key: key, Action: replay.Created, Target: key, Version: digest(vals)}
	if d == nil {
		return w.plan(rc, table, cols, vals)
	}
	have, err := d.find(ctx, table, cols, pk, vals)
	switch {
	case err != nil && w.run.DryRun && strings.Contains(err.Error(), "no such table"):
		return w.plan(rc, table, cols, vals)
	case err != nil:
		return replay.Receipt{}, d.Wrap(err)
	case table == "sqlite_sequence":
		return w.counter(ctx, d, rc, have, vals)
	case have != nil && digest(have) == rc.Version:
		if w.run.InDoubt == nil || !w.run.InDoubt(key) {
			rc.Action = replay.Same
		}
		return rc, nil
	case have != nil:
		var differ []string
		for i, c := range cols {
			if digest(have[i:i+1]) != digest(vals[i:i+1]) {
				differ = append(differ, c)
			}
		}
		return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("table %s holds another row under this key: want and got differ in %s", table, strings.Join(differ, ", "))}, nil
	case w.run.DryRun:
		return w.plan(rc, table, cols, vals)
	}
	q := "INSERT INTO " + quote(table) + " (" + quoted(cols) + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(cols)), ", ") + ")"
	if _, err := d.Conn.ExecContext(ctx, q, vals...); err != nil {
		if strings.Contains(err.Error(), "constraint") {
			return refused("table %s forbids the row: a constraint", table)
		}
		return replay.Receipt{}, d.Wrap(err)
	}
	return rc, nil
}

// plan answers for a row that the run would make. Rows with ids raise SQLite's counter.
func (w *writer) plan(rc replay.Receipt, table string, cols []string, vals []any) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(rc.Key)
	rel, _, _ := strings.Cut(parts[0], "#")
	id, ok := vals[0].(int64)
	switch {
	case cols[0] == "id" && ok:
		w.ids[rel+"\x00"+table] = max(w.ids[rel+"\x00"+table], id)
	case table == "sqlite_sequence":
		if seq, _ := vals[1].(int64); w.ids[rel+"\x00"+asText(vals[0])] >= seq {
			rc.Action = replay.Same
		}
	}
	return rc, nil
}

func quoted(cols []string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = quote(c)
	}
	return strings.Join(out, ", ")
}

// find is the row with the key of vals; nil: there is none.
func (d *db) find(ctx context.Context, table string, cols, pk []string, vals []any) ([]any, error) {
	var where []string
	var args []any
	for _, k := range pk {
		where, args = append(where, quote(k)+" IS ?"), append(args, vals[slices.Index(cols, k)])
	}
	rows, err := query(ctx, d.Conn, "SELECT "+selects(cols)+" FROM "+quote(table)+" WHERE "+strings.Join(where, " AND "), args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// counter raises SQLite's counter of ids, so that those of deleted rows are not given again. It
// never lowers one.
func (w *writer) counter(ctx context.Context, d *db, rc replay.Receipt, have, vals []any) (replay.Receipt, error) {
	want, ok := vals[1].(int64)
	if _, name := vals[0].(string); !ok || !name {
		return refused("no counter")
	}
	q := "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)"
	if have != nil {
		q = "UPDATE sqlite_sequence SET seq = ? WHERE name = ?"
		if n, _ := have[1].(int64); n >= want {
			rc.Action = replay.Same
			return rc, nil
		}
	}
	if w.run.DryRun {
		return w.plan(rc, "sqlite_sequence", extraTables()["sqlite_sequence"], vals)
	}
	_, err := d.Conn.ExecContext(ctx, q, want, vals[0])
	return rc, d.Wrap(err)
}

// document writes a run state or a list of items, byte for byte.
func (w *writer) document(ctx context.Context, r agentstate.Record, kind, rel string, n *pb.Native) (replay.Receipt, error) {
	if want := map[string]string{"runstate": "state", "items": "conversation"}[n.Type]; want != kind {
		return refused("a %s cannot be a file of %.40q", kind, n.Type)
	}
	data := n.GetData()
	if s, ok := r.(*pb.State); ok {
		data = s.Value
	}
	b, err := w.run.Source.Data(ctx, data)
	if err != nil {
		return replay.Receipt{}, err
	}
	f := jsonForm(bytes.NewReader(b))
	if f == emptyList {
		f = itemList
	}
	if f != map[string]form{"runstate": runState, "items": itemList}[n.Type] {
		return refused("its file is no %s of the SDK", n.Type)
	}
	path, err := w.inside(rel)
	if err != nil {
		return refused("%v", err)
	}
	rc := replay.Receipt{Action: replay.Created, Target: r.GetMeta().GetKey(), Version: fileDigest(b)}
	have, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(have, b):
		if w.run.InDoubt == nil || !w.run.InDoubt(rc.Key) {
			rc.Action = replay.Same
		}
		return rc, nil
	case err == nil:
		return replay.Receipt{Action: replay.Conflict, Why: "the folder holds another file of this name"}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return replay.Receipt{}, err
	case w.run.DryRun:
		return rc, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return replay.Receipt{}, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".exitramp-*.part")
	if err != nil {
		return replay.Receipt{}, err
	}
	w.files = append(w.files, file{tmp.Name(), path})
	_, err = tmp.Write(b)
	return rc, errors.Join(err, tmp.Sync(), tmp.Close())
}

func fileDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// Commit commits each database and gives each document its name. A run that is broken off in
// between goes on with the same journal.
func (w *writer) Commit(ctx context.Context) error {
	if w.run.DryRun {
		return nil
	}
	if err := w.empty(ctx); err != nil {
		return own(err)
	}
	for _, rel := range sorted(w.dbs) {
		d := w.dbs[rel]
		if err := d.Commit(ctx); err != nil {
			return own(err)
		}
		delete(w.dbs, rel)
	}
	for len(w.files) > 0 {
		x := w.files[0]
		// A link fails where a rename would replace a file that appeared meanwhile.
		if err := os.Link(x.tmp, x.path); errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %s appeared", own(ErrChanged), x.path)
		} else if err != nil {
			if err := os.Rename(x.tmp, x.path); err != nil {
				return own(err)
			}
		}
		os.Remove(x.tmp)
		if dir, err := os.Open(filepath.Dir(x.path)); err == nil {
			dir.Sync()
			dir.Close()
		}
		w.files = w.files[1:]
	}
	return nil
}

// empty makes the databases in which the source has tables and no row.
func (w *writer) empty(ctx context.Context) error {
	for _, rel := range sorted(w.layouts) {
		path, err := w.inside(rel)
		if w.dbs[rel] != nil || err != nil || !w.exact || !sqlitefile.Missing(path) {
			continue
		}
		if _, err := w.open(ctx, rel, w.layouts[rel]); err != nil {
			return err
		}
	}
	return nil
}

// Close gives up what was not committed.
func (w *writer) Close() error {
	for _, d := range w.dbs {
		if d != nil {
			d.Close()
		}
	}
	for _, x := range w.files {
		os.Remove(x.tmp)
	}
	w.dbs, w.files = nil, nil
	return nil
}
