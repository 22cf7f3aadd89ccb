package embed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// held counts the vectors that src holds, by what they were made with. Most stores say the
// dimensions and no model.
func held(ctx context.Context, src agentstate.Source) (map[Model]uint64, error) {
	out := map[Model]uint64{}
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"embedding"}}) {
		if err != nil {
			return nil, err
		}
		if e, ok := r.(*pb.Embedding); ok {
			out[Model{e.Model, int(e.Dimensions)}]++
		}
	}
	return out, nil
}

// Unmixed refuses with ErrMixed where vectors made with come would lie beside those that a target
// holds, and are, or may be, of another model: the same number of dimensions says nothing. said is the
// name of the target's model where its store does not say it and a person does; empty: nobody does.
// Where neither side says its model the error is also ErrUnsaid: between two stores of one product a
// caller may go on, and say so.
func Unmixed(come, held map[Model]uint64, said string) error {
	var unsaid error
	for c := range come {
		if said != "" && c.Name != said {
			return fmt.Errorf("%w: these are of %s, and the target's model is said to be %s", ErrMixed, c, said)
		}
		for h := range held {
			name := h.Name
			if name == "" {
				name = said
			}
			switch {
			case h.Dimensions != c.Dimensions && h.Dimensions != 0 && c.Dimensions != 0:
				return fmt.Errorf("%w: these are of %s, the target holds vectors of %s", ErrMixed, c, h)
			case name == "" && c.Name == "":
				unsaid = fmt.Errorf("%w: %w: these are of %s, the target holds vectors of %s", ErrMixed, ErrUnsaid, c, h)
			case name == "" || c.Name == "":
				return fmt.Errorf("%w: these are of %s, the target holds vectors of %s: that they are as long says nothing", ErrMixed, c, h)
			case name != c.Name:
				return fmt.Errorf("%w: these are of %s, the target holds vectors of %s", ErrMixed, c, Model{name, h.Dimensions})
			}
		}
	}
	return unsaid
}

// Models lists what vectors were made with, for people.
func Models(m map[Model]uint64) string {
	var out []string
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b Model) int { return strings.Compare(a.String(), b.String()) }) {
		out = append(out, fmt.Sprintf("%d of %s", m[k], k))
	}
	return strings.Join(out, " · ")
}
