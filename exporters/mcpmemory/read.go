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
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A line is one line of the file, without the newline.
type line struct {
	no, off, size int64
	text          []byte   // whole, up to maxLine bytes; else its start
	long256       [32]byte // of a long line: its SHA-256
}

// sum is the SHA-256 of the whole line.
func (l *line) sum() [32]byte {
	if l.long() {
		return l.long256
	}
	return sha256.Sum256(l.text)
}

func (l *line) long() bool { return l.size > int64(len(l.text)) }

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:16]) }

// eachLine calls fn for every piece between newlines: a file that ends with one has an empty last
// piece. The line is valid during the call.
func eachLine(ctx context.Context, r io.Reader, fn func(*line) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	l := &line{no: 1}
	var own []byte  // of a line that is longer than the buffer
	var h hash.Hash // of a long line
	for {
		part, err := in.ReadSlice('\n')
		end := err == nil
		if end {
			part = part[:len(part)-1]
		}
		switch {
		case h == nil && l.size == 0 && !errors.Is(err, bufio.ErrBufferFull):
			l.text = part // it need not be copied
		case h == nil && l.size+int64(len(part)) > maxLine:
			h = sha256.New()
			h.Write(own)
			own = append(own, part[:min(len(part), max(0, 1<<16-len(own)))]...)
			l.text = own
		case h == nil:
			own = append(own, part...)
			l.text = own
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
			h.Sum(l.long256[:0])
			h = nil
		}
		if err := fn(l); err != nil || !end {
			return err
		}
		if l.no&0xff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		l.off += l.size + 1
		own = own[:0]
		l.no, l.size, l.text = l.no+1, 0, nil
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
		err = eachLine(ctx, f, r.line)
		if err == nil {
			err = r.finish(f, counted)
		}
		if errors.Is(err, errStop) {
			return
		}
		out.End(err)
	}
}

var errStop = errors.New("the consumer stopped")

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

// of is the key of o's record.
func (k keys) of(o *object, l *line) (string, error) {
	var sum [32]byte
	if o.kind == "opaque" {
		sum = l.sum()
	}
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

	account, path string
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
	key, err := r.keys.of(o, l)
	if err != nil {
		return err
	}
	r.lay.add(o.kind)
	switch o.kind {
	case "entity":
		e := &entity{}
		e.Meta, e.Name, e.Observations = e.meta.of(key, l), o.name, o.observations
		if l.long() {
			e.Meta.Labels = []*pb.Label{{Name: "observations", Value: "in the native line alone: it is longer than 4 MiB"}}
		}
		if o.typ != "" {
			e.types[0], e.Types = o.typ, e.types[:]
		}
		if r.out.Put(&e.Entity) { // which is the consumer's now
			r.observations(key, o)
		}
	case "relation":
		m := &meta{}
		r.out.Put(&pb.Relation{Meta: m.of(key, l), Type: o.typ, FromKey: agentstate.Key("entity", o.from), ToKey: agentstate.Key("entity", o.to)})
	default:
		m := &meta{}
		r.out.Put(&pb.Opaque{Meta: m.of(key, l)})
	}
	return nil
}

// An entity is a record with its parts, made at once: there is one for each line. A meta is the
// part that every line has.
type entity struct {
	pb.Entity
	meta  meta
	types [1]string
}

type meta struct {
	pb.Meta
	native pb.Native
	body   pb.Native_Data
	data   pb.Data
	inline pb.Data_Inline
	list   [1]*pb.Native
}

// of is the Meta of the record of l.
func (m *meta) of(key string, l *line) *pb.Meta {
	m.data.MediaType, m.data.Body = "application/json", &m.inline
	if l.size <= agentstate.SpillSize {
		m.inline.Inline = bytes.Clone(l.text)
	} else {
		m.data.Body = &pb.Data_Blob{Blob: &pb.Blob{Id: fmt.Sprintf("%d+%d", l.off, l.size)}}
	}
	m.body.Data, m.native.Type, m.native.Body = &m.data, "line", &m.body
	m.list[0], m.Key, m.Native = &m.native, key, m.list[:]
	return &m.Meta
}

// A memory is a record with its parts, made at once.
type memory struct {
	pb.Memory
	meta  pb.Meta
	text  pb.Memory_Text
	tags  [1]string
	views [1]string
}

// observations yields what is known of the entity under key, one Memory an observation. Its key is
// that of the entity and the text.
func (r *reader) observations(key string, o *object) {
	var had map[string]int // of a long list
	if len(o.observations) > 16 {
		had = make(map[string]int, len(o.observations))
	}
	prefix := "memory" + strings.TrimPrefix(key, "entity")
	for i, text := range o.observations {
		m := &memory{}
		m.meta.Key = prefix + agentstate.Key("", text)
		n := 1
		if had != nil {
			had[text]++
			n = had[text]
		} else {
			for _, before := range o.observations[:i] {
				if before == text {
					n++
				}
			}
		}
		if n > 1 {
			m.meta.Key += "/" + strconv.Itoa(n)
		}
		m.Meta, m.Name, m.Content, m.text.Text = &m.meta, o.name, &m.text, text
		if o.typ != "" {
			m.tags[0], m.Tags = o.typ, m.tags[:]
		}
		m.views[0], m.meta.ViewOfKeys = key, m.views[:]
		r.views = true
		if !r.out.Put(&m.Memory) {
			return
		}
	}
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
func (r *reader) finish(f *file, counted *recounting) error {
	if !r.out.OK() {
		return errStop
	}
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
