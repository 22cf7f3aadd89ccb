// Package diskmap is a map from strings to bytes that lies in a temporary file: for sets that may
// be larger than memory and are needed while one call runs.
//
// What it holds may be confidential, so the file is sealed with a key that exists in memory alone,
// and has no name where the system allows that: nothing is left of it when the process ends, however
// it ends. Of the index 2 MiB are in memory, and 10 bits a key; the rest is in files of its own, which
// hold hashes and no keys. Who asks for keys in the order in which they were put needs no index.
package diskmap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"iter"
	"slices"
)

// Map is the map. It is for one goroutine. Make one with New, and Close it.
type Map struct {
	log   log
	index index
	seed  maphash.Seed
	used  int  // keys
	again bool // some key was put twice: what follows in the log may be out of date
}

// New makes an empty map with its files in dir; empty: the system's folder for temporary files.
func New(dir string) (*Map, error) {
	m := &Map{seed: maphash.MakeSeed(), index: index{dir: dir, recent: make([]slot, firstSlots), most: mostSlots}}
	if err := m.log.open(dir); err != nil {
		return nil, err
	}
	return m, nil
}

// Close removes the files.
func (m *Map) Close() error { return errors.Join(m.log.file.close(), m.index.close()) }

// Len is the number of keys.
func (m *Map) Len() int { return m.used }

// Put sets key to val.
func (m *Map) Put(key string, val []byte) error {
	_, err := m.set(key, val, true)
	return err
}

// Add is Put for a key that has no value; false: it has one, and keeps it.
func (m *Map) Add(key string, val []byte) (added bool, err error) { return m.set(key, val, false) }

func (m *Map) set(key string, val []byte, over bool) (done bool, err error) {
	hash := maphash.String(m.seed, key)
	at, had, err := m.find(hash, key)
	if err != nil || had && !over {
		return false, err
	}
	off, err := m.log.append(key, val)
	if err != nil {
		return false, err
	}
	if had {
		m.again = true
	} else {
		m.used++
	}
	return true, m.index.set(at, slot{hash, uint64(off) + 1})
}

// Get is the value of key. The caller may keep it.
func (m *Map) Get(key string) (val []byte, ok bool, err error) {
	val, ok, err = m.View(key)
	return bytes.Clone(val), ok, err
}

// View is Get for who is done with the value before the next call of any method.
func (m *Map) View(key string) (val []byte, ok bool, err error) {
	if !m.again {
		if val, ok := m.log.following(key); ok {
			return val, true, nil
		}
	}
	_, ok, err = m.find(maphash.String(m.seed, key), key)
	if err != nil || !ok {
		return nil, false, err
	}
	return m.log.found(), true, nil
}

// find looks for key. at is its place among the recent slots, or the empty one where it belongs. The log
// is at the entry then.
func (m *Map) find(hash uint64, key string) (at int, ok bool, err error) {
	mask := len(m.index.recent) - 1
	for at = int(hash) & mask; m.index.recent[at].off != 0; at = (at + 1) & mask {
		if s := m.index.recent[at]; s.hash == hash {
			if ok, err := m.log.is(int64(s.off-1), key); err != nil || ok {
				return at, ok, err
			}
		}
	}
	for i := len(m.index.runs) - 1; i >= 0; i-- {
		offs, err := m.index.runs[i].lookup(hash)
		if err != nil {
			return at, false, err
		}
		for _, off := range offs {
			if ok, err := m.log.is(int64(off-1), key); err != nil || ok {
				return at, ok, err
			}
		}
	}
	return at, false, nil
}

// All yields keys and values in the order in which each key got its present value. The map must not
// change meanwhile. A non-nil error is the last.
func (m *Map) All() iter.Seq2[Entry, error] { return m.between(0, m.log.size()) }

// Backward is All from the last one to the first.
func (m *Map) Backward() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		end := m.log.size()
		for _, from := range slices.Backward(m.log.marks) {
			var stretch []Entry
			for x, err := range m.between(from, end) {
				if err != nil {
					yield(Entry{}, err)
					return
				}
				stretch = append(stretch, x)
			}
			for _, x := range slices.Backward(stretch) {
				if !yield(x, nil) {
					return
				}
			}
			end = from
		}
	}
}

// between is All for a stretch of the log.
func (m *Map) between(off, end int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for off := off; off < end; {
			key, val, next, err := m.log.entry(off)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			x := Entry{string(key), bytes.Clone(val)}
			m.log.at, m.log.next = off, next
			m.log.found() // who comes for the next one
			present := true
			if m.again {
				if _, _, err := m.find(maphash.String(m.seed, x.Key), x.Key); err != nil {
					yield(Entry{}, err)
					return
				}
				present = m.log.at == off
			}
			if present && !yield(x, nil) {
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

// slot is a hash and one more than the place of its entry in the log; 0: empty.
type slot struct{ hash, off uint64 }

const slotSize = 16

func (s slot) append(b []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, s.hash), s.off)
}

func slotOf(b []byte) slot {
	return slot{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}
