// Package sqlitefile opens the SQLite files of runtimes: to read them in one read-only snapshot
// that respects the write-ahead log of an application which is writing, and to write them in one
// transaction. It never checkpoints a log, never leaves a file beside a database that it read,
// and says of a damaged, locked or half-copied file what it is.
//
// Its errors have no package prefix: the driver that uses it adds its own.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/scratch"
)

// Errors that callers act on.
var (
	ErrDamaged = errors.New("database cannot be read")
	ErrLocked  = agentstate.Unanswered("database is locked")
	ErrChanged = agentstate.ErrChanged
	ErrEmpty   = errors.New("file is empty")
)

// A DB is one SQLite file in one transaction. What the caller prepares on Conn itself it closes before Close and Commit.
type DB struct {
	Conn *sql.Conn
	// Notes are what a person should know of the file; Labels the same for a record's labels.
	Notes  []string
	Labels [][2]string
	// Fingerprint identifies the state that is read: equal means unchanged. Empty: it changed too
	// often to tell.
	Fingerprint string

	file *file
	db   *sql.DB
	// immutable: no lock protects the reading, so Check compares the file afterwards.
	immutable bool
	wait      time.Duration        // for locks
	tmp       string               // private copy; empty: none
	part      string               // name until Commit; empty: the file was there
	conflicts *bool                // a table has a constraint with ON CONFLICT; nil: not asked
	stmts     map[string]*sql.Stmt // prepared and not in use
}

// Open opens path for reading and starts its transaction. wait is how long a lock is waited for.
// A file of no bytes gives ErrEmpty.
func Open(ctx context.Context, path string, wait time.Duration) (_ *DB, err error) {
	f, err := stat(path)
	if err != nil {
		return nil, err
	}
	if f.size == 0 {
		return nil, fmt.Errorf("%w: %s", ErrEmpty, path)
	}
	d := &DB{file: f, wait: wait}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	d.note()
	for range 5 {
		before := f.identity()
		if err := d.begin(ctx); err != nil {
			return nil, err
		}
		if f.identity() == before {
			d.Fingerprint = before
			break
		}
		d.closeDB() // a writer was faster
	}
	if d.Conn == nil {
		if err := d.begin(ctx); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *DB) note() {
	switch {
	case d.file.noWAL():
		const n = "the file's header says write-ahead log and no -wal lies beside it: normal after a clean stop; if this is a copy, writes that were still in a -wal are missing, and nothing here can show it"
		d.Notes = append(d.Notes, n)
		d.Labels = append(d.Labels, [2]string{"wal", "absent: the header says write-ahead log; newer writes in a -wal that was not copied cannot be excluded"})
	case d.file.tornWAL():
		const n = "the -wal of %d bytes that is read with the file ends inside of a write: it is under way or was broken off; or this is a copy that was cut short, what followed is missing, and nothing here can show it"
		d.Notes = append(d.Notes, fmt.Sprintf(n, d.file.wal))
		d.Labels = append(d.Labels, [2]string{"wal", "read, its end absent: it ends inside of a write; newer writes in a -wal that was cut short in copying cannot be excluded"})
	case d.file.wal > 0:
		d.Notes = append(d.Notes, fmt.Sprintf("a -wal of %d bytes is read with the file", d.file.wal))
		d.Labels = append(d.Labels, [2]string{"wal", "read"})
	case !d.file.walMode:
		d.Notes = append(d.Notes, "the file has no write-ahead log: while it is read, an application's writes wait")
	}
}

// begin opens the file and starts the transaction that everything is read in.
func (d *DB) begin(ctx context.Context) error {
	d.immutable = d.file.noWAL()
	err := d.open(ctx, d.file.path)
	var se *sqlite.Error
	if d.file.wal > 0 && errors.As(err, &se) && (se.Code()&0xff == 14 || se.Code()&0xff == 8) {
		// The log needs an index beside it, and the place cannot hold one.
		d.closeDB()
		if d.tmp, err = scratch.Dir("exitramp-"); err != nil {
			return err
		}
		p, err := d.file.copyTo(d.tmp)
		if err != nil {
			return err
		}
		d.Notes = append(d.Notes, "the folder cannot be written to: file and -wal are read from a private copy")
		return d.Wrap(d.open(ctx, p))
	}
	return d.Wrap(err)
}

func (d *DB) open(ctx context.Context, path string) error {
	options := fmt.Sprintf("?mode=ro&_pragma=busy_timeout(%d)&_pragma=query_only(1)&_pragma=trusted_schema(0)", d.wait.Milliseconds())
	if d.immutable {
		// A plain open would leave an empty -wal and -shm beside the source.
		options += "&immutable=1"
	}
	if err := d.connect(ctx, path, options, "BEGIN"); err != nil {
		return err
	}
	var n int64 // the snapshot starts with the first read
	return d.Conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
}

func (d *DB) connect(ctx context.Context, path, options, begin string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if d.db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: abs}).EscapedPath()+options); err != nil {
		return err
	}
	d.db.SetMaxOpenConns(1)
	if d.Conn, err = d.db.Conn(ctx); err != nil {
		return err
	}
	_, err = d.Conn.ExecContext(ctx, begin)
	return err
}

func (d *DB) closeDB() {
	d.closeStatements()
	if d.Conn != nil {
		d.Conn.ExecContext(context.Background(), "ROLLBACK")
		d.Conn.Close()
		d.Conn = nil
	}
	if d.db != nil {
		d.db.Close()
		d.db = nil
	}
	d.file.release()
}

// Close ends the transaction: what was written and not committed is gone.
func (d *DB) Close() error {
	if d.part != "" {
		d.drop()
	}
	if d.file != nil {
		d.closeDB()
	}
	if d.tmp != "" {
		return os.RemoveAll(d.tmp)
	}
	return nil
}

// Check fails with ErrChanged when the snapshot did not hold. Call it after the last read.
func (d *DB) Check() error {
	if !d.immutable || d.Fingerprint == "" {
		return nil
	}
	now, err := stat(d.file.path)
	if err != nil {
		return err
	}
	// A log that appeared meanwhile does no harm: what was read is older than it. Where one was
	// moved into the file, the header may be as it was.
	if now.size != d.file.size || now.header != d.file.header || !now.mtime.Equal(d.file.mtime) {
		return fmt.Errorf("%w: %s", ErrChanged, d.file.path)
	}
	return nil
}

// Wrap says what an error of SQLite means and what to do. Other errors stay as they are.
func (d *DB) Wrap(err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	path := d.file.path
	switch se.Code() & 0xff {
	case 5, 6:
		return fmt.Errorf("%w: %s is locked by another process; wait until it is done, or stop the application, and run again", ErrLocked, path)
	case 11:
		return fmt.Errorf("%w: %s: its pages contradict each other; copy it again with its -wal, or use sqlite3's .backup", ErrDamaged, path)
	case 26:
		return fmt.Errorf("%w: %s is not a SQLite database, or is encrypted as a whole", ErrDamaged, path)
	case 14, 8:
		if d.file.journal {
			return fmt.Errorf("%w: %s: a write was broken off (-journal lies beside it); open it once with the application or sqlite3, which rolls it back", ErrDamaged, path)
		}
		return fmt.Errorf("%s cannot be opened: %w, a missing folder, or more files than a process may have open (ulimit -n)", path, fs.ErrPermission)
	case 10:
		return fmt.Errorf("%w: %s: the disk does not give its pages: cut short, or a faulty medium", ErrDamaged, path)
	case 13:
		return fmt.Errorf("%s: no space left: %w", path, err)
	case 19: // a key that is taken is said elsewhere
		what := err.Error()
		if se.Code() == 1811 { // a trigger's own words may quote a value
			what = "a trigger refused it"
		}
		return fmt.Errorf("%w: %s: SQLite: %s: a row comes or goes only where this is satisfied or dropped: do that first", replay.ErrRule, path, what)
	}
	return fmt.Errorf("%s: SQLite: %w", path, err)
}
