// Package claudecode reads and writes what Claude Code keeps in a home folder: transcripts with
// their forks, sidechains and compactions, memory files, agents, skills, commands and settings.
//
// A transcript is one file of JSON lines, and is carried as that file, to the byte; its messages are
// readings of it. Permissions become tool grants. Values of environment variables, headers and
// tokens never leave, neither of settings nor of the servers and hooks in the head of a definition: the
// document is carried without them, and each is a credential that a person binds again. A plugin below skills, which
// Claude Code loads from there unasked, waits for approval: its settings one by one, and the rest of it with its manifest. Files that hold nothing but secrets are not opened. Of the file that names
// MCP servers only those are read, and only approved ones are put into it; servers of a plugin are readings of its settings.
// What may be state and is not carried is a gap.
package claudecode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

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
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			config := false
			if q := u.Query(); len(q) == 1 && q.Has("config") {
				config, u.RawQuery = true, ""
			}
			p, err := exporters.Path(u, "claudecode:HOME, the folder that holds .claude, or claudecode:///abs/HOME; claudecode:DIR?config for a CLAUDE_CONFIG_DIR")
			if err != nil {
				return nil, err
			}
			h := Open(p)
			h.config = config
			return h, nil
		},
	}}
}

// A Home is the folder that holds .claude: an agentstate.Source with blobs and preflight, and a
// replay.Target that can undo.
type Home struct {
	root   string
	config bool // it is a CLAUDE_CONFIG_DIR, also where nothing in it says so

	mu      sync.Mutex
	reading map[string]*homefiles.File // of the stream under way, by path; nil: none
}

var (
	_ exporters.Runtime      = (*Home)(nil)
	_ agentstate.BlobSource  = (*Home)(nil)
	_ agentstate.Preflighter = (*Home)(nil)
	_ replay.Target          = (*Home)(nil)
	_ replay.Undoer          = (*Home)(nil)
)

// Open is the home root, or the folder that CLAUDE_CONFIG_DIR names instead. It need not exist before
// a replay.
func Open(root string) *Home { return &Home{root: root} }

// Close does nothing: a Home holds its files open only while it is read or written.
func (h *Home) Close() error { return nil }

// keyParts are what follows the kind in the key of a file's record.
func keyParts(f *homefiles.File) []string {
	in := strings.TrimPrefix(f.Rel, ".claude/")
	if f.Kind == "conversation" {
		return strings.Split(strings.TrimSuffix(strings.TrimPrefix(in, "projects/"), ".jsonl"), "/")
	}
	return []string{in}
}

func metaOf(f *homefiles.File) *pb.Meta {
	m := agentstate.Meta(f.Kind, nil, keyParts(f)...)
	m.Labels = append([]*pb.Label{{Name: labelPath, Value: f.Rel}}, f.ModeLabels()...)
	return m
}

// labelPath is the label that says which file a record is.
const labelPath = "path"

// cite is a native file whose bytes are in the field at.
func cite(at string) *pb.Native {
	return &pb.Native{Type: "file", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "bytes", Value: &pb.Column_At{At: at}}}}}}
}

// OpenBlob opens a file of the stream under way.
func (h *Home) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	h.mu.Lock()
	f, ok := h.reading[b.GetId()]
	h.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("%w: blob %s: its stream has ended", agentstate.ErrNotFound, b.GetId())
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("claudecode: %w", err)
	}
	return r, nil
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
