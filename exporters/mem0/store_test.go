package mem0

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// apply replays src into dst and gives the report and the journal's path.
func apply(t testing.TB, dst replay.Target, src agentstate.Source) (*replay.Report, string) {
	t.Helper()
	rep, path, err := tried(t, dst, src)
	if err != nil {
		t.Fatal(err)
	}
	return rep, path
}

// tried is apply that may fail.
func tried(t testing.TB, dst replay.Target, src agentstate.Source) (*replay.Report, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j, TargetModel: "m"})
	return rep, path, err
}

func undo(t testing.TB, dst replay.Target, journal string) *replay.UndoReport {
	t.Helper()
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Undo(t.Context(), dst, j)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// sqlOf runs statements on a file, as another program.
func sqlOf(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=synchronous(0)") // no wait for the disk
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// dump is every row and every schema of the databases below root, by another route than the driver,
// and what other files hold.
func dump(t testing.TB, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(b), "SQLite format 3") {
			if d.Name() != ".lock" {
				out = append(out, rel+": "+string(b))
			}
			return nil
		}
		db, err := sql.Open("sqlite", "file:"+p+"?mode=ro")
		if err != nil {
			return err
		}
		defer db.Close()
		var names []string
		for _, r := range rowsOf(t, db, `SELECT name, replace(sql, 'IF NOT EXISTS ', '') FROM sqlite_master WHERE type = 'table' ORDER BY name`) {
			names = append(names, fmt.Sprint(r[0]))
			out = append(out, fmt.Sprintf("%s: %v", rel, r[1]))
		}
		for _, n := range names {
			for _, r := range rowsOf(t, db, "SELECT * FROM "+n+" ORDER BY rowid") {
				line := rel + " " + n
				for _, v := range r {
					line += fmt.Sprintf(" %T %q", v, fmt.Sprint(v))
				}
				out = append(out, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rowsOf(t testing.TB, db *sql.DB, q string) [][]any {
	t.Helper()
	rows, err := db.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	cols, _ := rows.Columns()
	var out [][]any
	for rows.Next() {
		v, p := make([]any, len(cols)), make([]any, len(cols))
		for i := range v {
			p[i] = &v[i]
		}
		if err := rows.Scan(p...); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestExact: every row of every table arrives in an empty folder as it was, in the runtime's own
// tables, and undo leaves none of them.
func TestExact(t *testing.T) {
	for _, at := range []string{"js", "python"} {
		t.Run(at, func(t *testing.T) {
			src := Open("testdata/" + at)
			mem, rep := drivertest.Export(t, src)
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("coverage %v %s %v", rep.Verdict.Coverage, rep.Verdict.Why, rep.Verdict.Kinds)
			}
			dst := Open(filepath.Join(t.TempDir(), "new"))
			first, journal := apply(t, dst, mem)
			if n := len(first.Refused) + len(first.Conflicts) + len(first.Losses); n != 0 {
				t.Errorf("%+v", first)
			}
			if d := cmp.Diff(dump(t, src.root), dump(t, dst.root)); d != "" {
				t.Fatal(d)
			}
			if u := undo(t, dst, journal); u.LeftN != 0 {
				t.Errorf("undo: %+v", u)
			}
			for _, l := range dump(t, dst.root) {
				if !strings.Contains(l, "CREATE TABLE") && !strings.Contains(l, "sqlite_sequence") {
					t.Errorf("after undo: %s", l)
				}
			}
		})
	}
}

func recordsOf[R agentstate.Record](t testing.TB, src agentstate.Source) map[string]R {
	t.Helper()
	out := map[string]R{}
	for r, err := range agentstate.Of[R](src.Records(t.Context(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		out[r.GetMeta().GetKey()] = r
	}
	return out
}

// TestFields: what is read out of the samples.
func TestFields(t *testing.T) {
	js := Open("testdata/js")
	m := recordsOf[*pb.Memory](t, js)["memory/vector_store/fffa7b47-c0dc-4e1b-8833-826743ec5fe5"]
	if m.GetText() != "Ada Müller prefers Celsius." || m.SpaceKey != "memoryspace/vector_store/user_id/u-1" || !slices.Equal(m.Meta.SubjectKeys, []string{"principal/user/u-1"}) ||
		m.Meta.Derivation != pb.Derivation_DERIVATION_INFERRED || m.Meta.CreatedUnixNano != 1795402519482000000 {
		t.Errorf("%v", m)
	}
	if s := recordsOf[*pb.MemorySpace](t, js)["memoryspace/vector_store/user_id/u-1/agent_id/a-1/run_id/r-1"]; !slices.Equal(s.GetPath(), []string{"user_id", "u-1", "agent_id", "a-1", "run_id", "r-1"}) {
		t.Errorf("%v", s)
	}
	if e := recordsOf[*pb.Embedding](t, js)["embedding/vector_store/fffa7b47-c0dc-4e1b-8833-826743ec5fe5"]; e.GetDimensions() != 8 || len(e.Vector) != 32 || e.OfKey != m.Meta.Key {
		t.Errorf("%v", e)
	}
	if e := recordsOf[*pb.Entity](t, js)["entity/vector_store_entities/9da0f3bc-f0c5-497c-9a9a-43cdb304c6f6"]; e.GetName() != "Celsius" || !slices.Equal(e.Types, []string{"PROPER"}) {
		t.Errorf("%v", e)
	}
	if r := recordsOf[*pb.Relation](t, js); len(r) != 6 || r["relation/vector_store_entities/9da0f3bc-f0c5-497c-9a9a-43cdb304c6f6/fffa7b47-c0dc-4e1b-8833-826743ec5fe5"].GetToKey() != m.Meta.Key {
		t.Errorf("%v", r)
	}
	gone := recordsOf[*pb.Revision](t, js)["revision/history/7"]
	if gone.GetOperation() != "DELETE" || string(gone.Before.GetInline()) != "temp" || gone.After != nil || gone.OfKey != "memory/vector_store/19e63d54-015f-4ceb-9102-02d4f3fb25b5" {
		t.Errorf("%v", gone)
	}
	if c := recordsOf[*pb.Conversation](t, js); len(c) != 1 || len(recordsOf[*pb.Message](t, js)) != 1 {
		t.Errorf("%v", c)
	}

	py := Open("testdata/python")
	ms := recordsOf[*pb.Memory](t, py)
	if m := ms["memory/mem0/21188810-cb9c-4d45-b23a-f9ad2a94b7d4"]; len(ms) != 10 || m.GetText() != "Hi, I'm Ada and I live in Zürich" || m.Meta.CreatedUnixNano != 1795451421314659000 {
		t.Errorf("%d %v", len(ms), m)
	}
	if m := ms["memory/mem0/14c5cafb-90c7-4fa2-87e9-336d546c7718"]; m.GetForm() != pb.Memory_FORM_PROCEDURAL {
		t.Errorf("%v", m)
	}
	if m := ms["memory/mem0/f2231820-5ff2-4773-bc74-b4332b6e2c6d"]; m.GetExpiresUnixNano() != 1769904000000000000 { // 2026-02-01
		t.Errorf("%v", m)
	}
	if es := recordsOf[*pb.Embedding](t, py); es["embedding/mem0/21188810-cb9c-4d45-b23a-f9ad2a94b7d4"].GetDimensions() != 8 {
		t.Errorf("%v", es)
	}
}

// TestPreflight counts the same as an export does.
func TestPreflight(t *testing.T) {
	for _, at := range []string{"js", "python"} {
		src := Open("testdata/" + at)
		p, err := src.Preflight(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mem, _ := drivertest.Export(t, src)
		n := map[string]int64{}
		for r, err := range mem.Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			n[agentstate.KindOf(r)]++
		}
		for _, k := range []string{"memory", "entity", "revision", "message", "opaque"} {
			if p.Counts[k] != n[k] {
				t.Errorf("%s: %s: preflight %d, export %d", at, k, p.Counts[k], n[k])
			}
		}
	}
}
