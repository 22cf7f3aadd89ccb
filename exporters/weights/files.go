package weights

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A file is one of the folder.
type file struct {
	rel   string // with slashes
	path  string // where it really is
	size  int64
	mtime time.Time
	why   string // why it is not read; empty: it is
	shut  bool   // it is not read since this user may not

	sum    [32]byte
	broken string  // the digest that its name promises, and has not; empty: it has what it promises
	head8  []byte  // its first bytes
	hdr    *header // of weights; nil: it is none, or was refused
	key    string  // of its Artifact; empty: it has none
	looked bool    // for secrets
	leak   string  // member that may be one; empty: none
}

// maxFiles is how many files a folder has at most.
const maxFiles = 200_000

// skipped are folders that hold no part of a model: they are of the tools that made the folder.
func skipped(rel string) bool {
	switch path.Base(rel) {
	case ".git", ".cache", ".locks", ".no_exist":
		return true
	case "blobs": // of Hugging Face's cache: its snapshots link to what is in it
		kind, _, ok := strings.Cut(path.Base(path.Dir(rel)), "--")
		return ok && slices.Contains([]string{"models", "datasets", "spaces"}, kind)
	}
	return false
}

// walk lists the files, in the order of their names.
func (f *Folder) walk(ctx context.Context) ([]file, error) {
	root, err := filepath.EvalSymlinks(f.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("weights: no folder %s: %w", f.root, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if st, err := os.Stat(root); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("%w: %s is no folder", ErrSchema, f.root)
	}
	var out []file
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, refused error) error {
		shut := errors.Is(refused, fs.ErrPermission) && p != root
		if refused != nil && !shut {
			return refused
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() && !shut {
			if skipped(slash(rel)) {
				return fs.SkipDir
			}
			return nil
		}
		if len(out) >= maxFiles {
			return fmt.Errorf("%w: more than %d files: name a folder of fewer models", ErrSchema, maxFiles)
		}
		x := file{rel: slash(rel), shut: shut}
		if shut {
			x.why = whyShut
		} else {
			x.locate(root, p)
		}
		out = append(out, x)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %s is empty", ErrSchema, f.root)
	}
	slices.SortStableFunc(out, func(a, b file) int { return strings.Compare(a.rel, b.rel) })
	seen := map[string]bool{}
	for i := range out { // two names that are no text may be one as text
		for n, rel := 2, out[i].rel; seen[out[i].rel]; n++ {
			out[i].rel = fmt.Sprintf("%s (%d)", rel, n)
		}
		seen[out[i].rel] = true
	}
	slices.SortStableFunc(out, func(a, b file) int { return strings.Compare(a.rel, b.rel) })
	return out, nil
}

const whyShut = "a folder that may not be read: what is in it is not known"

// locate finds where the file at p really is. A link leads to a file inside of root, or nowhere.
func (x *file) locate(root, p string) {
	real, err := filepath.EvalSymlinks(p)
	switch {
	case errors.Is(err, fs.ErrPermission): // its folder tells names alone, or it leads into one that tells nothing
		x.why, x.shut = "in a folder that may not be read: whether it is there is not known", true
		return
	case err != nil:
		x.why = "a link that leads nowhere"
		return
	}
	if in, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(in) {
		x.why = "a link that leads out of the folder: name a folder that holds both (of Hugging Face's cache: models--…)"
		return
	}
	st, err := os.Stat(real)
	if err == nil && st.IsDir() {
		x.why = "a link to a folder, which is not followed: what is in the folder is read where it lies"
		return
	}
	if err != nil || !st.Mode().IsRegular() {
		x.why = "no regular file"
		return
	}
	x.path, x.size, x.mtime = real, st.Size(), st.ModTime()
}

// reason is why x is not read, where it is not.
func (x *file) reason() pb.Gap_Reason {
	if x.shut {
		return pb.Gap_REASON_FORBIDDEN
	}
	return pb.Gap_REASON_GONE
}

// head are the first n bytes.
func (x *file) head(n int64) ([]byte, error) {
	h, err := os.Open(x.path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	defer h.Close()
	b := make([]byte, n)
	if _, err := io.ReadFull(h, b); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrChanged, x.rel)
	}
	return b, nil
}

// text is the media type of files that are archived: what a person can read, which is the recipe.
func text(rel string) string {
	switch strings.ToLower(path.Ext(rel)) {
	case ".json":
		return "application/json"
	case ".jsonl", ".ndjson":
		return "application/x-ndjson"
	case ".md", ".txt", ".jinja", ".jinja2", ".csv", ".tsv", ".bpe", ".tiktoken", ".toml":
		return "text/plain"
	case ".py": // code of its own, which a configuration names in auto_map
		return "text/x-python"
	case ".yaml", ".yml":
		return "application/yaml"
	}
	if path.Base(rel) == "oci-layout" {
		return "application/json"
	}
	return ""
}

// media is the media type of x where its bytes are archived; empty: they are weights, or not understood.
func (x *file) media() string {
	tag := strings.Contains("/"+x.rel, "/manifests/") // of Ollama: may have a dot
	if t := text(x.rel); t != "" || path.Ext(x.rel) != "" && !tag || x.size > 1<<20 || x.hdr != nil {
		return t
	}
	// Without a name that says so: manifests of an OCI layout, refs of Hugging Face's cache.
	b, err := x.head(x.size)
	switch {
	case err != nil || !utf8.Valid(b):
		return ""
	case json.Valid(b):
		return "application/json"
	case x.size <= 4096 && bytes.IndexByte(b, 0) < 0:
		return "text/plain"
	}
	return ""
}

// maxDocument is the size of a document that is read for what it says.
const maxDocument = 16 << 20

// file yields the Artifact of x, or the Gap.
func (r *reading) file(ctx context.Context, x *file) error {
	gap := func(reason pb.Gap_Reason, detail string) error {
		r.out.Gap(&pb.Gap{Meta: agentstate.Meta("gap", nil, "artifact", x.rel), Kind: "artifact", Place: x.rel, Reason: reason, Detail: detail, Count: 1})
		return r.out.Err()
	}
	if x.why != "" {
		return gap(x.reason(), x.why)
	}
	if err := r.hash(ctx, x); errors.Is(err, fs.ErrPermission) {
		return gap(pb.Gap_REASON_FORBIDDEN, whyForbidden)
	} else if err != nil {
		return err
	}
	sum := hex.EncodeToString(x.sum[:])
	if x.broken != "" {
		return gap(pb.Gap_REASON_CORRUPT, x.broken)
	}
	if g := x.unopened(); g != nil && g.Reason == pb.Gap_REASON_REFUSED {
		return gap(g.Reason, g.Detail+"; sha256 "+sum)
	} else if g != nil {
		return gap(g.Reason, g.Detail)
	}
	if err := r.header(x); err != nil && errors.Is(err, errHeader) {
		return gap(pb.Gap_REASON_CORRUPT, err.Error()+"; sha256 "+sum)
	} else if err != nil {
		return err
	}
	a := &pb.Artifact{Meta: agentstate.Meta("artifact", nil, x.rel), Name: x.rel, Sha256: bytes.Clone(x.sum[:]), Size: uint64(x.size)}
	a.Meta.UpdatedUnixNano = agentstate.UnixNano(x.mtime)
	label := func(name, value string) {
		a.Meta.Labels = append(a.Meta.Labels, &pb.Label{Name: name, Value: value})
	}
	media := x.media()
	archived := r.f.all || media != ""
	if media == "" {
		media = "application/octet-stream"
	}
	var err error
	switch secret := r.secret(x); {
	case secret != "":
		a.Location = slash(path.Join(filepath.ToSlash(r.f.root), x.rel))
		label("archived", "no: its member "+secret+" may be a secret")
	case archived:
		if a.Data, err = r.bytesOf(x, x.size, media); err != nil {
			return err
		}
	default:
		a.Location = slash(path.Join(filepath.ToSlash(r.f.root), x.rel))
		what := "no: weights referenced, not archived"
		if x.hdr == nil { // a tokenizer, or weights in a form that is not read
			what = "no: referenced, not archived"
		}
		label("archived", what)
	}
	if x.hdr != nil {
		label("format", x.hdr.Format)
		label("tensors", fmt.Sprint(len(x.hdr.Tensors)))
		if had := r.headers[x.sum]; a.Data == nil && had != "" {
			label("header", "as in "+had)
		} else if a.Data == nil {
			r.headers[x.sum] = a.Meta.Key
			d, err := r.bytesOf(x, x.hdr.size, "application/octet-stream")
			if err != nil {
				return err
			}
			a.Meta.Native = []*pb.Native{{Type: x.hdr.Format + " header", Body: &pb.Native_Data{Data: d}}}
		}
	}
	x.key = a.Meta.Key
	r.out.Put(a)
	return r.out.Err()
}

// unopened says why x is not opened, by its name and its first bytes; nil: it is.
func (x *file) unopened() *pb.Gap {
	if p := x.pointer(); p != "" {
		return &pb.Gap{Reason: pb.Gap_REASON_GONE, Detail: p}
	}
	if pickled(x.rel) || x.pickle() {
		return &pb.Gap{Reason: pb.Gap_REASON_REFUSED, Detail: whyPickle}
	}
	return nil
}

// keptOut says why an export would not have x, as far as it shows without its digest; nil: it would.
func (x *file) keptOut() (*pb.Gap, error) {
	if x.why != "" {
		return &pb.Gap{Reason: x.reason(), Detail: x.why}, nil
	}
	var err error
	if x.head8, err = x.head(min(x.size, 8)); errors.Is(err, fs.ErrPermission) {
		return &pb.Gap{Reason: pb.Gap_REASON_FORBIDDEN, Detail: whyForbidden}, nil
	} else if err != nil {
		return nil, err
	}
	if g := x.unopened(); g != nil {
		return g, nil
	}
	if err := x.header(); errors.Is(err, errHeader) {
		return &pb.Gap{Reason: pb.Gap_REASON_CORRUPT, Detail: err.Error()}, nil
	} else if err != nil {
		return nil, err
	}
	return nil, nil
}

const whyForbidden = "may not be read"

// header reads the header of x once for all files of the same bytes: it may be a hundred megabytes, and links to it many.
func (r *reading) header(x *file) error {
	at := parsed{x.sum, strings.ToLower(path.Ext(x.rel))}
	if had, ok := r.parsed[at]; ok {
		x.hdr = had
		return nil
	}
	err := x.header()
	if err == nil {
		r.parsed[at] = x.hdr
	}
	return err
}

// parsed is what a header is read by.
type parsed struct {
	sum [32]byte
	ext string
}

// header reads the header of weights, by name or by the first bytes.
func (x *file) header() error {
	var read func(io.Reader, int64) (*header, error)
	switch ext := strings.ToLower(path.Ext(x.rel)); {
	case ext == ".safetensors":
		read = readSafetensors
	case ext == ".gguf" || bytes.HasPrefix(x.head8, []byte("GGUF")):
		read = readGGUF
	case text(x.rel) == "" && ext == "" && x.sizeLike():
		read = readSafetensors // a blob without a name
	default:
		return nil
	}
	h, err := os.Open(x.path)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	defer h.Close()
	x.hdr, err = read(h, x.size)
	if err != nil && path.Ext(x.rel) == "" && !bytes.HasPrefix(x.head8, []byte("GGUF")) {
		return nil // it only looked like one
	}
	return err
}
