package all

import (
	"errors"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestReadOnlyTarget: a database that takes no rows, as that of a standby, is refused by the plan, and before anything of a run.
func TestReadOnlyTarget(t *testing.T) {
	for _, runtime := range []string{"langgraph", "openaiagents", "mem0"} {
		t.Run(runtime, func(t *testing.T) {
			u := pgtest.Database(t, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`)
			dst, err := Registry().Open(t.Context(), runtime+"+postgres"+u[strings.Index(u, ":"):])
			if err != nil {
				t.Fatal(err)
			}
			defer dst.Close()
			for _, dry := range []bool{true, false} {
				_, err := dst.(replay.Target).Begin(t.Context(), &replay.Run{DryRun: dry, From: &pb.Origin{}})
				if !errors.Is(err, pgsnapshot.ErrForbidden) || !strings.Contains(err.Error(), "read-only") {
					t.Errorf("dry %v: %v", dry, err)
				}
			}
		})
	}
}
