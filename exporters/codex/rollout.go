package codex

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A head is what a rollout says of itself.
type head struct {
	Timestamp  string `json:"timestamp"`
	Cwd        string `json:"cwd"`
	Version    string `json:"cli_version"`
	Provider   string `json:"model_provider"`
	ForkedFrom string `json:"forked_from_id"`
	ForkedAt   int64  `json:"forked_from_ordinal_exclusive"` // 0: it holds the turns before the fork itself
	Base       *base  `json:"history_base"`
	Parent     string `json:"parent_thread_id"`
	Source     json.RawMessage
	from, to   int64
	lines      homefiles.LineSet // that are read a second time
	cut        bool              // its first line is missing
	words      string            // that a person said first
	edited     bool              // a compaction or a rollback changed what the model sees
	begun      bool              // its first line was seen
	bare       bool              // its lines are items with nothing around them
	err        error             // that stopped its reading
	unknown    homefiles.LineTypes
}

// A base is the rollout in which the turns before a fork or a revert stand: so many bytes of it.
type base struct {
	Thread  string `json:"thread_id"`
	End     int64  `json:"end_byte_offset"`
	Ordinal int64  `json:"end_ordinal_exclusive"`
}

// headOf reads what a rollout says of itself: its first line that is a session_meta, and the times of
// all. d is its data; nil: it is read from the file.
func headOf(f *homefiles.File, d *pb.Data) *head {
	h := &head{}
	s := &segment{f: f, d: d, head: h}
	found, begun := false, false
	bad := func(no int, _ pb.Gap_Reason, _ string) error {
		begun = true // and named as a gap
		h.lines.Add(no)
		return nil
	}
	h.err = s.eachLine(nil, bad, func(no int, l *line) error {
		if !begun {
			begun, h.cut = true, !l.typ.Is("session_meta")
		}
		switch {
		case l.typ.Is("response_item"), l.typ.Is("turn_context"), l.typ.Is(interAgent):
			h.lines.Add(no)
			if h.words == "" && l.typ.Is("response_item") && len(l.payload) < maxParts {
				h.words = firstWords(l.payload)
			}
		case l.typ.Is("compacted"), l.rolledBack():
			h.edited = true
			h.lines.Add(no)
		case !found && l.typ.Is("session_meta"):
			found = true
			json.Unmarshal(l.payload, h)
		case !l.isKnown():
			h.unknown.Add(l.typ)
		}
		h.to = max(h.to, timeOf(l.timestamp))
		return nil
	})
	h.cut = h.cut || !begun
	t, terr := time.Parse(time.RFC3339Nano, h.Timestamp)
	if terr == nil {
		h.from = agentstate.UnixNano(t)
	}
	return h
}

// rollout is a conversation: its file, and what is read out of it.
func (r *reading) rollout(ctx context.Context, f *homefiles.File) error {
	media := "application/jsonl"
	switch path.Ext(f.Rel) {
	case ".zst": // an old one, packed by Codex
		media = "application/zstd"
	case ".json":
		media = "application/json"
	}
	d, err := f.Data(media)
	if err != nil {
		return r.gap(homefiles.GapOf(f, err))
	}
	h := headOf(f, d)
	if r.heads[f] = h; h.err != nil {
		return r.gap(homefiles.GapOf(f, h.err))
	}
	s := &segment{f: f, d: d, key: keyOf(f.Rel), head: h}
	if f.Size() == 0 {
		return r.gap(&pb.Gap{Kind: f.Kind, Place: f.Rel, Reason: pb.Gap_REASON_CORRUPT, Count: 1, Detail: "a rollout of 0 bytes: what was in it is lost; bring it back, or remove the file"})
	}
	if h.cut {
		r.n["conversation"]++
		if err := r.gap(&pb.Gap{Kind: f.Kind, Place: f.Rel + " session_meta", Reason: pb.Gap_REASON_CORRUPT, Count: 1,
			Detail: "it does not begin with session_meta: its start is missing, or another release wrote it; the file itself is carried whole"}); err != nil {
			return err
		}
	}
	c := &pb.Conversation{Meta: metaOf(f)}
	c.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Data{Data: homefiles.Clone(d)}}} // the record is the caller's
	c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = h.from, h.to
	for _, x := range [][2]string{{"cwd", h.Cwd}, {"cli_version", h.Version}, {"model_provider", h.Provider}} {
		if x[1] != "" {
			c.Meta.Labels = append(c.Meta.Labels, &pb.Label{Name: x[0], Value: valid(x[1])})
		}
	}
	c.Meta.Labels = append(c.Meta.Labels, h.unknown.Unread()...)
	if d := r.dbs["state_5.sqlite"]; d != nil {
		if c.Title, err = d.title(ctx, uuid().FindString(path.Base(f.Rel))); err != nil {
			return err
		}
	}
	c.Title = cmp.Or(c.Title, h.words)
	if c.ParentKey, err = r.parent(f, h); err != nil {
		return err
	}
	all, err := r.before(s)
	if err != nil {
		return err
	}
	all = append(all, s)
	if r.superseded(f) {
		c.Status = statusReverted
	}
	if edited(all) {
		if c.ContextKeys, err = view(all); err != nil {
			return r.gap(homefiles.GapOf(f, err))
		}
		if n := len(c.ContextKeys); n > 0 {
			c.HeadKey = c.ContextKeys[n-1]
		}
	}
	if err := r.put(c); err != nil {
		return err
	}
	return r.lines(all)
}

// spawned is the thread that started this one as its sub-agent; empty: none. Older releases say it in
// the source alone, which is a word otherwise.
func (h *head) spawned() string {
	var s struct {
		Agent struct {
			Spawn struct {
				Parent string `json:"parent_thread_id"`
			} `json:"thread_spawn"`
		} `json:"subagent"`
	}
	json.Unmarshal(h.Source, &s)
	return cmp.Or(h.Parent, s.Agent.Spawn.Parent)
}

// parent is the conversation in which the turns before a fork or a revert stand. A rollout whose parent
// is not there, or not whole, holds only its own turns.
func (r *reading) parent(f *homefiles.File, h *head) (key string, err error) {
	gone := func(what, id string, reason pb.Gap_Reason, why string) error {
		r.n["conversation"]++
		return r.gap(&pb.Gap{Kind: "conversation", Place: f.Rel + " " + what + " " + valid(id), Reason: reason, Count: 1, Detail: why + ": this rollout holds only its own turns"})
	}
	p := r.threads[h.ForkedFrom]
	switch {
	case h.ForkedFrom == "" || p != nil && p.File == f:
	case p != nil:
		key = p.key
	case h.ForkedAt == 0 && h.Base == nil: // it holds what stood before the fork itself
	default:
		if err := gone("forked_from_id", h.ForkedFrom, pb.Gap_REASON_GONE, "the rollout that this one was forked from is not there"); err != nil {
			return "", err
		}
	}
	if of := r.threads[h.spawned()]; h.ForkedFrom == "" && of != nil && of.File != f {
		key = of.key // its turns are all its own
	}
	if h.Base == nil {
		return key, nil
	}
	b := r.threads[h.Base.Thread]
	switch {
	case b == nil && h.Base.Thread == h.ForkedFrom: // said
		return "", nil
	case b == nil:
		return "", gone("history_base", h.Base.Thread, pb.Gap_REASON_GONE, "the rollout in which its earlier turns stand is not there")
	case b.Size() < h.Base.End && path.Ext(b.Rel) != ".zst":
		if err := gone("history_base", h.Base.Thread, pb.Gap_REASON_CORRUPT, fmt.Sprintf("of the rollout in which its earlier turns stand, %d bytes are there, and want %d", b.Size(), h.Base.End)); err != nil {
			return "", err
		}
	}
	if b.File == f {
		return key, nil
	}
	return b.key, nil
}

// maxParts is how many bytes of JSON a message is read from. What is longer stands there without its
// parts: they are in the file alone.
const maxParts = 4 << 20

func timeOf(v jsonvalue.Value) int64 {
	if !v.IsText() {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, v.Text())
	if err != nil {
		return 0
	}
	return agentstate.UnixNano(t)
}
