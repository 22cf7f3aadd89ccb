package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"time"

	"github.com/exitramp/exitramp/internal/diskmap"
	"github.com/exitramp/exitramp/internal/filelock"
)

// Journal is the memory of one run, on disk: a file that is only ever appended to, a line an event,
// each with its checksum. Before a record is written the journal says that it will be, after it what
// came of it; so a run that was killed knows what is in doubt: the records of two batches at most. It holds keys, target ids and reasons,
// no content. The file is for its owner alone.
//
// In memory it takes some MiB, whatever the run wrote. An index of it is in a sealed temporary file, which is made when
// somebody asks for a key: who opens a journal of which nearly all answers are usual does not.
type Journal struct {
	path  string
	file  *os.File // nil: not made yet
	size  int64
	head  *head
	index *diskmap.Map // key → entry; nil: nobody has asked yet
	// intents are those that were not answered since: of a running attempt a batch of them, of each one
	// that was broken off at most as many. What is above mostIntents is in the index.
	intents map[string]entry
	out     []byte    // lines that are not in the file yet
	written time.Time // when lines went into the file
	entry   []byte    // of the index, that is written
	done    receipt   // that is written
	told    told      // of which keys an answer says anything
	lacking told      // what is not whole in the target: first parts of keys of which something was not written
	// flushed are the stretches of the file whose answers the target has made count: of each
	// attempt what it wrote before its last flush.
	flushed []span
	start   int64 // where the entries of this attempt begin
	counts  int64 // what stands before it counts: the last commit
	tried   bool  // an attempt came to its commit
	ended   bool
	undoing bool // an undo began, and may have taken something out
	undone  bool
	closed  bool
	kinds   []string // what its attempts were given together; nil: all
}

// head binds a journal to its run.
type head struct {
	Journal string `json:"journal"` // format
	Run     string `json:"run"`
	Archive string `json:"archive"`         // SHA-256 of its manifest, hex
	Target  string `json:"target"`          // URL, redacted
	Map     string `json:"map,omitempty"`   // JSON of the map; empty: none
	Label   string `json:"label,omitempty"` // that memories got; empty: none
	Origin  []byte `json:"origin"`          // of the state
	// Vectors is what the vectors of the run are made with; nil: they are as they were.
	Vectors *Vectors `json:"vectors,omitempty"`
	// Kinds are those of the Options of the first attempt; nil: all.
	Kinds []string `json:"kinds,omitempty"`
	// Deferred: the target holds nothing of the run before a line Tried.
	Deferred bool `json:"deferred,omitempty"`
}

const journalFormat = "exitramp-journal/1"

// OpenJournal opens the journal at path and locks it, or prepares to make it: the file comes into
// being when Apply begins to write. A tail that was torn by a crash is cut off; any other damage is
// ErrJournal. Close it.
func OpenJournal(path string) (_ *Journal, err error) {
	j := &Journal{path: path, intents: map[string]entry{}}
	defer func() {
		if err != nil {
			j.Close()
		}
	}()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	j.file = f
	if err := j.lock(); err != nil {
		return nil, err
	}
	return j, j.load()
}

// lock keeps other runs from writing to j.
func (j *Journal) lock() error {
	if !filelock.Try(j.file) {
		return fmt.Errorf("%w: %s is in use by another run", ErrJournal, j.path)
	}
	return nil
}

// load reads the whole file.
func (j *Journal) load() error {
	r := bufio.NewReaderSize(j.file, 256<<10)
	var answer receipt
	for {
		raw, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
		if len(raw) == 0 {
			break
		}
		var l line
		body, ok := sound(raw)
		if ok && !usualBody(body) {
			l, _, ok = parseBody(body, &answer)
		}
		if !ok {
			if err := onlyTail(r); err != nil {
				return fmt.Errorf("%w: %s is damaged at byte %d", ErrJournal, j.path, j.size)
			}
			break
		}
		if err := j.note(l, int64(len(raw))); err != nil {
			return err
		}
	}
	j.start = j.size
	if j.head == nil && !j.blank() {
		return fmt.Errorf("%w: %s is no journal", ErrJournal, j.path)
	}
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// blank tells whether the file holds nothing: it was made, and then the power failed.
func (j *Journal) blank() bool {
	b := make([]byte, 4096)
	n, _ := j.file.ReadAt(b, 0)
	return n < len(b) && len(bytes.Trim(b[:n], "\x00")) == 0
}

// note takes note of a line that is n bytes long. An intent and a usual answer say nothing to it.
func (j *Journal) note(l line, n int64) error {
	at := j.size
	j.size += n
	if l.Head == nil && j.head == nil {
		return fmt.Errorf("%w: %s has no head", ErrJournal, j.path)
	}
	switch {
	case l.Head != nil:
		if j.head != nil || l.Head.Journal != journalFormat {
			return fmt.Errorf("%w: %s: want format %s", ErrJournal, j.path, journalFormat)
		}
		j.head, j.kinds = l.Head, l.Head.Kinds
		j.flushed = append(j.flushed, span{j.size, j.size})
	case l.Done != nil && !l.Done.usual():
		j.told.add(l.Done.Key)
		if l.Done.open() {
			j.lacking.add(firstPart(l.Done.Key))
		}
	case l.Resumed:
		j.ended = false // it was opened again for what was refused
		if l.Kinds == nil || j.kinds == nil {
			j.kinds = nil
		} else {
			j.kinds = union(j.kinds, l.Kinds)
		}
		j.flushed = append(j.flushed, span{j.size, j.size})
	case l.Flushed:
		j.flushed[len(j.flushed)-1].to = at
	case l.Tried:
		j.tried = true
	case l.Committed:
		j.ended, j.counts = true, at
	case l.Undoing:
		j.undoing = true
	case l.Untouched:
		j.undoing = false
	case l.Undone:
		j.undone = true
	}
	return nil
}

// blameless tells whether no attempt can have written anything: what the target holds is of others.
func (j *Journal) blameless() bool { return j.head.Deferred && !j.tried }

// open tells whether nothing was written, and asking again may be of use.
func (r *receipt) open() bool {
	return r.Action == Held.String() || r.Action == Refused.String() || r.Action == Conflict.String()
}

// mended tells whether a run that has ended left records that may be written by now: those that the
// target refused or held otherwise, and those that waited for an approval that is there.
func (j *Journal) mended(approved map[string]bool) (bool, error) {
	for x, err := range j.all() {
		if err != nil {
			return false, err
		}
		done := x.entry.done
		if done == nil || !done.open() {
			continue
		}
		if by, ok := strings.CutSuffix(done.Why, whyDenied+whyApproval); ok && !approved[by] {
			continue
		}
		waits := strings.HasSuffix(done.Why, whyApproval) || strings.HasPrefix(done.Why, whyQuarantined)
		if done.Action != Held.String() || !waits || approved[x.key] {
			return true, nil
		}
	}
	return false, nil
}

// span is a stretch of the file, in bytes.
type span struct{ from, to int64 }

// settled tells whether the answer e counts at the target and need not be asked for again. What
// waits for a person is asked for again: there may be an approval by now.
func (j *Journal) settled(e *entry) bool {
	switch {
	case e.at < j.counts:
		return j.ended || !e.done.open()
	case e.done.Action == Held.String():
		return false
	}
	for _, s := range j.flushed {
		if s.from <= e.at && e.at < s.to {
			return true
		}
	}
	return false
}

// get is the entry of key; nil: none.
func (j *Journal) get(key string) (*entry, error) {
	e, ok, err := j.look(key, nil)
	if err != nil || !ok {
		return nil, err
	}
	return &e, nil
}

// look is get for many: the answer goes into done; nil: into a new one.
func (j *Journal) look(key string, done *receipt) (e entry, ok bool, err error) {
	index, err := j.indexed()
	if err != nil {
		return e, false, err
	}
	if e, ok := j.intents[key]; ok {
		return e, true, nil
	}
	b, ok, err := index.View(key)
	if err != nil || !ok {
		return e, false, err
	}
	e, err = decodeEntry(key, b, done)
	return e, err == nil, err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// write appends lines, without waiting for the disk: a killed process loses none of them.
func (j *Journal) write(ls ...line) error {
	for _, l := range ls {
		if err := j.add(l); err != nil {
			return err
		}
	}
	return j.flush()
}

// answerWait is how long after lines went into the file an answer waits for others, to go with them.
const answerWait = time.Millisecond

// answer appends an answer. Where a target answers many in a millisecond, they go into the file
// together: of a killed process they are in doubt then, as the record is that it was writing.
func (j *Journal) answer(rc Receipt) error {
	rc.store(&j.done)
	if err := j.add(line{Done: &j.done}); err != nil {
		return err
	}
	if len(j.out) < mostOut && time.Since(j.written) < answerWait {
		return nil
	}
	return j.flush()
}

// mostOut is how much waits.
const mostOut = 256 << 10

// add takes a line that is to go into the file.
func (j *Journal) add(l line) error {
	if _, err := j.indexed(); err != nil {
		return err
	}
	b, done, err := appendLine(j.out, l)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	at, n := j.size, len(b)-len(j.out)
	j.out = b
	if err := j.note(l, int64(n)); err != nil {
		return err
	}
	return j.enter(l, at, done)
}

// flush brings what waits into the file.
func (j *Journal) flush() error {
	if len(j.out) == 0 {
		return nil
	}
	_, err := j.file.Write(j.out)
	j.out, j.written = j.out[:0], time.Now()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return nil
}

// sync waits until all lines are on the disk.
func (j *Journal) sync() error {
	if err := j.flush(); err != nil {
		return err
	}
	return j.fsync()
}

func (j *Journal) fsync() error {
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return nil
}

// syncing does not wait: it says when what is in the file is on the disk, once.
func (j *Journal) syncing() <-chan error {
	done := make(chan error, 1)
	go func() { done <- j.fsync() }()
	return done
}

// Close releases the file. The journal stays on disk. Closed twice, it does nothing.
func (j *Journal) Close() error {
	if j.closed {
		return nil
	}
	j.closed = true
	var err error
	if j.file != nil {
		err = filelock.Close(j.file)
	}
	if j.index != nil {
		err = errors.Join(err, j.index.Close())
	}
	return err
}
