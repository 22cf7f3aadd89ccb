package format

import (
	"context"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Cursor is where a broken run left off, nil for a fresh start.
func (w *Writer) Cursor() []byte {
	if w.file == nil {
		return nil
	}
	return w.file.resumed
}

// Tally counts the records that a broken run left; nil with a nil Cursor. Of gaps it knows kind
// and size alone, of statements the facts about kinds.
func (w *Writer) Tally() *agentstate.Tally {
	if w.Cursor() == nil {
		return nil
	}
	return w.file.tally
}

// Mark makes all records put so far durable, with cursor, when enough has come together since
// the last time; see WriterOptions.CommitShards. Else it remembers nothing, and a resumed run
// goes on from the Mark before.
func (w *Writer) Mark(ctx context.Context, cursor []byte) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	if w.file == nil || len(cursor) == 0 || !w.file.due(w.next.Members) {
		return nil
	}
	if len(cursor) > 64<<10 {
		return fmt.Errorf("format: %w: cursor of %d bytes, at most 65,536", ErrLimit, len(cursor))
	}
	if err := w.flush(); err != nil {
		return w.stop(err)
	}
	return w.stopOn(w.file.commit(w, cursor))
}

// flush sends everything that is open on its way and waits until it is written.
func (w *Writer) flush() error {
	for _, s := range sortedShards(w.shards) {
		w.closeShard(s)
	}
	for _, v := range sortedVectors(w.vectors) {
		w.closeVectors(v)
	}
	w.flushIndex()
	return w.pipe.barrier()
}

// Close ends the writer. Without Commit before it, an archive at a path stays unfinished beside
// it, for Create to resume; Abandon drops it.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.pipe.stop()
	if err == w.err {
		err = nil // the caller has it
	}
	if w.file != nil {
		err = errors.Join(err, w.file.close())
	}
	return err
}
