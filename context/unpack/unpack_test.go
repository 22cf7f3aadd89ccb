package unpack_test

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/unpack"
	"github.com/exitramp/exitramp/internal/filelock"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func create(t *testing.T, src agentstate.Source, form unpack.Form) (string, *agentstate.Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	d, err := unpack.Create(path, form, &unpack.Options{Note: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	rep, err := agentstate.Copy(t.Context(), d, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return path, rep
}

func open(t *testing.T, path string) *unpack.Folder {
	t.Helper()
	f, err := unpack.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// JSON lines hold all of it: what is read back is alike in every field, control records and blobs included.
func TestRoundTrip(t *testing.T) {
	src := memstate.Sample(200)
	path, rep := create(t, src, unpack.JSONL)
	got := &memstate.State{}
	back, err := agentstate.Copy(t.Context(), got, open(t, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	if back.Verdict.Coverage != rep.Verdict.Coverage || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("coverage %s, then %s", rep.Verdict.Coverage, back.Verdict.Coverage)
	}
	cmp, err := fidelity.Compare(t.Context(), src, got, &fidelity.Options{Control: true})
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Match() {
		t.Errorf("%+v", cmp)
	}
	blobs, err := os.ReadDir(filepath.Join(path, "blobs"))
	if err != nil || len(blobs) == 0 {
		t.Errorf("the sample has a blob and the folder none: %v", err)
	}
	if _, err := os.Stat(filepath.Join(path, "schema", "memory.schema.json")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".part"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the unfinished folder is still there")
	}
	if fi, err := os.Stat(filepath.Join(path, "memory.jsonl")); err != nil || fi.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v %v", fi.Mode(), err)
	}
}

// A line that was taken out shows in the coverage, and one that does not parse is named.
func TestEdited(t *testing.T) {
	path, _ := create(t, memstate.Sample(200), unpack.JSONL)
	file := filepath.Join(path, "memory.jsonl")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Join(lines[1:], ""))
	rep, err := agentstate.Copy(t.Context(), &memstate.State{}, open(t, path), nil)
	if err != nil || rep.Verdict.Kinds["memory"].Coverage <= agentstate.Listed {
		t.Errorf("one memory is gone, and memories are %s: %v", rep.Verdict.Kinds["memory"].Coverage, err)
	}
	for name, tc := range map[string]struct{ content, want string }{
		"cut":      {lines[0] + lines[1][:len(lines[1])/2], "memory.jsonl line 2"},
		"not JSON": {"hello\n", "memory.jsonl line 1"},
		"misfiled": {`{"kind":"agent","meta":{"key":"agent/1"}}`, "a agent; it belongs in another file"},
	} {
		write(tc.content)
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, open(t, path), nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	write("")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", file); err != nil {
		t.Fatal(err)
	}
	if _, err := unpack.Open(path); !errors.Is(err, unpack.ErrFolder) {
		t.Errorf("a link in the folder: %v", err)
	}
}

// A blob whose bytes were changed is refused.
func TestChangedBlob(t *testing.T) {
	path, _ := create(t, memstate.Sample(20), unpack.JSONL)
	blobs, err := filepath.Glob(filepath.Join(path, "blobs", "*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(blobs, err)
	}
	f, err := os.OpenFile(blobs[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xee}, 7); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := agentstate.Copy(t.Context(), &memstate.State{}, open(t, path), nil); err == nil || !strings.Contains(err.Error(), "not those that were written") {
		t.Error(err)
	}
}

func TestCSV(t *testing.T) {
	src := memstate.Sample(100)
	path, rep := create(t, src, unpack.CSV)
	for kind, n := range rep.Records {
		f, err := os.Open(filepath.Join(path, kind+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if uint64(len(rows)) != n+1 || rows[0][0] != "key" {
			t.Errorf("%s: %d rows for %d records", kind, len(rows), n)
		}
		seen := map[string]bool{}
		for _, name := range rows[0] {
			if seen[name] {
				t.Errorf("%s: two columns %q", kind, name)
			}
			seen[name] = true
		}
	}
}

// A spreadsheet does not run what a stranger wrote.
func TestFormula(t *testing.T) {
	src := &one{rs: []agentstate.Record{&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}}}}
	for i, s := range []string{"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\tx", "plain"} {
		src.rs = append(src.rs, &pb.Memory{Meta: &pb.Meta{Key: fmt.Sprintf("memory/%d", i)}, Content: &pb.Memory_Text{Text: s}})
	}
	path, _ := create(t, src, unpack.CSV)
	f, err := os.Open(filepath.Join(path, "memory.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows[1:] {
		for _, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("row %d: %q", i, c)
			}
		}
	}
}

func TestSQLite(t *testing.T) {
	path, rep := create(t, memstate.Sample(300), unpack.SQLite)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(path, "state.sqlite")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := func(q string) (n uint64) {
		if err := db.QueryRowContext(t.Context(), q).Scan(&n); err != nil {
			t.Errorf("%s: %v", q, err)
		}
		return n
	}
	for kind, n := range rep.Records {
		if got := count(`SELECT count(*) FROM "` + kind + `" WHERE json_valid(record) AND record ->> '$.meta.key' = key`); got != n {
			t.Errorf("%s: %d rows, want %d", kind, got, n)
		}
	}
	if count("SELECT count(*) FROM talk WHERE said <> ''") == 0 || count("SELECT sum(messages) FROM conversations") != rep.Records["message"] {
		t.Error("the views do not show the conversations")
	}
	if got := count("SELECT count(*) FROM memories"); got != rep.Records["memory"] {
		t.Errorf("the view memories has %d rows", got)
	}
}

// Two runs do not write to one folder, and what a run that was killed left there goes.
func TestTwoRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.MkdirAll(filepath.Join(path+".part", "blobs", "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := unpack.Create(path, unpack.JSONL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack.Create(path, unpack.JSONL, nil); filelock.Works && !errors.Is(err, unpack.ErrRunning) {
		t.Error(err)
	}
	if _, err := agentstate.Copy(t.Context(), d, &one{rs: []agentstate.Record{&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}}}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	got, err := filepath.Glob(filepath.Join(path+"*", "*"))
	if want := []string{filepath.Join(path, "README.txt"), filepath.Join(path, "origin.jsonl"), filepath.Join(path, "schema")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q; %v", got, want, err)
	}
}

// What was there is not touched, and what breaks leaves nothing.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := unpack.Create(dir, unpack.JSONL, nil); !errors.Is(err, unpack.ErrExists) {
		t.Error(err)
	}
	if _, err := unpack.Create(filepath.Join(dir, "x"), "xml", nil); err == nil {
		t.Error("no form xml")
	}
	d, err := unpack.Create(filepath.Join(dir, "y"), unpack.JSONL, nil)
	if err != nil {
		t.Fatal(err)
	}
	broken := &one{rs: []agentstate.Record{&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}}}, err: io.ErrUnexpectedEOF}
	if _, err := agentstate.Copy(t.Context(), d, broken, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := unpack.Open(dir); !errors.Is(err, unpack.ErrFolder) {
		t.Error(err)
	}
}

// A kind of a later release is carried, whatever it is called.
func TestLaterKind(t *testing.T) {
	for _, kind := range []string{"hologram", "../../etc/x", "Memory", strings.Repeat("z", 200)} {
		later := &pb.Unknown{Meta: &pb.Meta{Key: agentstate.Key(kind, "1")}}
		later.ProtoReflect().SetUnknown([]byte{0xa2, 0x06, 2, 'h', 'i'})
		path, _ := create(t, &one{rs: []agentstate.Record{&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}}, later}}, unpack.JSONL)
		n := 0
		for r, err := range open(t, path).Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if u, ok := r.(*pb.Unknown); ok && string(u.ProtoReflect().GetUnknown()) == "\xa2\x06\x02hi" && u.Meta.Key == later.Meta.Key {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q did not come back", kind)
		}
	}
}

type one struct {
	rs  []agentstate.Record
	err error
}

func (s *one) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for _, r := range s.rs {
			if !yield(r, nil) {
				return
			}
		}
		if s.err != nil {
			yield(nil, s.err)
		}
	}
}
