package mcpmemory

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/ahead"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Records reads the file.
func (g *Graph) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		out := agentstate.NewEmitter(ctx, yield, g.origin())
		if opts != nil && len(opts.Cursor) > 0 {
			out.Fail(fmt.Errorf("mcpmemory: %w", agentstate.ErrCursor)) // a file of this size is read anew
			return
		}
		f, err := g.open()
		if err != nil {
			out.Fail(err)
			return
		}
		defer f.Close()
		if err := g.known(ctx, f); err != nil {
			out.Fail(err)
			return
		}
		g.mu.Lock()
		g.reading = f.File
		g.mu.Unlock()
		defer func() {
			g.mu.Lock()
			g.reading = nil
			g.mu.Unlock()
		}()
		seen, err := diskmap.New("")
		if err != nil {
			out.Fail(err)
			return
		}
		defer seen.Close()
		r := &reader{out: out, keys: keys{seen}, account: g.origin().Location, path: g.path}
		counted := recount(ctx, f)
		defer counted.stop()
		err = r.lines(ctx, f)
		if err == nil {
			err = r.finish(f, counted)
		}
		out.End(err)
	}
}

// known refuses a file that is none of the server's before the first record of it is out. In the
// server's own files it reads one line.
func (g *Graph) known(ctx context.Context, f *file) error {
	n, err := count(ctx, io.NewSectionReader(f, 0, f.size), true)
	if err != nil {
		return fmt.Errorf("mcpmemory: %s: %w", g.path, err)
	}
	return n.graph(g.path)
}

// keys numbers lines that have one identity.
type keys struct{ seen *diskmap.Map }

// number says of a line whose record would have the key first the how many-th it is.
func (k keys) number(first string) (uint64, error) {
	v, ok, err := k.seen.Get(first)
	if err != nil {
		return 0, err
	}
	n := uint64(1)
	if ok {
		n, _ = strconv.ParseUint(string(v), 10, 64)
		n++
	}
	return n, k.seen.Put(first, strconv.AppendUint(nil, n, 10))
}

// of is the key of o's record.
func (k keys) of(o *object, l *line) (string, error) {
	var sum [32]byte
	if o.kind == "opaque" {
		sum = l.sum()
	}
	key := o.key("", sum)
	n, err := k.number(key)
	if n > 1 {
		key = o.key(strconv.FormatUint(n, 10), sum)
	}
	return key, err
}

// A reader makes records of lines.
type reader struct {
	out   *agentstate.Emitter
	keys  keys
	lay   layout
	bad   broken
	odd   oddLines
	views bool

	account, path string
}

// lines reads the file: pieces of it are parsed while records of those before are used.
func (r *reader) lines(ctx context.Context, f io.Reader) error {
	queue := ahead.Start(ctx, func(ctx context.Context, emit func([]line) error) error { return eachPiece(ctx, f, emit) }, parsePiece)
	defer queue.Close()
	for {
		piece, ok, err := queue.Next()
		if !ok {
			return err
		}
		for i := range piece {
			if err := r.line(&piece[i]); err != nil {
				return err
			}
		}
	}
}

func (r *reader) line(p *parsed) error {
	if p.mark { // the line is sound without it
		r.lay.damaged([]byte(byteOrderMark))
	}
	switch {
	case !r.out.OK():
		return r.out.Err()
	case p.object != nil:
	case blank(p.text):
		r.lay.blank(string(p.text))
		return nil
	default:
		return r.damaged(&p.line)
	}
	n, err := r.keys.number(p.key)
	if err != nil {
		return err
	}
	r.lay.add(p.object.kind)
	r.odd.note(p.object, p.no)
	r.views = r.views || len(p.object.observations) > 0
	if n > 1 {
		p.object.records(&p.line, p.object.key(strconv.FormatUint(n, 10), p.digest), r.out.Put)
		return nil
	}
	if p.recs == nil {
		p.object.records(&p.line, p.key, r.out.Put)
	}
	for _, rec := range p.recs {
		if !r.out.Put(rec) {
			break
		}
	}
	return nil
}

// damaged names a line that is no JSON: with it the server refuses the whole file. Its bytes are kept
// with the layout, where they are few, and are not written back.
func (r *reader) damaged(l *line) error {
	r.lay.damaged(l.text)
	r.bad.note(l, func(g *pb.Gap) { r.out.Gap(g) })
	return nil
}

// finish yields the layout and counts again by another route.
func (r *reader) finish(f *file, counted *recounting) error {
	if !r.out.OK() {
		return r.out.Err()
	}
	r.bad.end(func(g *pb.Gap) { r.out.Gap(g) })
	extra := uint64(0)
	if b := r.lay.encode(); b != nil {
		n := agentstate.Document("layout", "application/json", b)
		r.out.Put(&pb.Opaque{Meta: agentstate.Meta("opaque", n, "layout")})
		extra = 1
	}
	n, err := counted.wait()
	if err != nil {
		return err
	}
	if err := n.graph(r.path); err != nil {
		return err
	}
	const route, access = "walk over the bytes", "whole file"
	r.out.Reference("entity", n.entities, route, access)
	r.out.Reference("relation", n.relations, route, access)
	r.out.Reference("opaque", n.others+extra, route, access)
	if r.views {
		r.out.Derived("memory", "entity")
	}
	r.out.AbsentOthers()
	st := r.out.Statement()
	st.Observer, st.ObserverBasis = fmt.Sprintf("uid %d", os.Getuid()), "process"
	st.Account, st.Consistent = r.account, true
	r.out.Note(r.odd.notes()...)
	return f.check()
}
