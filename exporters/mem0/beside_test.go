package mem0

import (
	"database/sql"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// Where fastembed is installed a point has a vector for words beside the one of its text. A copy of the folder has
// it; another store has no place for it, and a plan says so, as of the distances in Qdrant's list.
func TestVectorsBeside(t *testing.T) {
	numbers := func(vs ...string) []byte {
		v, err := pickleDocument([]byte("[" + strings.Join(vs, ",") + "]"))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	id := "00000000-0000-4000-8000-000000000001"
	sparse := pickleModel(nil, "SparseVector", []string{"indices", "values"}, [][]byte{numbers("1", "4294967295"), numbers("0.5", "2.0")})
	vector := append(pickleText([]byte{'}', '('}, ""), numbers("1.0", "0.5", "0.5", "0.5", "0.5", "0.5", "0.5", "0.5")...)
	vector = append(append(pickleText(vector, "bm25"), sparse...), 'u')
	payload, err := pickleDocument([]byte(`{"data":"a","user_id":"u"}`))
	if err != nil {
		t.Fatal(err)
	}
	point := append(pickleModel([]byte{0x80, 4}, "PointStruct", []string{"id", "vector", "payload"}, [][]byte{pickleText(nil, id), vector, payload}), '.')
	dir := copied(t, "python")
	db, err := sql.Open("sqlite", pointsOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO points VALUES (?, ?)", rowKey(id), point); err != nil {
		t.Fatal(err)
	}
	mem, _ := drivertest.Export(t, Open(dir))
	dst := Open(filepath.Join(t.TempDir(), "same"))
	if rep, _ := apply(t, dst, mem); len(rep.Losses) != 0 || rep.Actions[replay.Refused] != 0 {
		t.Errorf("%+v", rep)
	}
	js := Open(filepath.Join(t.TempDir(), "js"))
	js.flavor = "js"
	plan, err := replay.Plan(t.Context(), js, mem, nil)
	if err != nil || plan.LossCount["memory.native.point"] != 1 {
		t.Fatalf("%v %v", plan.LossCount, err)
	}
	said := false
	for _, l := range plan.Losses {
		said = said || l.Path == "native.point" && l.Grade == fidelity.Dropped && strings.Contains(l.Why, `"bm25"`)
	}
	if why := plan.NoPlace["opaque"]; !said || len(why) != 1 {
		t.Errorf("%v %v", plan.Losses, plan.NoPlace)
	}
	for why := range plan.NoPlace["opaque"] {
		if !strings.Contains(why, "list of its collections") {
			t.Error(why)
		}
	}
}

// Of many names the first few are said.
func TestManyBeside(t *testing.T) {
	d := &dict{}
	for i := range 1000 {
		d.set(strconv.Itoa(i), nil)
	}
	if got := (&point{vector: d}).beside(); got != `"0", "1", "2", "3", "4", "5", "6", "7", …` {
		t.Errorf("%.100s", got)
	}
}
