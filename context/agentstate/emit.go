package agentstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An Emitter helps a Source to keep the rules of the stream: Origin first, counts, gaps,
// cancellation, Completeness last, nothing after the consumer has stopped. It is for one
// goroutine.
type Emitter struct {
	ctx   context.Context
	yield func(Record, error) bool
	now   func() time.Time
	done  bool
	st    *pb.Completeness
	kinds map[string]*pb.KindCompleteness
	seen  map[string]uint64
}

// NewEmitter yields o and starts the clock, which is that of [WithClock] where ctx has one. Without a Meta, o gets the key origin/<product>.
func NewEmitter(ctx context.Context, yield func(Record, error) bool, o *pb.Origin) *Emitter {
	if o.Meta == nil {
		o.Meta = Meta("origin", nil, o.Product)
	}
	_, place, _ := strings.Cut(o.Meta.Key, "/") // two origins of one archive keep two statements
	now := clockOf(ctx)
	e := &Emitter{
		ctx: ctx, yield: yield, now: now,
		st:    &pb.Completeness{Meta: &pb.Meta{Key: "completeness/" + place}, FromUnixNano: now().UnixNano()},
		kinds: map[string]*pb.KindCompleteness{},
		seen:  map[string]uint64{},
	}
	e.Put(o)
	return e
}

// OK is false when the source should return.
func (e *Emitter) OK() bool {
	if !e.done && e.ctx.Err() != nil {
		e.Fail(e.ctx.Err())
	}
	return !e.done
}

// Put yields r and counts it. It is false when the source should return.
func (e *Emitter) Put(r Record) bool {
	if !e.OK() {
		return false
	}
	e.seen[KindOf(r)]++
	e.done = !e.yield(r, nil)
	return !e.done
}

// ErrStopped is what the functions of a source return to each other once there is nobody to read for.
// [Emitter.End] takes it for what it is.
var ErrStopped = errors.New("agentstate: the consumer has stopped")

// Err is ErrStopped once Put, Gap and Mark are false.
func (e *Emitter) Err() error {
	if e.done {
		return ErrStopped
	}
	return nil
}

// Gap yields g and counts what it misses as seen. Without a Meta it gets the key
// gap/<kind>/<place>.
func (e *Emitter) Gap(g *pb.Gap) bool {
	if g.Meta == nil {
		g.Meta = Meta("gap", nil, g.Kind, g.Place)
	}
	if !e.Put(g) {
		return false
	}
	e.seen[g.Kind] = add(e.seen[g.Kind], g.Count)
	return true
}

// Kind is the statement about kind, for the source to fill in. End sets Enumerated, and Class
// where it is unset: enumerated.
func (e *Emitter) Kind(kind string) *pb.KindCompleteness {
	k, ok := e.kinds[kind]
	if !ok {
		k = &pb.KindCompleteness{Kind: kind}
		e.kinds[kind] = k
	}
	return k
}

// Reference states that route counted n records of kind, and why the observer cannot be blind
// in part. With an empty access the count alone does not reconcile.
func (e *Emitter) Reference(kind string, n uint64, route, access string) {
	k := e.Kind(kind)
	k.Reference, k.ReferenceRoute, k.AccessBasis = &n, route, access
}

// Derived states that the records of kind are readings of those of from.
func (e *Emitter) Derived(kind string, from ...string) {
	k := e.Kind(kind)
	k.Class, k.DerivedFrom = pb.KindCompleteness_CLASS_DERIVED, from
}

// AbsentOthers states that the runtime has none of the kinds that were not spoken of so far.
// Call it only where that is known.
func (e *Emitter) AbsentOthers() {
	for _, k := range StateKinds() {
		if _, ok := e.kinds[k]; !ok && e.seen[k] == 0 {
			e.Kind(k).Class = pb.KindCompleteness_CLASS_ABSENT
		}
	}
}

// Statement is the Completeness that End will yield, for the source to fill in observer,
// account and consistency.
func (e *Emitter) Statement() *pb.Completeness { return e.st }

// The label of a Completeness that holds a note, how many of them a statement has, and how long each is: marks hold them.
const (
	labelNote = "note"
	mostNotes = 20
	maxNote   = 500
)

// Note says on the statement what a person should know of what was read, as a preflight does: text like a secret that is
// carried as it is, rows that open with a key alone. The last one that there is room for says that there are more.
func (e *Emitter) Note(texts ...string) {
	for _, t := range texts {
		t = strings.ToValidUTF8(t, "\ufffd")
		switch n := len(Notes(e.st)); {
		case n == mostNotes:
			return
		case n == mostNotes-1:
			t = "there is more to know: a preflight says all of it"
		case len(t) > maxNote:
			t = strings.ToValidUTF8(t[:maxNote], "") + "…"
		}
		e.st.Meta.Labels = append(e.st.Meta.Labels, &pb.Label{Name: labelNote, Value: t})
	}
}

// Notes are the notes on a statement.
func Notes(st *pb.Completeness) (out []string) {
	for _, l := range st.GetMeta().GetLabels() {
		if l.Name == labelNote {
			out = append(out, l.Value)
		}
	}
	return out
}

// cursor is what a Mark holds: the source's own position, and the counts and notes up to it.
type cursor struct {
	At    json.RawMessage
	Seen  map[string]uint64
	From  int64
	Runs  uint64
	Notes []string `json:",omitempty"`
}

// maxCursor is the size of a cursor, in bytes.
const maxCursor = 64 << 10

// Mark yields a Mark. at is the source's own position; the counts so far travel with it. A position that is
// longer than a cursor may be, as a key of a database may be, gets no Mark: a later run goes on from the one before.
func (e *Emitter) Mark(at any) bool {
	raw, err := json.Marshal(at)
	if err != nil {
		e.Fail(fmt.Errorf("agentstate: cursor: %w", err))
		return false
	}
	b, err := json.Marshal(cursor{raw, e.seen, e.st.FromUnixNano, e.st.Resumed, Notes(e.st)})
	if err != nil {
		e.Fail(fmt.Errorf("agentstate: cursor: %w", err))
		return false
	}
	if !e.OK() {
		return false
	}
	if len(b) > maxCursor {
		return true
	}
	e.done = !e.yield(&pb.Mark{Meta: Meta("mark", nil), Cursor: b}, nil)
	return !e.done
}

// Resume takes up the counts of the cursor c and decodes the source's position into at. With
// an empty c it does nothing. A cursor that is not one is ErrCursor.
func (e *Emitter) Resume(c []byte, at any) error {
	if len(c) == 0 {
		return nil
	}
	var cur cursor
	if err := json.Unmarshal(c, &cur); err != nil {
		return fmt.Errorf("%w: %v", ErrCursor, err)
	}
	if err := json.Unmarshal(cur.At, at); err != nil {
		return fmt.Errorf("%w: %v", ErrCursor, err)
	}
	maps.Copy(e.seen, cur.Seen)
	e.st.FromUnixNano, e.st.Resumed = cur.From, cur.Runs+1
	e.Note(cur.Notes...)
	return nil
}

// Fail ends the stream with err.
func (e *Emitter) Fail(err error) {
	if !e.done {
		e.done = true
		e.yield(nil, err)
	}
}

// End ends the stream: with err, or with a Completeness that says that the listing of each of
// kinds, and of each kind spoken of before, ended by itself.
func (e *Emitter) End(err error, kinds ...string) {
	if err != nil {
		e.Fail(err)
	}
	if e.done {
		return
	}
	for _, k := range kinds {
		e.Kind(k)
	}
	order := Kinds()
	for _, k := range slices.Sorted(maps.Keys(e.kinds)) {
		if !slices.Contains(order, k) { // of a later release
			order = append(order, k)
		}
	}
	for _, k := range order {
		f, ok := e.kinds[k]
		if !ok {
			continue
		}
		f.Enumerated = e.seen[k]
		if f.Class == pb.KindCompleteness_CLASS_UNSPECIFIED {
			f.Class = pb.KindCompleteness_CLASS_ENUMERATED
			f.Exhausted = true
		}
		e.st.Kinds = append(e.st.Kinds, f)
	}
	e.st.ToUnixNano = e.now().UnixNano()
	e.Put(e.st)
}
