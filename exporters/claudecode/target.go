package claudecode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one run.
type writer struct {
	*homefiles.Writer
	run   *replay.Run
	h     *Home
	exact bool
	open  map[string]*session // foreign: transcripts under way, by key of the conversation

	servers *serverFile // nil: none was asked for
}

// Begin looks at the home. It need not be there.
func (h *Home) Begin(_ context.Context, run *replay.Run) (replay.Writer, error) {
	if st, err := os.Stat(h.root); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%w: claudecode: %s is a file; want the home folder", replay.ErrTarget, h.root)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: claudecode: %w", replay.ErrTarget, err)
	}
	return &writer{Writer: &homefiles.Writer{Root: h.root, Run: run}, run: run, h: h, exact: run.From.GetProduct() == product, open: map[string]*session{}}, nil
}

// Exact tells whether the state is of this runtime: then messages and grants arrive in their files.
func (w *writer) Exact() bool { return w.exact }

func refused(format string, args ...any) (replay.Receipt, error) {
	return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf(format, args...)}, nil
}

// Write takes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	var rc replay.Receipt
	var err error
	if w.exact {
		rc, err = w.write(ctx, r)
	} else {
		rc, err = w.foreign(ctx, r)
	}
	if err != nil && ctx.Err() == nil && !strings.HasPrefix(err.Error(), "claudecode: ") {
		err = fmt.Errorf("claudecode: %w", err)
	}
	return rc, err
}

func (w *writer) write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	kind := agentstate.KindOf(r)
	switch r := r.(type) {
	case *pb.Conversation, *pb.Memory, *pb.Agent, *pb.Skill, *pb.Artifact, *pb.Policy:
	case *pb.Credential:
		return replay.Receipt{Action: replay.Skipped, Why: "a secret stays where it is: " + r.Rebind}, nil
	case *pb.ToolServer:
		return w.server(ctx, r)
	default:
		return replay.Receipt{Action: replay.Skipped, Why: "Claude Code has no file for a " + kind}, nil
	}
	rel := ""
	for _, l := range r.GetMeta().GetLabels() {
		if l.Name == labelPath {
			rel = l.Value
		}
	}
	if homefiles.DataOf(r) == nil || rel == "" {
		return replay.Receipt{Action: replay.Skipped, Why: "has no file of its own"}, nil
	}
	if kindOf(rel) != kind || !homefiles.Local(rel) {
		return refused("a %s cannot be the file %.100q", kind, rel)
	}
	var at time.Time // a transcript's times are in its lines
	if ns := r.GetMeta().GetUpdatedUnixNano(); ns != 0 && kind != "conversation" {
		at = time.Unix(0, ns)
	}
	return w.Put(ctx, r, w.h.place(rel), at)
}

// Commit gives each file its name.
func (w *writer) Commit(ctx context.Context) error {
	if err := w.noneEmpty(); err != nil {
		return fmt.Errorf("claudecode: %w", err)
	}
	err := w.Writer.Commit(ctx)
	if err == nil && w.servers != nil && !w.run.DryRun {
		err = w.servers.commit(w.run.ID)
	}
	if err != nil {
		return fmt.Errorf("claudecode: %w", err)
	}
	return nil
}

// Undo removes the files that a run made. A session that went on since stays, and so does every
// file that is another one by now.
func (h *Home) Undo(_ context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) (err error) {
	if err := h.sweep(run.ID); err != nil {
		return replay.Untouched(fmt.Errorf("claudecode: %w", err))
	}
	taken := false
	defer func() {
		if err != nil && !taken { // a file is taken out or it is not, and that of servers is replaced as a whole
			err = replay.Untouched(err)
		}
	}()
	said, err := homefiles.MessagesOf(created)
	if err != nil {
		return fmt.Errorf("claudecode: %w", err)
	}
	defer said.Close()
	var servers []replay.Receipt
	for rc, err := range created {
		if err != nil {
			return fmt.Errorf("claudecode: %w", err)
		}
		kind, parts := agentstate.SplitKey(rc.Target)
		rel := ""
		switch {
		case kind == "toolserver":
			servers = append(servers, rc)
			continue
		case rc.Target == "" || kind == "message": // goes with its transcript
			continue
		case kind == "conversation":
			rel = ".claude/projects/" + strings.Join(parts, "/") + ".jsonl"
		case len(parts) == 1:
			rel = ".claude/" + parts[0]
		}
		if kindOf(rel) != kind || !homefiles.Local(rel) {
			rc.Why = "the journal names a place that is none of Claude Code's"
			leave(rc)
			continue
		}
		path, err := homefiles.Inside(h.root, h.place(rel))
		if err != nil {
			rc.Why = err.Error()
			leave(rc)
			continue
		}
		why, err := homefiles.Undo(h.root, path, rc.Version, func() bool { return onlyLines(path, said) })
		if err != nil {
			return fmt.Errorf("claudecode: %w", err)
		}
		said.File(rc.Target, why)
		taken = taken || why == ""
		if why != "" {
			rc.Why = why
			leave(rc)
		}
	}
	err = said.Left(created, leave)
	if err == nil {
		err = h.undoServers(run.ID, servers, leave)
	}
	if err != nil {
		return fmt.Errorf("claudecode: %w", err)
	}
	return nil
}

// sweep takes away what attempts of the run that were killed have left: in the folder, and beside the file of servers.
func (h *Home) sweep(run string) error {
	err := homefiles.Sweep(h.root, h.place(folder), run)
	if path, perr := homefiles.Inside(h.root, h.place(h.serversFile())); perr == nil { // else no run writes it
		err = errors.Join(err, homefiles.SweepIn(filepath.Dir(path), run))
	}
	return err
}

// onlyLines tells whether a transcript that was made of mapped fields still holds only what the run
// wrote: a further block of an answer shares its message id.
func onlyLines(path string, said *homefiles.Messages) bool {
	r, err := os.Open(path)
	if err != nil {
		return false
	}
	defer r.Close()
	ok := true
	var l line
	err = homefiles.EachLine(r, maxLine, func(_ int, b []byte) error {
		valid := l.read(b)
		id := strings.TrimPrefix(l.message.Get("id").Text(), "msg_")
		ours := valid && (len(l.uuid) == 0 && l.typ.Is("custom-title") || said.Found(l.uuid.Text()) || len(id) == 32 && said.Found(id[:8]+"-"+id[8:12]+"-"+id[12:16]+"-"+id[16:20]+"-"+id[20:]))
		ok = ok && ours
		return nil
	})
	return err == nil && ok
}
