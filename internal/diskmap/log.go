package diskmap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/exitramp/exitramp/internal/scratch"
)

// log is the entries one after another, in a sealed file that is only ever appended to: what was read
// of it stays true.
type log struct {
	file    *temp
	seal    cipher.Block
	flushed int64   // bytes that are in the file
	buf     []byte  // its tail, not yet written, in the clear
	marks   []int64 // where an entry begins, one in each stretch of backSize: who reads backward begins there

	readers [4]reader // those who ask in the order of the log
	clock   uint64
	loose   []byte // what was read for nobody in particular

	at, next int64 // of the entry that was found last
	val      []byte
}

// reader is somebody who asks for entries in order: what follows is read ahead, in the clear.
type reader struct {
	next    int64 // where the entry after the last one is
	streak  bool  // the last one was where it was awaited
	ahead   []byte
	aheadAt int64
	used    uint64
}

const (
	bufSize   = 256 << 10 // how much is gathered before it is written
	aheadSize = 32 << 10  // how much is read at one go once somebody asks in order
	looseSize = 512       // and else
	backSize  = 64 << 10  // and by who reads backward
)

var errDamaged = errors.New("diskmap: damaged entry")

func (l *log) open(dir string) error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	var err error
	if l.seal, err = aes.NewCipher(key); err != nil {
		return err
	}
	l.file, err = newTemp(dir)
	return err
}

func (l *log) size() int64 { return l.flushed + int64(len(l.buf)) }

// append adds an entry, and tells where it is.
func (l *log) append(key string, val []byte) (int64, error) {
	off := l.size()
	if n := len(l.marks); n == 0 || off >= l.marks[n-1]+backSize {
		l.marks = append(l.marks, off)
	}
	l.buf = binary.AppendUvarint(l.buf, uint64(len(key)))
	l.buf = binary.AppendUvarint(l.buf, uint64(len(val)))
	l.buf = append(append(l.buf, key...), val...)
	if len(l.buf) < bufSize {
		return off, nil
	}
	l.crypt(l.buf, l.flushed)
	if _, err := l.file.WriteAt(l.buf, l.flushed); err != nil {
		return 0, fmt.Errorf("diskmap: %w", err)
	}
	l.flushed += int64(len(l.buf))
	if l.buf = l.buf[:0]; cap(l.buf) > 4*bufSize {
		l.buf = nil
	}
	return off, nil
}

// crypt seals or opens b, which lies at off. The log is only ever appended to, so no stretch of the
// key stream is used for two texts.
func (l *log) crypt(b []byte, off int64) {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(off/aes.BlockSize))
	s := cipher.NewCTR(l.seal, iv[:])
	var skip [aes.BlockSize]byte
	s.XORKeyStream(skip[:off%aes.BlockSize], skip[:off%aes.BlockSize])
	s.XORKeyStream(b, b)
}

// following is the value of key where one of the readers awaits it: true only where no key was put
// twice.
func (l *log) following(key string) ([]byte, bool) {
	for i := range l.readers {
		r := &l.readers[i]
		if !r.streak || r.next >= l.size() {
			continue
		}
		k, val, next, err := l.entryFor(r, r.next)
		if err != nil || string(k) != key { // an error comes again by the index
			continue
		}
		l.clock++
		r.next, r.used = next, l.clock
		return val, true
	}
	return nil, false
}

// is tells whether the entry at off is that of key.
func (l *log) is(off int64, key string) (bool, error) {
	k, val, next, err := l.entry(off)
	if err != nil || string(k) != key {
		return false, err
	}
	l.at, l.next, l.val = off, next, val
	return true, nil
}

// found is the value of the entry that is found last. Who asked for it becomes a reader.
func (l *log) found() []byte {
	r := l.near(l.at)
	if r == nil {
		r = &l.readers[0]
		for i := range l.readers {
			if l.readers[i].used < r.used {
				r = &l.readers[i]
			}
		}
	}
	l.clock++
	r.streak, r.next, r.used = r.next == l.at, l.next, l.clock
	return l.val
}

// near is the reader that is not far before off; nil: none.
func (l *log) near(off int64) *reader {
	for i := range l.readers {
		if r := &l.readers[i]; r.used > 0 && off >= r.next && off-r.next < aheadSize {
			return r
		}
	}
	return nil
}

// entry reads the entry at off. next is where the one after it starts. What it returns is good until
// the next call.
func (l *log) entry(off int64) (key, val []byte, next int64, err error) {
	return l.entryFor(l.near(off), off)
}

func (l *log) entryFor(r *reader, off int64) (key, val []byte, next int64, err error) {
	b, err := l.view(r, off, looseSize)
	if err != nil {
		return nil, nil, 0, err
	}
	kn, i := binary.Uvarint(b)
	if i <= 0 {
		return nil, nil, 0, errDamaged
	}
	vn, j := binary.Uvarint(b[i:])
	if j <= 0 || kn > uint64(l.size()) || vn > uint64(l.size()) {
		return nil, nil, 0, errDamaged
	}
	size := i + j + int(kn) + int(vn)
	if size > len(b) {
		if b, err = l.view(r, off, size); err != nil {
			return nil, nil, 0, err
		}
		if size > len(b) {
			return nil, nil, 0, errDamaged
		}
	}
	body := b[i+j : size]
	return body[:kn:kn], body[kn:len(body):len(body)], off + int64(size), nil
}

// view is what is at off, n bytes or more, or as far as the log goes: good until the next call.
func (l *log) view(r *reader, off int64, n int) ([]byte, error) {
	if off >= l.flushed {
		return l.buf[min(off-l.flushed, int64(len(l.buf))):], nil
	}
	for i := range l.readers {
		a := &l.readers[i]
		if at := off - a.aheadAt; at >= 0 && at+int64(n) <= int64(len(a.ahead)) {
			return a.ahead[at:], nil
		}
	}
	if r != nil && n < aheadSize {
		if r.ahead == nil {
			r.ahead = make([]byte, aheadSize)
		}
		r.aheadAt, r.ahead = off, r.ahead[:aheadSize]
		got, err := l.read(r.ahead, off)
		r.ahead = r.ahead[:got]
		return r.ahead, err
	}
	if cap(l.loose) < n || cap(l.loose) > max(n, 1<<20) {
		l.loose = make([]byte, n)
	}
	got, err := l.read(l.loose[:n], off)
	return l.loose[:got], err
}

// read fills b from off, in the clear, as far as the log goes.
func (l *log) read(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), l.flushed-off))
	if _, err := l.file.ReadAt(b[:n], off); err != nil {
		return 0, fmt.Errorf("diskmap: %w", err)
	}
	l.crypt(b[:n], off)
	return n + copy(b[n:], l.buf), nil
}

// temp is a file that goes away with the process.
type temp struct {
	*os.File
	named bool // the system keeps the name of an open file
}

func newTemp(dir string) (*temp, error) {
	f, err := scratch.File(dir, "exitramp-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("diskmap: %w", err)
	}
	return &temp{f, os.Remove(f.Name()) != nil}, nil
}

func (t *temp) close() error {
	err := t.Close()
	if t.named {
		err = errors.Join(err, os.Remove(t.Name()))
	}
	return err
}
