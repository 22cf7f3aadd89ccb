package replay

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// LabelImported is the name of the label of what was imported: its value is the product and flavor
// that it came from, and nothing that differs from one replay to the next.
const LabelImported = "exitramp.imported_from"

// mostLabels is how many labels a record may have and get one more: services hold some twenty.
const mostLabels = 19

// importedFrom is the value of the label, of characters that every target takes.
func importedFrom(o *pb.Origin) string {
	v := o.GetProduct()
	if o.GetFlavor() != "" {
		v += "/" + o.GetFlavor()
	}
	v = strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._/+-", c) {
			return c
		}
		return '-'
	}, v)
	if v == "" {
		v = "unknown"
	}
	return v[:min(len(v), 100)]
}

// imported is r with the label, where it is a memory and value is not empty. What a memory itself
// says of where it came from does not count.
func imported(r agentstate.Record, value string) (agentstate.Record, bool) {
	m, ok := r.(*pb.Memory)
	if !ok || value == "" || len(m.GetMeta().GetLabels()) > mostLabels {
		return r, false
	}
	m = proto.Clone(m).(*pb.Memory)
	m.Meta.Native = nil
	for _, l := range m.Meta.Labels {
		if l.Name == LabelImported {
			l.Value = value
			return m, true
		}
	}
	m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: LabelImported, Value: value})
	return m, true
}
