package codex

import (
	"path"
	"slices"

	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A segment is as much of a rollout as one conversation has of it: its own one, or what stands before a
// fork or a revert in another.
type segment struct {
	f       *homefiles.File
	d       *pb.Data // nil: read from the file
	key     string   // of the conversation that the file is
	prefix  string   // of ids that are made of a line's number
	bytes   int64    // it ends there; 0: where the file ends
	ordinal int64    // it ends before this one; 0: where the file ends
	left    *int64   // how much more may be read of such ones; nil: all
	*head
}

// known has what the rollout of s says of itself: read once, however many forks it has. It fails where
// the file is not the one that was found any more.
func (r *reading) known(s *segment) error {
	in, err := s.f.Open()
	if err != nil {
		return err
	}
	in.Close()
	if r.heads[s.f] == nil {
		r.heads[s.f] = headOf(s.f, nil)
	}
	s.head = r.heads[s.f]
	return s.err
}

// base is the rollout in which the turns before those of h stand, up to where they end, and is not read
// yet; nil: there is none, or it is not there, or h has them all itself, as forks of older releases do.
func (r *reading) base(h *head) *segment {
	s := &segment{left: &r.repeat}
	id := h.ForkedFrom
	switch {
	case h.Base != nil:
		id, s.bytes, s.ordinal = h.Base.Thread, h.Base.End, h.Base.Ordinal
	case h.ForkedAt > 0:
		s.ordinal = h.ForkedAt
	default:
		return nil
	}
	of := r.threads[id]
	if of == nil {
		return nil
	}
	s.f, s.key, s.prefix = of.File, of.key, id+" "
	return s
}

// maxRepeated is how much of what stands before forks is read for them, in all, in bytes: each fork
// repeats the messages of its parent, and a thousand forks of a long thread would be an archive of a
// thousand long threads. It takes about a minute.
const maxRepeated = 4 << 30

// perRollout is what a rollout costs, however short it is, in bytes of long ones.
const perRollout = 4 << 10

// packed is how much longer a packed rollout may be than its file, about.
const packed = 16

// inOrder are files in the order in which they are read: where forks could repeat more than is allowed, the
// newest rollout is first, so that the oldest are those that go without.
func (r *reading) inOrder(files []*homefiles.File) []*homefiles.File {
	n, size := int64(0), int64(0)
	for _, f := range files {
		if f.Kind == "conversation" {
			n, size = n+1, size+f.Size()+perRollout
			if path.Ext(f.Rel) == ".zst" {
				size += packed * f.Size()
			}
		}
	}
	if size < r.repeat/max(n, 1) { // each one, repeated in each other one
		return files
	}
	files = slices.Clone(files)
	slices.Reverse(files)
	return files
}

// before are the stretches of other rollouts that the model sees before the own turns of s, the first
// one first. One that a revert took the place of has its own turns alone: the one in its place has all.
func (r *reading) before(s *segment) (out []*segment, err error) {
	if r.superseded(s.f) {
		return nil, nil
	}
	seen := map[*homefiles.File]bool{s.f: true}
	for at := s; ; {
		b := r.base(at.head)
		if b == nil || seen[b.f] {
			break
		}
		seen[b.f] = true
		r.repeat -= perRollout
		g := &pb.Gap{Kind: b.f.Kind, Reason: pb.Gap_REASON_LIMIT, Count: 1,
			Detail: "forks and reverts repeat more than the export reads: of this rollout, the turns up to the end of the one that is named are missing; they stand there, and before it"}
		if r.repeat > 0 {
			err := r.known(b)
			if err == nil {
				out = append(out, b)
				at = b
				continue
			}
			g = homefiles.GapOf(b.f, err) // what was found before it stays
		}
		r.n["conversation"]++
		g.Place = s.f.Rel + " history_base " + b.f.Rel
		if err := r.gap(g); err != nil {
			return nil, err
		}
		break
	}
	slices.Reverse(out)
	return out, nil
}

// edited tells whether the model sees something else than all that stands in the rollouts.
func edited(all []*segment) bool {
	return slices.ContainsFunc(all, func(s *segment) bool { return s.edited })
}

// superseded tells whether a revert of the same thread wrote another rollout in the place of f.
func (r *reading) superseded(f *homefiles.File) bool {
	ids := uuid().FindAllString(path.Base(f.Rel), -1)
	if len(ids) == 0 || r.latest[ids[0]] == "" {
		return false
	}
	return len(ids) == 1 || r.latest[ids[0]] > ids[len(ids)-1]
}

// found remembers a rollout by the id of its thread, or of what a revert made of it: those of reverts
// are the larger, the later they are. That of the thread is the first, whatever it is: older releases
// drew lots for it.
func (r *reading) found(f *homefiles.File) {
	ids := uuid().FindAllString(path.Base(f.Rel), -1)
	if f.Kind != "conversation" || len(ids) == 0 || f.Size() == 0 {
		return
	}
	last := ids[len(ids)-1]
	r.threads[last] = &rolledOut{f, keyOf(f.Rel)}
	if len(ids) > 1 {
		r.latest[ids[0]] = max(r.latest[ids[0]], last)
	}
}

// walk calls fn for the lines of all segments, in order, with what they are of in x. Lines of the last
// one that cannot be read go to bad: those before are named in their own conversations.
func (x *items) walk(all []*segment, bad func(no int, r pb.Gap_Reason, why string) error, fn func(s *segment, no int, l *line) error) error {
	for i, s := range all {
		named := bad
		if i < len(all)-1 {
			named = func(int, pb.Gap_Reason, string) error { return nil }
		}
		x.of, x.prefix = s.key, s.prefix
		if err := s.eachLine(&s.lines, named, func(no int, l *line) error { return fn(s, no, l) }); err != nil {
			return err
		}
	}
	return nil
}

// statusReverted is what a conversation says that a revert took the place of.
const statusReverted = "reverted"
