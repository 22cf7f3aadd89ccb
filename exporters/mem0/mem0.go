// Package mem0 reads and writes the stores of mem0 (open source): the SQLite files of its
// JavaScript package, the Qdrant folder of its Python package, pgvector tables of both, and the
// history of either, which alone knows of deleted memories.
//
// A row stays as it is: ids, payloads, vectors, times. Nothing is extracted or embedded anew. A
// row of a collection is a memory and its vector, which are two records that hold half of the row
// each. A point of Qdrant is one pickle, and stays that pickle: it is walked as data, never run.
//
// Memories of other runtimes, of the other package and of the other kind of store arrive from what is
// read out of them. Their space becomes a scope, since mem0 lists nothing without one. A vector comes
// along if it is as long as those of the collection; where there is none, a filler keeps the memory
// out of searches until mem0 changes it.
package mem0

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
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
	ErrSchema  = errors.New("mem0: not a layout that this release knows")
	ErrDamaged = sqlitefile.ErrDamaged
	ErrLocked  = sqlitefile.ErrLocked
	ErrChanged = sqlitefile.ErrChanged
)

const (
	product   = "mem0"
	supported = "mem0ai 2.1.38 to 3.3.1 (JavaScript), 0.1.5 to 2.2.1 (Python)"
)

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{
		{Scheme: "mem0", URL: "mem0:folder?history=history.db", Open: openFolder},
		{Scheme: "mem0+postgres", URL: "mem0+postgres://user@host/database?search_path=schema&history=history.db", Open: openServer},
	}
}

func openFolder(_ context.Context, u *url.URL) (exporters.Runtime, error) {
	q := u.Query()
	u.RawQuery = ""
	p, err := exporters.Path(u, "mem0:FOLDER or mem0:///abs/FOLDER")
	if err != nil {
		return nil, err
	}
	s := Open(p)
	s.beside = q.Get("history")
	q.Del("history")
	if err := s.options(q); err != nil {
		return nil, err
	}
	if len(q) > 0 {
		return nil, fmt.Errorf("%w: mem0: unknown option; those of a folder are ?history=FILE where the history is elsewhere, ?flavor=python or js, and of a target also ?collection=NAME, ?dims=N", exporters.ErrURL)
	}
	return s, nil
}

func openServer(_ context.Context, u *url.URL) (exporters.Runtime, error) {
	v := *u
	v.Scheme = "postgres"
	q := v.Query()
	history := q.Get("history")
	q.Del("history")
	o := &Store{}
	if err := o.options(q); err != nil {
		return nil, err
	}
	v.RawQuery = q.Encode()
	s, err := Postgres(v.String(), history)
	if err != nil {
		return nil, err
	}
	s.flavor, s.collection, s.dims = o.flavor, o.collection, o.dims
	return s, nil
}

// options takes out of q which package is meant, and a target's options.
func (s *Store) options(q url.Values) (err error) {
	s.flavor, s.collection = q.Get("flavor"), q.Get("collection")
	if n := q.Get("dims"); n != "" {
		if s.dims, err = strconv.Atoi(n); err != nil || s.dims < 1 || s.dims > 16000 {
			return fmt.Errorf("%w: mem0: ?dims: want how many numbers a vector has, 1 to 16000", exporters.ErrURL)
		}
	}
	if s.flavor != "" && s.flavor != "js" && s.flavor != "python" {
		return fmt.Errorf("%w: mem0: ?flavor: want js or python, the package that is to read the store", exporters.ErrURL)
	}
	for _, n := range []string{"flavor", "collection", "dims"} {
		q.Del(n)
	}
	return nil
}

// String names the store, without a password.
func (s *Store) String() string {
	if s.server != nil {
		return s.server.String()
	}
	return s.root
}

// A Store is one store of mem0: an agentstate.Source with blobs and preflight, and a replay.Target
// that can undo. It opens its files when it is read or written.
type Store struct {
	root       string             // files
	server     *pgsnapshot.Server // PostgreSQL; nil: files
	beside     string             // the history's file, where it is not in the folder; empty: none is named
	flavor     string             // what an empty place becomes, and whose tables of a schema count: "js", "python"; empty: as the state, or the tables, say
	collection string             // which takes memories of other runtimes; empty: the only one
	dims       int                // how many numbers the vectors of mem0's embedder have; 0: not said
	wait       time.Duration      // for locks

	stream // under way: opens blobs
}

var (
	_ exporters.Runtime      = (*Store)(nil)
	_ agentstate.BlobSource  = (*Store)(nil)
	_ agentstate.Preflighter = (*Store)(nil)
	_ replay.Target          = (*Store)(nil)
	_ replay.Undoer          = (*Store)(nil)
)

// Open is the store in the folder root: it holds the JavaScript package's *.db files, or the Python
// package's Qdrant folder and history.db. It need not exist before a replay.
func Open(root string) *Store { return &Store{root: root, wait: 5 * time.Second} }

// Postgres is the store of collections in pgvector behind a postgres:// URL; ?search_path= names their
// schema. history is the SQLite file that mem0 keeps the history in; empty: the history is a gap.
func Postgres(rawURL, history string) (*Store, error) {
	s, err := pgsnapshot.Parse(rawURL)
	if err != nil {
		return nil, own(err)
	}
	return &Store{server: s, beside: history, wait: 5 * time.Second}, nil
}

// Close does nothing: a Store holds its files open only while it is read or written.
func (s *Store) Close() error { return nil }

func own(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrSchema) || errors.Is(err, agentstate.ErrStopped) {
		return err
	}
	return fmt.Errorf("mem0: %w", err)
}

// stream opens bytes that a record of the stream under way points at.
type stream = underway.Stream
