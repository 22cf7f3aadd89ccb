package codex

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxLine is how long a line may be to be taken apart; longer ones are in the file alone.
const maxLine = 16 << 20

// A line is one line of a rollout, as far as it is read here.
type line struct {
	timestamp, typ, payload, ordinal, id, whole jsonvalue.Value
	nth                                         int // of those that stand in one
}

// read is false for what is no JSON.
func (l *line) read(b []byte) bool {
	*l = line{}
	whole, ok := jsonvalue.Object(b, func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "timestamp":
			l.timestamp = v
		case "type":
			l.typ = v
		case "payload":
			l.payload = v
		case "ordinal":
			l.ordinal = v
		case "id":
			l.id = v
		}
	})
	l.whole = whole
	return ok
}

// isKnown tells whether the type of the line is one that releases up to 0.171 write. Of most of them nothing is read.
func (l *line) isKnown() bool {
	switch string(l.typ) {
	case `"session_meta"`, `"dynamic_tools_updated"`, `"response_item"`, `"inter_agent_communication"`, `"inter_agent_communication_metadata"`, `"compacted"`,
		`"turn_context"`, `"token_usage_record"`, `"world_state"`, `"security_risk_score"`, `"event_msg"`, `"realtime_item"`:
		return true
	}
	return false
}

// errEnd: the segment ends here.
var errEnd = errors.New("the segment ends here")

// ends tells whether the line stands behind the segment.
func (s *segment) ends(l *line) bool {
	n, err := strconv.ParseInt(string(l.ordinal), 10, 64)
	return s.ordinal > 0 && err == nil && n >= s.ordinal
}

// bareLine tells in a line of a release of 2025 what later ones tell around it: the first one is what
// the rollout says of itself, and the others are items. The first reading of a rollout sees the first.
func (s *segment) bareLine(reading bool, l *line) {
	if reading && !s.begun {
		s.begun = true
		if s.bare = len(l.typ) == 0 && len(l.payload) == 0 && l.timestamp.IsText() && whole().MatchString(l.id.Text()); s.bare {
			l.typ, l.payload = jsonvalue.Value(`"session_meta"`), l.whole
			return
		}
	}
	if s.bare && len(l.payload) == 0 && l.typ.IsText() {
		l.typ, l.payload = jsonvalue.Value(`"response_item"`), l.whole
	}
}

// eachLine calls fn for every line of only that holds JSON, and bad for every other one of it.
func (s *segment) eachLine(only *homefiles.LineSet, bad func(no int, r pb.Gap_Reason, why string) error, fn func(no int, l *line) error) error {
	f := s.f
	if path.Ext(f.Rel) == ".json" {
		return s.document(only, bad, fn)
	}
	body, err := f.Body(s.d)
	if err != nil {
		return err
	}
	defer body.Close()
	in := &unpacked{Reader: body, left: s.left}
	if path.Ext(f.Rel) == ".zst" {
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		in.Reader = z
	}
	if s.bytes > 0 {
		in.Reader = io.LimitReader(in.Reader, s.bytes)
	}
	l, last := &line{}, 0
	err = homefiles.EachLine(in, maxLine, func(no int, b []byte) error {
		if last = no; !only.Has(no) {
			return nil
		}
		if b == nil {
			return bad(no, pb.Gap_REASON_LIMIT, fmt.Sprintf("longer than %d MiB", maxLine>>20))
		}
		one := func() error {
			s.bareLine(only == nil, l)
			if s.ends(l) {
				return errEnd
			}
			return fn(no, l)
		}
		if l.read(b) {
			return one()
		}
		if isSeveral(b) {
			for nth := 0; len(b) > 0; nth++ {
				var v jsonvalue.Value
				v, b, _ = jsonvalue.Next(b)
				l.read(v)
				l.nth = nth
				if err := one(); err != nil {
					return err
				}
			}
			return nil
		}
		if len(bytes.TrimSpace(b)) == 0 {
			return nil
		}
		if b[len(b)-1] != '\n' { // the last line
			return bad(no, pb.Gap_REASON_CHANGED, fmt.Sprintf("%d bytes of a line that has no end: it was being written, or was broken off; export again while nobody writes", len(b)))
		}
		return bad(no, pb.Gap_REASON_CORRUPT, fmt.Sprintf("%d bytes that are not JSON", len(b)))
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	if in.err != nil && path.Ext(f.Rel) == ".zst" && !errors.Is(in.err, ErrChanged) {
		return bad(last+1, pb.Gap_REASON_CORRUPT, "from here on it cannot be unpacked: "+in.err.Error())
	}
	return err
}

// isSeveral tells whether b is objects behind each other: releases of 2025 wrote the end of a line by itself, and
// ended before it where a turn was their last; when the rollout went on, its next line stood behind that one.
func isSeveral(b []byte) bool {
	n := 0
	for ; len(b) > 0; n++ {
		v, rest, ok := jsonvalue.Next(b)
		if !ok || !v.IsObject() {
			return false
		}
		b = rest
	}
	return n > 1
}

// maxDocument is how long a rollout may be that is one document, to be taken apart, and maxItems how much may stand in it.
const maxDocument, maxItems = 64 << 20, 1 << 20

// document calls fn for what a rollout of the first release says, which was written in TypeScript: one
// document of the session and its items. What later ones tell around them is told here, as of lines.
func (s *segment) document(only *homefiles.LineSet, bad func(no int, r pb.Gap_Reason, why string) error, fn func(no int, l *line) error) error {
	if s.f.Size() > maxDocument {
		return bad(1, pb.Gap_REASON_LIMIT, fmt.Sprintf("longer than %d MiB", maxDocument>>20))
	}
	if s.left != nil {
		*s.left -= s.f.Size()
	}
	b := s.d.GetInline()
	if s.d == nil || s.d.GetBlob() != nil {
		var err error
		if b, err = s.f.Bytes(); err != nil {
			return err
		}
	}
	session, items, no := jsonvalue.Value(nil), jsonvalue.Value(nil), 1
	whole, ok := jsonvalue.Object(b, func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "session":
			session = v
		case "items":
			items = v
		}
	})
	switch {
	case !ok || !whole.IsObject():
		return bad(no, pb.Gap_REASON_CORRUPT, fmt.Sprintf("%d bytes that are not JSON", len(b)))
	case !items.IsList():
		return bad(no, pb.Gap_REASON_CORRUPT, fmt.Sprintf("%d bytes without a list of items", len(b)))
	}
	var err error
	give := func(typ string, v jsonvalue.Value) {
		switch {
		case err != nil || no > maxItems || !only.Has(no):
		case no == maxItems:
			err = bad(no, pb.Gap_REASON_LIMIT, fmt.Sprintf("more than %d items", maxItems))
		default:
			err = fn(no, &line{typ: jsonvalue.Value(typ), payload: v, whole: v})
		}
		no++
	}
	if session.IsObject() {
		give(`"session_meta"`, session)
	}
	items.Elements(func(v jsonvalue.Value) { give(`"response_item"`, v) })
	return err
}

// unpacked remembers what broke the reading, and takes what was read from left.
type unpacked struct {
	io.Reader
	err  error
	left *int64
}

// Read reads.
func (u *unpacked) Read(b []byte) (int, error) {
	n, err := u.Reader.Read(b)
	if u.left != nil {
		*u.left -= int64(n)
	}
	if err != nil && err != io.EOF {
		u.err = err
	}
	return n, err
}
