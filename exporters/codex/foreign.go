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
	r := &rollout{rel: "sessions/" + at.Format("2006/01/02") + "/rollout-" + at.Format("2006-01-02T15-04-05") + "-" + id + ".jsonl", ids: responses.CallIDs()}
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
		if !w.run.Doubts(c.Meta.Key) {
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
	source := "cli" // what Codex lists for a person
	if c.ParentKey != "" {
		source = "exec"
	}
	return rc, w.Line(r.tmp, map[string]any{"timestamp": at.Format(timeForm), "type": "session_meta", "payload": map[string]any{
		"id": id, "timestamp": at.Format(timeForm), "cwd": cwd, "originator": "exitramp", "cli_version": version, "source": source}})
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
	items, losses, err := responses.Items(ctx, w.run.Source, r.ids, m)
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
	if slices.ContainsFunc(m.Parts, func(p *pb.Part) bool { _, ok := p.Body.(*pb.Part_Refusal); return ok }) {
		losses = append(losses, fidelity.Loss{Path: "parts.refusal", Grade: fidelity.Transformed, Why: "as text"}, fidelity.Loss{Path: "parts.text", Grade: fidelity.Transformed, Why: "a refusal as text"})
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
		if err := w.item(r, at, o); err != nil {
			return replay.Receipt{}, err
		}
	}
	return replay.Receipt{Action: replay.Created, Target: agentstate.Key("message", strings.TrimSuffix(r.rel, ".jsonl"), first), Losses: losses}, nil
}

// timeForm is how lines say when they were written.
const timeForm = "2006-01-02T15:04:05.000Z"
