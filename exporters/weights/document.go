package weights

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/plainjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// unread is why a model is not described as a document has it.
type unread struct {
	reason pb.Gap_Reason
	detail string
}

// json is the document in x, numbers as they are spelled; false: it is none, or too long to be looked at.
func (x *file) json(v any) bool {
	if x == nil || x.key == "" || x.size > maxDocument {
		return false
	}
	b, err := x.head(x.size)
	return err == nil && decode(b, v) == nil
}

// document is json for one that says what a model is: where it cannot be read, that is noted.
func (r *reading) document(x *file, v any) bool {
	if x == nil || x.key == "" { // a gap already, where it is spoken of
		return false
	}
	ok := x.json(v)
	switch {
	case ok:
	case x.size > maxDocument:
		r.unread[x.rel] = unread{pb.Gap_REASON_LIMIT, fmt.Sprintf("%d bytes; a document of a model is looked at up to %d: it is archived as it is, and the model is described without it", x.size, maxDocument)}
	default:
		r.unread[x.rel] = unread{pb.Gap_REASON_CORRUPT, "a document of a model that is not JSON of the form that its name promises: it is archived as it is, and the model is described without it"}
	}
	return ok
}

// unreadGaps yields what document noted.
func (r *reading) unreadGaps() error {
	for _, rel := range slices.Sorted(maps.Keys(r.unread)) {
		if !r.out.Gap(&pb.Gap{Meta: agentstate.Meta("gap", nil, "model", rel), Kind: "model", Place: rel, Reason: r.unread[rel].reason, Detail: r.unread[rel].detail, Count: 1}) {
			return r.out.Err()
		}
	}
	return nil
}

func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(plainjson.QuoteWords(bytes.TrimPrefix(b, []byte("\ufeff")))))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errHeader // it goes on
	}
	return nil
}
