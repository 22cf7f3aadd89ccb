package mem0

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
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
	if !filepath.IsLocal(filepath.FromSlash(rel)) || rel == "." || strings.ContainsAny(rel, "\x00\\") || strings.HasSuffix(rel, ".exitramp-part") {
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

// find lists the files that may be mem0's.
func (s *Store) find() (rels, notes []string, err error) {
	st, err := os.Stat(s.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("mem0: no folder %s: %w", s.root, fs.ErrNotExist)
	case err != nil:
		return nil, nil, fmt.Errorf("mem0: %w", err)
	case !st.IsDir():
		return nil, nil, fmt.Errorf("%w: %s is a file; name the folder that holds it", ErrSchema, s.root)
	}
	links := 0
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
			if e.Type()&fs.ModeSymlink != 0 {
				links++
				continue
			}
			fn(e)
		}
		return nil
	}
	err = list(s.root, func(e fs.DirEntry) {
		if e.Type().IsRegular() && slices.Contains([]string{".db", ".sqlite", ".sqlite3"}, path.Ext(e.Name())) {
			rels = append(rels, e.Name())
		}
	})
	if err == nil && len(rels) == 0 && s.qdrant() == s.root {
		if p, _ := s.path("history.db"); regular(p) {
			rels = append(rels, "history.db")
		}
	}
	for _, dir := range []string{s.qdrant(), filepath.Join(s.qdrant(), "collection")} {
		if st, lerr := os.Lstat(dir); lerr == nil && st.Mode()&fs.ModeSymlink != 0 && dir != s.root {
			notes = append(notes, dir+" is a symbolic link: it is not followed")
			return rels, notes, err
		}
	}
	if err == nil {
		err = list(filepath.Join(s.qdrant(), "collection"), func(e fs.DirEntry) {
			if e.IsDir() && regular(filepath.Join(s.qdrant(), "collection", e.Name(), "storage.sqlite")) {
				rels = append(rels, "qdrant/collection/"+e.Name()+"/storage.sqlite")
			}
		})
	}
	if s.beside != "" {
		rels = append(slices.DeleteFunc(rels, func(rel string) bool { return rel == historyFile }), historyFile)
	}
	if links > 0 {
		notes = append(notes, fmt.Sprintf("%d symbolic links are not followed", links))
	}
	return rels, notes, err
}

// openAll opens every database of the folder at nearly one instant, collections before histories.
func (s *Store) openAll(ctx context.Context) (dbs []*db, notes []string, err error) {
	if s.server != nil {
		return s.openAllPG(ctx)
	}
	rels, notes, err := s.find()
	if err != nil {
		return nil, nil, err
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
			return dbs, nil, own(err)
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
		for _, n := range d.notes {
			notes = append(notes, rel+": "+n)
		}
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
	if _, err = flavorOf(dbs, s.root); err != nil && len(notes) > 0 {
		err = fmt.Errorf("%w (%s)", err, strings.Join(notes, "; "))
	}
	return dbs, notes, err
}

func closeAll(dbs []*db) {
	for _, d := range dbs {
		d.close()
	}
}

// openRead opens one file; nil: it is not mem0's.
func (s *Store) openRead(ctx context.Context, rel string) (*db, error) {
	p, err := s.path(rel)
	if err != nil {
		return nil, err
	}
	f, err := sqlitefile.Open(ctx, p, s.wait)
	if err != nil {
		return nil, err
	}
	d := &db{engine: lite{f}, notes: f.Notes}
	d.layout, err = detect(ctx, d.engine, rel)
	if err != nil || d.layout.Form == "" {
		err = d.wrap(err)
		d.close()
		return nil, err
	}
	d.layout.Place = placeOf(rel)
	mode := ""
	err = d.each(ctx, "PRAGMA journal_mode", nil, func(v []any) error { mode = asText(v[0]); return nil })
	d.locked = mode == "delete"
	return d, d.wrap(err)
}
