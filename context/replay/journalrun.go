package replay

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/internal/syncdir"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// bind makes the file for a run, or checks that it is of this one.
func (j *Journal) bind(h *head) error {
	if j.head != nil {
		if err := j.matches(h); err != nil {
			return err
		}
		return j.write(line{Resumed: true, Kinds: h.Kinds})
	}
	if j.file == nil {
		f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
		j.file = f
		if err := j.lock(); err != nil {
			return err
		}
	}
	if err := j.write(line{Head: h}); err != nil {
		return err
	}
	j.start = j.size
	return errors.Join(j.sync(), syncdir.Sync(filepath.Dir(j.path)))
}

// Kinds are those that the attempts of the run were given together, sorted; nil: all, or it is not said.
func (j *Journal) Kinds() []string { return slices.Sorted(slices.Values(j.kinds)) }

func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// otherRun is an ErrOtherRun that says why in its own words.
type otherRun struct{ error }

// Is tells that it is an ErrOtherRun.
func (otherRun) Is(target error) bool { return target == ErrOtherRun }

// Unwrap is what it says.
func (e otherRun) Unwrap() error { return e.error }

// matches is an ErrOtherRun where the run of j is not that of h.
func (j *Journal) matches(h *head) error {
	if err := j.differs(h); err != nil {
		return otherRun{err}
	}
	return nil
}

func (j *Journal) differs(h *head) error {
	switch {
	case j.undone:
		return fmt.Errorf("%w: %s: its run was undone; give a new journal", ErrJournal, j.path)
	case j.undoing: // what it took out has an answer here, and would count as written
		return fmt.Errorf("%w: %s: an undo of its run was broken off: undo it to its end, then give a new journal", ErrJournal, j.path)
	case j.head.Archive != h.Archive:
		return fmt.Errorf("%w: %s is of another archive: want %s, got %s", ErrJournal, j.path, h.Archive, j.head.Archive)
	case j.head.Target != h.Target:
		return fmt.Errorf("%w: %s is of another target: want %s, got %s", ErrJournal, j.path, h.Target, j.head.Target)
	case j.head.Map != h.Map:
		return fmt.Errorf("%w: %w: %s was begun with another map: give that one, or a new journal", ErrStale, ErrJournal, j.path)
	case !sameVectors(j.head.Vectors, h.Vectors):
		return fmt.Errorf("%w: %s is of a run with other vectors: want %s, got %s", ErrJournal, j.path, h.Vectors, j.head.Vectors)
	}
	return nil
}

// Of is an ErrJournal where its run was of another archive than the one whose manifest has this digest.
func (j *Journal) Of(archive [32]byte) error {
	if want := hex.EncodeToString(archive[:]); j.head != nil && j.head.Archive != want {
		return fmt.Errorf("%w: %s is of another archive: want %s, got %s", ErrJournal, j.path, want, j.head.Archive)
	}
	return nil
}

// Target is the URL of the target of its run, as TargetURL of the options said; empty: none was said.
func (j *Journal) Target() string {
	if j.head == nil {
		return ""
	}
	return j.head.Target
}

// Run is the id of its run; empty: none has begun.
func (j *Journal) Run() string {
	if j.head == nil {
		return ""
	}
	return j.head.Run
}

// Map is what its run renames; nil: nothing.
func (j *Journal) Map() (*mapping.Map, error) {
	if j.head == nil || j.head.Map == "" {
		return nil, nil
	}
	m, err := mapping.ParseJSON([]byte(j.head.Map))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrJournal, j.path, err)
	}
	return m, nil
}

func mapText(m *mapping.Map) string {
	if m == nil {
		return ""
	}
	return string(m.JSON())
}

// Vectors is what the vectors of its run are made with; nil: as they were, or no run has begun.
func (j *Journal) Vectors() *Vectors {
	if j.head == nil {
		return nil
	}
	return j.head.Vectors
}

// Done tells whether its run has ended and counts.
func (j *Journal) Done() bool { return j.ended }

// Answer is what the run did with the record under key; false: it was not asked for, or it was broken
// off while it was written.
func (j *Journal) Answer(key string) (Receipt, bool, error) {
	e, err := j.get(key)
	if err != nil || e == nil || e.done == nil {
		return Receipt{}, false, err
	}
	rc, err := e.done.receipt()
	return rc, err == nil, err
}

// origin is where the state of the run came from.
func (j *Journal) origin() (*pb.Origin, error) {
	var o pb.Origin
	if err := proto.Unmarshal(j.head.Origin, &o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return &o, nil
}
