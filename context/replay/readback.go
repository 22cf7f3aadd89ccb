package replay

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"iter"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/mapping"
)

// ReadBack compares what the run of j wrote with what a fresh source reads from the target: best in
// another process. What the run did not write is left out, views are not: they show whether the
// target reads the same to a person. What was skipped is compared where it is there all the same: a
// runtime may hold it inside of another record. What must not be revived is Extra where it is there.
// Where the replay had announced a loss, the difference is graded as it said. What a map renamed is
// compared under its new name. Vectors that were made anew are compared with those where want is a
// Reembedder, else they are Transformed. A nil j compares everything, key by key.
func ReadBack(ctx context.Context, want, got agentstate.Source, j *Journal) (*fidelity.Report, error) {
	return ReadBackWith(ctx, want, got, j, nil)
}

// ReadBackOptions are those of ReadBackWith. A nil pointer is the zero value.
type ReadBackOptions struct {
	// Kinds are the only ones that are compared; nil: those that the run was given. With Tombstones that is all:
	// what was erased must not be in the target, whoever brought it. want is whole all the same: a map makes
	// names of records of other kinds, too.
	Kinds []string
	// Tombstones name what was asked to be erased since: it must not be in the target, whether the replay
	// knew of that or not. What they name is found as Apply finds it.
	Tombstones []string
}

// ReadBackWith is ReadBack with options. Of a target that is not there (fs.ErrNotExist) nothing is read, where the run
// of j wrote nothing: it makes none then.
func ReadBackWith(ctx context.Context, want, got agentstate.Source, j *Journal, o *ReadBackOptions) (*fidelity.Report, error) {
	rep, err := readBackWith(ctx, want, got, j, o)
	if j == nil || j.head == nil || !errors.Is(err, fs.ErrNotExist) {
		return rep, err
	}
	if none, e := j.none(); e != nil || !none {
		return nil, errors.Join(err, e)
	}
	return readBackWith(ctx, want, nowhere{}, j, o)
}

// none tells whether the run of j wrote nothing, and found nothing of its own.
func (j *Journal) none() (bool, error) {
	for x, err := range j.all() {
		if err != nil || x.entry.done == nil { // in doubt
			return false, err
		}
		switch x.entry.done.Action {
		case Created.String(), Updated.String(), Same.String():
			return false, nil
		}
	}
	return true, nil
}

// nowhere is what a target holds that is not there.
type nowhere struct{}

func (nowhere) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(func(agentstate.Record, error) bool) {}
}

func readBackWith(ctx context.Context, want, got agentstate.Source, j *Journal, o *ReadBackOptions) (*fidelity.Report, error) {
	if o == nil {
		o = &ReadBackOptions{}
	}
	whole, tombstones, kinds := want, o.Tombstones, o.Kinds
	if kinds == nil && len(tombstones) == 0 && j != nil {
		kinds = j.Kinds()
	}
	if kinds != nil {
		want, got = &only{want, kinds}, &only{got, kinds}
	}
	all, err := newGone(ctx, before(whole), tombstones)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	defer all.close()
	if j == nil || j.head == nil {
		return keyByKey(ctx, want, got, tombstones, all)
	}
	b := newReadBack(j)
	if re, vectors := reembedder(want); re != nil {
		if !sameVectors(j.head.Vectors, vectors) {
			return nil, fmt.Errorf("%w: the vectors of its run are %s, not %s", ErrJournal, j.head.Vectors, vectors)
		}
		b.anew = true
	}
	if _, ok := agentstate.As[agentstate.Getter](want); ok {
		want = approvedGetter{approved{want, b}}
	} else {
		want = approved{want, b}
	}
	m, err := j.Map()
	if err != nil {
		return nil, err
	}
	if m != nil {
		if b.names, err = mapping.New(ctx, m, before(whole)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSource, err)
		}
		defer b.names.Close()
		want = b.names.Source(want)
	}
	if len(tombstones) > 0 {
		if tombstones, err = b.renamed(tombstones); err != nil {
			return nil, err
		}
		b.dead, b.gone = newErased(tombstones), all
	}
	rep, err := fidelity.Compare(ctx, want, got, &fidelity.Options{Key: b.key, Expect: b.expect, Announced: b.announced, Anew: j.head.Vectors != nil && !b.anew})
	if err == nil {
		err = errors.Join(b.err, all.failed())
	}
	if rep != nil {
		rep.NotWritten = b.notWritten
	}
	return rep, err
}

// keyByKey is read-back without a journal. What goes with what was erased is not missed: whoever erased that in the
// target may have left the rest.
func keyByKey(ctx context.Context, want, got agentstate.Source, tombstones []string, all *gone) (*fidelity.Report, error) {
	if len(tombstones) == 0 {
		return fidelity.Compare(ctx, want, got, nil)
	}
	dead := newErased(tombstones)
	rep, err := fidelity.Compare(ctx, want, got, &fidelity.Options{Expect: func(r agentstate.Record) fidelity.Expectation {
		switch {
		case dead.holds(r):
			return fidelity.Absent
		case all.has(r.GetMeta().GetKey()):
			return fidelity.Ignored
		}
		return fidelity.Required
	}})
	return rep, errors.Join(err, all.failed())
}

// KeyThere is the key under which the target of the run yields the record that is key in its source.
func (j *Journal) KeyThere(key string) string {
	return keyThere(key, func(key string) *receipt {
		e, err := j.get(key)
		if err != nil || e == nil {
			return nil
		}
		return e.done
	})
}

type readBack struct {
	j          *Journal
	anew       bool // want has the vectors that the run made
	err        error
	notWritten map[string]uint64
	names      *mapping.Mapper // nil: no map
	dead       *erased         // what was asked to be erased since; nil: nothing
	gone       *gone           // all that goes with it, by the keys of the archive
	now        lately          // of the record that is read: it is asked for first, and then never again
	answer     receipt         // that now is about
	lately     []lately        // of what records refer to: each key has its place here
	seed       maphash.Seed
}

// lately is what was asked for of late: a conversation is asked for with each of its messages.
type lately struct {
	key   string
	known bool
	rc    *receipt
}

// mostLately is how many answers are kept at hand.
const mostLately = 1 << 13

func newReadBack(j *Journal) *readBack {
	return &readBack{j: j, notWritten: map[string]uint64{}, lately: make([]lately, mostLately), seed: maphash.MakeSeed()}
}

func (b *readBack) entry(key string) *receipt { return b.receipt(b.old(key)) }

// old is the key in the archive of what a map renamed to key.
func (b *readBack) old(key string) string {
	if b.names == nil {
		return key
	}
	old, err := b.names.Old(key)
	if err != nil {
		b.err = err
	}
	return old
}

// receipt is what the run said of the record under key in the archive; nil: nothing, or that it is there
// as it was.
func (b *readBack) receipt(key string) *receipt {
	if !b.j.told.has(key) && b.j.head.Vectors == nil {
		return nil
	}
	l, answer := &b.now, &b.answer
	if key != l.key {
		l, answer = &b.lately[maphash.String(b.seed, key)%mostLately], nil
	}
	if l.known && l.key == key {
		return l.rc
	}
	e, _, err := b.j.look(key, answer)
	if err != nil {
		b.err = err
	}
	l.known, l.rc = true, e.done
	if l != &b.now {
		l.key = strings.Clone(key) // it may be a piece of all that its record holds
	}
	return l.rc
}

// key is the key under which the target yields the record. A driver whose runtime keeps ids
// answers with ids of another form, and the keys are the same.
func (b *readBack) key(key string) string {
	return keyThere(key, b.entry)
}

// keyThere is the key of the record of key in the target, by the receipts of the run. An interrupt is read out of its write there,
// too, and goes where that went.
func keyThere(key string, told func(string) *receipt) string {
	rc := told(key)
	if rc == nil {
		return key
	}
	if write, n := writeOf(key); write != "" && rc.Why == whyView {
		if w := told(write); w != nil {
			return "interrupt" + strings.TrimPrefix(targetKey(write, w.Target), "pendingwrite") + n
		}
	}
	return targetKey(key, rc.Target)
}

// writeOf is the key of the write that the interrupt of key is read out of, and what key has beyond it; empty: it is of none.
func writeOf(key string) (write, n string) {
	rest, ok := strings.CutPrefix(key, "interrupt")
	if i := strings.LastIndexByte(rest, '/'); ok && i >= 0 {
		return "pendingwrite" + rest[:i], rest[i:]
	}
	return "", ""
}

// TargetKey is the key under which the target yields the record of rc.
func (rc Receipt) TargetKey() string { return targetKey(rc.Key, rc.Target) }

func targetKey(key, target string) string {
	kind, rest, ok := strings.Cut(target, "/")
	if ok && rest != "" && kind == agentstate.KindOfKey(key) {
		return target
	}
	return key
}

// expect says what is meant to have become of r.
func (b *readBack) expect(r agentstate.Record) fidelity.Expectation {
	if b.dead != nil && b.dead.holds(r) {
		return fidelity.Absent
	}
	rc := b.entry(r.GetMeta().GetKey())
	switch {
	case b.gone.has(b.old(r.GetMeta().GetKey())) && (rc == nil || rc.Why != whyTombstone):
		return fidelity.Ignored
	case rc == nil:
		return fidelity.Required
	case rc.Action == Held.String(), rc.Action == Refused.String(), rc.Action == Conflict.String():
		b.notWritten[rc.Action]++
		return fidelity.Ignored
	case rc.Action != Skipped.String():
		return fidelity.Required
	case rc.Why == whyTombstone:
		return fidelity.Absent
	case rc.Why == whyView && b.arrived(r.GetMeta().GetViewOfKeys()):
		return fidelity.Required
	case rc.Why == whyView: // what it is a reading of did not arrive, and was said
		return fidelity.Ignored
	}
	return fidelity.Optional
}

// arrived tells whether all records under keys are in the target.
func (b *readBack) arrived(keys []string) bool {
	for _, k := range keys {
		rc := b.entry(k)
		if rc == nil || rc.Action == Created.String() || rc.Action == Same.String() || rc.Action == Updated.String() {
			continue
		}
		if rc.Action != Skipped.String() || !rc.NoLoss || rc.Why == whyTombstone { // that stays away
			return false
		}
	}
	return true
}

// firstPart is the part of a key that a conversation's records share with it.
func firstPart(key string) string {
	_, rest, _ := strings.Cut(key, "/")
	part, _, _ := strings.Cut(rest, "/")
	return part
}

// announced is the grade that the target gave the field at path of key when it was written.
func (b *readBack) announced(key, path string) (fidelity.Grade, string, bool) {
	rc := b.entry(key)
	if rc == nil {
		return 0, "", false
	}
	if rc.Why == whyView && path == "meta.view_of_keys" { // rows of a database may come in another order
		return fidelity.Equivalent, "names the first of the records that it is read out of", true
	}
	if rc.Why == whyView && path == "meta.created_unix_nano" && b.j.lacking.has(firstPart(key)) {
		return fidelity.Transformed, "it begins with what arrived of it, and something of it did not", true
	}
	if rc.Why == whyView && path == "asked_by" { // which nothing but the path of the task may say
		if write, _ := writeOf(key); write != "" {
			return b.announced(write, "task_path")
		}
	}
	for _, l := range rc.Losses {
		if strings.HasPrefix(l.Why, mapping.Prefix) || strings.HasPrefix(l.Why, whyNarrowed) {
			continue // want has it by now
		}
		// want has the new vector: no difference is meant to be, but that few stores say a model.
		if b.anew && l.Path != "model" && strings.HasPrefix(l.Why, anew) {
			continue
		}
		if l.Path == path || l.Path == "" || strings.HasPrefix(path, l.Path+".") {
			if g := fidelity.ParseGrade(l.Grade); g != 0 {
				return g, l.Why, true
			}
		}
	}
	if v := b.j.head.Vectors; v != nil && !b.anew && agentstate.KindOfKey(key) == "embedding" && strings.HasPrefix(path, "native.") {
		l := v.Anew(path) // the column that holds the vector
		return l.Grade, l.Why, true
	}
	return 0, "", false
}
