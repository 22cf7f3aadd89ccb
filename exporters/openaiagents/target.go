package openaiagents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one run. Every database has one transaction until Commit, and documents wait in
// files of another name.
type writer struct {
	run       *replay.Run
	f         *Folder
	exact     bool
	layouts   map[string]layout // by file, as the source had them
	dbs       map[string]*db    // open; in a plan nil for files that are not there
	documents homefiles.Writer
	seen      inView               // foreign
	ids       sessionIDs           // foreign
	owner     map[[2]string]string // foreign: of a table of messages and a session, the conversation that it is
	next      int64                // of a foreign state: the last message id that was given or found

	counters sqlitefile.Counters
	moves    *moves             // exact
	away     map[[2]string]bool // exact: sessions and messages that the target did not take, by file, and by table and id
	rules    []string           // in a plan: of the target's owner
	removed  bool               // in an undo: a file
}

// Begin looks at the folder, and refuses an Origin whose tables are not the SDK's.
func (f *Folder) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w := &writer{run: run, f: f, exact: ofFolder(run.From), dbs: map[string]*db{}, seen: inView{}, ids: sessionIDs{}, owner: map[[2]string]string{}, away: map[[2]string]bool{}, moves: newMoves(), documents: homefiles.Writer{Root: f.root, Run: run}}
	if st, err := os.Stat(f.root); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%w: openaiagents: %s is a file; want a folder", replay.ErrTarget, f.root)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: openaiagents: %w", replay.ErrTarget, err)
	}
	var err error
	if w.layouts, err = layoutsOf(run.From, w.exact); err != nil {
		return nil, fmt.Errorf("%w: %w", replay.ErrTarget, err)
	}
	if run.DryRun {
		if err := w.ownRules(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", replay.ErrTarget, own(err))
		}
	}
	return w, nil
}

// ofFolder tells whether an Origin is a folder of this runtime.
func ofFolder(o *pb.Origin) bool {
	return o.GetProduct() == product && o.GetFlavor() != flavorPostgres
}

// layoutsOf are the tables that an Origin names, by file.
func layoutsOf(o *pb.Origin, exact bool) (map[string]layout, error) {
	out := map[string]layout{}
	for _, l := range o.GetMeta().GetLabels() {
		var x layout
		if o.GetProduct() != product || l.Name != labelDatabase {
			continue
		}
		err := json.Unmarshal([]byte(l.Value), &x)
		if !exact {
			x.File = foreignFile // a database of PostgreSQL has no name of its own
		}
		if err != nil || !x.valid() {
			return nil, fmt.Errorf("%w: the archive names tables of %.60q that the SDK does not make", ErrSchema, x.File)
		}
		out[x.File] = x
	}
	return out, nil
}

// Deferred: nothing is in the target before Commit.
func (w *writer) Deferred() bool { return true }

// Exact tells whether the state is of this runtime: then what is read out of documents is left out.
func (w *writer) Exact() bool { return w.exact }

// identifier is what SQLite takes for a name without quotes.
var identifier = lazyre.New(`^[A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_$\x{80}-\x{10ffff}]*$`)

// valid tells whether the names are such as d makes tables of. SQLAlchemy quotes all that need it. SQLiteSession quotes none, but
// a program may have put the name of the sessions into quotes itself; that of the messages is a part of the name of their index.
func (p pair) valid(d dialect) bool {
	for _, n := range []string{p.Sessions, p.Messages} {
		if n == "" || len(n) > 512 || strings.Contains(n, "\x00") || d == plainSQLite && n == p.Messages && !identifier().MatchString(n) || strings.HasPrefix(strings.ToLower(n), "sqlite_") {
			return false
		}
	}
	return p.Sessions != p.Messages
}

func (l *layout) valid() bool {
	if slices.ContainsFunc(l.Pairs, func(p pair) bool { return !p.valid(l.dialectOf(p)) }) {
		return false
	}
	if l.Structure != "" && l.pair(l.Structure) == nil {
		return false
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
	return filepath.IsLocal(filepath.FromSlash(rel)) && rel != "." && !strings.ContainsAny(rel, "\x00\\") && !sqlitefile.IsPart(rel)
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
		return replay.Receipt{Action: replay.Skipped, Why: "has no row or file of its own", NoLoss: isRowless(r)}, nil
	}
	kind, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	if len(parts) == 0 || strings.Contains(r.GetMeta().GetKey(), "~") && len(parts[0]) > 1000 {
		return refused("its key does not say which file it belongs to")
	}
	if ns[0].GetRow() == nil || ns[0].Type == "runstate" {
		return w.document(ctx, r, kind, parts[0], ns[0])
	}
	t, why := w.rowTable(parts[0], kind, ns[0].Type)
	if why != "" {
		return replay.Receipt{Action: replay.Refused, Why: why}, nil
	}
	cols := columnsOf(t.name, t.pair)
	vals, err := w.values(ctx, r, ns[0].GetRow(), cols)
	if err != nil {
		return replay.Receipt{}, err
	}
	all, ok, err := additions(ctx, w.run.Source, r, ns[0].GetRow(), len(cols))
	if err != nil {
		return replay.Receipt{}, err
	}
	if vals == nil || !ok {
		return refused("want the columns %s, each once, first", strings.Join(cols, ", "))
	}
	return w.row(ctx, t, newRow{key: r.GetMeta().GetKey(), cols: cols, vals: vals, added: all, of: t.whose(r)})
}

// split is the file of a place, and the table of messages: either may have the sign in its name that stands
// between them.
func (w *writer) split(place string) (rel, table string) {
	known := func(rel string) bool {
		if w.layouts != nil {
			_, ok := w.layouts[rel]
			return ok
		}
		path, err := w.inside(rel)
		return err == nil && !sqlitefile.Missing(path)
	}
	for i := len(place); i >= 0; i = strings.LastIndexByte(place[:i], '#') {
		if known(place[:i]) {
			return place[:i], strings.TrimPrefix(place[i:], "#")
		}
	}
	rel, table, _ = strings.Cut(place, "#")
	return rel, table
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

// values are the columns of a row that are the SDK's, which come first; nil: they are others.
func (w *writer) values(ctx context.Context, r agentstate.Record, row *pb.Row, cols []string) ([]any, error) {
	if len(row.Columns) < len(cols) {
		return nil, nil
	}
	out := make([]any, len(cols))
	for i, c := range row.Columns[:len(cols)] {
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
	return own(w.documents.Commit(ctx))
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
	w.dbs = nil
	return w.documents.Close()
}
