package mem0

import (
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/exportertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What Qdrant's list names and no file that is read holds is a gap: a folder without its points, and a name with a slash.
func TestListedAndUnread(t *testing.T) {
	dir := copied(t, "python")
	at := dir + "/qdrant/collection/"
	edit(t, dir+"/qdrant/meta.json", func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `{"collections": {`, `{"collections": {"a/b": {"vectors": {"size": 8}}, "gone": {"vectors": {"size": 8}}, "empty": {"vectors": {"size": 8}}, "x_entities": {}, `, 1))
	})
	for _, name := range []string{"a/b", "empty", "x_entities"} {
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
	_, rep := exportertest.Export(t, Open(dir))
	got := map[string]pb.Gap_Reason{}
	for _, g := range rep.Gaps {
		got[g.Kind+" "+g.Place] = g.Reason
	}
	want := map[string]pb.Gap_Reason{"memory qdrant/collection/a/b": pb.Gap_REASON_REFUSED, "memory qdrant/collection/gone": pb.Gap_REASON_GONE, "entity qdrant/collection/x_entities": pb.Gap_REASON_GONE}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %v", k, got[k])
		}
	}
	if len(got) != len(want) || rep.Verdict.Kinds["memory"].Coverage != agentstate.Gaps {
		t.Errorf("%v %v", got, rep.Verdict.Kinds["memory"])
	}
}
