package langgraph

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestGoesOnApart: a thread of JavaScript that was taken back and goes on from there counts to the versions of the branch
// that it left. PostgreSQL would keep that branch's values, so the newest checkpoint counts on between them.
func TestGoesOnApart(t *testing.T) {
	p := sample(t, "js.sqlite")
	run(t, p, false, `INSERT INTO checkpoints SELECT thread_id, checkpoint_ns, '1f1e6e7c-ffff-6b30-8003-000000000000', parent_checkpoint_id, type, checkpoint, metadata
		FROM checkpoints WHERE checkpoint_id = '1f1e6e7c-8dd8-62b0-8001-9bac61eabb19'`,
		"UPDATE checkpoints SET metadata = CAST(json_set(CAST(metadata AS TEXT), '$."+labelAhead+"', '9') AS BLOB)") // an application's own
	m, _ := drivertest.Export(t, SQLite(p))
	back := agentstate.Key("checkpoint", "thread-interrupt", "", "1f1e6e7c-ffff-6b30-8003-000000000000")
	if d := cmp.Diff([]string{back}, aheadOf(t, m)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	dst := postgres(t, pgtest.Database(t))
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	said := false
	if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j, OnReceipt: func(rc replay.Receipt) {
		if rc.Action != replay.Created && rc.Action != replay.Skipped {
			t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
		}
		said = said || rc.Key == back && slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool { return l.Path == "channels.version" && l.Why == countsApart })
	}}); err != nil || !said {
		t.Fatalf("%v, announced %v", err, said)
	}
	if b, err := replay.ReadBack(t.Context(), m, dst, j); err != nil || b.MissingN > 0 || b.UnannouncedN > 0 {
		t.Errorf("%v: missing %v, not announced %v", err, b.Missing, b.Unannounced)
	}
	there, _ := drivertest.Export(t, dst)
	if d := cmp.Diff([]string{back}, aheadOf(t, there)); d != "" {
		t.Errorf("read in PostgreSQL (-want +got):\n%s", d)
	}
	most := 0.0
	for _, ch := range get[*pb.Checkpoint](t, there, back).Channels {
		f, err := strconv.ParseFloat(ch.Version, 64)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, f)
	}
	if n := float64(int(most)); n == most || int(most) != topOf(t, m, back) {
		t.Errorf("the highest version is %v, want one between %d and the next", most, topOf(t, m, back))
	}
	lite := SQLite(filepath.Join(t.TempDir(), "again.sqlite")) // as it is, there
	asSaid(t, there, lite)
}

// aheadOf are the checkpoints on branches where one before counted further.
func aheadOf(t *testing.T, m *memstate.State) (out []string) {
	t.Helper()
	for _, r := range records(t, m) {
		if labelOf(r, labelAhead) != "" {
			out = append(out, r.GetMeta().GetKey())
		}
	}
	return out
}

// topOf is the highest version of a checkpoint, without its fraction.
func topOf(t *testing.T, m *memstate.State, key string) (n int) {
	t.Helper()
	for _, ch := range get[*pb.Checkpoint](t, m, key).Channels {
		v, err := strconv.ParseFloat(ch.Version, 64)
		if err != nil {
			t.Fatal(err)
		}
		n = max(n, int(v))
	}
	return n
}

// TestEndsOfBranches: of branches that somebody may go on from, all but the one that counted furthest, or the newest of those, count on apart.
func TestEndsOfBranches(t *testing.T) {
	const end, after, mid, later = "1f1e6e7c-8e01-6ac0-8003-37dd2b08ba7f", "1f1e6e7c-8deb-6b30-8002-93bdb05d456b", "1f1e6e7c-8dd8-62b0-8001-9bac61eabb19", "1f1e6e7c-ffff-6b30-8003-000000000000"
	copied := func(id, version string) string {
		return `INSERT INTO checkpoints SELECT thread_id, checkpoint_ns, '` + id + `', '` + mid + `', type, CAST(replace(CAST(checkpoint AS TEXT), '"messages":5', '"messages":` + version + `') AS BLOB), metadata
			FROM checkpoints WHERE checkpoint_id = '` + end + `'`
	}
	for name, c := range map[string]struct {
		make []string
		want []string
	}{
		"no branch":                   {[]string{}, nil},
		"as far":                      {[]string{copied(later, "5")}, []string{end}},
		"further":                     {[]string{copied(later, "9")}, []string{end}},
		"three":                       {[]string{copied(later, "9"), copied("2"+later[1:], "5")}, []string{end, "2" + later[1:]}},
		"its own end alone":           {[]string{copied(later, "9"), "DELETE FROM checkpoints WHERE checkpoint_id IN ('" + end + "', '" + after + "')"}, nil},
		"one whose parent went along": {[]string{copied(later, "9"), "DELETE FROM checkpoints WHERE checkpoint_id = '" + mid + "'"}, []string{"1f1e6e7c-8dbf-6c10-8000-726ca01a206c", end}},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			run(t, p, false, c.make...)
			m, _ := drivertest.Export(t, SQLite(p))
			var want []string
			for _, id := range c.want {
				want = append(want, agentstate.Key("checkpoint", "thread-interrupt", "", id))
			}
			if d := cmp.Diff(want, aheadOf(t, m)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
