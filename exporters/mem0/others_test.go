package mem0

import (
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestOtherStores: what lies beside the store in a form that is not read is a gap of its name, and
// alone it is refused by its name.
func TestOtherStores(t *testing.T) {
	for file, name := range map[string]string{"faiss/mem0.faiss": "an index of FAISS", "mem0.faiss": "an index of FAISS", "chroma/chroma.sqlite3": "a database of Chroma", "storage/raft_state.json": "the storage of a Qdrant server"} {
		put := func(dir string) {
			p := filepath.Join(dir, filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, ".sqlite3") {
				sqlOf(t, p, "CREATE TABLE collections (id TEXT)")
				return
			}
			if err := os.WriteFile(p, []byte("IxFI"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		alone := t.TempDir()
		put(alone)
		if _, _, _, err := Open(alone).openAll(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s alone: %v", file, err)
		}
		beside := t.TempDir()
		if err := os.CopyFS(beside, os.DirFS("testdata/python")); err != nil {
			t.Fatal(err)
		}
		put(beside)
		_, rep := drivertest.Export(t, Open(beside))
		if v := rep.Verdict.Kinds["memory"]; v.Coverage != agentstate.Gaps {
			t.Errorf("%s beside: memory is %s: %s", file, v.Coverage, v.Why)
		}
		if len(rep.Gaps) == 0 || !strings.Contains(rep.Gaps[0].Detail, name) || rep.Gaps[0].Reason != pb.Gap_REASON_REFUSED || rep.Gaps[0].Place != file {
			t.Errorf("%s beside: %v", file, rep.Gaps)
		}
	}
}

// TestGraph: a graph that older releases kept in Kuzu, whatever its file is called, is named beside the memories, which are whole.
func TestGraph(t *testing.T) {
	for _, file := range []string{"graph.kuzu", "graph.db", "kuzu/catalog.kz"} {
		dir := copied(t, "python")
		p := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("KUZU\x27\x00\x00\x00"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, rep := drivertest.Export(t, Open(dir))
		if d := cmp.Diff([]string{"entity " + file + " refused", "relation " + file + " refused"}, drivertest.Gaps(rep)); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
		for kind, want := range map[string]agentstate.Coverage{"memory": agentstate.Reconciled, "relation": agentstate.Gaps} {
			if got := rep.Verdict.Kinds[kind].Coverage; got != want {
				t.Errorf("%s: %s is %v", file, kind, got)
			}
		}
	}
}

// TestNumbersAsIDs: Qdrant takes numbers of 64 bits without a sign for ids. Python writes the upper half
// of them as long numbers.
func TestNumbersAsIDs(t *testing.T) {
	for _, x := range []struct {
		opcodes string
		id      uint64
	}{{"K\x07", 7}, {"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00", 1 << 63}, {"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00", math.MaxUint64}} {
		key := base64.StdEncoding.EncodeToString([]byte("\x80\x04" + x.opcodes + "."))
		if id, err := keyID(key); err != nil || fmt.Sprint(id) != fmt.Sprint(x.id) {
			t.Errorf("%d is read as %v, %v", x.id, id, err)
		}
	}
	for _, bad := range []string{"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01", "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff", "G\x00\x00\x00\x00\x00\x00\x00\x00", "N"} {
		if id, err := keyID(base64.StdEncoding.EncodeToString([]byte("\x80\x04" + bad + "."))); err == nil {
			t.Errorf("%q is read as %v", bad, id)
		}
	}
}

// Both packages read when a memory ends from one name alone: another spelling is somebody's own metadata, and
// no memory that mem0 shows may end for it elsewhere.
func TestExpires(t *testing.T) {
	for name, ends := range map[string]bool{"expiration_date": true, "expirationDate": false} {
		p := readPayload([]byte(`{"data":"a","` + name + `":"2020-01-31"}`))
		if (p.expires != 0) != ends || (len(p.labels) == 0) != ends {
			t.Errorf("%s: ends %d, labels %v", name, p.expires, p.labels)
		}
	}
}

// What an entity has a field for is of a memory somebody's metadata: it keeps its name in the other package,
// and is read.
func TestEntityNames(t *testing.T) {
	const raw = `{"data":"a","entity_type":"invoice","linkedMemoryIds":["x"],"created_at":"2020-01-31T00:00:00Z"}`
	p := readPayload([]byte(raw))
	got := map[string]string{}
	for _, l := range (&layout{}).record("memory/1", "", &p).GetMeta().GetLabels() {
		got[l.Name] = l.Value
	}
	if d := cmp.Diff(map[string]string{"entity_type": "invoice", "linkedMemoryIds": `["x"]`}, got); d != "" {
		t.Error(d)
	}
	w := &writer{run: &replay.Run{}, foreign: &foreignTarget{}}
	for entity, want := range map[bool]string{
		false: `{"data":"a","entity_type":"invoice","linkedMemoryIds":["x"],"createdAt":"2020-01-31T00:00:00Z"}`,
		true:  `{"data":"a","entityType":"invoice","linkedMemoryIds":["x"],"createdAt":"2020-01-31T00:00:00Z"}`,
	} {
		if d := cmp.Diff(want, w.renamed([]byte(raw), entity)); d != "" {
			t.Errorf("entity %v: %s", entity, d)
		}
	}
}

// A time in somebody's metadata, spelled as the target's package spells its own, does not become the memory's.
func TestTimeInMetadata(t *testing.T) {
	for python, x := range map[bool][2]string{
		true:  {`{"created_at":"2020-01-31","data":"a","createdAt":"2026-11-23T00:00:00Z"}`, `{"createdAt":"2020-01-31","data":"a","created_at":"2026-11-23T00:00:00Z"}`},
		false: {`{"createdAt":"2020-01-31","data":"a","created_at":"2026-11-23T00:00:00Z"}`, `{"created_at":"2020-01-31","data":"a","createdAt":"2026-11-23T00:00:00Z"}`},
	} {
		w := &writer{run: &replay.Run{}, foreign: &foreignTarget{python: python}}
		got := w.renamed([]byte(x[0]), false)
		if d := cmp.Diff(x[1], got); d != "" {
			t.Error(d)
		}
		if a, b := readPayload([]byte(x[0])).created, readPayload([]byte(got)).created; a != b || a == 0 {
			t.Errorf("created %d, and %d there", a, b)
		}
		own := &writer{run: &replay.Run{From: &pb.Origin{Product: product, Flavor: map[bool]string{true: "python+qdrant", false: "js+sqlite"}[python]}}, foreign: w.foreign}
		if got := own.renamed([]byte(x[1]), false); got != x[1] {
			t.Errorf("within its own package it becomes %s", got)
		}
	}
}

// Whose a memory is stands under the names that both packages use: a customer's id in the metadata of an
// agent's memory makes nobody its user. Only where there is no such name an early spelling counts.
func TestWhose(t *testing.T) {
	for raw, want := range map[string]string{
		`{"data":"a","userId":"9","agent_id":"ag"}`:                "agent_id ag",
		`{"data":"a","user_id":"u","userId":"9"}`:                  "user_id u",
		`{"data":"a","userId":"9","runId":"r"}`:                    "user_id 9 run_id r",
		`{"data":"a","user_id":"u","agent_id":"ag","run_id":"r1"}`: "user_id u agent_id ag run_id r1",
	} {
		p := readPayload([]byte(raw))
		if got := strings.Join(p.scope(), " "); got != want || strings.Contains(raw, `_id"`) && strings.Contains(raw, "userId") != (len(p.labels) == 1) {
			t.Errorf("%s: %s, labels %v", raw, got, p.labels)
		}
	}
}

// TestMilvus: the folder of Milvus Lite, which is called like a file, is named beside a store and alone.
func TestMilvus(t *testing.T) {
	for _, dir := range []string{copied(t, "python"), t.TempDir()} {
		for _, name := range []string{"databases", "collections/notes"} {
			if err := os.MkdirAll(filepath.Join(dir, "milvus.db", name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "milvus.db", "LOCK"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Open(dir).Preflight(t.Context())
		if err != nil && strings.Contains(err.Error(), "a folder of Milvus Lite") {
			continue // alone
		}
		if err != nil || len(p.Gaps) == 0 || p.Gaps[0].Place != "milvus.db" || p.Gaps[0].Kind != "memory" {
			t.Errorf("%+v %v", p, err)
		}
	}
}
