package unpack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxLine is the largest line that is read: a record has at most 16 MiB, and escapes
// make text up to six times longer.
const maxLine = 512 << 20

// Folder is a Source: a folder of JSON Lines, read back. Links are not followed.
type Folder struct {
	root  *os.Root
	path  string
	kinds []string
}

var (
	_ agentstate.Source     = (*Folder)(nil)
	_ agentstate.BlobSource = (*Folder)(nil)
)

// Open opens a folder that Create made as JSONL.
func Open(path string) (*Folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	f := &Folder{root: root, path: path}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	for _, e := range entries {
		kind, ok := strings.CutSuffix(e.Name(), ".jsonl")
		if ok && !e.Type().IsRegular() {
			return nil, errors.Join(fmt.Errorf("%w: %s is not a plain file", ErrFolder, filepath.Join(path, e.Name())), root.Close())
		}
		if ok {
			f.kinds = append(f.kinds, kind)
		}
	}
	if !slices.Contains(f.kinds, "origin") {
		return nil, errors.Join(fmt.Errorf("%w: %s has no origin.jsonl", ErrFolder, path), root.Close())
	}
	order := agentstate.Kinds()
	place := func(kind string) int { // what a later release knows stands before the statements that end a stream
		if i := slices.Index(order, kind); i >= 0 {
			return 2 * i
		}
		return 2*slices.Index(order, "tombstone") - 1
	}
	slices.SortStableFunc(f.kinds, func(a, b string) int { return place(a) - place(b) })
	return f, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Records reads every line of every file, kinds in canonical order.
func (f *Folder) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for _, kind := range f.kinds {
			if opts != nil && opts.Kinds != nil && agentstate.IsState(kind) && !slices.Contains(opts.Kinds, kind) {
				continue
			}
			more, err := f.file(ctx, kind, yield)
			if err != nil {
				yield(nil, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

func (f *Folder) file(ctx context.Context, kind string, yield func(agentstate.Record, error) bool) (bool, error) {
	name := kind + ".jsonl"
	file, err := f.regular(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	found := false
	s := bufio.NewScanner(file)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; s.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		line := s.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff")) // as some editors begin a file
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		r, err := recordjson.Parse(line)
		if err != nil {
			return false, fmt.Errorf("unpack: %s line %d: %w", filepath.Join(f.path, name), n, err)
		}
		if fileKind(agentstate.KindOf(r)) != kind {
			return false, fmt.Errorf("%w: %s line %d: a %s; it belongs in another file", ErrFolder, filepath.Join(f.path, name), n, agentstate.KindOf(r))
		}
		found = true
		if !yield(r, nil) {
			return false, nil
		}
	}
	if err := s.Err(); err != nil {
		return false, fmt.Errorf("unpack: %s: %w", filepath.Join(f.path, name), err)
	}
	if !found && kind == "origin" { // without one, nothing says where the records are from
		return false, fmt.Errorf("%w: %s holds no record; unpack the archive again", ErrFolder, filepath.Join(f.path, name))
	}
	return true, nil
}

func (f *Folder) regular(name string) (*os.File, error) {
	fi, err := f.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("unpack: %s is not a plain file", filepath.Join(f.path, name))
	}
	return f.root.Open(name)
}

// OpenBlob opens blobs/<SHA-256>. Bytes that were changed since end in an error, not in EOF.
func (f *Folder) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	if len(b.Sha256) != sha256.Size {
		return nil, fmt.Errorf("unpack: blob %q has no SHA-256", b.Id)
	}
	file, err := f.regular(filepath.Join(blobFolder, hex.EncodeToString(b.Sha256)))
	if err != nil {
		return nil, fmt.Errorf("unpack: blob %x: %w", b.Sha256, err)
	}
	return &checked{file, sha256.New(), b.Sha256}, nil
}

type checked struct {
	*os.File
	h    hash.Hash
	want []byte
}

// WriteTo hides that of the file, which reads past the check.
func (c *checked) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, readFunc(c.Read)) }

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.h.Write(p[:n])
	if err == io.EOF && !bytes.Equal(c.h.Sum(nil), c.want) {
		return n, fmt.Errorf("unpack: blob %x: its bytes are not those that were written", c.want)
	}
	return n, err
}
