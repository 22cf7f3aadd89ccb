package agentstate

import (
	"slices"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Labels of our own, beside the runtime's in Meta.labels. They say what was done on the way into an
// archive: no runtime has them, no target gets them, and a comparison passes them over.
const (
	LabelSecrets  = "exitramp:secrets"      // of a record: secrets that were found in it, JSON: places by class
	LabelRedacted = "exitramp:redacted"     // of a record: secrets that were taken out of it, as LabelSecrets
	LabelScan     = "exitramp:secrets-scan" // of a Completeness: what was looked for and found, JSON
)

// IsOwnLabel tells whether l is one of ours.
func IsOwnLabel(l *pb.Label) bool {
	switch l.GetName() {
	case LabelSecrets, LabelRedacted, LabelScan:
		return true
	}
	return false
}

// DropOwnLabels takes our labels out of m.
func DropOwnLabels(m *pb.Meta) {
	if slices.ContainsFunc(m.GetLabels(), IsOwnLabel) {
		m.Labels = slices.DeleteFunc(m.Labels, IsOwnLabel)
	}
}

// SetOwnLabel gives m the label of ours with name, in place of an earlier one; with an empty value it
// takes it away.
func SetOwnLabel(m *pb.Meta, name, value string) {
	m.Labels = slices.DeleteFunc(m.Labels, func(l *pb.Label) bool { return l.GetName() == name })
	if value != "" {
		m.Labels = append(m.Labels, &pb.Label{Name: name, Value: value})
	}
}
