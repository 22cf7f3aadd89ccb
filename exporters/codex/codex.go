// Package codex reads and writes what Codex keeps in its home, CODEX_HOME: rollouts with their forks
// and reverts, instructions, skills, prompts and settings.
//
// A rollout is one file of JSON lines, and is carried as that file, to the byte; its messages are
// readings of it, and so are the permissions that each turn ran with. A fork's rollout holds only its
// own turns and points at its parent. Values of secrets in config.toml never leave; auth.json is not
// opened. The databases beside the rollouts (names, goals, memories, turns, queued messages) are
// carried row for row, each out of one snapshot; one of another schema than this release knows is a
// gap. Log lines are not state.
package codex

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
	"time"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Errors that callers act on.
var (
	ErrSchema  = errors.New("codex: not a home of Codex")
	ErrChanged = homefiles.ErrChanged
)

const product = "codex"

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "codex", URL: "codex:CODEX_HOME",
		Kinds: []string{"credential", "policy", "toolgrant", "skill", "artifact", "memory", "conversation", "message", "state", "opaque"},
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			p := u.Path
			if u.Opaque != "" {
				var err error
				if p, err = url.PathUnescape(u.Opaque); err != nil {
					return nil, errors.New("codex: malformed % in the name; write % as %25")
				}
			}
			if u.Host != "" || u.User != nil || u.RawQuery != "" || p == "" {
				return nil, errors.New("codex: want codex:CODEX_HOME, usually ~/.codex, or codex:///abs/CODEX_HOME")
			}
			return Open(p), nil
		},
	}}
}

// A Home is a CODEX_HOME: an agentstate.Source with blobs and preflight, and a replay.Target that can
// undo.
type Home struct {
	root string
	wait time.Duration // for locks of databases

	mu      sync.Mutex
	reading map[string]found     // of the stream under way, by path; nil: none
	dbs     map[string]*database // of the same
}

var (
	_ exporters.Runtime      = (*Home)(nil)
	_ agentstate.BlobSource  = (*Home)(nil)
	_ agentstate.Preflighter = (*Home)(nil)
	_ replay.Target          = (*Home)(nil)
	_ replay.Undoer          = (*Home)(nil)
)

// Open is the home root. It need not exist before a replay.
func Open(root string) *Home { return &Home{root: root, wait: 5 * time.Second} }

// Close does nothing: a Home holds its files open only while it is read or written.
func (h *Home) Close() error { return nil }

// A found file is one that is carried.
type found struct {
	rel  string // slash-separated, below the home
	path string
	kind string
	info fs.FileInfo
}

func (f found) size() int64 { return f.info.Size() }

// kindOf is the kind of record that the file rel becomes; empty: it is not carried. "database" is one
// of rows.
func kindOf(rel string) string {
	base, ext := path.Base(rel), path.Ext(rel)
	top, _, deep := strings.Cut(rel, "/")
	switch {
	case strings.HasPrefix(base, ".exitramp-"):
		return ""
	case slices.ContainsFunc(strings.Split(rel, "/"), func(p string) bool { return p == ".git" || p == ".codex-baseline" }):
		return "" // git runs what its settings say: no archive brings it; Codex makes its baseline of memories anew
	case (top == "sessions" || top == "archived_sessions") && deep && ext == ".jsonl" && strings.HasPrefix(base, "rollout-"):
		return "conversation"
	case rel == "AGENTS.md", rel == "AGENTS.override.md", (top == "memories" || top == "memories_v2") && deep && ext == ".md":
		return "memory"
	case rel == "config.toml":
		return "policy"
	case top == "skills" && strings.HasPrefix(rel, "skills/.system/"):
		return "" // comes with the program
	case top == "skills" && base == "SKILL.md", top == "prompts" && deep && ext == ".md":
		return "skill"
	case deep && slices.Contains([]string{"skills", "prompts", "rules", "memories", "memories_v2"}, top), rel == "history.jsonl", rel == "session_index.jsonl":
		return "artifact"
	case !deep && ext == ".sqlite" && !strings.HasPrefix(base, "logs_"):
		return "database"
	}
	return ""
}

const maxFiles = 500_000

// find walks the home. Links are not followed.
func (h *Home) find(ctx context.Context) (ours []found, notes []string, err error) {
	if st, err := os.Stat(h.root); err != nil || !st.IsDir() {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("%w: no folder %s; CODEX_HOME names it, usually ~/.codex: %w", ErrSchema, h.root, fs.ErrNotExist)
		}
		return nil, nil, fmt.Errorf("codex: %w", err)
	}
	links, n := 0, 0
	left := map[string]int{}
	err = filepath.WalkDir(h.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n++; n > maxFiles || ctx.Err() != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("%s holds more than %d files", h.root, maxFiles))
		}
		rel, err := filepath.Rel(h.root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			links++
			return nil
		case d.IsDir() && rel == "skills/.system":
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		case kindOf(rel) == "" || !utf8.ValidString(rel):
			top, _, _ := strings.Cut(rel, "/")
			if strings.HasSuffix(top, "-wal") || strings.HasSuffix(top, "-shm") { // a part of its database
				return nil
			}
			left[strings.ToValidUTF8(top, "\ufffd")]++
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		ours = append(ours, found{rel, p, kindOf(rel), info})
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("codex: %w", err)
	}
	if !slices.ContainsFunc(ours, func(f found) bool { return f.kind != "artifact" }) {
		return nil, nil, fmt.Errorf("%w: %s has no sessions, no AGENTS.md and no config.toml", ErrSchema, h.root)
	}
	if links > 0 {
		notes = append(notes, fmt.Sprintf("%d symbolic links are not followed", links))
	}
	for _, top := range sortedKeys(left) {
		if strings.HasPrefix(top, "logs_") {
			notes = append(notes, "not carried: "+top+": log lines of the program are not state")
			continue
		}
		notes = append(notes, fmt.Sprintf("not carried: %d files of %s", left[top], top))
	}
	return ours, notes, nil
}

func sortedKeys[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func keyOf(rel string) string {
	kind := kindOf(rel)
	if kind == "conversation" {
		rel = strings.TrimSuffix(rel, ".jsonl")
	}
	return agentstate.Key(kind, rel)
}

// labelMode is the label of a file that is a program.
const labelMode = "mode"

func (f found) meta() *pb.Meta {
	m := &pb.Meta{Key: keyOf(f.rel)}
	if f.info.Mode()&0o100 != 0 {
		m.Labels = []*pb.Label{{Name: labelMode, Value: "executable"}}
	}
	return m
}

// data is the file's bytes: inline when they are few, else beside the record.
func (f found) data(media string) (*pb.Data, error) {
	if f.size() > agentstate.SpillSize {
		return &pb.Data{MediaType: media, Body: &pb.Data_Blob{Blob: &pb.Blob{Id: f.rel}}}, nil
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("codex: %w", err)
	}
	if int64(len(b)) < f.size() {
		return nil, fmt.Errorf("codex: %w: %s", ErrChanged, f.rel)
	}
	return agentstate.Inline(media, b[:f.size()]), nil // a session that goes on appends
}

// OpenBlob opens a file, or a value of a row, of the stream under way.
func (h *Home) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	h.mu.Lock()
	f, ok := h.reading[b.GetId()]
	dbs := h.dbs
	h.mu.Unlock()
	if strings.HasPrefix(b.GetId(), "row:") {
		r, err := openValue(ctx, dbs, b.GetId())
		if err != nil {
			err = fmt.Errorf("codex: %w", err)
		}
		return r, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: blob %s: its stream has ended", agentstate.ErrNotFound, b.GetId())
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("codex: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, f.size()), r}, nil
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
