package codex

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one run.
type writer struct {
	*homefiles.Writer
	run      *replay.Run
	exact    bool
	rollouts map[string]*rollout // foreign: those under way, by key of the conversation

	home    string // Root as Codex names it
	wait    time.Duration
	made    *stages
	schemas map[string]*schema   // by database
	dbs     map[string]*database // open; nil in a plan: it is not there
}

// A rollout is one that is being made of a conversation of another runtime.
type rollout struct {
	rel     string
	context map[string]bool // what the model sees; nil: all
	ids     *callid.IDs
	tmp     string // the file until Commit; empty: a plan, or it is there already
}

// Begin looks at the home. It need not be there.
func (h *Home) Begin(_ context.Context, run *replay.Run) (replay.Writer, error) {
	if st, err := os.Stat(h.root); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%w: codex: %s is a file; want CODEX_HOME", replay.ErrTarget, h.root)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: codex: %w", replay.ErrTarget, err)
	}
	w := h.writer(run)
	var err error
	if w.home, err = realHome(h.root); err != nil {
		return nil, fmt.Errorf("%w: codex: %w", replay.ErrTarget, err)
	}
	return w, nil
}

func (h *Home) writer(run *replay.Run) *writer {
	return &writer{Writer: &homefiles.Writer{Root: h.root, Run: run}, run: run, exact: run.From.GetProduct() == product,
		rollouts: map[string]*rollout{}, wait: h.wait, made: &h.made, schemas: map[string]*schema{}, dbs: map[string]*database{}}
}

// Exact tells whether the state is of this runtime: then messages and grants arrive in their files.
func (w *writer) Exact() bool { return w.exact }

// Write takes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (rc replay.Receipt, err error) {
	switch r := r.(type) {
	case *pb.Conversation:
		if !w.exact {
			rc, err = w.conversation(r)
			break
		}
		rc, err = w.file(ctx, r)
	case *pb.Message:
		rc, err = w.message(ctx, r)
	default:
		if !w.exact {
			return replay.Receipt{Action: replay.Skipped, Why: "only conversations of other runtimes are taken; no " + agentstate.KindOf(r)}, nil
		}
		if isRow(r) {
			rc, err = w.row(ctx, r)
			break
		}
		rc, err = w.file(ctx, r)
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("codex: %w", err)
	}
	return rc, err
}

func refused(format string, args ...any) (replay.Receipt, error) {
	return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf(format, args...)}, nil
}

// file writes a record back as the file that it was.
func (w *writer) file(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	kind, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	if c, ok := r.(*pb.Credential); ok {
		return replay.Receipt{Action: replay.Skipped, Why: "a secret stays where it is: " + c.Rebind}, nil
	}
	if homefiles.DataOf(r) == nil || len(parts) != 1 {
		return replay.Receipt{Action: replay.Skipped, Why: "has no file of its own"}, nil
	}
	rel := fileOf(kind, parts[0])
	if kindOf(rel) != kind || !homefiles.Local(rel) {
		return refused("a %s cannot be the file %.100q", kind, rel)
	}
	var at time.Time // of a rollout: its last line's. Codex shows the file's time as that of the last change
	if ns := r.GetMeta().GetUpdatedUnixNano(); ns != 0 {
		at = time.Unix(0, ns)
	}
	return w.Put(ctx, r, rel, at)
}

// Commit gives each file its name, and then commits each database.
func (w *writer) Commit(ctx context.Context) error {
	err := w.Writer.Commit(ctx)
	if err == nil {
		err = w.commitRows(ctx)
	}
	if err != nil {
		return fmt.Errorf("codex: %w", err)
	}
	return nil
}
