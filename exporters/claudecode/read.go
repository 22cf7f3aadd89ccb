package claudecode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A reading is one stream under way.
type reading struct {
	out      *agentstate.Emitter
	n        map[string]uint64 // by kind: what was found beside the walk
	creds    map[string]bool
	sessions map[string]bool    // keys of all conversations
	plugins  map[string]*plugin // below skills, by folder
}

func (r *reading) put(rec agentstate.Record) error {
	r.out.Put(rec)
	return r.out.Err()
}

func (r *reading) gap(g *pb.Gap) error {
	r.out.Gap(g)
	return r.out.Err()
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
		r := &reading{n: map[string]uint64{}, creds: map[string]bool{}, sessions: map[string]bool{}, plugins: map[string]*plugin{}}
		byPath := map[string]*homefiles.File{}
		for _, f := range w.Files {
			byPath[f.Rel] = f
			r.foundPlugin(f)
			if f.Kind == "conversation" && f.Size() > 0 {
				r.sessions[agentstate.Key(f.Kind, keyParts(f)...)] = true
			}
		}
		h.mu.Lock()
		h.reading = byPath
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			h.reading = nil
			h.mu.Unlock()
		}()
		r.out = agentstate.NewEmitter(ctx, yield, h.origin())
		err = r.run(h, w)
		if err == nil {
			r.finish(h, w)
		} else {
			err = fmt.Errorf("claudecode: %w", err)
		}
		r.out.End(err)
	}
}

func (r *reading) run(h *Home, w *homefiles.Walk) error {
	for _, g := range w.Gaps {
		if err := r.gap(g); err != nil {
			return err
		}
	}
	servers := h.serversFile()
	if err := r.servers(filepath.Join(h.root, h.place(servers)), servers); err != nil {
		return err
	}
	for _, kind := range []string{"policy", "artifact", "skill", "agent", "memory", "conversation"} {
		for _, f := range w.Files {
			if f.Kind != kind {
				continue
			}
			var err error
			switch {
			case isSettings(f.Rel):
				err = r.settings(f)
			case kind == "conversation":
				err = r.conversation(f)
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

// file is the record of a memory, a definition or any other file. skill is the SKILL.md that it is
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
	of := r.pluginOf(f.Rel)
	if redact := redaction(f, of); redact != nil {
		clean, secrets, err := redacted(f, d, redact)
		if err != nil {
			return r.gap(&pb.Gap{Kind: f.Kind, Place: f.Rel, Reason: pb.Gap_REASON_CORRUPT, Count: 1, Detail: valid(err.Error())})
		}
		d = clean
		if err := r.credentials(f.Rel, secrets); err != nil {
			return err
		}
	}
	front := homefiles.Front(d.GetInline())
	m := metaOf(f)
	m.UpdatedUnixNano = agentstate.UnixNano(f.Info.ModTime())
	name := front["name"]
	if name == "" {
		name = strings.TrimSuffix(path.Base(f.Rel), path.Ext(f.Rel))
	}
	switch f.Kind {
	case "memory":
		m.Native = []*pb.Native{cite("#data")}
		return r.put(&pb.Memory{Meta: m, Name: valid(name), Form: pb.Memory_FORM_FILE, Content: &pb.Memory_Data{Data: d}})
	case "agent":
		m.Native = []*pb.Native{cite("#instructions")}
		return r.put(&pb.Agent{Meta: m, Name: valid(name), Description: front["description"], Instructions: d})
	case "skill":
		m.Native = []*pb.Native{cite("#instructions")}
		if homefiles.Fold(path.Base(f.Rel)) == "skill.md" && front["name"] == "" {
			name = path.Base(path.Dir(f.Rel))
		}
		return r.put(&pb.Skill{Meta: m, Name: valid(name), Description: front["description"], Instructions: d})
	case "policy": // a program that settings may name
		m.Native = []*pb.Native{cite("#text")}
		return r.put(&pb.Policy{Meta: m, Name: f.Rel, Language: "hook", Text: d})
	}
	m.Native = []*pb.Native{cite("#data")}
	a := &pb.Artifact{Meta: m, Name: f.Rel, Data: d, Size: uint64(f.Size())}
	if d.GetBlob() == nil {
		a.Size = uint64(len(d.GetInline()))
	}
	if skill != "" {
		a.OwnerKey = agentstate.Key("skill", strings.TrimPrefix(skill, ".claude/"))
	} else if of != nil {
		a.OwnerKey = of.key
	}
	return r.put(a)
}

// redaction takes the secrets out of f: of the servers and hooks that the head of a definition names, or of a document
// of settings that a plugin names; nil: f is neither.
func redaction(f *homefiles.File, of *plugin) func([]byte) ([]byte, []homefiles.Secret, error) {
	switch {
	case (f.Kind == "agent" || f.Kind == "skill" || of != nil) && path.Ext(f.Rel) == ".md":
		return homefiles.RedactHead
	case f.Kind == "artifact" && of != nil && of.named[homefiles.Fold(f.Rel)]:
		return homefiles.RedactJSON
	}
	return nil
}

// redacted is d, the data of f, without its secrets.
func redacted(f *homefiles.File, d *pb.Data, redact func([]byte) ([]byte, []homefiles.Secret, error)) (*pb.Data, []homefiles.Secret, error) {
	if d.GetBlob() == nil {
		clean, secrets, err := redact(d.GetInline())
		return agentstate.Inline(d.MediaType, clean), secrets, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, agentstate.SpillSize))
	if err != nil {
		return nil, nil, err
	}
	if _, secrets, err := redact(b); err != nil || len(secrets) > 0 {
		return nil, nil, errors.Join(errors.New("secrets may stand in it, and it is larger than any definition"), err)
	}
	return d, nil, nil
}

// conversation is a transcript: its file, and the messages that are read out of it.
func (r *reading) conversation(f *homefiles.File) error {
	if f.Size() == 0 { // one that was made and never written looks like one that was lost
		return r.gap(&pb.Gap{Kind: f.Kind, Place: f.Rel, Reason: pb.Gap_REASON_CORRUPT, Count: 1,
			Detail: "a transcript of 0 bytes: releases from 2.0.28 to 2.0.64 leave one behind each time that a session is resumed; what was in any other is lost: bring it back. Where none is missed, remove the file"})
	}
	d, err := f.Data("application/jsonl")
	var t *transcript
	if err == nil {
		t, err = outline(f, d)
	}
	if err != nil {
		return r.gap(homefiles.GapOf(f, err))
	}
	c := &pb.Conversation{Meta: metaOf(f), Title: t.title, HeadKey: t.key(t.head), ContextKeys: t.context()}
	c.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Data{Data: homefiles.Clone(d)}}} // the record is the caller's
	c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = t.from, t.to
	if t.cwd != "" { // folders that differ in . and - share one folder of sessions
		c.Meta.Labels = append(c.Meta.Labels, &pb.Label{Name: "cwd", Value: t.cwd})
	}
	c.Meta.Labels = append(c.Meta.Labels, t.unknown.Unread()...)
	p := keyParts(f)
	if of := agentstate.Key("conversation", p[0], t.session); len(p) == 2 && strings.HasPrefix(p[1], "agent-") && r.sessions[of] {
		c.ParentKey = of // older releases put it beside its session
	}
	if len(p) > 2 { // what a sub-agent did, below its session
		if c.ParentKey = agentstate.Key("conversation", p[0], p[1]); !r.sessions[c.ParentKey] {
			c.ParentKey = ""
			r.n["conversation"]++
			if err := r.gap(&pb.Gap{Kind: "conversation", Place: ".claude/projects/" + p[0] + "/" + p[1] + ".jsonl of " + path.Base(f.Rel), Reason: pb.Gap_REASON_GONE, Count: 1,
				Detail: "the session whose sub-agent wrote " + f.Rel + " is not there"}); err != nil {
				return err
			}
		}
	}
	if err := r.put(c); err != nil {
		return err
	}
	return t.messages(f, d, r)
}

// finish states what the walk found, kind by kind.
func (r *reading) finish(h *Home, w *homefiles.Walk) {
	walked := w.Count()
	for _, k := range []string{"policy", "artifact", "skill", "agent", "memory", "conversation", "toolserver"} {
		r.out.Reference(k, walked[k]+r.n[k], "files of the folder", "whole home")
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
	p := &agentstate.Preflight{Origin: h.origin(), Observer: "uid " + strconv.Itoa(os.Getuid()), Counts: map[string]int64{}, Notes: w.Notes(), Gaps: w.Gaps,
		Never: []string{".claude/.credentials.json, *.key: not opened",
			"of .claude.json all but its MCP servers: the account, which folders are trusted, permissions that old releases kept there",
			"values of env, headers and tokens in settings and in the heads of agents and skills: a person binds them again"}}
	for _, f := range w.Files {
		p.Counts[f.Kind]++
	}
	if p.Counts["conversation"] > 0 {
		p.Counts["message"] = -1
	}
	return p, nil
}
