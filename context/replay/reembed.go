package replay

import (
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
)

// Vectors is what the vectors of a run are made with anew.
type Vectors struct {
	Model      string `json:"model"`
	Dimensions uint32 `json:"dimensions"` // numbers in a vector
}

// String is "MODEL, N numbers"; "as they were" for nil.
func (v *Vectors) String() string {
	if v == nil {
		return "as they were"
	}
	return fmt.Sprintf("%s, %d numbers", v.Model, v.Dimensions)
}

// A Reembedder is a Source whose vectors are made while it is read. Plan, Apply and ReadBack find it
// with agentstate.As; plan and journal are bound to its Vectors.
type Reembedder interface {
	agentstate.Source
	Vectors() Vectors
	// Planned is the same state for a plan: nothing is asked for, and vectors that are not there yet
	// are zeros.
	Planned() agentstate.Source
	// Became says what became of the record under key, which was read not long ago: why a vector
	// was dropped, or which fields are not those of the state any more.
	Became(key string) (dropped string, losses []fidelity.Loss)
}

// reembedder finds the Reembedder in src; nil: its vectors are as they were.
func reembedder(src agentstate.Source) (Reembedder, *Vectors) {
	re, ok := agentstate.As[Reembedder](src)
	if !ok {
		return nil, nil
	}
	v := re.Vectors()
	return re, &v
}

// before is src for a reading beforehand, which needs no vectors: none is made for it.
func before(src agentstate.Source) agentstate.Source {
	if re, _ := reembedder(src); re != nil {
		return re.Planned()
	}
	return src
}

// sameVectors compares what two runs make of vectors; nil is as they were.
func sameVectors(a, b *Vectors) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// anew is the reason of every loss of a vector that was made anew: read-back looks for it.
const anew = "made anew: "

// Anew is the loss of the field at path of a vector that was made anew with v.
func (v Vectors) Anew(path string) fidelity.Loss {
	return fidelity.Loss{Path: path, Grade: fidelity.Transformed, Why: anew + v.String()}
}
