package responses

import (
	"slices"

	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Losses are what a message loses on its way into another runtime's form, part by part.
type Losses struct {
	Of  *pb.Message
	All []fidelity.Loss
}

// Lose notes a loss.
func (l *Losses) Lose(path string, g fidelity.Grade, why string) {
	l.All = append(l.All, fidelity.Loss{Path: path, Grade: g, Why: why})
}

// As notes, once, that something of the message stands under the role r.
func (l *Losses) As(r pb.Role, why string) {
	known := func(x fidelity.Loss) bool { return x.Path == "role" }
	if l.Of.Role != r && !slices.ContainsFunc(l.All, known) {
		l.Lose("role", fidelity.Transformed, why)
	}
}
