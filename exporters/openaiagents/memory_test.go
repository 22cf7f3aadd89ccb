//go:build unix

package openaiagents

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/internal/heappeak"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// readPostgres reads an item of 100 MB out of PostgreSQL.
func readPostgres(t *testing.T) {
	src := postgres(t, pgtest.Database(t, tables(ownNames()), `INSERT INTO agent_sessions VALUES ('s', now(), now())`,
		`INSERT INTO agent_messages (session_id, message_data) VALUES ('s', '{"role":"assistant","content":"' || repeat('ab', 50000000) || '"}'), ('s', '{"role":"user","content":"short"}')`))
	var size int64
	n := heappeak.Live(func() {
		for r, err := range src.Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			m, ok := r.(*pb.Message)
			if !ok {
				continue
			}
			ref := m.Meta.Native[0].GetRow().Columns[2].GetTextRef()
			if ref == nil {
				continue
			}
			if m.Role != pb.Role_ROLE_ASSISTANT {
				t.Errorf("role %v", m.Role)
			}
			b, err := src.OpenBlob(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			if size, err = io.Copy(io.Discard, b); err != nil {
				t.Fatal(err)
			}
		}
	})
	if t.Logf("PostgreSQL: %d MiB more of heap at most", n>>20); size != 100_000_033 || n > 300<<20 {
		t.Errorf("%d bytes, %d MiB more of heap", size, n>>20)
	}
}

// Memory does not grow with the number of items, in one session or many.
func TestFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("20 MB")
	}
	heap := func(items, sessions int) uint64 {
		src := made(t, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO agent_messages SELECT i, 's' || (i %% %d), '{"role": "user", "content": "' || hex(zeroblob(150)) || '"}', NULL FROM n`, items, sessions))
		n := 0
		high := heappeak.Live(func() {
			for r, err := range src.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if agentstate.KindOf(r) == "message" {
					n++
				}
			}
		})
		if n != items {
			t.Fatal(n)
		}
		return high
	}
	few := heap(5_000, 1)
	for _, sessions := range loadtest.Of([]int{25_000}, []int{1, 25_000}) {
		many := heap(50_000, sessions)
		t.Logf("heap: %d KiB with 5,000 items, %d KiB with 50,000 of %d sessions", few>>10, many>>10, sessions)
		if many > few+8<<20 {
			t.Error("it grew")
		}
	}
}

// An item and a run state of many megabytes go through beside their records, in little memory: of the run
// state one copy, its keys are looked for in all of it. EXITRAMP_LOAD=1 makes them 100.
func TestManyMegabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("many megabytes")
	}
	half, own := loadtest.Of(16_000_000, 50_000_000), loadtest.Of[uint64](24<<20, 48<<20) // of the value; what a reading takes by itself
	src := made(t, fmt.Sprintf(`INSERT INTO agent_messages VALUES (1, 's', '{"role":"user","content":"' || replace(hex(zeroblob(%d)), '00', 'ab') || '"}', NULL)`, half),
		`INSERT INTO agent_messages VALUES (2, 's', '{"role":"user","content":"short"}', NULL)`)
	read := func(src *Folder, want map[string]int64, limit uint64) {
		t.Helper()
		got := map[string]int64{}
		n := heappeak.Live(func() {
			for r, err := range src.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if r.(interface{ SizeVT() int }).SizeVT() > 2*agentstate.SpillSize {
					t.Errorf("%s: %d bytes", r.GetMeta().GetKey(), r.(interface{ SizeVT() int }).SizeVT())
				}
				var ref *pb.Blob
				switch r := r.(type) {
				case *pb.Message:
					if r.Meta.Key == "message/s.db/1" && r.Role != pb.Role_ROLE_USER {
						t.Errorf("role %v", r.Role)
					}
					ref = r.Meta.Native[0].GetRow().Columns[2].GetTextRef()
				case *pb.State:
					ref = r.Value.GetBlob()
				}
				if ref == nil {
					continue
				}
				b, err := src.OpenBlob(t.Context(), ref)
				if err != nil {
					t.Fatal(err)
				}
				if got[r.GetMeta().GetKey()], err = io.Copy(io.Discard, b); err != nil {
					t.Fatal(err)
				}
				b.Close()
			}
		})
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if t.Logf("%d MiB more of heap at most", n>>20); n > limit {
			t.Errorf("%d MiB more of heap", n>>20)
		}
	}
	read(src, map[string]int64{"message/s.db/1": int64(2*half) + 28}, own)

	if os.Getenv("EXITRAMP_TEST_POSTGRES") != "" {
		readPostgres(t)
	}
	doc := slices.Concat([]byte(`{"$schemaVersion":"1.16","note":"`), bytes.Repeat([]byte("ab"), half), []byte(`"}`))
	dir := t.TempDir()
	put(t, dir, "big.json", doc)
	size := int64(len(doc))
	doc = nil
	read(Open(dir), map[string]int64{"state/big.json": size}, uint64(size)+own)
}
