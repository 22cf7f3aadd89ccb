package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Missing tells whether there is no database at path: no file, or one of no bytes without a log.
func Missing(path string) bool {
	st, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && st.Mode().IsRegular() && st.Size() == 0 && sizeOf(path+"-wal") <= 0
}

// OpenWrite opens path in one writing transaction. A file that is not there is made under another
// name and gets its own with Commit. What is deleted is overwritten: else an undo would leave every text
// that it takes out in pages that are free.
func OpenWrite(ctx context.Context, path string, wait time.Duration) (*DB, error) {
	for range 10 {
		d := &DB{wait: wait}
		err := d.openWrite(ctx, path)
		if err == nil {
			return d, nil
		}
		d.Close()
		if !errors.Is(err, errMoved) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: other runs are making %s; wait until they are done, and run again", ErrLocked, path)
}

func (d *DB) openWrite(ctx context.Context, path string) (err error) {
	options := fmt.Sprintf("?mode=rw&_pragma=busy_timeout(%d)&_pragma=trusted_schema(0)&_pragma=synchronous(full)&_pragma=secure_delete(1)", d.wait.Milliseconds())
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		d.file = &file{path: path}
		return d.make(ctx, options)
	}
	if d.file, err = stat(path); err != nil {
		return err
	}
	return d.Wrap(d.connect(ctx, path, options, "BEGIN IMMEDIATE"))
}

// OpenTarget opens path for a run of a replay: to be written, its folder made where it is missing; or, in a
// plan, only read. nil: a plan, and it is not there.
func OpenTarget(ctx context.Context, path string, wait time.Duration, plan bool) (*DB, error) {
	switch {
	case plan && Missing(path):
		return nil, nil
	case plan:
		return Open(ctx, path, wait)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return OpenWrite(ctx, path, wait)
}

// RolledBack tells whether err, of Commit, says that nothing of it counts: somebody else reads the file. After any other error
// a commit may have been done.
func RolledBack(err error) bool { return errors.Is(err, ErrLocked) }

// Commit makes everything that was written last, and ends the DB.
func (d *DB) Commit(ctx context.Context) error {
	if d.part != "" {
		var n int
		if err := d.Conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n); err != nil {
			return d.Wrap(err)
		}
		if n == 0 {
			return nil // nothing was written: Close takes the part away
		}
	}
	d.closeStatements()
	if _, err := d.Conn.ExecContext(ctx, "COMMIT"); err != nil {
		return d.Wrap(err)
	}
	if d.part != "" {
		return d.name()
	}
	d.closeDB()
	return nil
}
