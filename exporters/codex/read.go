package codex

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxLine is how long a line may be to be taken apart; longer ones are in the file alone.
const maxLine = 32 << 20

// A reading is one stream under way.
type reading struct {
	out     *agentstate.Emitter
	n       map[string]uint64
	threads map[string]string // id of a thread → key of its conversation
	dbs     map[string]*database
	unread  map[string]error // databases that cannot be read, by name
}

var errStop = errors.New("the consumer stopped")

func (r *reading) put(rec agentstate.Record) error {
	if !r.out.Put(rec) {
		return errStop
	}
	return nil
}

func (r *reading) gap(g *pb.Gap) error {
	if !r.out.Gap(g) {
		return errStop
	}
	return nil
}

func (h *Home) origin() *pb.Origin {
	return &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "files", Location: valid(h.root)}
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// Records reads the home: settings, definitions, instructions, rollouts.
func (h *Home) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if opts != nil && len(opts.Cursor) > 0 {
			yield(nil, fmt.Errorf("codex: %w", agentstate.ErrCursor)) // files: read anew
			return
		}
		ours, _, err := h.find(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		r := &reading{n: map[string]uint64{}, threads: map[string]string{}, dbs: map[string]*database{}, unread: map[string]error{}}
		defer r.close()
		origin, err := r.open(ctx, h, ours)
		if err != nil {
			yield(nil, fmt.Errorf("codex: %w", err))
			return
		}
		r.out = agentstate.NewEmitter(ctx, yield, origin)
		byPath := map[string]found{}
		for _, f := range ours {
			byPath[f.rel] = f
			if id := uuid.FindString(path.Base(f.rel)); f.kind == "conversation" && r.threads[id] == "" {
				r.threads[id] = keyOf(f.rel)
			}
		}
		h.mu.Lock()
		h.reading, h.dbs = byPath, r.dbs
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			h.reading, h.dbs = nil, nil
			h.mu.Unlock()
		}()
		err = r.run(ctx, ours)
		if errors.Is(err, errStop) {
			return
		}
		if err == nil {
			r.finish(h, ours)
		}
		r.out.End(err)
	}
}

// open opens the databases: each is read in a snapshot of its own, taken here.
func (r *reading) open(ctx context.Context, h *Home, ours []found) (*pb.Origin, error) {
	o := h.origin()
	for _, f := range ours {
		if f.kind != "database" {
			continue
		}
		d, err := h.openDB(ctx, f)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var n map[string]uint64
		if err == nil {
			r.dbs[f.rel] = d
			n, err = d.counts(ctx)
		}
		if err != nil {
			if d != nil {
				d.Close()
			}
			delete(r.dbs, f.rel)
			r.unread[f.rel] = err
			continue
		}
		for _, l := range d.Labels {
			o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: f.rel + " " + l[0], Value: l[1]})
		}
		for k, n := range n {
			r.n["row "+k] += n
		}
	}
	return o, nil
}

func (r *reading) close() {
	for _, d := range r.dbs {
		d.Close()
	}
}

func (r *reading) run(ctx context.Context, ours []found) error {
	for _, kind := range []string{"policy", "artifact", "skill", "memory", "conversation", "database"} {
		for _, f := range ours {
			if f.kind != kind {
				continue
			}
			var err error
			switch kind {
			case "policy":
				err = r.config(f)
			case "conversation":
				err = r.rollout(ctx, f)
			case "database":
				if d := r.dbs[f.rel]; d != nil {
					err = r.rows(ctx, d)
					break
				}
				r.out.Kind(kindOfDatabase(f.rel))
				err = r.gap(gapOf(f.rel, r.unread[f.rel]))
			default:
				err = r.file(f)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func cite(at string) *pb.Native {
	return &pb.Native{Type: "file", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "bytes", Value: &pb.Column_At{At: at}}}}}}
}

// file is the record of instructions, a skill or any other file.
func (r *reading) file(f found) error {
	media := "application/octet-stream"
	if path.Ext(f.rel) == ".md" {
		media = "text/markdown"
	}
	d, err := f.data(media)
	if err != nil {
		return err
	}
	m := f.meta()
	m.UpdatedUnixNano = agentstate.UnixNano(f.info.ModTime())
	name := strings.TrimSuffix(path.Base(f.rel), path.Ext(f.rel))
	var rec agentstate.Record
	switch f.kind {
	case "memory":
		m.Native = []*pb.Native{cite("#data")}
		rec = &pb.Memory{Meta: m, Name: name, Form: pb.Memory_FORM_FILE, Content: &pb.Memory_Data{Data: d}}
	case "skill":
		m.Native = []*pb.Native{cite("#instructions")}
		if name == "SKILL" {
			name = path.Base(path.Dir(f.rel))
		}
		rec = &pb.Skill{Meta: m, Name: name, Instructions: d}
	default:
		m.Native = []*pb.Native{cite("#data")}
		rec = &pb.Artifact{Meta: m, Name: f.rel, Data: d, Size: uint64(f.size())}
	}
	return r.put(rec)
}

// A line is one line of a rollout, as far as it is read here.
type line struct {
	Timestamp string          `json:"timestamp"`
	Type      string          `json:"type"`
	Payload   json.RawMessage `json:"payload"`
}

// A head is what the first line says of a rollout.
type head struct {
	ID         string `json:"id"`
	Timestamp  string `json:"timestamp"`
	Cwd        string `json:"cwd"`
	Version    string `json:"cli_version"`
	Provider   string `json:"model_provider"`
	ForkedFrom string `json:"forked_from_id"`
}

func eachLine(f found, fn func(no int, l *line, bad string) error) error {
	err := homefiles.EachLine(f.path, f.size(), maxLine, func(no int, b []byte) error {
		l := &line{}
		bad := ""
		switch {
		case b == nil:
			bad = fmt.Sprintf("longer than %d MiB; it is in the file alone", maxLine>>20)
		case len(bytes.TrimSpace(b)) == 0:
			return nil
		case json.Unmarshal(b, l) != nil && !json.Valid(b):
			bad = fmt.Sprintf("%d bytes that are not JSON; the file itself is carried whole", len(b))
		}
		return fn(no, l, bad)
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("codex: %w", err)
	}
	return err
}

// rollout is a conversation: its file, and what is read out of it.
func (r *reading) rollout(ctx context.Context, f found) error {
	d, err := f.data("application/jsonl")
	if err != nil {
		return err
	}
	c := &pb.Conversation{Meta: f.meta()}
	c.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Data{Data: d}}}
	key := c.Meta.Key
	var h head
	if err := eachLine(f, func(_ int, l *line, bad string) error {
		if l.Type == "session_meta" && h.ID == "" {
			json.Unmarshal(l.Payload, &h)
		}
		if t := timeOf(l.Timestamp); t != 0 {
			c.Meta.UpdatedUnixNano = max(c.Meta.UpdatedUnixNano, t)
		}
		return nil
	}); err != nil {
		return err
	}
	c.Meta.CreatedUnixNano = timeOf(h.Timestamp)
	for _, x := range [][2]string{{"cwd", h.Cwd}, {"cli_version", h.Version}, {"model_provider", h.Provider}} {
		if x[1] != "" {
			c.Meta.Labels = append(c.Meta.Labels, &pb.Label{Name: x[0], Value: valid(x[1])})
		}
	}
	if d := r.dbs["state_5.sqlite"]; d != nil {
		if c.Title, err = d.title(ctx, uuid.FindString(path.Base(f.rel))); err != nil {
			return err
		}
	}
	if h.ForkedFrom != "" {
		if c.ParentKey = r.threads[h.ForkedFrom]; c.ParentKey == "" {
			if err := r.gap(&pb.Gap{Kind: "conversation", Place: f.rel + " forked_from_id " + valid(h.ForkedFrom), Reason: pb.Gap_REASON_GONE, Count: 1,
				Detail: "the rollout that this one was forked from is not there: the fork holds only its own turns"}); err != nil {
				return err
			}
			r.n["conversation"]++
		}
	}
	if err := r.put(c); err != nil {
		return err
	}
	return r.lines(f, key)
}

func (r *reading) lines(f found, conversation string) error {
	seen := map[string]bool{}
	rel := strings.TrimSuffix(f.rel, ".jsonl")
	position := uint64(0)
	last := ""
	return eachLine(f, func(no int, l *line, bad string) error {
		switch {
		case bad != "":
			return r.gap(&pb.Gap{Kind: "message", Place: f.rel + " line " + strconv.Itoa(no), Reason: pb.Gap_REASON_CORRUPT, Detail: bad, Count: 1})
		case l.Type == "turn_context":
			return r.grant(f, conversation, l.Payload, seen)
		case l.Type != "response_item":
			return nil
		}
		m := &pb.Message{Meta: &pb.Meta{CreatedUnixNano: timeOf(l.Timestamp)}, ConversationKey: conversation, ParentKey: last}
		responses.Read(m, l.Payload)
		id := m.NativeId
		if id == "" || seen["m"+id] {
			id = "line " + strconv.Itoa(no)
		}
		seen["m"+id] = true
		position++
		m.Meta.Key, m.Position = agentstate.Key("message", rel, id), position
		m.Meta.ViewOfKeys = []string{conversation}
		last = m.Meta.Key
		return r.put(m)
	})
}

// grant is what a turn was allowed to do, once for each rollout.
func (r *reading) grant(f found, conversation string, payload json.RawMessage, seen map[string]bool) error {
	var t struct {
		Approval json.RawMessage `json:"approval_policy"`
		Sandbox  json.RawMessage `json:"sandbox_policy"`
		Profile  json.RawMessage `json:"permission_profile"`
		Cwd      string          `json:"cwd"`
	}
	json.Unmarshal(payload, &t)
	doc, err := json.Marshal(t)
	if err != nil || len(t.Approval) == 0 || len(doc) > agentstate.SpillSize {
		return nil
	}
	sum := sha256.Sum256(doc)
	id := hex.EncodeToString(sum[:8])
	if seen["g"+id] {
		return nil
	}
	seen["g"+id] = true
	var word string
	json.Unmarshal(t.Approval, &word)
	g := &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, strings.TrimSuffix(f.rel, ".jsonl"), id), Pattern: "*", PatternDialect: product,
		Effect: pb.ToolGrant_EFFECT_ALLOW, Enabled: true, ScopeKey: conversation, Constraints: agentstate.Inline("application/json", doc),
		ApprovalMode: map[string]pb.ToolGrant_ApprovalMode{"never": pb.ToolGrant_APPROVAL_MODE_NEVER, "untrusted": pb.ToolGrant_APPROVAL_MODE_ALWAYS,
			"on-request": pb.ToolGrant_APPROVAL_MODE_ON_RISK, "on-failure": pb.ToolGrant_APPROVAL_MODE_ON_RISK}[word]}
	g.Meta.ViewOfKeys = []string{conversation}
	return r.put(g)
}

func timeOf(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0
	}
	return agentstate.UnixNano(t)
}

// finish states what the walk found, kind by kind.
func (r *reading) finish(h *Home, ours []found) {
	walked := map[string]uint64{"conversation": r.n["conversation"]}
	for _, f := range ours {
		if f.kind != "database" {
			walked[f.kind]++
		}
	}
	for _, k := range []string{"policy", "artifact", "skill", "conversation"} {
		r.out.Reference(k, walked[k], "files of the folder", "whole home")
	}
	r.out.Reference("memory", walked["memory"]+r.n["row memory"], "files of the folder, count(*) of each table", "whole home")
	r.out.Derived("message", "conversation")
	r.out.Derived("toolgrant", "conversation")
	for _, k := range []string{"state", "opaque"} {
		if n := r.n["row "+k]; n > 0 {
			r.out.Reference(k, n, "count(*) of each table", "whole home")
		}
	}
	if n := r.n["credential"] + r.n["row credential"]; n > 0 {
		r.out.Reference("credential", n, "values that were taken out", "whole home")
	}
	r.out.AbsentOthers()
	s := r.out.Statement()
	s.Observer, s.ObserverBasis, s.Account = "uid "+strconv.Itoa(os.Getuid()), "process", valid(h.root)
}

// Preflight counts files and rows.
func (h *Home) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	ours, notes, err := h.find(ctx)
	if err != nil {
		return nil, err
	}
	p := &agentstate.Preflight{Origin: h.origin(), Observer: "uid " + strconv.Itoa(os.Getuid()), Counts: map[string]int64{}, Notes: notes,
		Never: []string{"auth.json, installation_id, .env: not opened", "values of secrets in config.toml: a person binds them again",
			"enrolments of the machine at remote control: a person enrols again"}}
	for _, f := range ours {
		if f.kind == "database" {
			d, err := h.openDB(ctx, f)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			var n map[string]uint64
			if err == nil {
				n, err = d.counts(ctx)
				for _, x := range d.Notes {
					p.Notes = append(p.Notes, f.rel+": "+x)
				}
				d.Close()
			}
			if err != nil {
				p.Gaps = append(p.Gaps, gapOf(f.rel, err))
				continue
			}
			for k, n := range n {
				if n > 0 {
					p.Counts[k] += int64(n)
				}
			}
			continue
		}
		p.Counts[f.kind]++
	}
	if p.Counts["conversation"] > 0 {
		p.Counts["message"] = -1
	}
	return p, nil
}
