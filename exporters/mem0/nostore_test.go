package mem0

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// An empty folder, or database, is no store to read, and holds nothing that a run wrote. One with what is not understood
// may hold something.
func TestNoStore(t *testing.T) {
	odd := t.TempDir()
	if err := os.WriteFile(filepath.Join(odd, "vector_store.db"), []byte("no database"), 0o644); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir()
	if err := os.Symlink(filepath.Join(odd, "vector_store.db"), filepath.Join(linked, "vector_store.db")); err != nil {
		t.Skip(err)
	}
	for name, c := range map[string]struct {
		store func(t *testing.T) *Store
		none  bool
	}{
		"empty":    {func(t *testing.T) *Store { return opened(t, "mem0:"+t.TempDir()+"?flavor=python") }, true},
		"odd":      {func(t *testing.T) *Store { return opened(t, "mem0:"+odd) }, false},
		"link":     {func(t *testing.T) *Store { return opened(t, "mem0:"+linked) }, false},
		"database": {func(t *testing.T) *Store { return store(t, pgtest.Database(t), "") }, true},
		"table": {func(t *testing.T) *Store {
			return store(t, pgtest.Database(t, "CREATE TABLE docs (id bigserial PRIMARY KEY, vector text, payload text)"), "")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agentstate.Copy(t.Context(), memstate.New(), c.store(t), nil)
			if err == nil || errors.Is(err, fs.ErrNotExist) != c.none {
				t.Errorf("%v", err)
			}
		})
	}
}
