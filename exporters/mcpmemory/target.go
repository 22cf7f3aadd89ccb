package mcpmemory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A writer writes one run. Nothing is in the file before Commit, which renames a new one over it as
// the server does.
type writer struct {
	run   *replay.Run
	g     *Graph
	old   *file        // nil: there is none yet
	keys  keys         // of the lines of old
	have  *diskmap.Map // key of each line of old → digest
	lines *diskmap.Map // key of each new line → kind, and the line or where it is
	n     map[byte]int // new lines by kind, planned ones too
	lay   []run        // of the state that comes; nil: as the server writes
	exact bool
	odd   oddLines // of the new lines
}

// Begin reads what is there. A file with lines that are no JSON is refused: the server refuses it
// too.
func (g *Graph) Begin(ctx context.Context, run *replay.Run) (_ replay.Writer, err error) {
	w := &writer{run: run, g: g, n: map[byte]int{}, exact: run.From.GetProduct() == product}
	defer func() {
		if err != nil {
			w.Close()
			if ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", replay.ErrTarget, err)
			}
		}
	}()
	if err := w.maps(); err != nil {
		return nil, err
	}
	w.old, err = g.open()
	if errors.Is(err, fs.ErrNotExist) {
		if dir := filepath.Dir(g.path); !isDir(dir) {
			return nil, fmt.Errorf("mcpmemory: no folder %s; make it first", dir)
		}
		return w, nil
	}
	if err != nil {
		return nil, err
	}
	return w, eachLine(ctx, w.old, w.note)
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func (w *writer) maps() (err error) {
	for _, m := range []**diskmap.Map{&w.have, &w.lines, &w.keys.seen} {
		if *m, err = diskmap.New(""); err != nil {
			return fmt.Errorf("mcpmemory: %w", err)
		}
	}
	return nil
}

// identity is the key of a line that is there, and the digest of what it says; an empty key: it is
// blank.
func (w *writer) identity(l *line) (string, [32]byte, error) {
	if blank(l.text) && !l.long() {
		return "", l.sum(), nil
	}
	if l.mark {
		return "", l.sum(), fmt.Errorf("%w: %s begins with a byte order mark, the server itself refuses this file; remove its first three bytes", ErrSchema, w.g.path)
	}
	o, sum := parseLong(l.text), l.long256
	if !l.long() {
		var err error
		if o, err = parse(l.text); err != nil {
			return "", sum, fmt.Errorf("%w: %s:%d is not JSON, or null, the server itself refuses this file; mend or remove the line", ErrSchema, w.g.path, l.no)
		}
		sum = o.digest(l.text)
	}
	key, err := w.keys.of(o, l)
	return key, sum, err
}

// note remembers a line that is there.
func (w *writer) note(l *line) error {
	key, sum, err := w.identity(l)
	if err != nil || key == "" {
		return err
	}
	return w.have.Put(key, sum[:])
}

// Deferred: nothing is in the target before Commit.
func (w *writer) Deferred() bool { return true }

// Notes say which of the new lines later releases of the server do not read.
func (w *writer) Notes() []string { return w.odd.notes() }

// Exact tells whether the state is of this runtime: then the memories are views of its entities.
func (w *writer) Exact() bool { return w.exact }

// Write takes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	if !w.exact {
		return w.foreign(ctx, r)
	}
	key, ns := r.GetMeta().GetKey(), r.GetMeta().GetNative()
	if len(ns) != 1 || ns[0].GetData() == nil {
		return replay.Receipt{Action: replay.Skipped, Why: "has no native line"}, nil
	}
	switch ns[0].Type {
	case "line":
	case "layout":
		b := ns[0].GetData().GetInline()
		if w.lay = nil; json.Unmarshal(b, &w.lay) != nil || len(b) == 0 {
			if b, err := w.run.Source.Data(ctx, ns[0].GetData()); err != nil || json.Unmarshal(b, &w.lay) != nil {
				return replay.Receipt{Action: replay.Refused, Why: "the layout is not one"}, nil
			}
		}
		if w.old != nil {
			w.lay = nil
			return replay.Receipt{Action: replay.Skipped, Why: "the order of the lines is that of the file that is there", NoLoss: true}, nil
		}
		if !w.fits(w.lay) {
			w.lay = nil
			rc := replay.Receipt{Action: replay.Skipped, Why: whyOrder, NoLoss: len(w.n) == 0} // of no line there is no order
			if !rc.NoLoss {
				rc.Losses = []fidelity.Loss{{Path: "native", Grade: fidelity.Dropped, Why: whyOrder}}
			}
			return rc, nil
		}
		return layoutReceipt(key, w.lay), nil
	default:
		return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf("want a native line, got %.40q", ns[0].Type)}, nil
	}
	d := ns[0].GetData()
	if d.GetBlob() != nil {
		return w.long(ctx, key, d)
	}
	line := d.GetInline()
	o, err := parse(line)
	switch {
	case err != nil || bytes.IndexByte(line, '\n') >= 0:
		return replay.Receipt{Action: replay.Refused, Why: "the native line is not one line of JSON; the server would refuse the whole file"}, nil
	case o.kind != agentstate.KindOf(r):
		return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf("want a line of a %s, got one of a %s", agentstate.KindOf(r), o.kind)}, nil
	}
	return w.putLine(key, o, o.digest(line), append([]byte{o.kind[0], 'L'}, line...))
}

// long takes a line that lies beside its record.
func (w *writer) long(ctx context.Context, key string, d *pb.Data) (replay.Receipt, error) {
	body, err := w.run.Source.OpenBlob(ctx, d.GetBlob())
	if err != nil {
		return replay.Receipt{}, fmt.Errorf("mcpmemory: %s: %w", key, err)
	}
	defer body.Close()
	kind := agentstate.KindOfKey(key)
	var one *line
	more := errors.New("a second line")
	if err := eachLine(ctx, body, func(l *line) error {
		if one != nil {
			return more
		}
		c := *l
		one = &c
		one.text = bytes.Clone(l.text)
		return nil
	}); errors.Is(err, more) {
		return replay.Receipt{Action: replay.Refused, Why: "the native line is more than one line"}, nil
	} else if err != nil {
		return replay.Receipt{}, fmt.Errorf("mcpmemory: %s: %w", key, err)
	}
	o, sum := parseLong(one.text), one.long256
	if !one.long() {
		if o, err = parse(one.text); err != nil {
			return replay.Receipt{Action: replay.Refused, Why: "the native line is not JSON; the server would refuse the whole file"}, nil
		}
		sum = o.digest(one.text)
	}
	if o.kind != kind {
		return replay.Receipt{Action: replay.Refused, Why: fmt.Sprintf("want a line of a %s, got one of a %s", kind, o.kind)}, nil
	}
	b, err := proto.Marshal(d.GetBlob())
	if err != nil {
		return replay.Receipt{}, fmt.Errorf("mcpmemory: %s: %w", key, err)
	}
	return w.putLine(key, o, sum, append([]byte{kind[0], 'B'}, b...))
}

// putLine is put, of a line of the server's own that says o.
func (w *writer) putLine(key string, o *object, sum [32]byte, entry []byte) (replay.Receipt, error) {
	rc, err := w.put(key, sum, entry)
	if rc.Action == replay.Created {
		w.odd.note(o, 0)
	}
	return rc, err
}

// put puts a line under key, unless one is there.
func (w *writer) put(key string, sum [32]byte, entry []byte) (replay.Receipt, error) {
	rc := replay.Receipt{Action: replay.Created, Target: key, Version: hexOf(sum)}
	have, ok, err := w.have.Get(key)
	if err != nil {
		return replay.Receipt{}, fmt.Errorf("mcpmemory: %w", err)
	}
	if ok {
		rc.Action = replay.Same
		if string(have) != string(sum[:]) {
			return replay.Receipt{Action: replay.Conflict, Why: "the graph holds another " + agentstate.KindOfKey(key) + " of this name"}, nil
		}
		return rc, nil
	}
	if err := w.have.Put(key, sum[:]); err != nil {
		return replay.Receipt{}, fmt.Errorf("mcpmemory: %w", err)
	}
	w.n[entry[0]]++
	if w.run.DryRun {
		return rc, nil
	}
	if err := w.lines.Put(key, entry); err != nil {
		return replay.Receipt{}, fmt.Errorf("mcpmemory: %w", err)
	}
	return rc, nil
}

// Commit renames the new file over the old one.
func (w *writer) Commit(ctx context.Context) error {
	if w.run.DryRun || w.old != nil && w.lines.Len() == 0 {
		return nil
	}
	return w.g.replace(w.run.ID, w.old, func(out io.Writer) error {
		if w.old != nil && w.old.size > 0 {
			return w.appendTo(ctx, out)
		}
		return w.fresh(ctx, out)
	})
}

// line writes one line.
func (w *writer) line(ctx context.Context, out io.Writer, v []byte) error {
	if v[1] == 'L' {
		_, err := out.Write(v[2:])
		return err
	}
	b := &pb.Blob{}
	if err := proto.Unmarshal(v[2:], b); err != nil {
		return err
	}
	r, err := w.run.Source.OpenBlob(ctx, b)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(out, r)
	return err
}

// Close gives up what was not committed.
func (w *writer) Close() error {
	if w.old != nil {
		w.old.Close()
	}
	for _, m := range []*diskmap.Map{w.have, w.lines, w.keys.seen} {
		if m != nil {
			m.Close()
		}
	}
	return nil
}
