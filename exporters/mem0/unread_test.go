package mem0

import (
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What Qdrant's list names and no file that is read holds is a gap: a folder without its points, a name with a slash, a
// database of something else. Each is said to be what it is.
func TestListedAndUnread(t *testing.T) {
	dir := copied(t, "python")
	at := dir + "/qdrant/collection/"
	edit(t, dir+"/qdrant/meta.json", func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `{"collections": {`, `{"collections": {"a/b": {"vectors": {"size": 8}}, "gone": {"vectors": {"size": 8}}, "empty": {"vectors": {"size": 8}}, "x_entities": {}, "foreign": {}, `, 1))
	})
	for _, name := range []string{"a/b", "empty", "x_entities", "foreign"} {
		if err := os.MkdirAll(at+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(at+"a/b", os.DirFS(at+"mem0")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at+"empty/storage.sqlite", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sqlOf(t, at+"foreign/storage.sqlite", "CREATE TABLE other (id)")
	if err := os.Symlink("empty", at+"go"); err != nil { // which names itself alone, and not gone
		t.Fatal(err)
	}
	_, rep := drivertest.Export(t, Open(dir))
	got := map[string]pb.Gap_Reason{}
	for _, g := range rep.Gaps {
		if slash := strings.Contains(g.Detail, "with a slash"); slash != (g.Place == "qdrant/collection/a/b") {
			t.Errorf("%s: %s", g.Place, g.Detail)
		}
		got[g.Kind+" "+g.Place] = g.Reason
	}
	want := map[string]pb.Gap_Reason{"memory qdrant/collection/a/b": pb.Gap_REASON_REFUSED, "memory qdrant/collection/foreign": pb.Gap_REASON_REFUSED, "memory qdrant/collection/gone": pb.Gap_REASON_GONE, "entity qdrant/collection/x_entities": pb.Gap_REASON_GONE}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %v", k, got[k])
		}
	}
	const linked = 4 // kinds that may be behind the link
	if len(got) != len(want)+linked || rep.Verdict.Kinds["memory"].Coverage != agentstate.Gaps {
		t.Errorf("%v %v", got, rep.Verdict.Kinds["memory"])
	}
}
