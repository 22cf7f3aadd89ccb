package mem0

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestMemoriesCalledEntities: a collection of memories may be called as one of entities is. They stay memories, here,
// in a target that has none of them yet, and in one where another attempt has made an empty table of them.
func TestMemoriesCalledEntities(t *testing.T) {
	const id = "00000000-0000-4000-8000-00000000000"
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"notes", "notes_entities", "legal_entities"} {
		payload := `{"data":"text","userId":"u","user_id":"u","expiration_date":"2026-01-02"}`
		if name == "notes_entities" {
			payload = `{"data":"Acme","entityType":"PROPER","linkedMemoryIds":["` + id + `0"],"user_id":"u"}`
		}
		sqlOf(t, filepath.Join(dir, name+".db"), create(vectorsForm, "vectors"), fmt.Sprintf(`INSERT INTO vectors VALUES ('%s%d', x'0000803f0000803f', '%s')`, id, i, payload))
	}
	mem, _ := drivertest.Export(t, Open(dir))
	kinds := func(mem agentstate.Source) string {
		out := ""
		for r, err := range mem.Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			switch r := r.(type) {
			case *pb.Memory:
				out += fmt.Sprintf("%s in %s until %d, ", r.Meta.Key, r.SpaceKey, r.ExpiresUnixNano)
			case *pb.Entity:
				out += r.Meta.Key + " in " + r.SpaceKey + ", "
			}
		}
		return out
	}
	want := "memory/legal_entities/" + id + "2 in memoryspace/legal_entities/user_id/u until 1767398400000000000, " +
		"memory/notes/" + id + "0 in memoryspace/notes/user_id/u until 1767398400000000000, entity/notes_entities/" + id + "1 in memoryspace/notes/user_id/u, "
	if got := kinds(mem); got != want {
		t.Errorf("got\n%s want\n%s", got, want)
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	sqlOf(t, filepath.Join(to, "legal_entities.db"), create(vectorsForm, "vectors"))
	if res, _ := apply(t, Open(to), mem); len(res.Refused)+len(res.Conflicts)+len(res.Losses) != 0 {
		t.Errorf("%+v", res)
	}
	if got := kinds(Open(to)); got != want {
		t.Errorf("the copy has\n%s want\n%s", got, want)
	}
	other := database(t, "") // a store of the other package keeps the name, too
	s := store(t, other, filepath.Join(t.TempDir(), "history.db"))
	s.flavor, s.dims = "python", 2
	apply(t, s, mem)
	if got := pgtest.Rows(t, other, "SELECT 'x' FROM legal_entities"); len(got) != 1 {
		t.Errorf("%d rows arrived", len(got))
	}
}
