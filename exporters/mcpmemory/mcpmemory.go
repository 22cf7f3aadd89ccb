// Package mcpmemory reads and writes the knowledge graph of the MCP reference memory server
// (@modelcontextprotocol/server-memory): a file with one JSON object a line, entities and relations.
//
// An entity has no id but its name and no times; a relation is its two names and its type, and its
// ends may dangle. Each observation of an entity is a Memory too, a view, so that runtimes without
// graphs take it. The server rewrites the whole file on every change by renaming a new one over it:
// a file that is open is a snapshot.
//
// A line goes back byte for byte. Whatever order and blank lines the file has beyond what the
// server itself writes is kept in a record of its own.
package mcpmemory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Errors that callers act on.
var (
	ErrSchema  = errors.New("mcpmemory: not a file of the memory server")
	ErrChanged = fmt.Errorf("mcpmemory: %w", agentstate.ErrChanged)
)

const product = "mcp-memory"

// maxLine is how long a line may be to be taken apart whole; of longer ones only the names are read,
// and the bytes travel beside the record.
const maxLine = 4 << 20

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "mcpmemory", URL: "mcpmemory:memory.jsonl", InFolder: true,
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			p, err := exporters.Path(u, "mcpmemory:FILE or mcpmemory:///abs/FILE")
			if err != nil {
				return nil, err
			}
			return Open(p), nil
		},
	}}
}

// A Graph is one file of the server: an agentstate.Source with blobs and preflight, and a
// replay.Target that can undo. It opens the file when it is read or written.
type Graph struct {
	path string

	mu      sync.Mutex
	reading *os.File // of the stream under way; nil: none
}

var (
	_ exporters.Runtime      = (*Graph)(nil)
	_ agentstate.BlobSource  = (*Graph)(nil)
	_ agentstate.Preflighter = (*Graph)(nil)
	_ replay.Target          = (*Graph)(nil)
	_ replay.Undoer          = (*Graph)(nil)
)

// Open is the graph in the file path: what MEMORY_FILE_PATH of the server names. It need not exist
// before a replay.
func Open(path string) *Graph { return &Graph{path: path} }

// Close does nothing: a Graph holds its file open only while it is read or written.
func (g *Graph) Close() error { return nil }

// A file is an open file of the server, and what it was when it was opened.
type file struct {
	*os.File
	path  string // where it is, links followed
	size  int64
	mtime time.Time
	mode  fs.FileMode
}

func (g *Graph) open() (*file, error) {
	path, err := filepath.EvalSymlinks(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("mcpmemory: no file %s; MEMORY_FILE_PATH of the server names it: %w", g.path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("mcpmemory: %w", err)
	}
	// A named pipe would block in Open for ever.
	if st, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("mcpmemory: %w", err)
	} else if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no regular file (%s); want the JSON Lines file itself", ErrSchema, g.path, st.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("mcpmemory: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("mcpmemory: %w", err)
	}
	return &file{f, path, st.Size(), st.ModTime(), st.Mode().Perm()}, nil
}

// check fails when somebody wrote into the open file: the server does not, it renames.
func (f *file) check() error {
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("mcpmemory: %w", err)
	}
	if st.Size() != f.size || !st.ModTime().Equal(f.mtime) {
		return fmt.Errorf("%w: %s", ErrChanged, f.path)
	}
	return nil
}

// OpenBlob opens the bytes of a long line of the stream under way.
func (g *Graph) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	g.mu.Lock()
	f := g.reading
	g.mu.Unlock()
	var off, n int64
	if _, err := fmt.Sscanf(b.GetId(), "%d+%d", &off, &n); err != nil || f == nil {
		return nil, fmt.Errorf("%w: blob %s: its stream has ended", agentstate.ErrNotFound, b.GetId())
	}
	return io.NopCloser(io.NewSectionReader(f, off, n)), nil
}

func (g *Graph) origin() *pb.Origin {
	return &pb.Origin{Product: product, Flavor: "jsonl", Location: strings.ToValidUTF8(g.path, "\ufffd")}
}

// blank tells what the server takes for an empty line: JavaScript's trim takes a byte order mark too, and leaves U+0085.
func blank(line []byte) bool {
	return len(bytes.TrimFunc(line, func(c rune) bool { return c == '\ufeff' || c != '\u0085' && unicode.IsSpace(c) })) == 0
}
