package claudecode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A reading is one stream under way.
type reading struct {
	out   *agentstate.Emitter
	n     map[string]uint64 // by kind, as counted by the walk
	creds map[string]bool
}

var errStop = errors.New("the consumer stopped")

func (r *reading) put(rec agentstate.Record) error {
	if !r.out.Put(rec) {
		return errStop
	}
	return nil
}

func (r *reading) gap(kind, place, detail string) error {
	if !r.out.Gap(&pb.Gap{Kind: kind, Place: place, Reason: pb.Gap_REASON_CORRUPT, Detail: detail, Count: 1}) {
		return errStop
	}
	r.n[kind]++
	return nil
}

func (h *Home) origin() *pb.Origin {
	return &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "files", Location: valid(h.root)}
}

// Records reads the home: settings and servers, definitions, memory, transcripts.
func (h *Home) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if opts != nil && len(opts.Cursor) > 0 {
			yield(nil, fmt.Errorf("claudecode: %w", agentstate.ErrCursor)) // files: read anew
			return
		}
		w, err := h.find(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		byPath := map[string]found{}
		for _, f := range w.ours {
			byPath[f.rel] = f
		}
		h.mu.Lock()
		h.reading = byPath
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			h.reading = nil
			h.mu.Unlock()
		}()
		r := &reading{out: agentstate.NewEmitter(ctx, yield, h.origin()), n: map[string]uint64{}, creds: map[string]bool{}}
		err = r.run(h, w)
		if errors.Is(err, errStop) {
			return
		}
		if err == nil {
			r.finish(h, w)
		}
		r.out.End(err)
	}
}

func (r *reading) run(h *Home, w *walk) error {
	for _, g := range w.missing() {
		if !r.out.Gap(g) {
			return errStop
		}
	}
	if err := r.servers(filepath.Join(h.root, ".claude.json")); err != nil {
		return err
	}
	for _, kind := range []string{"policy", "artifact", "skill", "agent", "memory", "conversation"} {
		for _, f := range w.ours {
			if f.kind != kind {
				continue
			}
			var err error
			switch kind {
			case "policy":
				err = r.settings(f)
			case "conversation":
				err = r.conversation(f)
			default:
				err = r.file(f)
			}
			if err == nil && kind != "conversation" {
				err = f.unchanged()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// file is the record of a memory, a definition or any other file.
func (r *reading) file(f found) error {
	media := "application/octet-stream"
	if path.Ext(f.rel) == ".md" {
		media = "text/markdown"
	}
	d, b, err := f.data(media)
	if err != nil {
		return err
	}
	front := frontmatter(b)
	m := f.meta()
	m.UpdatedUnixNano = agentstate.UnixNano(f.info.ModTime())
	name := front["name"]
	if name == "" {
		name = strings.TrimSuffix(path.Base(f.rel), path.Ext(f.rel))
	}
	var rec agentstate.Record
	switch f.kind {
	case "memory":
		m.Native = []*pb.Native{cite("#data")}
		rec = &pb.Memory{Meta: m, Name: valid(name), Form: pb.Memory_FORM_FILE, Content: &pb.Memory_Data{Data: d}}
	case "agent":
		m.Native = []*pb.Native{cite("#instructions")}
		rec = &pb.Agent{Meta: m, Name: valid(name), Description: valid(front["description"]), Instructions: d}
	case "skill":
		m.Native = []*pb.Native{cite("#instructions")}
		if path.Base(f.rel) == "SKILL.md" && front["name"] == "" {
			name = path.Base(path.Dir(f.rel))
		}
		rec = &pb.Skill{Meta: m, Name: valid(name), Description: valid(front["description"]), Instructions: d}
	default:
		m.Native = []*pb.Native{cite("#data")}
		rec = &pb.Artifact{Meta: m, Name: f.rel, Data: d, Size: uint64(f.size)}
	}
	r.n[f.kind]++
	return r.put(rec)
}

// frontmatter reads the simple lines name: value between --- and --- at the start of a file.
func frontmatter(b []byte) map[string]string {
	out := map[string]string{}
	rest, ok := bytes.CutPrefix(b, []byte("---\n"))
	if !ok {
		return out
	}
	head, _, ok := bytes.Cut(rest, []byte("\n---"))
	if !ok {
		return out
	}
	for line := range strings.SplitSeq(string(head), "\n") {
		k, v, ok := strings.Cut(line, ":")
		if ok && !strings.HasPrefix(line, " ") {
			out[k] = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return out
}

// conversation is a transcript: its file, and the messages that are read out of it.
func (r *reading) conversation(f found) error {
	o, err := scan(f)
	if err != nil {
		return err
	}
	d, _, err := f.data("application/jsonl")
	if err != nil {
		return err
	}
	if b := d.GetInline(); int64(len(b)) > f.size { // a session that goes on appends
		d = agentstate.Inline(d.MediaType, b[:f.size])
	} else if d.GetBlob() == nil && int64(len(b)) < f.size {
		return fmt.Errorf("claudecode: %w: %s", ErrChanged, f.rel)
	}
	c := &pb.Conversation{Meta: f.meta(), Title: valid(o.title), HeadKey: o.head, ContextKeys: o.context()}
	c.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Data{Data: d}}}
	c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = o.from, o.to
	if o.cwd != "" {
		c.Meta.Labels = append(c.Meta.Labels, &pb.Label{Name: "cwd", Value: valid(o.cwd)})
	}
	if p := f.keyParts(); len(p) > 2 { // what a sub-agent did, below its session
		c.ParentKey = agentstate.Key("conversation", p[0], p[1])
	}
	key := c.Meta.Key
	r.n["conversation"]++
	if err := r.put(c); err != nil {
		return err
	}
	if err := messages(f, o, key, func(m *pb.Message) error { return r.put(m) }); err != nil {
		return err
	}
	for _, bad := range o.bad {
		if !r.out.Gap(&pb.Gap{Kind: "message", Place: f.rel + " " + bad[:strings.IndexByte(bad, ':')], Reason: pb.Gap_REASON_CORRUPT, Detail: bad + "; the file itself is carried whole", Count: 1}) {
			return errStop
		}
	}
	return nil
}

// finish states what the walk found, kind by kind.
func (r *reading) finish(h *Home, w *walk) {
	walked := map[string]uint64{"toolserver": r.n["toolserver"]}
	for _, f := range w.ours {
		walked[f.kind]++
	}
	for _, g := range w.missing() {
		walked[g.Kind] += g.Count
	}
	for _, k := range []string{"policy", "artifact", "skill", "agent", "memory", "conversation", "toolserver"} {
		r.out.Reference(k, walked[k], "files of the folder", "whole home")
	}
	r.out.Derived("message", "conversation")
	if walked["policy"] > 0 {
		r.out.Derived("toolgrant", "policy")
	}
	if n := uint64(len(r.creds)); n > 0 {
		r.out.Reference("credential", n, "values that were taken out", "whole home")
	}
	r.out.AbsentOthers()
	s := r.out.Statement()
	s.Observer, s.ObserverBasis, s.Account = "uid "+strconv.Itoa(os.Getuid()), "process", valid(h.root)
}

// Preflight counts files and reads nothing but names.
func (h *Home) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	w, err := h.find(ctx)
	if err != nil {
		return nil, err
	}
	p := &agentstate.Preflight{Origin: h.origin(), Observer: "uid " + strconv.Itoa(os.Getuid()), Counts: map[string]int64{}, Notes: w.notes(),
		Never: []string{".claude/.credentials.json, *.key: not opened", "values of env, headers and tokens in settings: a person binds them again"}}
	for _, f := range w.ours {
		p.Counts[f.kind]++
	}
	if p.Counts["conversation"] > 0 {
		p.Counts["message"] = -1
	}
	return p, nil
}
