// Package langgraph reads the state of LangGraph out of its checkpointers and stores, and writes
// it into others: SQLite and PostgreSQL, as the Python and the JavaScript library lay them out.
//
// A reading is one read-only snapshot. It carries every row of every table of the runtime, each
// byte once: a channel value is one record however many checkpoints share it, and rows cite it.
// Delta channels, finished siblings and tasks live in the pending writes of old checkpoints, so
// all of them are carried. The runtime loses a value without an error when a checkpoint names a
// (channel, version) that is not there; here that is a Gap.
//
// The same rows go back exactly into a store of the same flavor. Between SQLite and PostgreSQL
// they are rewritten, within a language: a checkpoint is one document there and one row a
// channel here. Python and JavaScript do not read each other's checkpoints.
//
// Serialized values are walked as data, never constructed; see internal/values.
package langgraph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/exporters/internal/underway"
)

// Errors that callers act on.
var (
	ErrSchema      = errors.New("langgraph: not a schema that this release knows")
	ErrDamaged     = sqlitefile.ErrDamaged
	ErrLocked      = sqlitefile.ErrLocked
	ErrChanged     = sqlitefile.ErrChanged
	ErrLogin       = pgsnapshot.ErrLogin
	ErrNoDatabase  = pgsnapshot.ErrNoDatabase
	ErrUnreachable = pgsnapshot.ErrUnreachable
	ErrForbidden   = pgsnapshot.ErrForbidden
)

// Drivers are the drivers for exporters.Registry, one a URL scheme.
func Drivers() []exporters.Driver {
	return []exporters.Driver{
		{
			Scheme: "langgraph+sqlite", URL: "langgraph+sqlite:state.db", InFolder: true,
			Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
				p, err := exporters.Path(u, "langgraph+sqlite:FILE or langgraph+sqlite:///abs/FILE")
				if err != nil {
					return nil, err
				}
				return SQLite(p), nil
			},
		},
		{
			Scheme: "langgraph+postgres", URL: "langgraph+postgres://user@host/database?search_path=schema",
			Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
				v := *u
				v.Scheme = "postgres"
				return Postgres(v.String())
			},
		},
	}
}

// A Store is one LangGraph store: an agentstate.Source with blobs and preflight, and a
// replay.Target that can undo. It opens its database when it is read or written.
type Store struct {
	path   string             // SQLite
	wait   time.Duration      // for locks of SQLite
	server *pgsnapshot.Server // PostgreSQL; nil: SQLite

	stream // under way: opens blobs

	mu     sync.Mutex
	busy   bool // a reading is under way
	closed bool
}

// stream opens bytes that a record of the stream under way points at.
type stream = underway.Stream

var (
	_ exporters.Runtime      = (*Store)(nil)
	_ agentstate.BlobSource  = (*Store)(nil)
	_ agentstate.Preflighter = (*Store)(nil)
	_ replay.Target          = (*Store)(nil)
	_ replay.Undoer          = (*Store)(nil)
)

// SQLite is the store in the file path. The file need not exist before a replay.
func SQLite(path string) *Store { return &Store{path: path, wait: 5 * time.Second} }

// Postgres is the store behind a postgres:// URL. ?search_path= names the schemas in which its
// tables are, the runtime's own store may lie in another one than its checkpoints. As in every
// client of PostgreSQL, PGPASSWORD and ~/.pgpass count where the URL has no password.
func Postgres(rawURL string) (*Store, error) {
	s, err := pgsnapshot.Parse(rawURL)
	if err != nil {
		return nil, own(err)
	}
	return &Store{server: s}, nil
}

// open opens the database for reading.
func (s *Store) open(ctx context.Context) (engine, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if s.server != nil {
		d, err := openPostgres(ctx, s.server)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	d, err := openSQLite(ctx, s.path, s.wait)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close ends the use of s: a reading or a run that is under way goes on, and no other begins. A Store holds its
// database open only while it is read or written.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// usable is an error where s was closed.
func (s *Store) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("langgraph: the store was closed (%w): open it anew", fs.ErrClosed)
	}
	return nil
}
