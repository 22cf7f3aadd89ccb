package mcpmemory

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// A line is one line of the file, without the newline.
type line struct {
	no, off, size int64
	text          []byte   // whole, up to maxLine bytes; else its start
	mark          bool     // a byte order mark stood before it, which is not in text
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

// byteOrderMark is what some editors put before a text. With one before an object the server refuses the
// file.
const byteOrderMark = "\ufeff"

// eachLine calls fn for every piece between newlines: a file that ends with one has an empty last
// piece. The line is valid during the call.
func eachLine(ctx context.Context, r io.Reader, fn func(*line) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	l := &line{no: 1}
	if b, err := in.Peek(len(byteOrderMark) + 1); err == nil && string(b[:len(b)-1]) == byteOrderMark && b[len(b)-1] == '{' {
		if _, err := in.Discard(len(byteOrderMark)); err != nil {
			return err
		}
		l.mark, l.off = true, int64(len(byteOrderMark))
	}
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
		l.no, l.size, l.text, l.mark = l.no+1, 0, nil, false
	}
}

// A piece is how many lines, and bytes of them, are parsed at once.
const (
	pieceLines = 256
	pieceBytes = 1 << 16
)

// eachPiece calls fn for one piece after the other. The lines are fn's to keep.
func eachPiece(ctx context.Context, r io.Reader, fn func([]line) error) error {
	var lines []line
	var texts []byte
	err := eachLine(ctx, r, func(l *line) error {
		if len(lines) == pieceLines || len(texts)+len(l.text) > cap(texts) {
			if lines != nil {
				if err := fn(lines); err != nil {
					return err
				}
			}
			lines, texts = make([]line, 0, pieceLines), make([]byte, 0, max(pieceBytes, len(l.text)))
		}
		at := len(texts)
		texts = append(texts, l.text...)
		lines = append(lines, *l)
		lines[len(lines)-1].text = texts[at:len(texts):len(texts)]
		return nil
	})
	if err == nil && lines != nil {
		err = fn(lines)
	}
	return err
}
