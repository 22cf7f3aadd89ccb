package mem0

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// An empty place gets Qdrant's list as it was: plan and replay name the members that an older qdrant-client refuses. A list that is
// there is added to without them, and nothing is to be said.
func TestNewerMembersAreSaid(t *testing.T) {
	for name, c := range map[string]struct{ drop, before, want string }{
		"1.20.0": {"", "", "with strict_mode_config, metadata, payload, id_tracker, memory: qdrant-client 1.18.0 and older"},
		"1.17.0": {`"payload": null, |"id_tracker": null, |"memory": null, `, "", "with strict_mode_config, metadata: qdrant-client 1.15.1 and older"},
		"1.15.1": {`"payload": null, |"id_tracker": null, |"memory": null, |, "metadata": null`, "", "with strict_mode_config: qdrant-client 1.10.1 and older"},
		"1.10.1": {`"payload": null, |"id_tracker": null, |"memory": null, |, "strict_mode_config": null, "metadata": null`, "", ""},
		"a list": {"", `{"collections": {}, "aliases": {}}`, ""},
	} {
		src, dir := copied(t, "python"), filepath.Join(t.TempDir(), "new")
		edit(t, filepath.Join(src, "qdrant", "meta.json"), func(b []byte) []byte {
			s := string(b)
			for x := range strings.SplitSeq(c.drop, "|") {
				s = strings.ReplaceAll(s, x, "")
			}
			return []byte(s)
		})
		if c.before != "" {
			if err := os.MkdirAll(filepath.Join(dir, "qdrant"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "qdrant", "meta.json"), []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		mem, _ := drivertest.Export(t, Open(src))
		plan, err := replay.Plan(t.Context(), Open(dir), mem, &replay.Options{TargetModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		rep, _ := apply(t, Open(dir), mem)
		for what, notes := range map[string][]string{"plan": plan.Notes, "replay": rep.Notes} {
			if text := strings.Join(notes, "; "); !strings.Contains(text, c.want) || c.want == "" && text != "" {
				t.Errorf("%s: the %s says %q, want %q", name, what, text, c.want)
			}
		}
	}
}

// Vectors go into a collection that is made for such ones. How and where they are kept is nothing to Qdrant's local mode.
func TestMadeFor(t *testing.T) {
	const plain = `{"vectors": {"size": 4, "distance": "Cosine", "multivector_config": null}}`
	list := func(c string) []byte { return []byte(`{"collections": {"mem0": ` + c + `}}`) }
	for other, fits := range map[string]bool{
		`{"vectors": {"size": 4, "distance": "Cosine", "on_disk": true, "datatype": "float16", "quantization_config": {"scalar": {"type": "int8"}}}, "shard_number": 3}`: true,
		`{"vectors": {"size": 5, "distance": "Cosine"}}`:                                                  false,
		`{"vectors": {"size": 4, "distance": "Dot"}}`:                                                     false,
		`{"vectors": {"size": 4, "distance": "Cosine", "multivector_config": {"comparator": "max_sim"}}}`: false,
		`{"vectors": {"dense": {"size": 4, "distance": "Cosine"}}}`:                                       false,
	} {
		for _, pair := range [][2]string{{plain, other}, {other, plain}} {
			if _, names, why := mergeMeta(list(pair[0]), list(pair[1])); (why == "") != fits || len(names) > 0 {
				t.Errorf("%s beside %s: %q, fits %t", pair[0], pair[1], why, fits)
			}
		}
	}
}
