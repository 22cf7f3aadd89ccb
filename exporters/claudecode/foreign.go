package claudecode

import (
	"context"
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
	"github.com/exitramp/exitramp/exporters/internal/callid"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const noPlace = "a transcript has no place for it"

// version is what written transcripts say they are of: the release whose form they have.
const version = "2.1.330"

// A session is a transcript that is being made of a conversation of another runtime.
type session struct {
	project, id, cwd string
	context          map[string]bool // what the model sees; nil: all
	parent           string          // uuid of the last line
	ids              *callid.IDs
	begun            bool   // it has a line
	tmp              string // the transcript until Commit; empty: a plan, or it is there already
}

// foreign writes a record of another runtime from its mapped fields.
func (w *writer) foreign(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	switch r := r.(type) {
	case *pb.Conversation:
		return w.conversation(r)
	case *pb.Message:
		return w.message(ctx, r)
	}
	return replay.Receipt{Action: replay.Skipped, Why: "only conversations of other runtimes are taken; no " + agentstate.KindOf(r)}, nil
}

var notPlain = lazyre.New(`[^A-Za-z0-9]`)

// projectOf is the folder of a working folder's sessions.
func projectOf(cwd string) string { return notPlain().ReplaceAllString(cwd, "-") }

var isUUID = lazyre.New(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// uuidOf is the id of a session or line: that of the record where it is one, else made of its key.
func uuidOf(key string) string {
	_, parts := agentstate.SplitKey(key)
	if id := strings.ToLower(parts[len(parts)-1]); isUUID().MatchString(id) {
		return id
	}
	return homefiles.UUID(key)
}

func (w *writer) conversation(c *pb.Conversation) (replay.Receipt, error) {
	cwd, err := filepath.Abs(w.h.root) // the working folder in which claude --resume finds it
	if err != nil {
		return replay.Receipt{}, err
	}
	s := &session{project: projectOf(cwd), id: uuidOf(c.Meta.Key), cwd: cwd, ids: callIDs()}
	if len(c.ContextKeys) > 0 {
		s.context = map[string]bool{}
		for _, k := range c.ContextKeys {
			s.context[k] = true
		}
	}
	rel := ".claude/projects/" + s.project + "/" + s.id + ".jsonl"
	path, err := homefiles.Inside(w.h.root, w.h.place(rel))
	if err != nil {
		return refused("%v", err)
	}
	losses := fidelity.Lost(c, noPlace, "title", "head_key", "context_keys", "meta.created_unix_nano", "meta.updated_unix_nano", "meta.labels")
	for _, p := range []string{"meta.created_unix_nano", "meta.updated_unix_nano", "head_key", "context_keys", "meta.labels"} {
		losses = append(losses, fidelity.Loss{Path: p, Grade: fidelity.Defaulted, Why: "read out of the transcript"})
	}
	if c.Title == "" {
		losses = append(losses, fidelity.Loss{Path: "title", Grade: fidelity.Defaulted, Why: "none was given: the first words stand for it"})
	}
	rc := replay.Receipt{Action: replay.Created, Target: agentstate.Key("conversation", s.project, s.id), Losses: losses}
	if _, err := os.Lstat(path); err == nil {
		if !w.run.Doubts(c.Meta.Key) {
			return replay.Receipt{Action: replay.Conflict, Why: "the home holds a session of this id"}, nil
		}
		w.open[c.Meta.Key] = s // written by an attempt that was broken off
		return rc, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return replay.Receipt{}, err
	}
	w.open[c.Meta.Key] = s
	if w.run.DryRun {
		return rc, nil
	}
	f, err := w.Temp(path)
	if err != nil {
		return replay.Receipt{}, err
	}
	s.tmp = f.Name()
	if err := f.Close(); err != nil || c.Title == "" {
		return rc, err
	}
	return rc, s.title(w, c.Title)
}

func (s *session) title(w *writer, t string) error {
	return s.line(w, map[string]any{"type": "custom-title", "customTitle": t, "sessionId": s.id})
}

// noneEmpty puts a line into transcripts of conversations without a title and without messages: one
// of 0 bytes is a damaged one.
func (w *writer) noneEmpty() error {
	for _, s := range w.open {
		if s.tmp != "" && !s.begun {
			if err := s.title(w, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// line puts a line behind the transcript. In a plan there is none.
func (s *session) line(w *writer, v any) error {
	if s.tmp == "" {
		return nil
	}
	s.begun = true
	return w.Line(s.tmp, v)
}

func (w *writer) message(ctx context.Context, m *pb.Message) (replay.Receipt, error) {
	s := w.open[m.ConversationKey]
	switch {
	case s == nil:
		return refused("its conversation was not written")
	case s.context != nil && !s.context[m.Meta.Key]:
		return replay.Receipt{Action: replay.Skipped, Why: "the model does not see it: another branch, or cut from the context"}, nil
	case m.Role == pb.Role_ROLE_SYSTEM:
		return replay.Receipt{Action: replay.Skipped, Why: "a transcript holds no operator's words; they belong into CLAUDE.md"}, nil
	}
	blocks, losses, err := w.blocks(ctx, s, m)
	if err != nil {
		return replay.Receipt{}, err
	}
	if len(blocks) == 0 {
		return replay.Receipt{Action: replay.Skipped, Why: "says nothing that a transcript can hold", Losses: losses}, nil
	}
	at := time.Now()
	if m.Meta.CreatedUnixNano != 0 {
		at = time.Unix(0, m.Meta.CreatedUnixNano)
		if m.Meta.CreatedUnixNano%int64(time.Millisecond) != 0 {
			losses = append(losses, fidelity.Loss{Path: "meta.created_unix_nano", Grade: fidelity.Transformed, Why: "kept to the millisecond"})
		}
	} else {
		losses = append(losses, fidelity.Loss{Path: "meta.created_unix_nano", Grade: fidelity.Defaulted, Why: "not said: it is the time of the replay"})
	}
	id := uuidOf(m.Meta.Key)
	if id != m.NativeId {
		losses = append(losses, fidelity.Loss{Path: "native_id", Grade: fidelity.Transformed, Why: "a line has a UUID, which is made of the record's key"})
	}
	for _, p := range []string{"position", "parent_key", "meta.view_of_keys"} {
		losses = append(losses, fidelity.Loss{Path: p, Grade: fidelity.Transformed, Why: "a line follows the one before it"})
	}
	first := id
	lines := linesOf(m, blocks)
	if m.Model != "" && !lines[0].assistant {
		losses = append(losses, fidelity.Loss{Path: "model", Grade: fidelity.Dropped, Why: noPlace})
	}
	if slices.ContainsFunc(lines, func(l said) bool { return l.assistant != lines[0].assistant }) {
		losses = append(losses, fidelity.Loss{Path: "parts", Grade: fidelity.Transformed, Why: "becomes messages of several speakers"})
	}
	for i, l := range lines {
		if i > 0 {
			id = uuidOf(fmt.Sprintf("%s#%d", m.Meta.Key, i))
		}
		body := map[string]any{"role": "user", "content": l.content}
		typ := "user"
		if l.assistant {
			typ = "assistant"
			model := m.Model
			if model == "" {
				if model = "unknown"; i == 0 {
					losses = append(losses, fidelity.Loss{Path: "model", Grade: fidelity.Defaulted, Why: "not said"})
				}
			}
			body = map[string]any{"id": "msg_" + strings.ReplaceAll(first, "-", ""), "type": "message", "role": "assistant", "model": model, "content": l.content,
				"stop_reason": nil, "stop_sequence": nil, "usage": map[string]any{"input_tokens": 0, "output_tokens": 0}}
		}
		var parent any
		if s.parent != "" {
			parent = s.parent
		}
		if err := s.line(w, map[string]any{"parentUuid": parent, "isSidechain": false, "userType": "external", "cwd": s.cwd, "sessionId": s.id, "version": version,
			"gitBranch": "", "type": typ, "message": body, "uuid": id, "timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z")}); err != nil {
			return replay.Receipt{}, err
		}
		s.parent = id
	}
	return replay.Receipt{Action: replay.Created, Target: agentstate.Key("message", s.project, s.id, first), Losses: losses}, nil
}

// said is the content of one line.
type said struct {
	assistant bool
	content   []any
}

// linesOf are the lines that hold blocks. A user's blocks are one line, and each block of an answer
// is one, as the program writes them. The words of a tool, or of somebody who is not understood, are
// the assistant's: as a user's they would have more authority.
func linesOf(m *pb.Message, blocks []any) []said {
	var out []said
	for _, b := range blocks {
		typ := b.(map[string]any)["type"]
		assistant := typ == "tool_use" || m.Role != pb.Role_ROLE_USER && typ != "tool_result"
		if n := len(out); n > 0 && !assistant && !out[n-1].assistant {
			out[n-1].content = append(out[n-1].content, b)
			continue
		}
		out = append(out, said{assistant, []any{b}})
	}
	return out
}
