package mcpmemory

import (
	"fmt"

	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// broken are the lines of a file that are no JSON.
type broken struct {
	n      uint64
	opaque bool // one of them is a gap of the kind that the layout is of
}

// What a broken line still says of itself; compiled once.
var (
	saysEntity   = lazyre.New(`"type"\s*:\s*"entity"`)
	saysRelation = lazyre.New(`"type"\s*:\s*"relation"`)
)

// kinds are what a broken line may hold: it may be several that have run into one.
func (l *line) kinds() (out []string) {
	if saysEntity().Match(l.text) {
		out = append(out, "entity")
	}
	if saysRelation().Match(l.text) {
		out = append(out, "relation")
	}
	if out == nil {
		return []string{"opaque"}
	}
	return out
}

// note gives the gaps of a line to put, one for each kind that it may hold.
func (b *broken) note(l *line, put func(*pb.Gap)) {
	b.n++
	for _, kind := range l.kinds() {
		b.opaque = b.opaque || kind == "opaque"
		put(&pb.Gap{Kind: kind, Place: fmt.Sprintf("line %d", l.no), Reason: pb.Gap_REASON_CORRUPT,
			Detail: fmt.Sprintf("%d bytes that are not JSON, or null: the server itself refuses this file until the line is mended or taken out", l.size)})
	}
}

// end gives the gap of the layout to put: it is of the file as it is, and another one, or none, once the lines are mended.
func (b *broken) end(put func(*pb.Gap)) {
	if b.n > 0 && !b.opaque {
		put(&pb.Gap{Kind: "opaque", Place: "layout", Reason: pb.Gap_REASON_CORRUPT,
			Detail: fmt.Sprintf("the order of the lines has %d in it that are not JSON: once they are mended it is another, or none", b.n)})
	}
}
