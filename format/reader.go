package format

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sync"

	"github.com/exitramp/exitramp/context/agentstate"
)

// A Reader reads an archive. It is an [agentstate.Source], [agentstate.Getter] and
// [agentstate.BlobSource], and safe for use by several goroutines. Opening checks container,
// policy, manifest, digest list, keys and roots; of each member, digest, encryption, frame,
// header and Merkle root are checked before a record of it leaves the Reader.
type Reader struct {
	c    *contents
	opts ReaderOptions
	file io.Closer // nil: the caller's

	decoders sync.Pool
	shards   *cache[*rawShard]
	pages    *cache[*page]
}

var (
	_ agentstate.Source     = (*Reader)(nil)
	_ agentstate.Getter     = (*Reader)(nil)
	_ agentstate.Wirer      = (*Reader)(nil)
	_ agentstate.BlobSource = (*Reader)(nil)
	_ io.Closer             = (*Reader)(nil)
)

// Open opens the archive at path.
func Open(path string, opts *ReaderOptions) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = refuse(ErrNotArchive, "", path+" is not a regular file")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if opts != nil && opts.Keys == nil {
		o := *opts
		o.Keys = KeysBeside(path)
		opts = &o
	}
	r, err := NewReader(f, fi.Size(), opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.file = f
	return r, nil
}

// NewReader opens the archive that ra holds in its first size bytes. What it needs lies in the
// last mebibyte of most archives, and is read with one ReadAt.
func NewReader(ra io.ReaderAt, size int64, opts *ReaderOptions) (*Reader, error) {
	a, err := openArchive(ra, size, opts)
	if err != nil {
		return nil, err
	}
	c, err := a.openContents(opts)
	if err != nil {
		return nil, err
	}
	if len(c.closed) == len(c.roots) {
		return nil, noIdentity(0)
	}
	return newReader(c, opts), nil
}

func newReader(c *contents, opts *ReaderOptions) *Reader {
	return &Reader{
		c: c, opts: *opts,
		shards: newCache(keptMembers, func(*rawShard) int { return 1 }),
		pages:  newCache(keptEntries, func(p *page) int { return len(p.fps) }),
	}
}

// Close closes the file that Open opened. Closed twice, it does nothing.
func (r *Reader) Close() error {
	f := r.file
	if r.file = nil; f == nil {
		return nil
	}
	return f.Close()
}

// decoder takes a decoder that put gives back.
func (r *Reader) decoder() (*decoder, error) {
	if d, ok := r.decoders.Get().(*decoder); ok {
		return d, nil
	}
	return r.c.newDecoder()
}

func (r *Reader) put(d *decoder) { r.decoders.Put(d) }

// Records yields the records in the canonical order of kinds, those of later releases behind
// them, each kind in the order in which it was put. Shards are decoded ahead by several
// goroutines; a few of them are in memory at a time. Text and bytes of a record share memory, all
// but its key: whoever keeps one field of it for long keeps a clone.
//
// Where a compartment stays closed, the last pair is ErrNoIdentity, unless the options say
// Partial. A cursor is agentstate.ErrCursor: an archive is read from the start.
func (r *Reader) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for w, err := range r.Wired(ctx, opts) {
			if !yield(w.Record, err) {
				return
			}
		}
	}
}

// Wired is Records with the bytes of nearly all, which their text shares.
func (r *Reader) Wired(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return func(yield func(agentstate.Wired, error) bool) {
		var kinds []string
		if opts != nil {
			kinds = opts.Kinds
			if len(opts.Cursor) > 0 {
				yield(agentstate.Wired{}, agentstate.ErrCursor)
				return
			}
		}
		for b := range r.ahead(ctx, r.inOrder(kinds)) {
			if b.err == nil {
				b.err = ctx.Err()
			}
			if b.err != nil {
				yield(agentstate.Wired{}, b.err)
				return
			}
			for _, rec := range b.records {
				if err := ctx.Err(); err != nil {
					yield(agentstate.Wired{}, err)
					return
				}
				if !yield(rec, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(agentstate.Wired{}, err)
			return
		}
		if len(r.c.closed) > 0 && !r.opts.Partial {
			yield(agentstate.Wired{}, noIdentity(r.c.closed[0]))
		}
	}
}

// inOrder lists the shards of kinds (nil: all) in reading order. Control records pass always, as
// a Copy needs them.
func (r *Reader) inOrder(kinds []string) []*shardTable {
	rank := map[string]int{}
	for i, k := range agentstate.Kinds() {
		rank[k] = i + 1
	}
	var out []*shardTable
	for _, s := range r.c.shards {
		if kinds == nil || slices.Contains(kinds, s.Kind) || !agentstate.IsState(s.Kind) {
			out = append(out, s)
		}
	}
	place := func(s *shardTable) int {
		switch n := rank[s.Kind]; {
		case n == len(rank):
			return 1 << 20 // Completeness, behind kinds of later releases too
		case n > 0:
			return n
		}
		return 1 << 10
	}
	slices.SortFunc(out, func(a, b *shardTable) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		if a.Kind != b.Kind {
			if a.Kind < b.Kind {
				return -1
			}
			return 1
		}
		if a.Ordinal < b.Ordinal {
			return -1
		}
		return 1
	})
	return out
}

// batch is the records of one shard.
type batch struct {
	records []agentstate.Wired
	err     error
}

// ahead decodes shards on several goroutines and yields them in order. Break and a panic of the
// consumer end the goroutines.
func (r *Reader) ahead(ctx context.Context, shards []*shardTable) iter.Seq[batch] {
	return func(yield func(batch) bool) {
		n := min(workers(r.opts.Workers), len(shards))
		type task struct {
			s   *shardTable
			out chan batch
		}
		work, order := make(chan task), make(chan task, n+1)
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() {
			defer close(order)
			defer close(work)
			for _, s := range shards {
				t := task{s, make(chan batch, 1)}
				select {
				case order <- t:
				case <-ctx.Done():
					return
				}
				select {
				case work <- t:
				case <-ctx.Done():
					t.out <- batch{err: ctx.Err()}
					return
				}
			}
		})
		for range n {
			wg.Go(func() {
				for t := range work {
					recs, err := r.load(t.s)
					t.out <- batch{recs, err}
				}
			})
		}
		for t := range order {
			if !yield(<-t.out) {
				return
			}
		}
	}
}

// load reads and checks a shard and makes its records.
func (r *Reader) load(s *shardTable) ([]agentstate.Wired, error) {
	d, err := r.decoder()
	if err != nil {
		return nil, err
	}
	defer r.put(d)
	return d.records(s.comp, s.Shard)
}
