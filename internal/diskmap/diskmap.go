// Package diskmap is a map from strings to bytes that lies in a temporary file: for sets that may
// be larger than memory and are needed while one call runs.
//
// What it holds may be confidential, so the file is sealed with a key that exists in memory alone,
// and has no name where the system allows that: nothing is left of it when the process ends, however
// it ends. The index is in memory up to some one and a half million keys (48 MiB at most), beyond
// that in a second file.
package diskmap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"os"
)

// Map is the map. It is for one goroutine. Make one with New, and Close it.
type Map struct {
	dir  string
	file *temp
	seal cipher.Block
	seed maphash.Seed

	flushed int64  // bytes of the log that are in the file
	buf     []byte // its tail, not yet written, in the clear
	ahead   []byte // a stretch of what is written, in the clear, for those who ask in the order of the log
	aheadAt int64  // where that starts
	last    int64  // what was asked for last
	index   slots
	used    int // slots that are taken
	maxMem  int // slots above which the index goes into a file
}

// bufSize is how much of the log is gathered before it is written.
const bufSize = 256 << 10

// aheadSize is how much is read at one go once somebody asks in the order of the log.
const aheadSize = 32 << 10

// memSlots is how many slots, of 16 bytes, the index in memory has at most.
const memSlots = 1 << 21

// New makes an empty map with its files in dir; empty: the system's folder for temporary files.
func New(dir string) (*Map, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	seal, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	f, err := newTemp(dir)
	if err != nil {
		return nil, err
	}
	return &Map{dir: dir, file: f, seal: seal, seed: maphash.MakeSeed(), index: make(memory, 1<<10), maxMem: memSlots}, nil
}

// Close removes the files.
func (m *Map) Close() error {
	return errors.Join(m.file.close(), m.index.close())
}

// Len is the number of keys.
func (m *Map) Len() int { return m.used }

// crypt seals or opens b, which lies at off in the log. The log is only ever appended to, so no
// stretch of the key stream is used for two texts.
func (m *Map) crypt(b []byte, off int64) {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(off/aes.BlockSize))
	s := cipher.NewCTR(m.seal, iv[:])
	var skip [aes.BlockSize]byte
	s.XORKeyStream(skip[:off%aes.BlockSize], skip[:off%aes.BlockSize])
	s.XORKeyStream(b, b)
}

// Put sets key to val.
func (m *Map) Put(key string, val []byte) error {
	hash := maphash.String(m.seed, key)
	at, old, _, err := m.find(hash, key)
	if err != nil {
		return err
	}
	off := m.flushed + int64(len(m.buf))
	m.buf = binary.AppendUvarint(m.buf, uint64(len(key)))
	m.buf = binary.AppendUvarint(m.buf, uint64(len(val)))
	m.buf = append(append(m.buf, key...), val...)
	if len(m.buf) >= bufSize {
		if err := m.flush(); err != nil {
			return err
		}
	}
	if err := m.index.set(at, slot{hash, uint64(off) + 1}); err != nil {
		return err
	}
	if old.off != 0 {
		return nil
	}
	m.used++
	if m.used > m.index.size()/4*3 {
		return m.grow()
	}
	return nil
}

func (m *Map) flush() error {
	m.crypt(m.buf, m.flushed)
	if _, err := m.file.WriteAt(m.buf, m.flushed); err != nil {
		return fmt.Errorf("diskmap: %w", err)
	}
	m.flushed += int64(len(m.buf))
	m.buf = m.buf[:0]
	return nil
}

// Get is the value of key. The caller may keep it.
func (m *Map) Get(key string) (val []byte, ok bool, err error) {
	_, s, val, err := m.find(maphash.String(m.seed, key), key)
	if err != nil || s.off == 0 {
		return nil, false, err
	}
	return val, true, nil
}

// find is the slot of key: its own, or the empty one where it belongs; and its value.
func (m *Map) find(hash uint64, key string) (int, slot, []byte, error) {
	mask := m.index.size() - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		s, err := m.index.get(i)
		if err != nil || s.off == 0 {
			return i, s, nil, err
		}
		if s.hash != hash {
			continue
		}
		k, val, _, err := m.entry(int64(s.off - 1))
		if err != nil {
			return i, s, nil, err
		}
		if string(k) == key {
			return i, s, val, nil
		}
	}
}

// entry reads the log at off. next is where the entry after it starts.
func (m *Map) entry(off int64) (key, val []byte, next int64, err error) {
	head, err := m.read(off, make([]byte, 512))
	if err != nil {
		return nil, nil, 0, err
	}
	kn, a := binary.Uvarint(head)
	if a <= 0 {
		return nil, nil, 0, errors.New("diskmap: damaged entry")
	}
	vn, b := binary.Uvarint(head[a:])
	if b <= 0 {
		return nil, nil, 0, errors.New("diskmap: damaged entry")
	}
	size := a + b + int(kn) + int(vn)
	if size > len(head) {
		if head, err = m.read(off, make([]byte, size)); err != nil {
			return nil, nil, 0, err
		}
		if size > len(head) {
			return nil, nil, 0, errors.New("diskmap: entry is cut short")
		}
	}
	body := head[a+b : size]
	return body[:kn:kn], body[kn:len(body):len(body)], off + int64(size), nil
}

// read fills b from off as far as the log goes.
func (m *Map) read(off int64, b []byte) ([]byte, error) {
	if off >= m.flushed {
		return b[:copy(b, m.buf[min(off-m.flushed, int64(len(m.buf))):])], nil
	}
	n := int(min(int64(len(b)), m.flushed-off))
	if err := m.written(off, b[:n]); err != nil {
		return nil, err
	}
	return b[:n+copy(b[n:], m.buf)], nil
}

// written fills b from off of the file. What is there never changes, so a stretch that was read ahead
// stays true.
func (m *Map) written(off int64, b []byte) error {
	has := func() bool { return off >= m.aheadAt && off+int64(len(b)) <= m.aheadAt+int64(len(m.ahead)) }
	near := func(at, most int64) bool { return off >= at && off-at < most }
	if !has() && (near(m.last, aheadSize) || near(m.aheadAt, 2*aheadSize)) {
		n := int(min(aheadSize, m.flushed-off))
		if cap(m.ahead) < n {
			m.ahead = make([]byte, aheadSize)
		}
		m.ahead, m.aheadAt = m.ahead[:n], off
		if err := m.open(off, m.ahead); err != nil {
			m.ahead = m.ahead[:0]
			return err
		}
	}
	m.last = off
	if has() {
		copy(b, m.ahead[off-m.aheadAt:])
		return nil
	}
	return m.open(off, b)
}

// open fills b from the file, in the clear.
func (m *Map) open(off int64, b []byte) error {
	if _, err := m.file.ReadAt(b, off); err != nil {
		return fmt.Errorf("diskmap: %w", err)
	}
	m.crypt(b, off)
	return nil
}

// All yields keys and values in the order in which each key got its present value. The map must not
// change meanwhile. A non-nil error is the last.
func (m *Map) All() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		end := m.flushed + int64(len(m.buf))
		for off := int64(0); off < end; {
			key, val, next, err := m.entry(off)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			k, v := string(key), val
			_, s, _, err := m.find(maphash.String(m.seed, k), k)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if int64(s.off-1) == off && !yield(Entry{k, v}, nil) {
				return
			}
			off = next
		}
	}
}

// Entry is a key and its value.
type Entry struct {
	Key   string
	Value []byte
}

// grow doubles the index.
func (m *Map) grow() error {
	old := m.index
	size := old.size() * 2
	var next slots = make(memory, 0)
	if size <= m.maxMem {
		next = make(memory, size)
	} else {
		f, err := newTemp(m.dir)
		if err != nil {
			return err
		}
		if err := f.Truncate(int64(size) * slotSize); err != nil {
			return errors.Join(err, f.close())
		}
		next = &onDisk{f, size}
	}
	for i := range old.size() {
		s, err := old.get(i)
		if err != nil {
			return errors.Join(err, next.close())
		}
		if s.off == 0 {
			continue
		}
		at := int(s.hash) & (size - 1)
		for {
			o, err := next.get(at)
			if err != nil {
				return errors.Join(err, next.close())
			}
			if o.off == 0 {
				break
			}
			at = (at + 1) & (size - 1)
		}
		if err := next.set(at, s); err != nil {
			return errors.Join(err, next.close())
		}
	}
	m.index = next
	return old.close()
}

// slot is a hash and one more than the place of its entry in the log; 0: empty.
type slot struct{ hash, off uint64 }

const slotSize = 16

// slots is an index. Its size is a power of two.
type slots interface {
	size() int
	get(i int) (slot, error)
	set(i int, s slot) error
	close() error
}

type memory []slot

func (m memory) size() int               { return len(m) }
func (m memory) get(i int) (slot, error) { return m[i], nil }
func (m memory) set(i int, s slot) error { m[i] = s; return nil }
func (m memory) close() error            { return nil }

type onDisk struct {
	*temp
	n int
}

func (d *onDisk) size() int { return d.n }

func (d *onDisk) get(i int) (slot, error) {
	var b [slotSize]byte
	if _, err := d.ReadAt(b[:], int64(i)*slotSize); err != nil && !errors.Is(err, io.EOF) {
		return slot{}, fmt.Errorf("diskmap: %w", err)
	}
	return slot{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}, nil
}

func (d *onDisk) set(i int, s slot) error {
	var b [slotSize]byte
	binary.LittleEndian.PutUint64(b[:8], s.hash)
	binary.LittleEndian.PutUint64(b[8:], s.off)
	if _, err := d.WriteAt(b[:], int64(i)*slotSize); err != nil {
		return fmt.Errorf("diskmap: %w", err)
	}
	return nil
}

// temp is a file that goes away with the process.
type temp struct {
	*os.File
	named bool // the system keeps the name of an open file
}

func newTemp(dir string) (*temp, error) {
	f, err := os.CreateTemp(dir, "exitramp-*.tmp")
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
