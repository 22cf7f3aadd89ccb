// Package weights reads models that lie in a folder: safetensors and GGUF files, folders as Hugging
// Face's tools make them (a downloaded model, the cache with its snapshots, refs and blobs, an adapter
// beside its base), OCI image layouts, folders of Ollama, and what is left of a fine-tune:
// training_args.json, trainer_state.json, a dumped fine-tuning job of OpenAI's API.
//
// Every file is an Artifact with its size and SHA-256. Texts are archived: they are the recipe; a JSON, JSON Lines,
// YAML or TOML document with a member that may be a secret, however long it is, is named and not archived, and so is a
// model card with such a setting at its top. Weights
// are referenced, not archived, unless ?files=all asks for their bytes; their headers are read, checked
// and archived. A Model is a reading of files: which weights, in which numbers, by which digest, and of
// an adapter its base. Nothing is ever unpickled: a file that may be a pickle, or holds one, is a named Gap
// with its digest, since loading one can run a program.
//
// The folder is only read. Links are followed inside of it alone.
package weights

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const product = "weights"

// Errors that callers act on.
var (
	ErrSchema  = errors.New("weights: not a folder of models")
	ErrChanged = fmt.Errorf("weights: %w", agentstate.ErrChanged)
)

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "weights", URL: "weights:DIR",
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			const want = "weights:DIR or weights:///abs/DIR, and ?files=all to archive the weights too"
			q, err := url.ParseQuery(u.RawQuery)
			files := q.Get("files")
			if q.Del("files"); err != nil || len(q) > 0 || files != "" && files != "all" {
				return nil, fmt.Errorf("%w: want %s", exporters.ErrURL, want)
			}
			u.RawQuery = ""
			p, err := exporters.Path(u, want)
			if err != nil {
				return nil, err
			}
			return Open(p, files == "all"), nil
		},
	}}
}

// A Folder is a folder of models. It is an agentstate.Source with blobs and preflight.
type Folder struct {
	root string
	all  bool

	mu      sync.Mutex
	reading *reading // of the stream under way; nil: none
}

var (
	_ exporters.Runtime      = (*Folder)(nil)
	_ agentstate.BlobSource  = (*Folder)(nil)
	_ agentstate.Preflighter = (*Folder)(nil)
)

// Open is the folder root. all archives the bytes of weights too.
func Open(root string, all bool) *Folder { return &Folder{root: root, all: all} }

// Close does nothing: a Folder holds nothing open but what is read.
func (f *Folder) Close() error { return nil }

func (f *Folder) origin() *pb.Origin {
	return &pb.Origin{Product: product, Flavor: "folder", Location: strings.ToValidUTF8(f.root, "\ufffd")}
}

// Preflight counts the files, reads the headers of weights, and stores nothing. Digests are the export's, and so is what
// only they tell: that bytes are not those that a name promises.
func (f *Folder) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	fs, err := f.walk(ctx)
	if err != nil {
		return nil, err
	}
	p := &agentstate.Preflight{Origin: f.origin(), Observer: fmt.Sprintf("uid %d", os.Getuid()),
		Counts: map[string]int64{"artifact": int64(len(fs)), "model": -1}}
	type place struct{ path, ext string }
	looked := map[place]*pb.Gap{} // many links may lead to one file
	var n int64
	for _, x := range fs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := place{x.path, strings.ToLower(path.Ext(x.rel))}
		g, ok := looked[at]
		if !ok || x.path == "" {
			if g, err = x.keptOut(); err != nil {
				return nil, err
			}
			looked[at] = g
		}
		if g != nil {
			p.Gaps = append(p.Gaps, &pb.Gap{Kind: "artifact", Place: x.rel, Reason: g.Reason, Detail: g.Detail, Count: 1})
		}
		n += f.leaves(&x)
	}
	p.Notes = append(p.Notes, referenced(n)...)
	return p, nil
}

// leaves is how many bytes of x are not archived.
func (f *Folder) leaves(x *file) int64 {
	if f.all || text(x.rel) != "" {
		return 0
	}
	return x.size
}

// referenced says to a person that n bytes are not archived.
func referenced(n int64) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("weights referenced, not archived: %d bytes; ?files=all archives them", n)}
}

// reading is one stream.
type reading struct {
	f       *Folder
	out     *agentstate.Emitter
	files   map[string]*file // by rel
	order   []string
	digest  map[string]digest   // by where a file really is
	made    map[string]any      // blobs that are made, anew when they are opened: by id
	parsed  map[parsed]*header  // nil: it is none
	named   map[string][]*model // by id; adapters are not in it
	headers map[[32]byte]string // keys of the Artifacts that hold a header, by the digest of the file
	missing map[string]string   // files that a document names and that are not there, and why one says so
	lacking uint64              // more of them
	unread  map[string]unread   // documents that are not what they should be
	lists   map[*file]listed    // documents that are lists, beside a fine-tuning job
}

// Records reads the folder.
func (f *Folder) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		out := agentstate.NewEmitter(ctx, yield, f.origin())
		if opts != nil && len(opts.Cursor) > 0 {
			out.Fail(fmt.Errorf("weights: %w", agentstate.ErrCursor))
			return
		}
		r := &reading{f: f, out: out, files: map[string]*file{}, digest: map[string]digest{}, made: map[string]any{}, parsed: map[parsed]*header{}, named: map[string][]*model{}, headers: map[[32]byte]string{}, missing: map[string]string{}, unread: map[string]unread{}, lists: map[*file]listed{}}
		f.mu.Lock()
		f.reading = r
		f.mu.Unlock()
		defer func() {
			f.mu.Lock()
			f.reading = nil
			f.mu.Unlock()
		}()
		out.End(r.all(ctx))
	}
}

func (r *reading) all(ctx context.Context) error {
	fs, err := r.f.walk(ctx)
	if err != nil {
		return err
	}
	for i := range fs {
		x := &fs[i]
		r.files[x.rel], r.order = x, append(r.order, x.rel)
	}
	var left int64
	for _, rel := range r.order {
		if err := r.file(ctx, r.files[rel]); err != nil {
			return err
		}
		left += r.f.leaves(r.files[rel])
	}
	r.out.Note(referenced(left)...)
	if err := r.models(); err != nil {
		return err
	}
	again, err := r.f.walk(ctx)
	if err != nil {
		return err
	}
	for _, x := range again {
		if had := r.files[x.rel]; had == nil || had.size != x.size || !had.mtime.Equal(x.mtime) {
			return fmt.Errorf("%w: %s", ErrChanged, x.rel)
		}
	}
	if len(again) != len(fs) {
		return ErrChanged
	}
	r.out.Reference("artifact", uint64(len(again)+len(r.missing))+r.lacking, "second walk of the folder", "whole folder")
	r.out.Derived("model", "artifact")
	r.out.AbsentOthers()
	st := r.out.Statement()
	st.Observer, st.ObserverBasis = fmt.Sprintf("uid %d", os.Getuid()), "process"
	st.Account, st.Consistent = r.f.origin().Location, true
	return nil
}

// OpenBlob opens bytes of the stream under way: of a file, of its header, or of a document that was made.
func (f *Folder) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	f.mu.Lock()
	r := f.reading
	f.mu.Unlock()
	if r == nil {
		return nil, fmt.Errorf("%w: blob %s: its stream has ended", agentstate.ErrNotFound, b.GetId())
	}
	if made, ok := r.made[b.GetId()]; ok {
		doc, err := json.Marshal(made)
		if err != nil {
			return nil, fmt.Errorf("weights: blob %s: %w", b.GetId(), err)
		}
		return io.NopCloser(bytes.NewReader(doc)), nil
	}
	var n int64
	form, rel, _ := strings.Cut(b.GetId(), " ")
	x := r.files[rel]
	if _, err := fmt.Sscanf(form, "%d", &n); err != nil || x == nil || n < 0 {
		return nil, fmt.Errorf("%w: blob %s", agentstate.ErrNotFound, b.GetId())
	}
	h, err := os.Open(x.path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(h, n), h}, nil
}

// bytesOf is the first n bytes of x as Data.
func (r *reading) bytesOf(x *file, n int64, media string) (*pb.Data, error) {
	if n > agentstate.SpillSize {
		return &pb.Data{MediaType: media, Body: &pb.Data_Blob{Blob: &pb.Blob{Id: fmt.Sprintf("%d %s", n, x.rel)}}}, nil
	}
	b, err := x.head(n)
	if err != nil {
		return nil, err
	}
	return agentstate.Inline(media, b), nil
}

// asData is v as Data under a name of its own. What is long is not held: models have megabytes of it.
func (r *reading) asData(id string, v any) *pb.Data {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	if len(b) <= agentstate.SpillSize {
		return agentstate.Inline("application/json", b)
	}
	r.made[id] = v
	return &pb.Data{MediaType: "application/json", Body: &pb.Data_Blob{Blob: &pb.Blob{Id: id}}}
}

// slash is a path below the root with slashes, as text.
func slash(rel string) string { return strings.ToValidUTF8(filepath.ToSlash(rel), "\ufffd") }
