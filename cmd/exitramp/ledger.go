package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/filelock"
)

// How long a verify waits for another one that notes an archive, and how often it asks.
const noteWait, noteStep = 15 * time.Second, 20 * time.Millisecond

// noteVerified enters an archive that was verified in the ledger. Another run may have written to it since it was
// read, so it is read anew, and asked anew, while nobody else does the same.
func (t *trustFlags) noteVerified(ctx context.Context, af *os.File, size int64, ro format.ReaderOptions, v *format.Verification) error {
	path := t.ledger
	if real, err := filepath.EvalSymlinks(path); err == nil { // else a run by another name would hold another folder
		path = real
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return err
	}
	unlock, err := holdFolder(ctx, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", t.ledger, err)
	}
	defer unlock()
	if ro.Ledger, _, err = t.readLedger(io.Discard); err != nil {
		return err
	}
	if _, err := format.Inspect(af, size, &ro); err != nil {
		return err
	}
	ro.Ledger.Add(v)
	return writeFile(path, []byte(ro.Ledger.String()), 0o644)
}

// holdFolder waits until no other run holds the folder.
func holdFolder(ctx context.Context, dir string) (unlock func(), err error) {
	for until := time.Now().Add(noteWait); ; {
		unlock, ok, err := filelock.Dir(dir)
		if ok || err != nil {
			return unlock, err
		}
		if time.Now().After(until) {
			return nil, withHint(fmt.Errorf("another run holds the folder %s", dir), "wait for it, then run the same command again")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(noteStep):
		}
	}
}
