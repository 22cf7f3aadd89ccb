// Package derive makes a part of some state: what is left when a person's data is taken out
// (erasure), what is of one person alone (access and portability), or what a filter keeps.
//
// A record goes with what it belongs to: messages with their conversation, vectors and history with
// their memory, views and documents with the records that they are made of. What is left out as a view
// is left out at its source too, and with that all that was read from it: of a runtime that keeps a
// conversation as one value, the whole conversation goes. People and memory spaces that are read out of records stay as
// long as a record that is kept names them. What is taken out
// leaves tombstones, so that no replay revives it.
package derive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// ErrNothing: nothing is of a subject that was named, or nothing is kept at all.
var ErrNothing = errors.New("derive: nothing to derive")

// ErrHold: something that would be left out is under a legal hold.
var ErrHold = errors.New("derive: under a legal hold")

// Options say what is kept. A zero field keeps all; together they narrow each other.
type Options struct {
	// Exclude are keys of principals, whose data is left out, or of records.
	Exclude []string
	// Tombstones are keys like those of Exclude of which nothing need be there.
	Tombstones []string
	// Holds are keys of principals or of records under a legal hold: what is theirs is never left out for
	// Exclude or Tombstones. That is ErrHold, before anything is made: a person decides.
	Holds []string
	// Only are keys of principals: what is not theirs is left out, and leaves no tombstones, which
	// would name other people.
	Only []string
	// Keep decides on each record that Only and Exclude leave; what a kept record belongs to stays.
	Keep func(agentstate.Record) (bool, error)
	// Now is the time of the tombstones; zero: the current one.
	Now time.Time
	// Dir is where temporary files are; empty: the system's folder. They are sealed.
	Dir string
}

// Part is the Source of what is kept. Close it.
type Part struct {
	src  agentstate.Source
	opts Options
	out  *diskmap.Map // left out for Exclude
	in   *diskmap.Map // of Only; nil: all
	need *diskmap.Map // conversations, spaces and suites of what is kept

	containers bool         // the state has some
	seats      *diskmap.Map // containers that are a view of what is left out, and what they are a view of now

	// After Records has ended:
	Kept map[string]uint64 // records by kind
	Left map[string]uint64 // those left out
	// Mentions are kept records that name one that was left out. They stay as the runtime wrote them:
	// their own bytes may say more of it.
	Mentions uint64
	// Unowned are kept revisions and vectors of memories that are not there any more, such as the history
	// of what was deleted: nobody can say of whom they are, and what is to go may be among them. They are
	// counted for Exclude and Tombstones. UnownedOf is one of those memories: a key for Exclude.
	Unowned   uint64
	UnownedOf string
}

// New reads src as often as it takes to find all that goes together: two or three times in most cases.
func New(ctx context.Context, src agentstate.Source, opts Options) (_ *Part, err error) {
	p := &Part{src: src, opts: opts}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if p.opts.Now.IsZero() {
		p.opts.Now = time.Now()
	}
	if p.out, err = diskmap.New(opts.Dir); err != nil {
		return nil, err
	}
	if gone := slices.Concat(opts.Exclude, opts.Tombstones); len(gone) > 0 {
		if err := p.gather(ctx, p.out, gone, opts.Exclude, false); err != nil {
			return nil, err
		}
	}
	if len(opts.Only) > 0 {
		if p.in, err = diskmap.New(opts.Dir); err != nil {
			return nil, err
		}
		if err := p.gather(ctx, p.in, opts.Only, opts.Only, true); err != nil {
			return nil, err
		}
	}
	if p.need, err = diskmap.New(opts.Dir); err != nil {
		return nil, err
	}
	if err := p.parents(ctx); err != nil {
		return nil, err
	}
	if err := p.reseat(ctx); err != nil {
		return nil, err
	}
	return p, p.held(ctx)
}

// Close removes the temporary files.
func (p *Part) Close() error {
	var errs []error
	for _, m := range []*diskmap.Map{p.out, p.in, p.need, p.seats} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

// OpenBlob opens a blob of the source.
func (p *Part) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	src, ok := agentstate.As[agentstate.BlobSource](p.src)
	if !ok {
		return nil, fmt.Errorf("derive: blob %q: %w", b.GetId(), agentstate.ErrUnsupported)
	}
	return src.OpenBlob(ctx, b)
}

// Without tells whether the record under key is left out for Exclude or Tombstones.
func (p *Part) Without(key string) (bool, error) {
	_, out, err := p.out.Get(key)
	return out, err
}

func (p *Part) each(ctx context.Context, f func(agentstate.Record) error) error {
	for r, err := range p.src.Records(ctx, nil) {
		if err != nil {
			return err
		}
		if agentstate.IsState(agentstate.KindOf(r)) {
			if err := f(r); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (p *Part) chosen(r agentstate.Record) (bool, error) {
	key := r.GetMeta().GetKey()
	if _, dead, err := p.out.Get(key); dead || err != nil {
		return false, err
	}
	if p.in != nil {
		if _, ok, err := p.in.Get(key); !ok || err != nil {
			return false, err
		}
	}
	if p.opts.Keep == nil {
		return true, nil
	}
	return p.opts.Keep(r)
}

// Records are what is kept, then tombstones, then the statements of the source, in which a kind of
// which something is left out is EXCLUDED: its coverage cannot be RECONCILED or LISTED any more.
func (p *Part) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		p.Kept, p.Left, p.Mentions, p.Unowned, p.UnownedOf = map[string]uint64{}, map[string]uint64{}, 0, 0, ""
		tombstones, err := diskmap.New(p.opts.Dir)
		if err != nil {
			yield(nil, err)
			return
		}
		defer tombstones.Close()
		memories, err := diskmap.New(p.opts.Dir) // which may stand behind what is of them
		if err != nil {
			yield(nil, err)
			return
		}
		defer memories.Close()
		buried := false
		for r, err := range p.src.Records(ctx, opts) {
			if err != nil {
				yield(nil, err)
				return
			}
			switch r := r.(type) {
			case *pb.Mark: // a cursor of the source is none of the part
				continue
			case *pb.Completeness:
				if !buried {
					buried = true
					more, err := p.bury(tombstones, yield)
					if err != nil {
						yield(nil, err)
					}
					if err != nil || !more {
						return
					}
				}
				p.exclude(r)
			default:
				r, err := p.reseated(r)
				keep := false
				if err == nil {
					keep, err = p.keeps(r, tombstones)
				}
				if err == nil && p.out.Len() > 0 {
					err = p.own(r, keep, memories)
				}
				if err != nil {
					yield(nil, err)
					return
				}
				if keep && !yield(r, nil) {
					return
				}
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := p.unowned(memories); err != nil {
			yield(nil, err)
		}
	}
}

// stays tells whether r is kept, for itself or for what belongs to it.
func (p *Part) stays(r agentstate.Record) (bool, error) {
	keep, err := p.chosen(r)
	if keep || err != nil {
		return keep, err
	}
	key := r.GetMeta().GetKey()
	if _, dead, err := p.out.Get(key); dead || err != nil {
		return false, err
	}
	_, keep, err = p.need.Get(key)
	return keep, err
}

func (p *Part) keeps(r agentstate.Record, tombstones *diskmap.Map) (bool, error) {
	kind := agentstate.KindOf(r)
	if !agentstate.IsState(kind) {
		return true, nil
	}
	key := r.GetMeta().GetKey()
	keep, err := p.stays(r)
	if err != nil {
		return false, err
	}
	if keep {
		p.Kept[kind]++
		mentions := false
		agentstate.Refs(r, func(_, to string) {
			if _, dead, _ := p.out.Get(to); dead {
				mentions = true
			}
		})
		if mentions {
			p.Mentions++
		}
		return true, nil
	}
	p.Left[kind]++
	if p.in != nil {
		return false, nil
	}
	return false, tombstones.Put(key, nil)
}

// own notes memories, without a value, and of others how many records that are kept are of them.
func (p *Part) own(r agentstate.Record, keep bool, memories *diskmap.Map) error {
	var of string
	switch r := r.(type) {
	case *pb.Memory:
		return memories.Put(r.Meta.Key, nil)
	case *pb.Revision:
		of = r.OfKey
	case *pb.Embedding:
		of = r.OfKey
	}
	if !keep || agentstate.KindOfKey(of) != "memory" || len(r.GetMeta().GetSubjectKeys()) > 0 {
		return nil
	}
	n, had, err := memories.Get(of)
	if err != nil || had && len(n) == 0 {
		return err
	}
	n = append(n, make([]byte, 8-len(n))...)
	return memories.Put(of, binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(n)+1))
}

// unowned counts what is of memories that are not there.
func (p *Part) unowned(memories *diskmap.Map) error {
	for e, err := range memories.All() {
		if err != nil {
			return err
		}
		if len(e.Value) == 0 {
			continue
		}
		if p.UnownedOf == "" {
			p.UnownedOf = e.Key
		}
		p.Unowned += binary.BigEndian.Uint64(e.Value)
	}
	return nil
}

func (p *Part) bury(tombstones *diskmap.Map, yield func(agentstate.Record, error) bool) (bool, error) {
	for e, err := range tombstones.All() {
		if err != nil {
			return false, err
		}
		reason := "derived"
		if _, dead, err := p.out.Get(e.Key); err != nil {
			return false, err
		} else if dead {
			reason = "erasure"
		}
		t := &pb.Tombstone{Meta: &pb.Meta{Key: agentstate.Key("tombstone", e.Key)}, OfKey: e.Key, DeletedUnixNano: agentstate.UnixNano(p.opts.Now), Reason: reason}
		if !yield(t, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (p *Part) exclude(st *pb.Completeness) {
	for _, k := range st.Kinds {
		if p.Left[k.Kind] > 0 {
			k.Class = pb.KindCompleteness_CLASS_EXCLUDED
		}
	}
}

// ErrNoTombstones: what is to name what must not come back names nothing. As a list of nothing it would keep nothing away.
var ErrNoTombstones = errors.New("derive: there are no tombstones")

// TombstoneKeys are the keys that tombstones in src name: what must not come back.
func TombstoneKeys(ctx context.Context, src agentstate.Source) ([]string, error) {
	var out []string
	for t, err := range agentstate.Of[*pb.Tombstone](src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"tombstone"}})) {
		if err != nil {
			return nil, err
		}
		out = append(out, t.OfKey)
	}
	if len(out) == 0 {
		return nil, ErrNoTombstones
	}
	return out, nil
}
