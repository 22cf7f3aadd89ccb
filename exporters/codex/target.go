package codex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	"github.com/exitramp/exitramp/internal/lazyre"
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
	tmp     string          // the file until Commit; empty: a plan, or it is there already
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
	var d *pb.Data
	switch r := r.(type) {
	case *pb.Conversation:
		if n := r.Meta.Native; len(n) == 1 {
			d = n[0].GetData()
		}
	case *pb.Memory:
		d = r.GetData()
	case *pb.Skill:
		d = r.Instructions
	case *pb.Agent:
		d = r.Instructions
	case *pb.Artifact:
		d = r.Data
	case *pb.Policy:
		d = r.Text
	case *pb.Credential:
		return replay.Receipt{Action: replay.Skipped, Why: "a secret stays where it is: " + r.Rebind}, nil
	}
	if d == nil || len(parts) != 1 {
		return replay.Receipt{Action: replay.Skipped, Why: "has no file of its own"}, nil
	}
	rel := fileOf(kind, parts[0])
	if kindOf(rel) != kind || !homefiles.Local(rel) {
		return refused("a %s cannot be the file %.100q", kind, rel)
	}
	mode := fs.FileMode(0o600)
	for _, l := range r.GetMeta().GetLabels() {
		if l.Name == labelMode {
			mode = 0o700
		}
	}
	var at time.Time // of a rollout: its last line's. Codex shows the file's time as that of the last change
	if ns := r.GetMeta().GetUpdatedUnixNano(); ns != 0 {
		at = time.Unix(0, ns)
	}
	return w.Put(ctx, r.GetMeta().GetKey(), rel, d, mode, at)
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

var whole = lazyre.New("^" + uuidForm + "$")

// version is what written rollouts say they are of: the release whose form they have.
const version = "0.169.0"

// conversation starts the rollout of a conversation of another runtime.
func (w *writer) conversation(c *pb.Conversation) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(c.Meta.Key)
	id := strings.ToLower(parts[len(parts)-1])
	if !whole().MatchString(id) {
		id = homefiles.UUID(c.Meta.Key)
	}
	losses := fidelity.Lost(c, "a rollout has no place for it", "context_keys", "head_key", "title", "meta.created_unix_nano", "meta.updated_unix_nano", "meta.labels")
	for _, p := range []string{"meta.updated_unix_nano", "meta.labels", "context_keys", "title", "head_key"} {
		losses = append(losses, fidelity.Loss{Path: p, Grade: fidelity.Defaulted, Why: "read out of the rollout"})
	}
	at := time.Unix(0, c.Meta.CreatedUnixNano).UTC()
	switch {
	case c.Meta.CreatedUnixNano == 0:
		at = time.Unix(0, 0).UTC() // its name must be the same in every attempt
		losses = append(losses, fidelity.Loss{Path: "meta.created_unix_nano", Grade: fidelity.Defaulted, Why: "not said: 1970 stands for it"})
	case c.Meta.CreatedUnixNano%int64(time.Millisecond) != 0:
		losses = append(losses, fidelity.Loss{Path: "meta.created_unix_nano", Grade: fidelity.Transformed, Why: "kept to the millisecond"})
	}
	r := &rollout{rel: "sessions/" + at.Format("2006/01/02") + "/rollout-" + at.Format("2006-01-02T15-04-05") + "-" + id + ".jsonl"}
	if len(c.ContextKeys) > 0 {
		r.context = map[string]bool{}
		for _, k := range c.ContextKeys {
			r.context[k] = true
		}
	}
	path, err := homefiles.Inside(w.Root, r.rel)
	if err != nil {
		return refused("%v", err)
	}
	rc := replay.Receipt{Action: replay.Created, Target: keyOf(r.rel), Losses: losses}
	w.rollouts[c.Meta.Key] = r
	if _, err := os.Lstat(path); err == nil {
		if w.run.InDoubt == nil || !w.run.InDoubt(c.Meta.Key) {
			delete(w.rollouts, c.Meta.Key)
			return replay.Receipt{Action: replay.Conflict, Why: "the home holds a rollout of this id"}, nil
		}
		return rc, nil // written by an attempt that was broken off
	} else if !errors.Is(err, fs.ErrNotExist) {
		return replay.Receipt{}, err
	}
	if w.run.DryRun {
		return rc, nil
	}
	f, err := w.Temp(path)
	if err != nil {
		return replay.Receipt{}, err
	}
	r.tmp = f.Name()
	if err := f.Close(); err != nil {
		return replay.Receipt{}, err
	}
	cwd, err := filepath.Abs(w.Root)
	if err != nil {
		return replay.Receipt{}, err
	}
	const form = "2006-01-02T15:04:05.000Z"
	return rc, w.Line(r.tmp, map[string]any{"timestamp": at.Format(form), "type": "session_meta", "payload": map[string]any{
		"id": id, "timestamp": at.Format(form), "cwd": cwd, "originator": "exitramp", "cli_version": version, "source": "exec"}})
}

// message puts a message behind its rollout, as one item or several.
func (w *writer) message(ctx context.Context, m *pb.Message) (replay.Receipt, error) {
	r := w.rollouts[m.ConversationKey]
	switch {
	case w.exact:
		return replay.Receipt{Action: replay.Skipped, Why: "stands in its rollout", NoLoss: true}, nil
	case r == nil:
		return refused("its conversation was not written")
	case r.context != nil && !r.context[m.Meta.Key]:
		return replay.Receipt{Action: replay.Skipped, Why: "the model does not see it: another branch, or cut from the context"}, nil
	}
	items, losses, err := responses.Items(ctx, w.run.Source, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if len(items) == 0 {
		return replay.Receipt{Action: replay.Skipped, Why: "says nothing that an item can hold", Losses: losses}, nil
	}
	at := time.Unix(0, m.Meta.CreatedUnixNano)
	switch {
	case m.Meta.CreatedUnixNano == 0:
		at = time.Now()
		losses = append(losses, fidelity.Loss{Path: "meta.created_unix_nano", Grade: fidelity.Defaulted, Why: "not said: it is the time of the replay"})
	case m.Meta.CreatedUnixNano%int64(time.Millisecond) != 0:
		losses = append(losses, fidelity.Loss{Path: "meta.created_unix_nano", Grade: fidelity.Transformed, Why: "kept to the millisecond"})
	}
	first := "exitramp_" + strings.ReplaceAll(homefiles.UUID(m.Meta.Key), "-", "")
	own := []string{"native_id", "position", "parent_key", "meta.view_of_keys"}
	losses = slices.DeleteFunc(losses, func(l fidelity.Loss) bool { return slices.Contains(own, l.Path) })
	for _, p := range own {
		losses = append(losses, fidelity.Loss{Path: p, Grade: fidelity.Transformed, Why: "an item has an id of its own and follows the one before it"})
	}
	for i, item := range items {
		var o map[string]json.RawMessage
		if err := json.Unmarshal(item, &o); err != nil {
			return replay.Receipt{}, err
		}
		if _, ok := o["type"]; !ok {
			o["type"] = json.RawMessage(`"message"`)
		}
		o["content"], err = listed(o["content"], string(o["role"]) == `"assistant"`)
		if o["content"] == nil {
			delete(o, "content")
		}
		if err != nil {
			return replay.Receipt{}, err
		}
		id := first
		if i > 0 {
			id = fmt.Sprintf("%s_%d", first, i)
		}
		o["id"], _ = json.Marshal(id)
		if r.tmp == "" {
			continue
		}
		if err := w.Line(r.tmp, map[string]any{"timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"), "type": "response_item", "payload": o}); err != nil {
			return replay.Receipt{}, err
		}
	}
	return replay.Receipt{Action: replay.Created, Target: agentstate.Key("message", strings.TrimSuffix(r.rel, ".jsonl"), first), Losses: losses}, nil
}

// listed is a content as a list of parts: Codex reads no other.
func listed(content json.RawMessage, assistant bool) (json.RawMessage, error) {
	s, ok := responses.Text(content)
	if !ok {
		return content, nil
	}
	typ := "input_text"
	if assistant {
		typ = "output_text"
	}
	return json.Marshal([]map[string]string{{"type": typ, "text": s}})
}
