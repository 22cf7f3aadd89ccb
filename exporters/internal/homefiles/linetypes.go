package homefiles

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// LineTypes counts lines by their type.
type LineTypes map[string]int

// maxTypes is how many types are told apart, and maxType how long a name may be: files of others have any.
const maxTypes, maxType = 16, 60

// Add counts a line. One without a type is none.
func (t *LineTypes) Add(typ jsonvalue.Value) {
	if !typ.IsText() || len(typ) == len(`""`) {
		return
	}
	name := "others"
	if len(typ) <= maxType {
		name = valid(typ.Text())
	}
	if _, had := (*t)[name]; !had && len(*t) >= maxTypes {
		name = "others"
	}
	if *t == nil {
		*t = LineTypes{}
	}
	(*t)[name]++
}

// Unread is the label of a session with lines that this release does not know: they stand in its file alone.
func (t LineTypes) Unread() []*pb.Label {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		out = append(out, fmt.Sprintf("%s %d", name, t[name]))
	}
	if len(out) == 0 {
		return nil
	}
	return []*pb.Label{{Name: "lines of unknown types", Value: strings.Join(out, ", ")}}
}
