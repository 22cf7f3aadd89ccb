package embed

import (
	"context"
	"fmt"
)

// known is a text that has its vector.
type known struct {
	text   string // empty: there is none yet
	vector []float32
	met    bool // the embedder of this run made it, or one that is like it
}

// alike is the cosine that two vectors of one text have at least where one model made both: the same model on another
// machine, or in fewer bits, is above it. Those of two models are far below.
const alike = 0.95

// same asks for a text that has its vector, and refuses an embedder that is not what it was: of another model under the
// name of the first, as after a restart of what serves it, or one that takes no text any more.
func (s *Source) same(ctx context.Context) error {
	if s.known.text == "" {
		return nil
	}
	got, err := s.e.Embed(ctx, []string{s.known.text})
	switch {
	case err != nil:
		return err
	case len(got) != 1 || got[0].Vector == nil && got[0].Why == "":
		return fmt.Errorf("%w: %d answers for one text", ErrEmbedder, len(got))
	case got[0].Vector == nil:
		return fmt.Errorf("%w: it refuses a text that it took before: %s", ErrEmbedder, got[0].Why)
	}
	v := got[0].Vector
	if why := unfit(v, s.keep.Model().Dimensions); why != "" {
		return fmt.Errorf("%w: %s", ErrEmbedder, why)
	}
	if cosine := dot(v, s.known.vector) / (length(v) * length(s.known.vector)); cosine < alike {
		return fmt.Errorf("%w: the embedder says that it is %s, and a text that has its vector gets another one now (cosine %.2f): give the embedder of before, or undo the run and begin anew", ErrMixed, s.keep.Model(), cosine)
	}
	s.known.met = true
	return nil
}
