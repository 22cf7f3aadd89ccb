package mem0

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// passes says why a file of mem0's is not of the store that was asked for; empty: it is.
func (s *Store) passes(d *db) string {
	switch {
	case s.beside != "" && d.layout.Form.history() && d.layout.File != historyFile:
		return "is not carried: another history is named"
	case s.flavor != "" && d.language() != s.flavor:
		return "is of the other package: not carried"
	}
	return ""
}

// language is the package that a SQLite file is of.
func (d *db) language() string {
	if d.layout.Form == pointsForm || d.layout.Form == pythonHistory {
		return "python"
	}
	return "js"
}

// placeOf names a file in keys: Qdrant's collection, or the name of the file.
func placeOf(rel string) string {
	if strings.HasPrefix(rel, "qdrant/") {
		return path.Base(path.Dir(rel))
	}
	return strings.TrimSuffix(rel, path.Ext(rel))
}

// classify finds the collections of entities: mem0 calls them after the collection of memories, and people call
// one of memories so too. Where there is no row, the name tells.
func classify(dbs []*db) {
	for _, d := range dbs {
		stem, ok := strings.CutSuffix(d.layout.Place, "_entities")
		if !ok || d.layout.Form.history() {
			continue
		}
		d.layout.Entities = d.layout.rows == "entity" || d.layout.rows == "" &&
			(slices.ContainsFunc(dbs, func(o *db) bool { return o.layout.Place == stem && o.layout.Form == d.layout.Form }) ||
				!slices.ContainsFunc(dbs, func(o *db) bool { return o.layout.Place == d.layout.Place+"_entities" }))
	}
}

// look finds out of what kind the rows of a collection are that is called as one of entities: these always say to
// which memories they are linked.
func (d *db) look(ctx context.Context) error {
	if !strings.HasSuffix(d.layout.Place, "_entities") || d.layout.Form.history() {
		return nil
	}
	links := map[form]string{
		pointsForm:  "instr(point, CAST('linked_memory_ids' AS BLOB))",
		vectorsForm: `instr(payload, '"linkedMemoryIds"')`,
		pgForm:      "jsonb_exists_any(payload, ARRAY['linked_memory_ids', 'linkedMemoryIds'])",
	}[d.layout.Form]
	for _, x := range [][2]string{{"entity", " WHERE " + links}, {"memory", ""}} {
		n, err := d.one(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+quote(d.main())+x[1]+" LIMIT 1) x")
		if err != nil {
			return d.wrap(err)
		}
		if n > 0 {
			d.layout.rows = x[0]
			break
		}
	}
	return nil
}

// flavorOf is the language and the engine of a store.
func flavorOf(dbs []*db, root string) (string, error) {
	for _, d := range dbs {
		if p, ok := d.engine.(*pg); ok {
			return p.flavor, nil
		}
	}
	f := ""
	for _, d := range dbs {
		lang := "js+sqlite"
		if d.language() == "python" {
			lang = "python+qdrant"
		}
		if f != "" && f != lang {
			return "", fmt.Errorf("%w: %s holds files of both the JavaScript and the Python package; add ?flavor=js or ?flavor=python, or name a folder of one of them", ErrSchema, root)
		}
		f = lang
	}
	if f == "" || !slices.ContainsFunc(dbs, func(d *db) bool { return !d.layout.Form.history() }) {
		return "", fmt.Errorf("%w: %s has no collection: want vector_store.db (JavaScript), or qdrant/collection/NAME/storage.sqlite (Python); supported: %s", ErrSchema, root, supported)
	}
	return f, nil
}

// maxMeta is the size of a meta.json that is read.
const maxMeta = 16 << 20

// readMeta is Qdrant's list of collections; nil: there is none.
func (s *Store) readMeta() ([]byte, error) {
	p, err := s.path("qdrant/meta.json")
	if err != nil {
		return nil, own(err)
	}
	st, err := os.Stat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxMeta) {
		return nil, fmt.Errorf("%w: %s is no file of up to %d bytes", ErrSchema, p, maxMeta)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(p)
	}
	if err != nil {
		return nil, own(err)
	}
	if _, err := parseMeta(b); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrSchema, err)
	}
	return b, nil
}

// parseMeta gives the size of the vectors of each collection; 0: they have names, or none.
func parseMeta(b []byte) (map[string]int, error) {
	var m struct {
		Collections map[string]struct {
			Vectors json.RawMessage `json:"vectors"`
		} `json:"collections"`
	}
	if json.Unmarshal(b, &m) != nil || m.Collections == nil {
		return nil, errors.New("meta.json is not what qdrant-client 1.20.0 writes: want an object with collections")
	}
	out := map[string]int{}
	for n, c := range m.Collections {
		var v struct {
			Size int `json:"size"`
		}
		json.Unmarshal(c.Vectors, &v)
		out[n] = v.Size
	}
	return out, nil
}
