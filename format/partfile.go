package format

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// partFile is an archive at a path that is not finished: path.part and its journal. The journal
// is locked while a run has it.
type partFile struct {
	path    string
	part    *os.File
	journal *os.File
	unlock  func() error

	every    uint64
	interval time.Duration
	members  uint64 // at the last commit
	at       time.Time

	resumed []byte // cursor of a broken run
	tally   *agentstate.Tally
	done    journaled
}

// journaled is how much of what the writer knows the journal has.
type journaled struct{ members, blobs, gaps, statements int }

// Create writes an archive at path. Until Commit it is path.part, with a journal beside it for
// its owner's eyes. Where a broken run with the same options left both, Create goes on with it:
// Cursor is not nil then, and agentstate.Copy hands it to the source. Recipients are wrapped for
// once, so a passphrase stays the one of the first run.
//
// ErrExists: there is an archive at path. ErrLocked: another run writes it. ErrResume: the broken
// run had other options; Discard drops it.
func Create(path string, opts *WriterOptions) (*Writer, error) {
	w, err := newWriter(opts)
	if err != nil {
		return nil, err
	}
	p, err := openPart(path, &w.opts)
	if err != nil {
		return nil, err
	}
	w.file = p
	if err := w.startFile(); err != nil {
		if w.pipe != nil {
			err = errors.Join(err, w.pipe.stop())
		}
		return nil, errors.Join(err, p.close())
	}
	return w, nil
}

// Discard drops what a broken run left at path. Without one it does nothing.
func Discard(path string) error {
	if _, err := os.Lstat(path + ".part"); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path + ".part.journal"); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	p, err := lockPart(path, &WriterOptions{})
	if err != nil {
		return err
	}
	return errors.Join(p.remove(), p.close())
}

// Abandon drops the archive and what is on disk of it. It is Close where nothing can be resumed.
func (w *Writer) Abandon() error {
	if w.closed {
		return ErrClosed
	}
	w.closed = true
	w.pipe.stop() // its error is of no interest any more
	if w.file == nil {
		return nil
	}
	return errors.Join(w.file.remove(), w.file.close())
}

func openPart(path string, o *WriterOptions) (*partFile, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%w: %s: remove it or choose another name", ErrExists, path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("format: %w", err)
	}
	return lockPart(path, o)
}

func lockPart(path string, o *WriterOptions) (*partFile, error) {
	p := &partFile{path: path, every: uint64(o.CommitShards), interval: o.CommitInterval}
	if p.every == 0 {
		p.every = 256
	}
	if p.interval == 0 {
		p.interval = time.Minute
	}
	var err error
	if p.journal, p.unlock, err = lockFile(path + ".part.journal"); err != nil {
		return nil, err
	}
	if p.part, err = os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("format: %w", err), p.close())
	}
	return p, nil
}

// startFile resumes the broken run, or begins anew.
func (w *Writer) startFile() error {
	p := w.file
	run := readJournal(bufio.NewReader(p.journal))
	if run != nil {
		if fi, err := p.part.Stat(); err != nil {
			return fmt.Errorf("format: %w", err)
		} else if fi.Size() < run.last().End {
			run = nil // the part is not the journal's
		}
	}
	if run != nil {
		return w.resume(run)
	}
	if w.opts.KeysBeside && KeysBeside(p.path) != nil {
		return errors.Join(fmt.Errorf("%w: %s%s has the keys of another one: move it away", ErrExists, p.path, keysSuffix), p.remove())
	}
	if err := w.makeKeys(); err != nil {
		return err
	}
	if err := errors.Join(reset(p.part, 0), reset(p.journal, 0)); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	b := journalBegin{Format: formatName, ArchiveID: w.id[:], Created: w.created.UnixNano(), Options: w.optionDigests(w.id)}
	for _, c := range w.comps {
		k := journalKey{Weakest: c.weakest, Wraps: c.wraps}
		if c.key != nil {
			k.Recipient = c.key.Recipient()
		}
		b.Compartments = append(b.Compartments, k)
	}
	if err := p.append(b); err != nil {
		return err
	}
	p.at = time.Now()
	w.start(p.part, 0)
	return w.begin()
}

// reset truncates f to n bytes and goes there.
func reset(f *os.File, n int64) error {
	if err := f.Truncate(n); err != nil {
		return err
	}
	_, err := f.Seek(n, io.SeekStart)
	return err
}

// due tells whether a commit is worth its fsyncs.
func (p *partFile) due(members uint64) bool {
	return members-p.members >= p.every || time.Since(p.at) >= p.interval
}

// commit makes what is written durable, with the cursor that goes on after it.
func (p *partFile) commit(w *Writer, cursor []byte) error {
	if err := p.part.Sync(); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	c, err := p.delta(w)
	if err != nil {
		return err
	}
	c.Cursor = append([]byte{}, cursor...)
	if err := p.append(c); err != nil {
		return err
	}
	p.members, p.at = w.next.Members, time.Now()
	return nil
}

func (p *partFile) append(v any) error {
	b, err := appendFrame(nil, v)
	if err != nil {
		return err
	}
	if _, err := p.journal.Write(b); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if err := p.journal.Sync(); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}

// delta is what the journal does not have yet.
func (p *partFile) delta(w *Writer) (*journalCommit, error) {
	c := &journalCommit{End: w.zip.Offset(), Next: w.next, Records: w.tally.Records, Views: w.tally.Views}
	for r := range w.led.from(p.done.members) {
		c.Rows = append(c.Rows, w.led.journal(r))
	}
	p.done.members = w.led.len()
	for _, b := range w.blobs[p.done.blobs:] {
		c.Blobs = append(c.Blobs, journalBlob{b.comp, b.size, b.chunks, b.sum[:]})
	}
	p.done.blobs = len(w.blobs)
	for _, g := range w.tally.Gaps[p.done.gaps:] {
		c.Gaps = append(c.Gaps, journalGap{g.Kind, g.Count})
	}
	p.done.gaps = len(w.tally.Gaps)
	var err error
	c.Statements, err = marshalAll(w.tally.Statements[p.done.statements:])
	p.done.statements = len(w.tally.Statements)
	return c, err
}

func marshalAll[M proto.Message](ms []M) ([][]byte, error) {
	var out [][]byte
	for _, m := range ms {
		b, err := proto.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("format: journal: %v", err)
		}
		out = append(out, b)
	}
	return out, nil
}

func unmarshalAll[M any, P interface {
	*M
	proto.Message
}](bs [][]byte) ([]P, error) {
	var out []P
	for _, b := range bs {
		m := P(new(M))
		if err := proto.Unmarshal(b, m); err != nil {
			return nil, fmt.Errorf("format: journal: %v", err)
		}
		out = append(out, m)
	}
	return out, nil
}

// seal gives the finished part its name.
func (p *partFile) seal() error {
	if err := p.part.Sync(); err != nil {
		return errors.Join(fmt.Errorf("format: %w", err), p.close())
	}
	if err := p.own(); err != nil {
		return errors.Join(err, p.close())
	}
	if _, err := os.Lstat(p.path); err == nil {
		return errors.Join(fmt.Errorf("%w: %s came while this one was written, which is %s.part", ErrExists, p.path, p.path), p.close())
	}
	err := os.Rename(p.path+".part", p.path)
	if err == nil {
		err = os.Remove(p.path + ".part.journal")
	}
	if err == nil {
		err = syncdir.Sync(filepath.Dir(p.path))
	}
	if err != nil {
		err = fmt.Errorf("format: %w", err)
	}
	return errors.Join(err, p.close())
}

// own refuses a part that is not the file written here: somebody took both files away, and what has the name now may be
// another run's, half-written.
func (p *partFile) own() error {
	mine, err := p.part.Stat()
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if there, err := os.Lstat(p.path + ".part"); err != nil || !os.SameFile(mine, there) {
		return fmt.Errorf("format: %s.part was moved, removed or replaced while it was written: nothing was sealed", p.path)
	}
	return nil
}

// remove drops part and journal.
func (p *partFile) remove() error {
	return errors.Join(os.Remove(p.path+".part"), os.Remove(p.path+".part.journal"))
}

// close gives the lock back. What is on disk stays.
func (p *partFile) close() error {
	var err error
	if p.part != nil {
		err = p.part.Close()
	}
	return errors.Join(err, p.unlock())
}
