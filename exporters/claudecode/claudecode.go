// Package claudecode reads and writes what Claude Code keeps in a home folder: transcripts with
// their forks, sidechains and compactions, memory files, agents, skills, commands and settings.
//
// A transcript is one file of JSON lines, and is carried as that file, to the byte; its messages are
// readings of it. Permissions become tool grants. Values of environment variables, headers and
// tokens in settings never leave: the document is carried without them, and each is a credential
// that a person binds again. Files that hold nothing but secrets are not opened.
package claudecode

import (
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
	"sync"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Errors that callers act on.
var (
	ErrSchema  = errors.New("claudecode: not a home of Claude Code")
	ErrChanged = homefiles.ErrChanged
)

const product = "claude-code"

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "claudecode", URL: "claudecode:home",
		Kinds: []string{"credential", "policy", "toolgrant", "toolserver", "agent", "skill", "artifact", "memory", "conversation", "message"},
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			p := u.Path
			if u.Opaque != "" {
				var err error
				if p, err = url.PathUnescape(u.Opaque); err != nil {
					return nil, errors.New("claudecode: malformed % in the name; write % as %25")
				}
			}
			if u.Host != "" || u.User != nil || u.RawQuery != "" || p == "" {
				return nil, errors.New("claudecode: want claudecode:HOME, the folder that holds .claude, or claudecode:///abs/HOME")
			}
			return Open(p), nil
		},
	}}
}

// A Home is the folder that holds .claude: an agentstate.Source with blobs and preflight, and a
// replay.Target that can undo.
type Home struct {
	root string

	mu      sync.Mutex
	reading map[string]found // of the stream under way, by path; nil: none
}

var (
	_ exporters.Runtime      = (*Home)(nil)
	_ agentstate.BlobSource  = (*Home)(nil)
	_ agentstate.Preflighter = (*Home)(nil)
	_ replay.Target          = (*Home)(nil)
	_ replay.Undoer          = (*Home)(nil)
)

// Open is the home root. It need not exist before a replay.
func Open(root string) *Home { return &Home{root: root} }

// Close does nothing: a Home holds its files open only while it is read or written.
func (h *Home) Close() error { return nil }

// A found file is one that is carried.
type found struct {
	rel  string // slash-separated, below the home
	path string
	kind string
	size int64
	info fs.FileInfo
}

// secretFile tells whether a file of this name holds nothing but secrets. It is not opened.
func secretFile(base string) bool { return base == ".credentials.json" || path.Ext(base) == ".key" }

// kindOf is the kind of record that the file rel becomes; empty: it is not carried.
func kindOf(rel string) string {
	in, ok := strings.CutPrefix(rel, ".claude/")
	if !ok {
		return ""
	}
	base, ext := path.Base(in), path.Ext(in)
	top, _, deep := strings.Cut(in, "/")
	switch {
	case secretFile(base) || ext == ".tmp" || strings.HasPrefix(base, ".exitramp-"):
		return ""
	case top == "projects" && deep && ext == ".jsonl":
		return "conversation"
	case top == "projects" && strings.Contains(in, "/memory/") && ext == ".md", in == "CLAUDE.md", top == "rules" && ext == ".md":
		return "memory"
	case top == "agents" && ext == ".md":
		return "agent"
	case base == "SKILL.md" && top == "skills", top == "commands" && ext == ".md":
		return "skill"
	case in == "settings.json" || in == "settings.local.json":
		return "policy"
	case deep && slices.Contains([]string{"projects", "skills", "commands", "hooks", "output-styles", "plans", "todos", "tasks", "file-history"}, top), in == "history.jsonl", in == "keybindings.json":
		return "artifact"
	}
	return ""
}

const maxFiles = 500_000

// ofTheMachine are the entries of .claude that are caches, logs and secrets of one machine, or come
// again with the program; what is no state is no gap.
var ofTheMachine = []string{".credentials.json", ".last-cleanup", "backups", "cache", "chrome", "debug", "downloads", "ide", "image-cache", "local", "logs", "paste-cache",
	"plugins", "session-env", "sessions", "shell-snapshots", "startup-perf", "stats-cache.json", "statsig", "telemetry", "usage-data"}

// A walk is what was found below .claude.
type walk struct {
	ours  []found
	links []string       // paths, below the home
	left  map[string]int // files that are not carried, by entry of .claude
}

// find walks the home. Links are not followed.
func (h *Home) find(ctx context.Context) (*walk, error) {
	dir := filepath.Join(h.root, ".claude")
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s has no folder .claude; name the home itself: %w", ErrSchema, h.root, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("claudecode: %w", err)
	}
	w := &walk{left: map[string]int{}}
	n := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n++; n > maxFiles || ctx.Err() != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("%s holds more than %d files", dir, maxFiles))
		}
		rel, err := filepath.Rel(h.root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		top, _, _ := strings.Cut(strings.TrimPrefix(rel, ".claude/"), "/")
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			if !slices.Contains(ofTheMachine, top) {
				w.links = append(w.links, rel)
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		case kindOf(rel) == "" || !utf8.ValidString(rel):
			w.left[valid(top)]++
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		w.ours = append(w.ours, found{rel, p, kindOf(rel), info.Size(), info})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claudecode: %w", err)
	}
	return w, nil
}

// missing are gaps for what may be state and is not carried: links, and entries of .claude that
// this release does not know.
func (w *walk) missing() []*pb.Gap {
	var gaps []*pb.Gap
	for _, rel := range w.links {
		kind := kindOf(rel)
		if kind == "" {
			kind = "artifact"
		}
		gaps = append(gaps, &pb.Gap{Kind: kind, Place: valid(rel), Count: 1, Detail: "a symbolic link, which is not followed: put the file itself there"})
	}
	for _, top := range sortedKeys(w.left) {
		if !slices.Contains(ofTheMachine, top) && !secretFile(top) {
			gaps = append(gaps, &pb.Gap{Kind: "artifact", Place: ".claude/" + top, Count: uint64(w.left[top]), Detail: fmt.Sprintf("%d files that this release does not know", w.left[top])})
		}
	}
	return gaps
}

// notes say what is not carried, to a person.
func (w *walk) notes() (notes []string) {
	if n := len(w.links); n > 0 {
		notes = append(notes, fmt.Sprintf("%d symbolic links are not followed: each is a gap", n))
	}
	for _, top := range sortedKeys(w.left) {
		notes = append(notes, fmt.Sprintf("not carried: %d files of .claude/%s", w.left[top], top))
	}
	return notes
}

func sortedKeys[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// keyParts are what follows the kind in the key of a file's record.
func (f found) keyParts() []string {
	in := strings.TrimPrefix(f.rel, ".claude/")
	if f.kind == "conversation" {
		return strings.Split(strings.TrimSuffix(strings.TrimPrefix(in, "projects/"), ".jsonl"), "/")
	}
	return []string{in}
}

func (f found) meta() *pb.Meta {
	m := agentstate.Meta(f.kind, nil, f.keyParts()...)
	m.Labels = []*pb.Label{{Name: labelPath, Value: f.rel}}
	if f.info.Mode()&0o100 != 0 {
		m.Labels = append(m.Labels, &pb.Label{Name: labelMode, Value: "executable"})
	}
	return m
}

// Labels that say which file a record is, and that it is a program.
const (
	labelPath = "path"
	labelMode = "mode"
)

// data is the file's bytes: inline when they are few, else beside the record.
func (f found) data(media string) (*pb.Data, []byte, error) {
	if f.size > agentstate.SpillSize {
		return &pb.Data{MediaType: media, Body: &pb.Data_Blob{Blob: &pb.Blob{Id: f.rel}}}, nil, nil
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil, nil, fmt.Errorf("claudecode: %w", err)
	}
	return agentstate.Inline(media, b), b, nil
}

// cite is a native file whose bytes are in the field at.
func cite(at string) *pb.Native {
	return &pb.Native{Type: "file", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "bytes", Value: &pb.Column_At{At: at}}}}}}
}

// unchanged fails when the file was written to since the walk.
func (f found) unchanged() error {
	st, err := os.Stat(f.path)
	if err != nil || st.Size() != f.size || !st.ModTime().Equal(f.info.ModTime()) {
		return fmt.Errorf("claudecode: %w: %s", ErrChanged, f.rel)
	}
	return nil
}

// OpenBlob opens a file of the stream under way.
func (h *Home) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	h.mu.Lock()
	f, ok := h.reading[b.GetId()]
	h.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("%w: blob %s: its stream has ended", agentstate.ErrNotFound, b.GetId())
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("claudecode: %w", err)
	}
	// As long as it was when it was found: a session that goes on only appends.
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, f.size), r}, nil
}
