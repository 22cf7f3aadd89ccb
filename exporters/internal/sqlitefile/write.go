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
func OpenWrite(ctx context.Context, path string, wait time.Duration) (_ *DB, err error) {
	d := &DB{wait: wait}
	at := path
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		d.file = &file{path: path}
		at = path + ".exitramp-part"
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		os.Remove(at + "-journal")
		f, err := os.OpenFile(at, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // conversations are nobody else's business
		if err != nil {
			return nil, err
		}
		f.Close()
		d.part = at
	} else if d.file, err = stat(path); err != nil {
		return nil, err
	}
	options := fmt.Sprintf("?mode=rw&_pragma=busy_timeout(%d)&_pragma=trusted_schema(0)&_pragma=synchronous(full)&_pragma=secure_delete(1)", wait.Milliseconds())
	if err := d.connect(ctx, at, options, "BEGIN IMMEDIATE"); err != nil {
		err = d.Wrap(err)
		d.Close()
		return nil, err
	}
	return d, nil
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
	if _, err := d.Conn.ExecContext(ctx, "COMMIT"); err != nil {
		return d.Wrap(err)
	}
	d.closeDB()
	if d.part == "" {
		return nil
	}
	// A link fails where a rename would replace a file that appeared meanwhile.
	if err := os.Link(d.part, d.file.path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s appeared while it was being made; nothing was written", d.file.path)
		}
		if err := os.Rename(d.part, d.file.path); err != nil {
			return err
		}
	}
	os.Remove(d.part)
	d.part = ""
	if dir, err := os.Open(filepath.Dir(d.file.path)); err == nil {
		dir.Sync()
		dir.Close()
	}
	return nil
}
