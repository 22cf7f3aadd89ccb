// Package codex reads and writes what Codex keeps in its home, CODEX_HOME: rollouts with their forks
// and reverts, instructions, agents, skills, prompts, rules, hooks and settings.
//
// A rollout is one file of JSON lines (of the first release one document), and is carried as that file, to the byte; its messages are
// readings of it, and so are the permissions that each turn ran with. The rollout of a fork or a revert
// holds only its own turns and says where in another one it left: its messages are those before it,
// too, as the model sees them. One that a revert took the place of has the status "reverted". MCP servers are readings of settings, and when the
// desktop program runs an automation is one of the automation's file, which waits for approval as settings do. Values of secrets in
// settings, automations and rules never leave; auth.json is not opened. The databases beside the rollouts (names, goals, memories, turns, queued messages) are
// carried row for row, each out of one snapshot; one of another schema than this release knows is a
// gap, and so is all else that may be state and is not carried. Log lines are not state.
package codex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Errors that callers act on.
var (
	ErrSchema  = errors.New("codex: not a home that this release knows")
	ErrChanged = homefiles.ErrChanged
)

const product = "codex"

// Drivers are the drivers for exporters.Registry.
func Drivers() []exporters.Driver {
	return []exporters.Driver{{
		Scheme: "codex", URL: "codex:CODEX_HOME",
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			p, err := exporters.Path(u, "codex:CODEX_HOME, usually ~/.codex, or codex:///abs/CODEX_HOME")
			if err != nil {
				return nil, err
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
	made stages        // of databases

	repeat  int64 // how much of what stands before forks is read for them
	mu      sync.Mutex
	reading map[string]*homefiles.File // of the stream under way, by path; nil: none
	dbs     map[string]*database       // of the same
}

var (
	_ exporters.Runtime      = (*Home)(nil)
	_ agentstate.BlobSource  = (*Home)(nil)
	_ agentstate.Preflighter = (*Home)(nil)
	_ replay.Target          = (*Home)(nil)
	_ replay.Undoer          = (*Home)(nil)
)

// Open is the home root. It need not exist before a replay.
func Open(root string) *Home { return &Home{root: root, wait: 5 * time.Second, repeat: maxRepeated} }

// Close does nothing: a Home holds its files open only while it is read or written.
func (h *Home) Close() error { return nil }

func metaOf(f *homefiles.File) *pb.Meta {
	return &pb.Meta{Key: keyOf(f.Rel), Labels: f.ModeLabels()}
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
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("codex: %w", err)
	}
	return r, nil
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
