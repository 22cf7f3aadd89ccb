package openaiagents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxJSON is the size up to which a JSON file is taken apart; a longer one is none of the SDK's.
const maxJSON = 256 << 20

// A document is a JSON file of the stream under way.
type document struct {
	found
	size    int64
	mtime   time.Time // as it was read
	secrets bool      // keys are taken out of it
}

// read reads the file whole. One that is written meanwhile is ErrChanged.
func (d *document) read() ([]byte, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > maxJSON {
		return nil, fmt.Errorf("%d bytes; a document of the SDK is taken apart up to %d", st.Size(), maxJSON)
	}
	d.size, d.mtime = st.Size(), st.ModTime()
	b := make([]byte, d.size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrChanged, d.rel)
	}
	return b, d.unchanged(f)
}

func (d *document) unchanged(f fs.File) error {
	st, err := f.Stat()
	if err == nil && (st.Size() != d.size || !st.ModTime().Equal(d.mtime)) {
		err = fmt.Errorf("%w: %s", ErrChanged, d.rel)
	}
	return err
}

// open opens the bytes that lie beside the record, which are still those that were read.
func (d *document) open() (io.ReadCloser, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, own(fmt.Errorf("%w: %w", ErrChanged, err))
	}
	err = d.unchanged(f)
	if err == nil && !d.secrets {
		return f, nil
	}
	defer f.Close()
	if err != nil {
		return nil, own(err)
	}
	b, err := io.ReadAll(f)
	b, _ = withoutKeys(b)
	return io.NopCloser(bytes.NewReader(b)), own(err)
}

// native is the native form of the whole file; above the limit its bytes lie beside the record.
func (d *document) native(typ string, b []byte) *pb.Native {
	if len(b) <= agentstate.SpillSize {
		return agentstate.Document(typ, "application/json", b)
	}
	blob := &pb.Blob{Id: "file:" + d.rel}
	return &pb.Native{Type: typ, Body: &pb.Native_Data{Data: &pb.Data{MediaType: "application/json", Body: &pb.Data_Blob{Blob: blob}}}}
}

// settle calls look until it says that a file is whole, as long as somebody has just written it: a
// program that writes it anew leaves a part of it there for a moment. It gives up after a second.
func settle(path string, look func() (whole bool)) {
	for range 20 {
		st, err := os.Stat(path)
		if look() || err != nil || time.Since(st.ModTime()).Abs() > 2*time.Second {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// errCut stands for a document of which a part is there.
var errCut = errors.New("a document that has no end")

// ended tells whether a document is not cut off.
func ended(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) > 0 && (b[len(b)-1] == '}' || b[len(b)-1] == ']')
}

// doc reads a JSON file.
func (r *reading) doc(ctx context.Context, d *document) error {
	var b []byte
	var err error
	settle(d.path, func() bool {
		b, err = d.read()
		return err == nil && ended(b)
	})
	if err == nil && !ended(b) {
		if _, torn := soundLines(b, d.rel); d.form == runState || d.form == itemList && torn == nil {
			err = fmt.Errorf("%d bytes of %w: it was being written, or was broken off", len(b), errCut)
		}
	}
	if err != nil {
		if d.form == runState {
			return r.gaps(gap("state", d.rel, 1, err))
		}
		return r.gaps(gap("conversation", d.rel, 1, err), gap("message", d.rel, 0, err))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch d.form {
	case runState:
		return r.runState(d, b)
	case keeper:
		return r.keeper(d, b)
	}
	return r.items(d, b)
}

// preflight counts what is in the file.
func (d *document) preflight(p *agentstate.Preflight) {
	kind := map[form]string{runState: "state", keeper: "opaque", itemList: "conversation"}[d.form]
	p.Counts[kind]++
	b, err := d.read()
	if err != nil {
		return // it is a gap of the export
	}
	short := responses.Shorten(b)
	if d.form == runState {
		docs, _ := runDocs(b, short) // what cannot be read is a gap of the export
		p.Gaps, p.Notes = append(p.Gaps, elsewhere(d.rel, docs)...), append(p.Notes, exposed(d.rel, docs)...)
	}
	b = short
	but := ""
	if d.form == itemList {
		member, _, err := listIn(b)
		if err == nil {
			p.Counts["message"] += int64(countElements(b, member))
		} else if sound, torn := soundLines(b, d.rel); torn != nil {
			p.Counts["message"] += int64(len(sound))
			p.Gaps = append(p.Gaps, torn)
		}
		if but = member; but == "" {
			return
		}
	}
	sessions, gaps := keptBut(b, d.rel, but)
	p.Counts["conversation"] += int64(len(sessions))
	for _, s := range sessions {
		p.Counts["message"] += int64(len(s.list))
	}
	p.Gaps = append(p.Gaps, gaps...)
}
