package mem0

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// change changes a row of the history, as mem0 would not.
func change(target replay.Target, key string) error {
	kind, parts := agentstate.SplitKey(key)
	if kind != "revision" {
		return errors.ErrUnsupported
	}
	db, err := sql.Open("sqlite", filepath.Join(target.(*Store).root, "history.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	for _, t := range []string{"memory_history", "history"} {
		if res, err := db.Exec("UPDATE "+t+" SET created_at = 'changed' WHERE id = ?", parts[1]); err == nil {
			if n, _ := res.RowsAffected(); n == 1 {
				return nil
			}
		}
	}
	return fmt.Errorf("no row %s", key)
}

// TestConformance is what every driver has to pass.
func TestConformance(t *testing.T) {
	for _, at := range loadtest.Of([]string{"python"}, []string{"js", "python"}) {
		t.Run(at, func(t *testing.T) {
			exportertest.Run(t, exportertest.Harness{
				Brief: loadtest.Of(true, false),
				Open:  func(context.Context) (agentstate.Source, error) { return Open("testdata/" + at), nil },
				Target: func(context.Context) (replay.Target, error) {
					return Open(filepath.Join(t.TempDir(), "target")), nil
				},
				Change: func(_ context.Context, target replay.Target, key string) error { return change(target, key) },
			})
		})
	}
}

var errUnsupported = errors.ErrUnsupported

func isSchema(err error) bool { return errors.Is(err, ErrSchema) }
