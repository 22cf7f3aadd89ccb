package corpus_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/bench/corpus"
	"github.com/exitramp/exitramp/context/agentstate"
)

// The same seed gives the same bytes, and every mix has the share of vectors that it says.
func TestRecords(t *testing.T) {
	for _, mix := range corpus.Mixes() {
		count, size := map[string]int{}, 0
		var first []byte
		for r := range corpus.Records(mix, 20000, 1) {
			count[agentstate.KindOf(r)]++
			b, err := proto.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = b
			}
			size += len(b)
		}
		for r := range corpus.Records(mix, 1, 1) {
			if b, _ := proto.Marshal(r); string(b) != string(first) {
				t.Errorf("%s: the first record differs in a second run", mix.Name)
			}
		}
		share := float64(count["embedding"]) / float64(count["memory"])
		if share < mix.Vectors*0.9 || share > mix.Vectors*1.1 {
			t.Errorf("%s: %.3f of the memories have a vector, want %.3f", mix.Name, share, mix.Vectors)
		}
		t.Logf("%s: %d bytes, %v", mix.Name, size, count)
	}
}
