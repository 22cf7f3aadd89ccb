package langgraph

import (
	"fmt"
	"net/url"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestTrips: what a run writes, finds again and takes out costs no trip to the server a record, nor does its plan.
func TestTrips(t *testing.T) {
	p := sample(t, "python.sqlite")
	copies := `, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) SELECT 'copy' || i AS id FROM n) `
	run(t, p, false, "DELETE FROM checkpoints WHERE thread_id = 't-encrypted'", "DELETE FROM writes WHERE thread_id = 't-encrypted'",
		`INSERT INTO checkpoints SELECT id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints`+copies+`WHERE thread_id = 't-interrupt'`,
		`INSERT INTO writes SELECT id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value FROM writes`+copies+`WHERE thread_id = 't-interrupt'`,
		`INSERT INTO store (prefix, key, value) SELECT 'copies', copy.id || n.i, CAST('{}' AS BLOB) FROM (SELECT 1 AS i UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) n`+copies+`AS copy`,
		`INSERT INTO store_vectors (prefix, key, field_name, embedding) SELECT s.prefix, s.key, v.field_name, v.embedding FROM store s, (SELECT * FROM store_vectors LIMIT 1) v WHERE s.prefix = 'copies'`)
	m, _ := drivertest.Export(t, SQLite(p))
	u, trips := pgtest.Trips(t, pgtest.Database(t))
	dst := postgres(t, u)
	const most = 250
	drivertest.Trips(t, m, dst, trips, most)
	pgtest.Exec(t, u, "ALTER TABLE store ADD CONSTRAINT mine CHECK (key <> 'nobody')")
	trips()
	drivertest.Apply(t, dst, drivertest.InOrder{State: m})
	if got := trips(); got > most {
		t.Errorf("with a rule: %d trips, want %d at most", got, most)
	}
	for name, do := range map[string]func(){
		"read":  func() { readAlike(t, dst, postgres(t, inTurn(t, u)), trips) },
		"again": func() { drivertest.Apply(t, dst, drivertest.InOrder{State: m}) },
	} {
		trips()
		do()
		if got := trips(); got > most {
			t.Errorf("%s: %d trips, want %d at most", name, got, most)
		}
	}
}

// readAlike compares what two readings of a store give, of which the second shares no trips and is not counted.
func readAlike(t *testing.T, shared, alone *Store, trips func() int64) {
	all := func(s *Store) (out []string) {
		for r, err := range s.Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			switch r := r.(type) {
			case *pb.Completeness, *pb.Mark: // of another time
				out = append(out, r.GetMeta().GetKey())
			default:
				b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, fmt.Sprintf("%s %x", r.GetMeta().GetKey(), b))
			}
		}
		return out
	}
	want := all(alone)
	trips()
	got := all(shared)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("record %d of %d differs from that of a reading of one thread after the other, of %d", i, len(got), len(want))
			return
		}
	}
}

// inTurn is the URL of the same database for who asks one thing after the other.
func inTurn(t *testing.T, rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal("no URL")
	}
	q := u.Query()
	q.Set("default_query_exec_mode", "simple_protocol")
	u.RawQuery = q.Encode()
	return u.String()
}

// A thread whose metadata is too large to be looked into waits for no other.
func TestTripsLargeMetadata(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "js.pg.sql")
	pgtest.Exec(t, u, `DELETE FROM checkpoint_writes; DELETE FROM checkpoint_blobs; DELETE FROM checkpoints`,
		`INSERT INTO checkpoints SELECT 't' || i, '', '1', NULL, NULL, '{"v":4,"id":"1","channel_values":{},"channel_versions":{},"versions_seen":{}}', jsonb_build_object('large', repeat('x', 300000)) FROM generate_series(1, 200) i`)
	counted, trips := pgtest.Trips(t, u)
	n := 0
	for _, err := range postgres(t, counted).Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if got := trips(); got > 150 || n < 400 {
		t.Errorf("%d trips for %d records", got, n)
	}
}
