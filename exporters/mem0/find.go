package mem0

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/nostore"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxFiles bounds the listing: a folder with more is not one of mem0.
const maxFiles = 10_000

// qdrant is the folder of Qdrant's local mode: root/qdrant, or root itself.
func (s *Store) qdrant() string {
	for _, n := range []string{"meta.json", "collection"} {
		if _, err := os.Lstat(filepath.Join(s.root, n)); err == nil {
			return s.root
		}
	}
	return filepath.Join(s.root, "qdrant")
}

// path is where the file rel is. Names below "qdrant/" are those of Qdrant's folder, wherever it is.
// No link on the way may lead out of the folder.
func (s *Store) path(rel string) (string, error) {
	if s.server != nil || s.beside != "" && rel == historyFile {
		return s.beside, nil // in PostgreSQL the only file
	}
	if !filepath.IsLocal(filepath.FromSlash(rel)) || rel == "." || strings.ContainsAny(rel, "\x00\\") || sqlitefile.IsPart(rel) {
		return "", fmt.Errorf("%.80q leads out of the folder", rel)
	}
	base, in := s.root, rel
	if below, ok := strings.CutPrefix(rel, "qdrant/"); ok {
		base, in = s.qdrant(), below
	}
	p := filepath.Join(base, filepath.FromSlash(in))
	for x := p; x != filepath.Clean(base) && len(x) > len(base); x = filepath.Dir(x) {
		if st, err := os.Lstat(x); err == nil && st.Mode()&fs.ModeSymlink != 0 {
			return "", fmt.Errorf("%s is a symbolic link; exitramp does not go through it", x)
		}
	}
	if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) && base == s.qdrant() && base != s.root {
		return p, nil
	}
	if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) && s.qdrant() == s.root && path.Dir(rel) == "." && path.Ext(rel) == ".db" {
		// Qdrant's own folder was named: the history may lie beside it.
		if beside := filepath.Join(filepath.Dir(filepath.Clean(s.root)), rel); regular(beside) {
			return beside, nil
		}
	}
	return p, nil
}

func regular(p string) bool {
	st, err := os.Lstat(p)
	return err == nil && st.Mode().IsRegular()
}

// find lists the files that may be mem0's, and the links that may stand for some. None is followed.
func (s *Store) find() (rels []string, links []link, err error) {
	st, err := os.Stat(s.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("mem0: no folder %s: %w", s.root, fs.ErrNotExist)
	case err != nil:
		return nil, nil, fmt.Errorf("mem0: %w", err)
	case !st.IsDir():
		return nil, nil, fmt.Errorf("%w: %s is a file; name the folder that holds it", ErrSchema, s.root)
	}
	db := func(name string) bool { return slices.Contains([]string{".db", ".sqlite", ".sqlite3"}, path.Ext(name)) }
	list := func(dir string, fn func(fs.DirEntry)) error {
		es, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mem0: %w", err)
		}
		if len(es) > maxFiles {
			return fmt.Errorf("%w: more than %d files in %s; name the folder of the store alone", ErrSchema, maxFiles, dir)
		}
		for _, e := range es {
			fn(e)
		}
		return nil
	}
	err = list(s.root, func(e fs.DirEntry) {
		switch {
		case isLink(e.Type()) && e.Name() == historyFile && s.beside != "": // another one is named
		case isLink(e.Type()) && (db(e.Name()) || e.Name() == "qdrant" && s.qdrant() != s.root || e.Name() == "collection"):
			links = append(links, link{rel: e.Name(), history: e.Name() == historyFile})
		case e.Type().IsRegular() && db(e.Name()):
			rels = append(rels, e.Name())
		}
	})
	if err == nil && len(rels) == 0 && s.qdrant() == s.root {
		if p, _ := s.path("history.db"); regular(p) {
			rels = append(rels, "history.db")
		}
	}
	collections := filepath.Join(s.qdrant(), "collection")
	closed := false // behind a link
	for _, dir := range []string{s.qdrant(), collections} {
		if st, lerr := os.Lstat(dir); lerr == nil && isLink(st.Mode()) && dir != s.root && !closed {
			if closed = true; filepath.Dir(dir) != filepath.Clean(s.root) { // else it is listed
				links = append(links, link{rel: "qdrant/collection"})
			}
		}
	}
	if err == nil && !closed {
		err = list(collections, func(e fs.DirEntry) {
			rel := "qdrant/collection/" + e.Name()
			st, lerr := os.Lstat(filepath.Join(collections, e.Name(), "storage.sqlite"))
			switch {
			case isLink(e.Type()):
				links = append(links, link{rel: rel})
			case lerr == nil && e.IsDir() && isLink(st.Mode()):
				links = append(links, link{rel: rel + "/storage.sqlite"})
			case lerr == nil && e.IsDir() && st.Mode().IsRegular():
				rels = append(rels, rel+"/storage.sqlite")
			}
		})
	}
	if err == nil {
		others := s.others()
		rels = slices.DeleteFunc(rels, func(rel string) bool { // a graph may be named like a database of SQLite
			return slices.ContainsFunc(others, func(l link) bool { return l.rel == rel && l.graph })
		})
		links = append(links, others...)
	}
	if s.beside != "" {
		rels = append(slices.DeleteFunc(rels, func(rel string) bool { return rel == historyFile }), historyFile)
	}
	return rels, links, err
}

// unread are the collections that Qdrant's list names, and whose points are in no file that is read: names with a
// slash, which early releases of qdrant-client took, their form of before SQLite, and files that are gone.
func (s *Store) unread(meta []byte, dbs []*db, links []link) (out []*pb.Gap) {
	sizes, _ := parseMeta(meta) // which readMeta has looked at
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		file := filepath.Join(s.qdrant(), "collection", name, "storage.sqlite")
		read := slices.ContainsFunc(dbs, func(d *db) bool { return d.layout.Place == name })
		named := slices.ContainsFunc(links, func(l link) bool {
			return l.other == "" && (l.rel == "collection" || strings.HasPrefix("qdrant/collection/"+name+"/storage.sqlite/", l.rel+"/"))
		})
		if read || named || sqlitefile.Missing(file) && regular(file) { // an empty file is a collection without points
			continue
		}
		g := &pb.Gap{Kind: "memory", Place: "qdrant/collection/" + name, Reason: pb.Gap_REASON_GONE, Detail: "meta.json lists the collection, and its storage.sqlite is not there"}
		if strings.HasSuffix(name, "_entities") {
			g.Kind = "entity"
		}
		if regular(file) {
			g.Reason, g.Detail = pb.Gap_REASON_REFUSED, "meta.json lists the collection, and its storage.sqlite holds none of Qdrant"
		}
		if strings.Contains(name, "/") {
			g.Reason, g.Detail = pb.Gap_REASON_REFUSED, "a collection with a slash in its name, which this release does not read"
		}
		g.Meta = agentstate.Meta("gap", nil, g.Kind, g.Place)
		out = append(out, g)
	}
	return out
}

// fileNotes say how the files of dbs are read.
func fileNotes(dbs []*db) (notes []string) {
	for _, d := range dbs {
		for _, n := range d.notes {
			notes = append(notes, d.layout.File+": "+n)
		}
	}
	return notes
}

// openAll opens every database of the folder at nearly one instant, collections before histories.
func (s *Store) openAll(ctx context.Context) (dbs []*db, links []link, notes []string, err error) {
	if s.server != nil {
		return s.openAllPG(ctx)
	}
	rels, links, err := s.find()
	if err != nil {
		return nil, nil, nil, err
	}
	for _, l := range links {
		notes = append(notes, l.rel+" is "+l.why())
	}
	defer func() {
		if err != nil {
			closeAll(dbs)
		}
	}()
	for _, rel := range rels {
		d, err := s.openRead(ctx, rel)
		if errors.Is(err, sqlitefile.ErrEmpty) {
			notes = append(notes, rel+" is empty: no database yet")
			continue
		}
		if err != nil {
			return dbs, nil, nil, own(err)
		}
		if d == nil {
			notes = append(notes, rel+" is a database that is not mem0's: not carried")
			continue
		}
		if why := s.passes(d); why != "" {
			notes = append(notes, rel+" "+why)
			d.close()
			continue
		}
		dbs = append(dbs, d)
	}
	slices.SortStableFunc(dbs, func(a, b *db) int {
		if x, y := a.layout.Form.history(), b.layout.Form.history(); x != y {
			if x {
				return 1
			}
			return -1
		}
		return strings.Compare(a.layout.File, b.layout.File)
	})
	classify(dbs)
	_, err = flavorOf(dbs, s.root)
	if why := append(slices.Clip(notes), fileNotes(dbs)...); err != nil && len(why) > 0 {
		err = fmt.Errorf("%w (%s)", err, strings.Join(why, "; "))
	} else if err != nil && len(dbs)+len(links) == 0 {
		err = nostore.Error(err)
	}
	return dbs, links, notes, err
}

func closeAll(dbs []*db) {
	for _, d := range dbs {
		d.close()
	}
}

// openFile opens one file, whatever is in it.
func (s *Store) openFile(ctx context.Context, rel string) (*db, error) {
	p, err := s.path(rel)
	if err != nil {
		return nil, err
	}
	f, err := sqlitefile.Open(ctx, p, s.wait)
	if err != nil {
		return nil, err
	}
	return &db{engine: lite{f}, notes: f.Notes}, nil
}

// openRead opens one file; nil: it is not mem0's.
func (s *Store) openRead(ctx context.Context, rel string) (*db, error) {
	d, err := s.openFile(ctx, rel)
	if err != nil {
		return nil, err
	}
	d.layout, err = detect(ctx, d.engine, rel)
	if err != nil || d.layout.Form == "" {
		err = d.wrap(err)
		d.close()
		return nil, err
	}
	d.layout.Place = placeOf(rel)
	if err := d.look(ctx); err != nil {
		d.close()
		return nil, err
	}
	mode := ""
	err = d.each(ctx, "PRAGMA journal_mode", nil, func(v []any) error { mode = sqlitefile.Text(v[0]); return nil })
	if err != nil {
		err = d.wrap(err)
		d.close()
		return nil, err
	}
	d.locked = mode == "delete"
	return d, nil
}
