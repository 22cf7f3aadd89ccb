package mcpmemory

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strconv"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A line is one line of the file, without the newline.
type line struct {
	no, off, size int64
	text          []byte   // whole, up to maxLine bytes; else its start
	sum           [32]byte // of the whole
}

func (l *line) long() bool { return l.size > int64(len(l.text)) }

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:16]) }

// eachLine calls fn for every piece between newlines: a file that ends with one has an empty last
// piece. The line is valid during the call.
func eachLine(ctx context.Context, r io.Reader, fn func(*line) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	l := &line{no: 1}
	var h hash.Hash // of a long line
	for {
		part, err := in.ReadSlice('\n')
		end := err == nil
		if end {
			part = part[:len(part)-1]
		}
		if h == nil && l.size+int64(len(part)) > maxLine {
			h = sha256.New()
			h.Write(l.text)
			l.text = append(l.text, part[:min(len(part), max(0, 1<<16-len(l.text)))]...)
		} else if h == nil {
			l.text = append(l.text, part...)
		}
		if h != nil {
			h.Write(part)
		}
		l.size += int64(len(part))
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if h != nil {
			h.Sum(l.sum[:0])
			h = nil
		} else {
			l.sum = sha256.Sum256(l.text)
		}
		if err := fn(l); err != nil || !end {
			return err
		}
		if l.no&0xff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		l.off += l.size + 1
		l.no, l.size, l.text = l.no+1, 0, l.text[:0]
	}
}

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
		r := &reader{out: out, keys: keys{seen}, account: g.origin().Location}
		err = eachLine(ctx, f, r.line)
		if err == nil {
			err = r.finish(ctx, f)
		}
		if errors.Is(err, errStop) {
			return
		}
		out.End(err)
	}
}

var errStop = errors.New("the consumer stopped")

// keys numbers lines that have one identity.
type keys struct{ seen *diskmap.Map }

// of is the key of o's record.
func (k keys) of(o *object, sum [32]byte) (string, error) {
	first := o.key("", sum)
	v, ok, err := k.seen.Get(first)
	if err != nil {
		return "", err
	}
	n := uint64(1)
	if ok {
		n, _ = strconv.ParseUint(string(v), 10, 64)
		n++
	}
	if err := k.seen.Put(first, strconv.AppendUint(nil, n, 10)); err != nil || n == 1 {
		return first, err
	}
	return o.key(strconv.FormatUint(n, 10), sum), nil
}

// A reader makes records of lines.
type reader struct {
	out   *agentstate.Emitter
	keys  keys
	lay   layout
	views bool

	account string
}

func (r *reader) line(l *line) error {
	if !r.out.OK() {
		return errStop
	}
	var o *object
	switch {
	case l.long():
		o = parseLong(l.text)
	case blank(l.text):
		r.lay.blank(string(l.text))
		return nil
	default:
		var err error
		if o, err = parse(l.text); err != nil {
			return r.damaged(l)
		}
	}
	key, err := r.keys.of(o, l.sum)
	if err != nil {
		return err
	}
	r.lay.add(o.kind)
	m := &pb.Meta{Key: key, Native: []*pb.Native{l.native("line")}}
	switch o.kind {
	case "entity":
		if l.long() {
			m.Labels = []*pb.Label{{Name: "observations", Value: "in the native line alone: it is longer than 4 MiB"}}
		}
		e := &pb.Entity{Meta: m, Name: o.name, Observations: o.observations}
		if o.typ != "" {
			e.Types = []string{o.typ}
		}
		if r.out.Put(e) { // which is the consumer's now
			r.observations(key, o)
		}
	case "relation":
		r.out.Put(&pb.Relation{Meta: m, Type: o.typ, FromKey: agentstate.Key("entity", o.from), ToKey: agentstate.Key("entity", o.to)})
	default:
		r.out.Put(&pb.Opaque{Meta: m})
	}
	return nil
}

// observations yields what is known of the entity under key, one Memory an observation.
func (r *reader) observations(key string, o *object) {
	had := map[string]int{}
	_, parts := agentstate.SplitKey(key)
	for _, text := range o.observations {
		had[text]++
		p := append(append([]string{}, parts...), text)
		if had[text] > 1 {
			p = append(p, strconv.Itoa(had[text]))
		}
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, p...), Name: o.name, Content: &pb.Memory_Text{Text: text}}
		if o.typ != "" {
			m.Tags = []string{o.typ}
		}
		m.Meta.ViewOfKeys = []string{key}
		r.views = true
		if !r.out.Put(m) {
			return
		}
	}
}

// native is the line as it stands.
func (l *line) native(typ string) *pb.Native {
	const media = "application/json"
	if l.size <= agentstate.SpillSize {
		return agentstate.Document(typ, media, l.text)
	}
	b := &pb.Blob{Id: fmt.Sprintf("%d+%d", l.off, l.size)}
	return &pb.Native{Type: typ, Body: &pb.Native_Data{Data: &pb.Data{MediaType: media, Body: &pb.Data_Blob{Blob: b}}}}
}

// damaged names a line that is no JSON: with it the server refuses the whole file. Its bytes are kept
// with the layout, where they are few, and are not written back.
func (r *reader) damaged(l *line) error {
	kind := "opaque"
	switch {
	case bytes.Contains(l.text, []byte(`"type":"entity"`)):
		kind = "entity"
	case bytes.Contains(l.text, []byte(`"type":"relation"`)):
		kind = "relation"
	}
	r.lay.damaged(l.text)
	r.out.Gap(&pb.Gap{Kind: kind, Place: fmt.Sprintf("line %d", l.no), Reason: pb.Gap_REASON_CORRUPT,
		Detail: fmt.Sprintf("%d bytes that are not JSON: the server itself refuses this file until the line is mended or taken out", l.size)})
	return nil
}

// finish yields the layout and counts again by another route.
func (r *reader) finish(ctx context.Context, f *file) error {
	if !r.out.OK() {
		return errStop
	}
	extra := uint64(0)
	if b := r.lay.encode(); b != nil {
		n := agentstate.Document("layout", "application/json", b)
		r.out.Put(&pb.Opaque{Meta: agentstate.Meta("opaque", n, "layout")})
		extra = 1
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n, err := count(ctx, f)
	if err != nil {
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
	return f.check()
}

// A layout is the order of a file's lines by kind, with its blank lines.
type layout struct {
	runs  []run
	other bool // it is not what the server writes
	cut   bool // too long to be kept
	bad   int  // bytes of damaged lines
}

// A run is n lines of one kind, or one blank or damaged line.
type run struct {
	Kind string `json:"kind,omitempty"`
	N    int    `json:"n,omitempty"`
	Text string `json:"blank,omitempty"`
	Bad  []byte `json:"damaged,omitempty"`
}

func (l *layout) add(kind string) {
	n := len(l.runs)
	if n > 0 && l.runs[n-1].Kind == kind {
		l.runs[n-1].N++
		return
	}
	if n > 0 && !(n == 1 && l.runs[0].Kind == "entity" && kind == "relation") || kind == "opaque" {
		l.other = true
	}
	l.push(run{Kind: kind, N: 1})
}

func (l *layout) blank(text string) {
	l.other = l.other || len(l.runs) > 0 || text != ""
	l.push(run{Text: text})
}

func (l *layout) damaged(text []byte) {
	l.other = true
	if l.bad += len(text); l.bad > 1<<20 {
		text = nil
	}
	l.push(run{Bad: bytes.Clone(text)})
}

// push bounds the layout: beyond 100,000 changes of kind the order of lines is not kept.
func (l *layout) push(r run) {
	if len(l.runs) < 100_000 {
		l.runs = append(l.runs, r)
	} else {
		l.cut = true
	}
}

// encode is nil for the layout that the server writes.
func (l *layout) encode() []byte {
	if !l.other || l.cut {
		return nil
	}
	b, err := json.Marshal(l.runs)
	if err != nil {
		return nil
	}
	return b
}
