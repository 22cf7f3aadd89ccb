package drill

import (
	"bytes"
	"fmt"

	"github.com/exitramp/exitramp/context/evidence"
)

// Ended is what the drill of this name that has ended says of itself; nil: none has, or its statement cannot be read.
func (p *Plan) Ended() *evidence.Predicate {
	b, err := readFile(p.Statement(), evidence.MaxStatement)
	if err != nil {
		return nil
	}
	s, err := evidence.ParseStatement(bytes.NewReader(b), nil)
	if err != nil {
		return nil
	}
	return s.Predicate
}

// EndedAs is the verdict of pr, which Ended gave, when it was reached, and whether by this plan: who runs a command again
// because it was killed wants to know that, and who runs last quarter's plan must not take it for an answer.
func (p *Plan) EndedAs(pr *evidence.Predicate) string {
	whose := "of this plan"
	if pr.Drill.PlanDigest.SHA256 != p.Digest() {
		whose = "of another plan"
	}
	return fmt.Sprintf("%s, %s, at %s UTC", pr.Word(evidence.DefaultGates()), whose, pr.Drill.EndedAt.UTC().Format("2006-01-02 15:04:05"))
}
