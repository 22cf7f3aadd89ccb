// Package fidelity compares two states and grades every difference. A loss is data here, no error: what a
// target cannot hold is said field by field, before a replay by its plan and after it by the comparison, and
// whoever set the policy decides whether that is good enough.
//
// Compare is the proof: it reads both states record by record, with its indexes in sealed temporary files,
// and its report accounts for every field of every record that is in both in exactly one Grade.
package fidelity

// Grade is what became of one field of one record.
type Grade int

// The grades. Every field of every record ends in exactly one.
const (
	Exact       Grade = iota + 1
	Equivalent        // same value, other form
	Transformed       // changed by a rule that the plan names
	Defaulted         // the target put its own value
	Dropped           // the target cannot hold it
	Redacted          // taken out on purpose
	Quarantined       // held back until a person decides
)

// String is the grade as people read it.
func (g Grade) String() string {
	switch g {
	case Exact:
		return "exact"
	case Equivalent:
		return "equivalent"
	case Transformed:
		return "transformed"
	case Defaulted:
		return "defaulted"
	case Dropped:
		return "dropped"
	case Redacted:
		return "redacted"
	case Quarantined:
		return "quarantined"
	}
	return "unknown"
}

// ParseGrade is the inverse of String; 0: no grade.
func ParseGrade(s string) Grade {
	for g := Exact; g <= Quarantined; g++ {
		if g.String() == s {
			return g
		}
	}
	return 0
}

// A Loss is one field that is not Exact.
type Loss struct {
	Key   string // of the record
	Path  string // of the field, as in the schema: "parts.text"
	Grade Grade
	Why   string // for people; no content
}
