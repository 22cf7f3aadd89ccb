// Package openaiagents reads and writes what programs on the OpenAI Agents SDK keep in a folder:
// session databases of the Python SDK (SQLiteSession, AdvancedSQLiteSession, SQLAlchemySession on
// SQLite; also encrypted ones), run states that wait for an approval, and items that a JavaScript
// program wrote out of its session. It also reads and writes SQLAlchemySession on PostgreSQL.
//
// An item is a JSON text, and stays that text to the byte: models write lone surrogates and numbers
// that no re-encoding keeps. A run state binds the arguments of its calls by a fingerprint and never
// changes; the files of a sandbox that it goes on in are not in it and not carried. Session ids are
// never renamed: they are the salt of encrypted sessions, which read as empty, without an error, under
// another id.
package openaiagents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/exporters/internal/underway"
)

// Errors that callers act on.
var (
	ErrSchema  = errors.New("openaiagents: not a layout that this release knows")
	ErrDamaged = sqlitefile.ErrDamaged
	ErrLocked  = sqlitefile.ErrLocked
	ErrChanged = sqlitefile.ErrChanged
)

const (
	product = "openai-agents"
	// releases are those whose tables were looked at: all give them the same columns. Before 0.6 an index is by time, and before 0.20
	// tables are fewer.
	releases = "0.2.0 to 0.24.0"
	layouts  = "SQLite files of SQLiteSession, AdvancedSQLiteSession and SQLAlchemySession (openai-agents " + releases + "), run states and lists of items in files of JSON and JSON Lines"
)

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "openaiagents", URL: "openaiagents:folder",
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			p, err := exporters.Path(u, "openaiagents:FOLDER or openaiagents:///abs/FOLDER")
			if err != nil {
				return nil, err
			}
			return Open(p), nil
		},
	}, postgresDriver()}
}

// A Folder is a folder of session databases and run states: an agentstate.Source with blobs and
// preflight, and a replay.Target that can undo. It opens its files when it is read or written.
type Folder struct {
	root string
	wait time.Duration // for locks

	stream // under way: opens blobs
}

var (
	_ exporters.Runtime      = (*Folder)(nil)
	_ agentstate.BlobSource  = (*Folder)(nil)
	_ agentstate.Preflighter = (*Folder)(nil)
	_ replay.Target          = (*Folder)(nil)
	_ replay.Undoer          = (*Folder)(nil)
)

// Open is the folder root, with all folders below it. It need not exist before a replay.
func Open(root string) *Folder { return &Folder{root: root, wait: 5 * time.Second} }

// Close does nothing: a Folder holds its files open only while it is read or written.
func (f *Folder) Close() error { return nil }

// A found file is one that holds state.
type found struct {
	rel  string // slash-separated, below the root
	path string
	form form
}

// form is what a file is.
type form int

const (
	notOurs form = iota
	database
	runState // a RunState of either language
	itemList // the items of a session, as JavaScript's getItems gives them
	emptyList
	oneItem // a line that is an item: a session that has just begun, or any program's own object
	keeper  // a document of a program's own with sessions in it
)

// maxFiles bounds the walk: a folder with more is not one of sessions.
const maxFiles = 200_000

// An unread is a file or folder that holds state, or may, and cannot be read.
type unread struct {
	rel string
	err error
}

// A listing is what a folder holds.
type listing struct {
	ours  []found
	bad   []unread
	other []string // files of other programs
}

// errLink stands for what a symbolic link points at.
var errLink = errors.New("a symbolic link, which is not followed: put what it points at there itself")

// find walks the folder. Links are not followed, neither out of it nor within: each may stand for
// state that is missing.
func (f *Folder) find(ctx context.Context) (l listing, err error) {
	root, err := filepath.EvalSymlinks(f.root) // the folder itself may be named by a link
	if errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("openaiagents: no folder %s: %w", f.root, fs.ErrNotExist)
	}
	var st fs.FileInfo
	if err == nil {
		st, err = os.Stat(root)
	}
	switch {
	case err != nil:
		return l, fmt.Errorf("openaiagents: %w", err)
	case !st.IsDir():
		return l, fmt.Errorf("%w: %s is a file; name the folder that holds it", ErrSchema, f.root)
	}
	n := 0
	var empty []found // lists of nothing, which do not say who wrote them
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		rel, rerr := filepath.Rel(root, p)
		if rerr != nil {
			return rerr
		}
		rel = filepath.ToSlash(rel)
		if n++; n > maxFiles {
			return fmt.Errorf("%w: more than %d files; name the folder of the sessions alone", ErrSchema, maxFiles)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && p != root:
			l.bad = append(l.bad, unread{rel, err})
			return nil
		case err != nil:
			return err
		case d.Type()&fs.ModeSymlink != 0:
			l.bad = append(l.bad, unread{rel, errLink})
			return nil
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == ".venv"):
			return fs.SkipDir
		case !d.Type().IsRegular() || sqlitefile.IsPart(p) || homefiles.OnItsWay(d.Name()):
			return nil
		}
		switch form, err := formOf(p); {
		case err != nil:
			l.bad = append(l.bad, unread{rel, err})
		case form == emptyList:
			empty = append(empty, found{rel, p, itemList})
		case form == notOurs:
			l.other = append(l.other, rel)
		default:
			l.ours = append(l.ours, found{rel, p, form})
		}
		return nil
	})
	l.claim(empty)
	if err != nil && !errors.Is(err, ErrSchema) && ctx.Err() == nil {
		err = fmt.Errorf("openaiagents: %w", err)
	}
	return l, err
}

// claim takes lists of nothing for sessions where a program keeps its own: directly in the folder, or
// beside other state. Other programs write them too.
func (l *listing) claim(empty []found) {
	dirs := map[string]bool{".": true}
	for _, x := range l.ours {
		dirs[path.Dir(x.rel)] = true
	}
	for _, x := range empty {
		if dirs[path.Dir(x.rel)] {
			l.ours = append(l.ours, x)
		} else {
			l.other = append(l.other, x.rel)
		}
	}
}

// notCarried says which files may hold state in a form that is not read: a program's own JSON, dumps of Redis and MongoDB, in which
// sessions of the SDK may be, and what agents of sandboxes remember.
func (l *listing) notCarried() (out []string) {
	remembered := map[string]bool{} // folders with the two files that the SDK makes in each
	summed := map[string]bool{}
	for _, rel := range l.other {
		summed[path.Dir(rel)] = summed[path.Dir(rel)] || path.Base(rel) == "memory_summary.md"
	}
	for _, rel := range l.other {
		if dir := path.Dir(rel); path.Base(rel) == "MEMORY.md" && summed[dir] {
			remembered[dir] = true
		}
	}
	for _, of := range []struct {
		what string
		is   func(rel string) bool
	}{
		{"JSON files that are neither run states nor lists of items are not carried", endsIn(".json", ".jsonl")},
		{"dumps of Redis and MongoDB are not read", endsIn(".rdb", ".aof", ".bson")},
		{"memories of sandboxes are not carried", func(rel string) bool {
			dir := path.Dir(rel) // itself, or one below it: raw_memories, rollout_summaries
			return path.Ext(rel) == ".md" && (remembered[dir] || remembered[path.Dir(dir)])
		}},
	} {
		var names []string
		for _, rel := range l.other {
			if of.is(rel) {
				names = append(names, rel)
			}
		}
		if n := len(names); n > 0 {
			out = append(out, fmt.Sprintf("%s (%d): %s", of.what, n, valid(strings.Join(names[:min(n, 5)], ", "))))
		}
	}
	return out
}

func endsIn(exts ...string) func(rel string) bool {
	return func(rel string) bool { return slices.Contains(exts, path.Ext(rel)) }
}

// nothing refuses a folder without state, and says what is in it.
func (l *listing) nothing(root string) error {
	what := "it is empty"
	if n := len(l.other); n > 0 {
		what = fmt.Sprintf("%d files of something else, such as %s", n, strings.Join(l.other[:min(n, 3)], ", "))
	}
	if len(l.bad) > 0 {
		what = fmt.Sprintf("%s: %v", l.bad[0].rel, l.bad[0].err)
	}
	return fmt.Errorf("%w: %s holds no sessions and no run states (%s); supported: %s", ErrSchema, root, valid(what), layouts)
}

// formOf looks at the start of a file. One that has the name of a database and is none, or that a
// log stands beside, counts as one: what is wrong with it is said where it is opened.
func formOf(p string) (f form, err error) {
	f, err = lookAt(p)
	if st, serr := os.Stat(p); path.Ext(p) == ".json" && f == notOurs && err == nil && serr == nil && st.Size() == 0 {
		settle(p, func() bool { // somebody may be about to write it
			f, err = lookAt(p)
			return f != notOurs || err != nil
		})
	}
	return f, err
}

func lookAt(p string) (form, error) {
	r, err := os.Open(p)
	if err != nil {
		return notOurs, err
	}
	defer r.Close()
	head := make([]byte, 16)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return notOurs, err
	}
	if string(head[:n]) == "SQLite format 3\x00" {
		return database, nil
	}
	main, log := strings.CutSuffix(p, "-wal")
	switch ext := path.Ext(p); {
	case log && n == len(head) && bytes.HasPrefix(head, []byte{0x37, 0x7f, 0x06}) && sqlitefile.Missing(main):
		return notOurs, fmt.Errorf("%w: a write-ahead log without its database; copy both, or open the database once and close it", ErrDamaged)
	case n == 0 && !sqlitefile.Missing(p), n > 0 && (ext == ".db" || ext == ".sqlite" || ext == ".sqlite3"):
		return database, nil
	case ext != ".json" && ext != ".jsonl" && !mayBeJSON(head[:n]):
		return notOurs, nil
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return notOurs, err
	}
	f, named := jsonForm(r), path.Ext(p) == ".json"
	switch {
	case f == emptyList && !named, f == oneItem && named:
		f = notOurs
	case f == oneItem:
		f = itemList
	}
	return f, nil
}

// mayBeJSON tells whether an object or a list may begin so. Programs give their files any name.
func mayBeJSON(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, bom), " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

func own(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrSchema) {
		return err
	}
	return fmt.Errorf("openaiagents: %w", err)
}

// stream opens bytes that a record of the stream under way points at.
type stream = underway.Stream
