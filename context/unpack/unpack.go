// Package unpack writes state as files that everybody's tools open: JSON Lines, CSV, or one SQLite
// database. JSON Lines hold all of it, and are read back; CSV and SQLite are for looking at: the
// fields of each record, without the runtime's own bytes.
//
// What is written is plain text. A folder appears under its name when all of it is there.
package unpack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/filelock"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Form is what is written.
type Form string

// The forms.
const (
	JSONL  Form = "jsonl"  // KIND.jsonl, schema/KIND.schema.json
	CSV    Form = "csv"    // KIND.csv
	SQLite Form = "sqlite" // state.sqlite: a table a kind, views "conversations", "talk" and "memories"
)

// Forms are all forms.
func Forms() []Form { return []Form{JSONL, CSV, SQLite} }

// Errors that callers act on.
var (
	ErrExists = errors.New("unpack: the folder is there already, and not empty")
	// ErrRunning: another run unpacks to the same place.
	ErrRunning = errors.New("unpack: another run writes there")
	ErrFolder  = errors.New("unpack: not a folder that was unpacked as JSON lines")
)

const (
	blobFolder   = "blobs"
	schemaFolder = "schema"
	readmeFile   = "README.txt"
)

// Options of Create. The zero value is fine.
type Options struct {
	Note string // first lines of the README in the folder: what this is of
}

// A table takes the records of one form.
type table interface {
	put(kind string, r agentstate.Record) error
	close() error
}

// Dir is a Sink that becomes a folder.
type Dir struct {
	path, part string
	form       Form
	opts       Options
	t          table
	unlock     func()
	done       bool
}

var (
	_ agentstate.Sink     = (*Dir)(nil)
	_ agentstate.BlobSink = (*Dir)(nil)
)

// Create begins a folder. What is at path may be an empty folder, else it is ErrExists. Until Commit
// all is in path + ".part", which is made anew; Close removes it.
func Create(path string, form Form, opts *Options) (*Dir, error) {
	d := &Dir{path: filepath.Clean(path), form: form}
	if opts != nil {
		d.opts = *opts
	}
	d.part = d.path + ".part"
	switch old, err := os.ReadDir(d.path); {
	case err == nil && len(old) > 0:
		return nil, fmt.Errorf("%w: %s", ErrExists, d.path)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if err := d.hold(); err != nil {
		return nil, err
	}
	err := os.Mkdir(filepath.Join(d.part, blobFolder), 0o700)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	switch form {
	case JSONL:
		d.t = newLines(d.part)
	case CSV:
		d.t = newSheets(d.part)
	case SQLite:
		d.t, err = newDatabase(filepath.Join(d.part, "state.sqlite"))
	default:
		err = fmt.Errorf("unpack: no form %q; there are %v", form, Forms())
	}
	if err != nil {
		d.t = nil
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// hold makes the part an empty folder that no other run writes to. What a run that was killed left there goes.
func (d *Dir) hold() error {
	if err := os.MkdirAll(d.part, 0o700); err != nil {
		return err
	}
	unlock, ok, err := filelock.Dir(d.part)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: %s", ErrRunning, d.part)
	}
	d.unlock = unlock
	old, err := os.ReadDir(d.part)
	for _, e := range old {
		err = errors.Join(err, os.RemoveAll(filepath.Join(d.part, e.Name())))
	}
	if err != nil {
		unlock()
	}
	return err
}

// errClosed: what was committed or closed takes nothing more.
var errClosed = fmt.Errorf("unpack: the folder has ended: %w", os.ErrClosed)

// Put writes a record.
func (d *Dir) Put(_ context.Context, r agentstate.Record) error {
	if d.t == nil {
		return errClosed
	}
	kind := agentstate.KindOf(r)
	if kind == "mark" {
		return nil
	}
	return d.t.put(fileKind(kind), r)
}

// fileKind is kind as the name of a file or table. Kinds of later releases that are no plain word
// share one.
func fileKind(kind string) string {
	for i := range len(kind) {
		if c := kind[i]; c < 'a' || c > 'z' {
			return "unknown"
		}
	}
	if kind == "" || len(kind) > 40 {
		return "unknown"
	}
	return kind
}

// PutBlob writes the bytes of a blob as blobs/<SHA-256>.
func (d *Dir) PutBlob(ctx context.Context, b *pb.Blob, r io.Reader) error {
	if d.t == nil {
		return errClosed
	}
	f, err := os.CreateTemp(filepath.Join(d.part, blobFolder), ".blob-")
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), readerOf(ctx, r))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	sum := h.Sum(nil)
	if len(b.Sha256) == len(sum) && string(b.Sha256) != string(sum) {
		return fmt.Errorf("unpack: blob %s: SHA-256 is %x, want %x", b.Id, sum, b.Sha256)
	}
	b.Sha256, b.Size = sum, uint64(n)
	return os.Rename(f.Name(), filepath.Join(d.part, blobFolder, hex.EncodeToString(sum)))
}

// readerOf is r until ctx ends.
func readerOf(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// Commit ends the files and gives the folder its name.
func (d *Dir) Commit(context.Context) error {
	if d.t == nil {
		return errClosed
	}
	if err := d.t.close(); err != nil {
		return err
	}
	d.t = nil
	if err := writeFile(filepath.Join(d.part, readmeFile), []byte(d.readme())); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(d.part, blobFolder)); err != nil && !isNotEmpty(filepath.Join(d.part, blobFolder)) {
		return err
	}
	if err := os.Remove(d.path); err != nil && !errors.Is(err, os.ErrNotExist) { // an empty folder
		return err
	}
	if err := os.Rename(d.part, d.path); err != nil {
		return err
	}
	d.done = true
	d.unlock()
	return nil
}

func isNotEmpty(path string) bool {
	e, err := os.ReadDir(path)
	return err == nil && len(e) > 0
}

// Close removes what was not committed. Closed twice, it does nothing.
func (d *Dir) Close() error {
	if d.done {
		return nil
	}
	d.done = true // by now another run may write there
	var err error
	if d.t != nil {
		err = d.t.close()
		d.t = nil
	}
	err = errors.Join(err, os.RemoveAll(d.part))
	d.unlock()
	return err
}

func (d *Dir) readme() string {
	what := map[Form]string{
		JSONL: "KIND.jsonl holds a record a line; schema/KIND.schema.json says what its fields are. Bytes are base64.\n" +
			"This is all of the state: exitramp pack reads it back.",
		CSV: "KIND.csv holds a record a row. Lists and objects are JSON, times are UTC. A cell that a spreadsheet\n" +
			"would take for a formula has an apostrophe before it. The runtime's own bytes are not here.",
		SQLite: "state.sqlite has a table a kind; its column \"record\" is the whole record as JSON, runtime's own bytes\n" +
			"left out. Where there are conversations, the view conversations lists them, and the view talk has what was said,\n" +
			"in order; where there are memories, the view memories has what is remembered.",
	}[d.form]
	blobs := "blobs/, if it is there, holds large values, each under its SHA-256 in hex.\n"
	if d.form != JSONL {
		blobs += "A cell with such a value has its path: blobs/SHA-256.\n"
	}
	note := d.opts.Note
	if note != "" {
		note += "\n\n"
	}
	return note + what + "\n\n" + blobs + "Nothing here is encrypted: it is what the agents know of people. Delete it when it has served.\n"
}

func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}
