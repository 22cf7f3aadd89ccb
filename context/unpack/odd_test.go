package unpack_test

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/unpack"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A number that SQLite has not is not as if nothing was said, and times sort as texts.
func TestOddColumns(t *testing.T) {
	number := func(f float64) *float64 { return &f }
	src := memstate.Whole("odd",
		&pb.Memory{Meta: &pb.Meta{Key: "memory/a", CreatedUnixNano: 1_500_000_000}, Importance: number(math.NaN()), Content: &pb.Memory_Text{Text: "a\x00b"}},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/b", CreatedUnixNano: 1_000_000_000}, Importance: number(math.Inf(1)), Content: &pb.Memory_Text{Text: ""}},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/c", CreatedUnixNano: 1_000_000_001}, Content: &pb.Memory_Text{Text: "c"}},
	)
	path, _ := create(t, src, unpack.SQLite)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(path, "state.sqlite")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT key, created, coalesce(CAST(importance AS TEXT), 'none'), coalesce(hex(text), 'none') FROM memory ORDER BY created")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got [][4]string
	for rows.Next() {
		var r [4]string
		if err := rows.Scan(&r[0], &r[1], &r[2], &r[3]); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	want := [][4]string{
		{"memory/b", "1970-01-01T00:00:01.000000000Z", "Inf", ""},
		{"memory/c", "1970-01-01T00:00:01.000000001Z", "none", "63"},
		{"memory/a", "1970-01-01T00:00:01.500000000Z", "NaN", "610062"},
	}
	if d := cmp.Diff(want, got); d != "" || rows.Err() != nil {
		t.Error(d, rows.Err())
	}
}

// An editor that puts a mark at the start of a file has changed nothing.
func TestByteOrderMark(t *testing.T) {
	path, _ := create(t, memstate.Sample(20), unpack.JSONL)
	for _, kind := range []string{"memory", "origin"} {
		file := filepath.Join(path, kind+".jsonl")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append([]byte("\ufeff"), b...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := agentstate.Copy(t.Context(), &memstate.State{}, open(t, path), nil)
	if err != nil || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", err, rep)
	}
}

// A kind of a later release may be called as a view is.
func TestKindsLikeViews(t *testing.T) {
	rs := []agentstate.Record{&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}}}
	for _, kind := range []string{"talk", "conversations", "memories"} {
		rs = append(rs, &pb.Unknown{Meta: &pb.Meta{Key: kind + "/1"}})
	}
	rs = append(rs, &pb.MemorySpace{Meta: &pb.Meta{Key: "memoryspace/s"}}, &pb.Memory{Meta: &pb.Meta{Key: "memory/a"}, SpaceKey: "memoryspace/s"},
		&pb.Conversation{Meta: &pb.Meta{Key: "conversation/c"}}, &pb.Message{Meta: &pb.Meta{Key: "message/m"}, ConversationKey: "conversation/c"})
	path, _ := create(t, &one{rs: rs}, unpack.SQLite)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(path, "state.sqlite")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var key string
	if err := db.QueryRowContext(t.Context(), "SELECT key FROM talk").Scan(&key); err != nil || key != "talk/1" {
		t.Error(key, err)
	}
}

// A runtime that has memories and no spaces, or messages whose conversation was filtered out, is shown by the views too.
func TestViewsOfHalf(t *testing.T) {
	for view, r := range map[string]agentstate.Record{
		"memories":      &pb.Memory{Meta: &pb.Meta{Key: "memory/a"}, Content: &pb.Memory_Text{Text: "likes trains"}},
		"talk":          &pb.Message{Meta: &pb.Meta{Key: "message/m"}, ConversationKey: "conversation/c"},
		"conversations": &pb.Conversation{Meta: &pb.Meta{Key: "conversation/c"}},
	} {
		path, _ := create(t, &one{rs: []agentstate.Record{&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}}, r}}, unpack.SQLite)
		db, err := sql.Open("sqlite", "file:"+filepath.Join(path, "state.sqlite")+"?mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var key string
		if err := db.QueryRowContext(t.Context(), "SELECT key FROM "+view).Scan(&key); err != nil || key != r.GetMeta().GetKey() {
			t.Errorf("%s: %q, %v", view, key, err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_master WHERE type = 'view' AND name <> ?", view).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d other views, of what is not there: %v", view, n, err)
		}
	}
}

// A cell whose value is large names the file that it is in.
func TestLargeCells(t *testing.T) {
	src := memstate.Sample(20)
	path, _ := create(t, src, unpack.SQLite)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(path, "state.sqlite")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var cell string
	if err := db.QueryRowContext(t.Context(), "SELECT data FROM artifact WHERE name = 'report.txt'").Scan(&cell); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, cell)); err != nil || filepath.Dir(cell) != "blobs" {
		t.Errorf("%q is no file of the folder: %v", cell, err)
	}
	path, _ = create(t, src, unpack.CSV)
	if b, err := os.ReadFile(filepath.Join(path, "artifact.csv")); err != nil || !bytes.Contains(b, []byte(","+cell+",")) {
		t.Errorf("the sheet does not name %s: %v", cell, err)
	}
}

// A folder whose origin was emptied is not packed as a state from nowhere.
func TestEmptyOrigin(t *testing.T) {
	path, _ := create(t, memstate.Sample(20), unpack.JSONL)
	if err := os.WriteFile(filepath.Join(path, "origin.jsonl"), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := agentstate.Copy(t.Context(), &memstate.State{}, open(t, path), nil); !errors.Is(err, unpack.ErrFolder) {
		t.Error(err)
	}
}

// What a spreadsheet would run as a formula is text, also behind spaces and in the signs of full width.
func TestFormulas(t *testing.T) {
	var rs []agentstate.Record
	words := []string{"=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\n=1", "＝1", "＠x", "|x", "a=1", "\ttab", ""}
	for i, s := range words {
		rs = append(rs, &pb.Memory{Meta: &pb.Meta{Key: agentstate.Key("memory", string(rune('a'+i)))}, Name: s})
	}
	path, _ := create(t, &one{rs: append([]agentstate.Record{&pb.Origin{Meta: &pb.Meta{Key: "origin/1"}}}, rs...)}, unpack.CSV)
	f, err := os.Open(filepath.Join(path, "memory.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(rows[0], "name")
	for i, s := range words {
		want := "'" + s
		if s == "a=1" || s == "" {
			want = s
		}
		if got := rows[i+1][at]; got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}
