package mem0

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/filelock"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one run. Every database has one transaction until Commit.
type writer struct {
	run     *replay.Run
	s       *Store
	dims    int // how many numbers a vector is to have; 0: not said
	exact   bool
	layouts map[string]layout // by place, as they will be
	dbs     map[string]*db    // by place, open; in a plan nil for files that are not there
	meta    []byte            // Qdrant's meta.json to be written; nil: none
	oldMeta []byte            // what it is to be written over; nil: nothing
	unlock  func()
	pg      *pg // the transaction of PostgreSQL; nil: none yet
	foreign *foreignTarget
	past    *past // of JavaScript's history; nil: not looked at
	undoing bool
	rules   map[string][]string // of the target's owner, by place
	away    map[string]bool     // rows of collections that the target did not take: by place and id, or by the record's key

	counters  sqlitefile.Counters
	notes     []string             // what a person should know of what arrives
	positions map[string]positions // of histories by place, of those that were looked at
}

// Begin looks at the folder, and refuses an Origin whose tables are not mem0's.
func (s *Store) Begin(ctx context.Context, run *replay.Run) (_ replay.Writer, err error) {
	w := &writer{run: run, s: s, dims: s.dims, layouts: map[string]layout{}, dbs: map[string]*db{}, positions: map[string]positions{}, away: map[string]bool{}}
	defer func() {
		if err != nil {
			w.Close()
			if ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", replay.ErrTarget, own(err))
			}
		}
	}()
	if st, err := os.Stat(s.root); s.server != nil {
	} else if err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%s is a file; want a folder", s.root)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	have, err := s.present(ctx, false)
	if err != nil {
		return nil, err
	}
	from := map[string]layout{}
	if run.From.GetProduct() == product {
		if from, err = layoutsOf(run.From); err != nil {
			return nil, err
		}
	}
	w.exact = len(from) > 0 && run.From.GetFlavor() != "" && (have.flavor == run.From.GetFlavor() || have.flavor == "" && s.takes(run.From.GetFlavor()))
	if v := run.Vectors; v != nil {
		w.dims = int(v.Dimensions)
		// A point of Qdrant is one pickle of payload and vector: it is made anew with the vector.
		w.exact = w.exact && !strings.HasSuffix(run.From.GetFlavor(), "+qdrant")
		for _, l := range have.layouts {
			if l.Dims != 0 && l.Dims != w.dims && !l.uses() {
				return nil, fmt.Errorf("%s keeps vectors of %d numbers, the embedder makes %d: want the embedder that the program at the target uses", l.Place, l.Dims, w.dims)
			}
		}
	}
	w.layouts, w.rules = have.layouts, have.rules
	if err := s.takesText(have.encoding, w); err != nil {
		return nil, err
	}
	if w.exact {
		if err := w.asState(from); err != nil {
			return nil, err
		}
		return w, w.lock()
	}
	if err := s.today(have.layouts, nil); err != nil {
		return nil, err
	}
	w.foreign, err = w.foreignTarget(have)
	if err != nil {
		return nil, err
	}
	if run.From.GetProduct() != product { // memories alone are written
		maps.DeleteFunc(w.rules, func(place string, _ []string) bool { return place != w.foreign.main })
	}
	return w, w.lock()
}

// asState gives the target the databases of the state that it lacks.
func (w *writer) asState(from map[string]layout) error {
	if err := w.s.today(w.layouts, from); err != nil {
		return err
	}
	maps.DeleteFunc(w.rules, func(place string, _ []string) bool { return from[place].Form == "" })
	for place, l := range from {
		old, ok := w.layouts[place]
		switch {
		case !ok:
			w.notes = append(w.notes, l.madeToday()...)
			l.Columns = nil // what is made is today's
			if l.Dims != 0 && w.run.Vectors != nil && !l.uses() {
				l.Dims = w.dims
			}
			w.layouts[place] = l
			continue
		case old.Form != l.Form:
			return fmt.Errorf("%w: %s holds %s under the name %s, the state has %s", ErrSchema, w.s.root, old.Form, place, l.Form)
		case w.run.Vectors == nil && old.Dims != l.Dims && old.Dims*l.Dims > 0:
			return fmt.Errorf("%s keeps vectors of %d numbers, those of the state have %d: --embedder makes them anew, or name another place", place, old.Dims, l.Dims)
		case old.rows == "":
			old.Entities = l.Entities
		}
		w.layouts[place] = old.with(l.Tables)
	}
	return nil
}

// takes tells whether an empty place becomes a store of this flavor.
func (s *Store) takes(flavor string) bool {
	lang, engine, _ := strings.Cut(flavor, "+")
	return (s.flavor == "" || s.flavor == lang) && (engine == "pgvector") == (s.server != nil)
}

// takesText refuses a database that lacks most characters.
func (s *Store) takesText(enc string, w *writer) error {
	switch {
	case s.server == nil:
		return nil
	case w.exact:
		return s.server.TakesText(enc, w.run.From)
	}
	return s.server.TakesText(enc, nil)
}

// A presence is what a target holds before a run.
type presence struct {
	flavor   string // empty: nothing
	encoding string // of PostgreSQL
	layouts  map[string]layout
	rules    map[string][]string // by place: what may keep rows out and is not mem0's
}

// look finds the rules of d, but for an undo.
func (p *presence) look(ctx context.Context, d *db, undoing bool) (err error) {
	if !undoing {
		p.rules[d.layout.Place], err = d.ownRules(ctx)
	}
	return err
}

// present looks at the target. An undo takes a file for what it was as long as something is left of it.
func (s *Store) present(ctx context.Context, undoing bool) (presence, error) {
	p := presence{layouts: map[string]layout{}, rules: map[string][]string{}}
	if s.server != nil {
		return s.presentPG(ctx, undoing)
	}
	if _, err := os.Stat(s.root); errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	rels, _, err := s.find()
	if err != nil {
		return p, err
	}
	var dbs []*db
	for _, rel := range rels {
		d, err := s.openRead(ctx, rel)
		if err == nil && d == nil && undoing {
			d, err = s.openRest(ctx, rel)
		}
		if errors.Is(err, sqlitefile.ErrEmpty) || err == nil && d == nil || rel == historyFile && s.beside != "" && sqlitefile.Missing(s.beside) {
			continue
		}
		if err != nil {
			return p, err
		}
		if s.passes(d) == "" {
			err = p.look(ctx, d, undoing)
		}
		d.close()
		switch {
		case err != nil:
			return p, err
		case s.passes(d) != "":
			continue
		}
		dbs = append(dbs, d)
		p.flavor = "js+sqlite"
		if d.language() == "python" {
			p.flavor = "python+qdrant"
		}
	}
	classify(dbs)
	for _, d := range dbs {
		p.layouts[d.layout.Place] = d.layout
	}
	return p, nil
}

// layoutsOf are the databases that an Origin names. They come out of an archive, so each is looked
// at before it becomes a file or SQL.
func layoutsOf(o *pb.Origin) (map[string]layout, error) {
	out := map[string]layout{}
	for _, l := range o.GetMeta().GetLabels() {
		var x layout
		if l.Name != labelDatabase {
			continue
		}
		if err := json.Unmarshal([]byte(l.Value), &x); err != nil || !x.valid() {
			return nil, fmt.Errorf("%w: the archive names a database %.60q that mem0 does not make", ErrSchema, x.File)
		}
		out[x.Place] = x
	}
	return out, nil
}

func (l *layout) valid() bool {
	switch l.Form {
	case vectorsForm, jsHistory, pythonHistory:
		if strings.ContainsAny(l.File, `/\`) || !slices.Contains([]string{".db", ".sqlite", ".sqlite3"}, filepath.Ext(l.File)) {
			return false
		}
	case pointsForm:
		if l.File != "qdrant/collection/"+l.Place+"/storage.sqlite" || strings.ContainsAny(l.Place, `/\`) {
			return false
		}
	case pgForm:
		return pgName(l.File) && l.Place == l.File && l.Dims >= 0 && l.Dims <= 16000
	default:
		return false
	}
	if !filepath.IsLocal(filepath.FromSlash(l.File)) || strings.Contains(l.File, "\x00") || l.Place != placeOf(l.File) {
		return false
	}
	for _, t := range l.Tables {
		if t != string(l.Form) && !slices.Contains(mayHave(l.Form), t) {
			return false
		}
	}
	return true
}

// lock takes Qdrant's lock, which keeps programs out that hold the points in memory.
func (w *writer) lock() error {
	if w.run.DryRun || !slices.ContainsFunc(mapValues(w.layouts), func(l layout) bool { return l.Form == pointsForm }) {
		return nil
	}
	dir := w.s.qdrant()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil // a new folder: nobody has it open
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600) // as portalocker does
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	w.unlock = func() { filelock.Close(f) }
	if !filelock.Try(f) {
		return fmt.Errorf("%w: %s is open in a program that uses Qdrant's local mode; stop it, it would not see what is written and could overwrite it", ErrLocked, dir)
	}
	return nil
}

func mapValues(m map[string]layout) []layout {
	var out []layout
	for _, l := range m {
		out = append(out, l)
	}
	return out
}

// Deferred: nothing is in the target before Commit.
func (w *writer) Deferred() bool { return true }

// Exact tells whether the state is of this runtime and flavor: then views are left out.
func (w *writer) Exact() bool { return w.exact }

// Notes say which releases do not read what arrives as it was, or as today's releases have it.
func (w *writer) Notes() []string { return w.notes }

// Labels tells whether a memory can be labelled: metadata has a place for it, in memories of other
// runtimes. Those of mem0 itself stay as they are.
func (w *writer) Labels(kind string) bool {
	return kind == "memory" && !w.exact && w.run.From.GetProduct() != product
}

// Write takes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	var rc replay.Receipt
	var err error
	if w.exact {
		rc, err = w.native(ctx, r)
	} else {
		rc, err = w.mapped(ctx, r)
	}
	return rc, own(err)
}
