package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"github.com/exitramp/exitramp/internal/syncdir"
)

// partSuffix ends the name of a file while it is made.
const partSuffix = ".exitramp-part"

// errMoved: the part that was opened is not the one under its name any more.
var errMoved = errors.New("another run was faster")

// make opens a new part for d's file. Its lock, which is held until it has its own name, tells one that is
// being made from one that a broken run left. The journal of its transaction is in memory: a part that was
// broken off is of no use, and beside it two runs would have one journal file.
func (d *DB) make(ctx context.Context, options string) error {
	at := d.file.path + partSuffix
	f, err := os.OpenFile(at, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // conversations are nobody else's business
	left := errors.Is(err, fs.ErrExist)
	switch {
	case err == nil:
		f.Close()
	case !left:
		if e := (*fs.PathError)(nil); errors.As(err, &e) {
			e.Path = d.file.path // nobody knows the part by its name
		}
		return err
	}
	before, err := os.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errMoved
	case err != nil:
		return err
	case !before.Mode().IsRegular():
		return fmt.Errorf("%s is in the way: take it away", at)
	}
	// A lock that is kept comes after the transaction: one that waits for it would keep the lock to read.
	err = d.connect(ctx, at, options+"&_pragma=journal_mode(memory)", "BEGIN IMMEDIATE; PRAGMA locking_mode = EXCLUSIVE")
	now, gone := os.Lstat(at)
	code := 0
	if se := (*sqlite.Error)(nil); errors.As(err, &se) {
		code = se.Code() & 0xff
	}
	switch {
	case gone != nil || !os.SameFile(before, now):
		d.closeDB()
		return errMoved
	case code == 5 || code == 6:
		return fmt.Errorf("%w: another run is making %s; wait until it is done, and run again, which goes on from there", ErrLocked, d.file.path)
	case err != nil && (!left || code != 11 && code != 26): // else it was torn
		return d.Wrap(err)
	}
	d.part = at
	if _, err := os.Stat(d.file.path); left || !errors.Is(err, fs.ErrNotExist) {
		d.drop()
		return errMoved
	}
	return nil
}

// drop takes the part away, before its lock: without one it would be another run's.
func (d *DB) drop() {
	part := d.part
	d.part = ""
	err := os.Remove(part)
	d.closeDB()
	if err != nil { // a system that does not remove what is open
		os.Remove(part)
	}
}

// name gives the part, whose transaction is committed, its own name.
func (d *DB) name() error {
	// A link fails where a rename would replace a file that appeared meanwhile.
	if err := os.Link(d.part, d.file.path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s appeared while it was being made, and nothing was written; run again, which goes on from what is there", d.file.path)
		}
		if err := os.Rename(d.part, d.file.path); err != nil {
			return err
		}
	}
	d.drop()
	_ = syncdir.Sync(filepath.Dir(d.file.path)) // it is there; not every file system can do more
	return nil
}
