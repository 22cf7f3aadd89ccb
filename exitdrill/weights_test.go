package exitdrill_test

import (
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestWeights: a statement says where the weights of a model are, as whoever read the model does.
func TestWeights(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.runtimes["source"].Set(&pb.Model{Meta: &pb.Meta{Key: "model/tuned", Labels: []*pb.Label{{Name: "weights", Value: "kept by the provider"}}}, RequestedId: "tuned"})
	out := p.run(p.plan("level: L3", "level: L1"))
	i := slices.IndexFunc(out.Predicate.Models, func(m evidence.ModelEnd) bool { return m.Model == "tuned" })
	if i < 0 || !slices.Equal(out.Predicate.Models[i].Weights, []string{"kept by the provider"}) {
		t.Errorf("%+v", out.Predicate.Models)
	}
}
