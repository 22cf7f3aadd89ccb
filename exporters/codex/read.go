package codex

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A reading is one stream under way.
type reading struct {
	out     *agentstate.Emitter
	n       map[string]uint64
	threads map[string]*rolledOut     // rollouts, by the id of the thread, or of what a revert made of it
	latest  map[string]string         // of a thread the last of these ids
	heads   map[*homefiles.File]*head // of rollouts that were read
	repeat  int64                     // how much of what stands before forks may be read for them yet
	dbs     map[string]*database
	unread  map[string]error // databases that cannot be read, by name
	short   map[string]bool  // kinds with a gap
}

// A rolledOut is a rollout, and the key of its conversation.
type rolledOut struct {
	*homefiles.File
	key string
}

func (r *reading) put(rec agentstate.Record) error {
	r.out.Put(rec)
	return r.out.Err()
}

func (r *reading) gap(g *pb.Gap) error {
	r.short[g.Kind] = true
	r.out.Gap(g)
	return r.out.Err()
}

func (h *Home) origin() *pb.Origin {
	return &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "files", Location: valid(h.root)}
}

const uuidForm = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

var uuid = lazyre.New(uuidForm)

// Records reads the home: settings, definitions, instructions, rollouts.
func (h *Home) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if opts != nil && len(opts.Cursor) > 0 {
			yield(nil, fmt.Errorf("codex: %w", agentstate.ErrCursor)) // files: read anew
			return
		}
		w, err := h.find(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		r := &reading{n: map[string]uint64{}, threads: map[string]*rolledOut{}, latest: map[string]string{}, heads: map[*homefiles.File]*head{}, repeat: h.repeat,
			dbs: map[string]*database{}, unread: map[string]error{}, short: map[string]bool{}}
		defer r.close()
		origin, err := r.open(ctx, h, w)
		if err != nil {
			yield(nil, fmt.Errorf("codex: %w", err))
			return
		}
		r.out = agentstate.NewEmitter(ctx, yield, origin)
		byPath := map[string]*homefiles.File{}
		for _, f := range w.Files {
			byPath[f.Rel] = f
			r.found(f)
		}
		h.mu.Lock()
		h.reading, h.dbs = byPath, r.dbs
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			h.reading, h.dbs = nil, nil
			h.mu.Unlock()
		}()
		err = r.run(ctx, w)
		if err == nil {
			r.finish(h, w)
		} else if ctx.Err() == nil {
			err = fmt.Errorf("codex: %w", err)
		}
		r.out.End(err)
	}
}

// open opens the databases: each is read in a snapshot of its own, taken here.
func (r *reading) open(ctx context.Context, h *Home, w *homefiles.Walk) (*pb.Origin, error) {
	o := h.origin()
	for _, f := range w.Files {
		if f.Kind != "database" {
			continue
		}
		d, err := h.openDB(ctx, f)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var n map[string]uint64
		if err == nil {
			r.dbs[f.Rel] = d
			n, err = d.counts(ctx)
		}
		if err != nil {
			if d != nil {
				d.Close()
			}
			delete(r.dbs, f.Rel)
			r.unread[f.Rel] = err
			continue
		}
		for _, l := range d.Labels {
			o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: f.Rel + " " + l[0], Value: l[1]})
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

func (r *reading) run(ctx context.Context, w *homefiles.Walk) error {
	for _, g := range w.Gaps {
		if err := r.gap(g); err != nil {
			return err
		}
	}
	for _, kind := range []string{"policy", "artifact", "skill", "agent", "memory", "conversation", "database"} {
		files := w.Files
		if kind == "conversation" {
			files = r.inOrder(files)
		}
		for _, f := range files {
			if f.Kind != kind {
				continue
			}
			var err error
			switch {
			case kind == "policy" && (!strings.Contains(f.Rel, "/") || path.Ext(f.Rel) == ".rules" || isAutomation(f.Rel)), kind == "agent":
				err = r.config(f)
			case kind == "conversation":
				err = r.rollout(ctx, f)
			case kind == "database" && r.dbs[f.Rel] != nil:
				err = r.rows(ctx, r.dbs[f.Rel])
			case kind == "database":
				err = r.gap(gapOf(f.Rel, r.unread[f.Rel]))
			default:
				err = r.file(f, w.Skill(f.Rel))
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

// file is the record of instructions, a skill or any other file. skill is the SKILL.md that it is
// beside; empty: none.
func (r *reading) file(f *homefiles.File, skill string) error {
	media := "application/octet-stream"
	if path.Ext(f.Rel) == ".md" {
		media = "text/markdown"
	}
	d, err := f.Data(media)
	if err != nil {
		return r.gap(homefiles.GapOf(f, err))
	}
	m := metaOf(f)
	m.UpdatedUnixNano = agentstate.UnixNano(f.Info.ModTime())
	name := strings.TrimSuffix(path.Base(f.Rel), path.Ext(f.Rel))
	var rec agentstate.Record
	switch f.Kind {
	case "memory":
		m.Native = []*pb.Native{cite("#data")}
		rec = &pb.Memory{Meta: m, Name: name, Form: pb.Memory_FORM_FILE, Content: &pb.Memory_Data{Data: d}}
	case "skill":
		m.Native = []*pb.Native{cite("#instructions")}
		front := homefiles.Front(d.GetInline())
		if name == "SKILL" {
			name = cmp.Or(front["name"], path.Base(path.Dir(f.Rel)))
		}
		rec = &pb.Skill{Meta: m, Name: name, Description: front["description"], Instructions: d}
	case "policy":
		m.Native = []*pb.Native{cite("#text")}
		top, _, _ := strings.Cut(f.Rel, "/")
		rec = &pb.Policy{Meta: m, Name: f.Rel, Language: top, Text: d, Enforced: top == "rules"}
	default:
		m.Native = []*pb.Native{cite("#data")}
		a := &pb.Artifact{Meta: m, Name: f.Rel, Data: d, Size: uint64(f.Size())}
		if skill != "" {
			a.OwnerKey = keyOf(skill)
		}
		rec = a
	}
	return r.put(rec)
}

// finish states what the walk found, kind by kind.
func (r *reading) finish(h *Home, w *homefiles.Walk) {
	walked := w.Count()
	walked["conversation"] += r.n["conversation"]
	for _, k := range []string{"policy", "artifact", "skill", "agent", "conversation"} {
		r.out.Reference(k, walked[k], "files of the folder", "whole home")
	}
	r.out.Reference("memory", walked["memory"]+r.n["row memory"], "files of the folder, count(*) of each table", "whole home")
	r.out.Derived("message", "conversation")
	r.out.Derived("toolgrant", "conversation")
	if walked["policy"] > 0 {
		r.out.Derived("toolserver", "policy")
		r.out.Derived("trigger", "policy")
	}
	for _, k := range []string{"state", "opaque"} {
		if n := r.n["row "+k]; n > 0 || r.short[k] {
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
	w, err := h.find(ctx)
	if err != nil {
		return nil, err
	}
	p := &agentstate.Preflight{Origin: h.origin(), Observer: "uid " + strconv.Itoa(os.Getuid()), Counts: map[string]int64{}, Notes: w.Notes(), Gaps: w.Gaps,
		Never: []string{"auth.json, installation_id, .env: not opened", "values of secrets in settings: a person binds them again",
			"enrolments of the machine at remote control: a person enrols again"}}
	for _, f := range w.Files {
		if f.Kind == "database" {
			d, err := h.openDB(ctx, f)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			var n map[string]uint64
			if err == nil {
				n, err = d.counts(ctx)
				for _, x := range d.Notes {
					p.Notes = append(p.Notes, f.Rel+": "+x)
				}
				d.Close()
			}
			if err != nil {
				p.Gaps = append(p.Gaps, gapOf(f.Rel, err))
				continue
			}
			for k, n := range n {
				if n > 0 {
					p.Counts[k] += int64(n)
				}
			}
			continue
		}
		p.Counts[f.Kind]++
	}
	if p.Counts["conversation"] > 0 {
		p.Counts["message"] = -1
	}
	return p, nil
}
