// Package openaievals reads what was dumped of OpenAI's hosted evals: a JSON file, or a folder of
// them, with the answers of the API as they came. Foundry's evals are of the same form.
//
// It finds the objects "eval", "eval.run" and "eval.run.output_item" wherever they stand: alone, in
// lists as the API pages them, one a line, or inside of a document of one's own. An eval becomes a
// TestSuite, each row of its data a TestCase, each output item a TestRun, each run a record that is
// kept as it is. Graders that this module can judge become expectations of its own forms; all others
// stay in OpenAI's words for a judge command. A page that says that there is more, and a run that
// counted more rows than there are, are gaps.
package openaievals

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
	"slices"
	"strings"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ErrSchema: there is no eval in it.
var ErrSchema = errors.New("openaievals: not a dump of evals")

const (
	product  = "openai-evals"
	maxTotal = 512 << 20 // bytes of all files
	maxFiles = 10_000
)

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "openaievals", URL: "openaievals:dump",
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			p, err := exporters.Path(u, "openaievals:FILE-OR-FOLDER or openaievals:///abs/…")
			if err != nil {
				return nil, err
			}
			return Open(p), nil
		},
	}}
}

// A Dump is a file or folder: an agentstate.Source with blobs and preflight.
type Dump struct {
	path string

	mu    sync.Mutex
	blobs map[string][]byte // of the stream under way
}

var (
	_ exporters.Runtime      = (*Dump)(nil)
	_ agentstate.BlobSource  = (*Dump)(nil)
	_ agentstate.Preflighter = (*Dump)(nil)
)

// Open is the dump in the file or folder path. A folder is read with all .json, .jsonl and .ndjson
// files in it and below; links are not followed.
func Open(path string) *Dump { return &Dump{path: path} }

// Close does nothing: files are open only while they are read.
func (d *Dump) Close() error { return nil }

func (d *Dump) origin() *pb.Origin {
	return &pb.Origin{Product: product, Flavor: "json", Location: strings.ToValidUTF8(d.path, "\ufffd")}
}

// files are the names of what is to be read, in order.
func (d *Dump) files() ([]string, error) {
	st, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("openaievals: no file or folder %s: %w", d.path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("openaievals: %w", err)
	case st.Mode().IsRegular():
		return []string{d.path}, nil
	case !st.IsDir():
		return nil, fmt.Errorf("%w: %s is neither a file nor a folder (%s)", ErrSchema, d.path, st.Mode().Type())
	}
	var out []string
	err = filepath.WalkDir(d.path, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && slices.Contains([]string{".json", ".jsonl", ".ndjson"}, filepath.Ext(p)) {
			if out = append(out, p); len(out) > maxFiles {
				err = fmt.Errorf("more than %d files", maxFiles)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("openaievals: %s: %w", d.path, err)
	}
	return out, nil
}

// load reads all files.
func (d *Dump) load(ctx context.Context) (*dump, error) {
	names, err := d.files()
	if err != nil {
		return nil, err
	}
	out := newDump()
	left := int64(maxTotal)
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		b, err := readFile(name, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(b))
		rel, err := filepath.Rel(d.path, name)
		if err != nil || rel == "." {
			rel = filepath.Base(name)
		}
		out.file(strings.ToValidUTF8(filepath.ToSlash(rel), "\ufffd"), b)
	}
	if len(out.evals)+len(out.runs)+len(out.items) == 0 {
		return nil, fmt.Errorf("%w: %s: no eval, run or output item in %d files", ErrSchema, d.path, len(names))
	}
	return out, nil
}

func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("openaievals: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("openaievals: %w", err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%w: more than %d bytes; read its files one by one", ErrSchema, maxTotal)
	}
	return b, nil
}

// OpenBlob opens the bytes of a long object of the stream under way.
func (d *Dump) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.blobs[b.GetId()]
	if !ok {
		return nil, fmt.Errorf("openaievals: %w: blob %s: its stream has ended", agentstate.ErrNotFound, b.GetId())
	}
	return io.NopCloser(bytes.NewReader(v)), nil
}

// data is raw as a record holds it.
func (d *Dump) data(id, mediaType string, raw []byte) *pb.Data {
	if len(raw) <= agentstate.SpillSize {
		return agentstate.Inline(mediaType, bytes.Clone(raw))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blobs[id] = raw
	return &pb.Data{MediaType: mediaType, Body: &pb.Data_Blob{Blob: &pb.Blob{Id: id}}}
}

// Preflight says what is in the dump, and stores nothing.
func (d *Dump) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	all, err := d.load(ctx)
	if err != nil {
		return nil, err
	}
	return &agentstate.Preflight{Origin: d.origin(), Observer: fmt.Sprintf("uid %d", os.Getuid()), Gaps: all.gaps(),
		Counts: map[string]int64{"testsuite": int64(len(all.evals) + len(all.unknown())), "testrun": int64(len(all.items)), "opaque": int64(len(all.runs) + len(all.others)), "testcase": -1}}, nil
}
