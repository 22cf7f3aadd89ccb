package embed

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/exitramp/exitramp/internal/diskmap"
)

// Vectors is a file of vectors that were made, by the digest of their text: what was paid for once is
// not paid for again. It is only ever appended to. A vector tells something of its text to who has
// the model, so the file is for its owner alone. It is for one goroutine.
type Vectors struct {
	path  string
	file  *os.File // nil: not made yet
	model Model
	size  int64
	index *diskmap.Map // SHA-256 of a text → offset of its entry
}

const vectorsFormat = "exitramp-vectors/1"

// vectorsHead is the first line of the file. Entries follow: SHA-256 of the text, the numbers as
// little-endian float32, CRC-32C of both.
type vectorsHead struct {
	Vectors    string `json:"vectors"` // format
	Model      string `json:"model"`
	Dimensions int    `json:"dimensions"`
}

// OpenVectors opens the file at path, or makes it with the first vector. One of another model is ErrVectors. A tail that was
// torn by a crash is cut off. With the zero Model the file must be there, and says its model. With an
// empty path there is none, and nothing can be put. Close it.
func OpenVectors(path string, m Model) (_ *Vectors, err error) {
	v := &Vectors{path: path, model: m}
	if m != (Model{}) {
		if err := m.check(); err != nil {
			return nil, err
		}
	}
	if v.index, err = diskmap.New(""); err != nil {
		return nil, err
	}
	v.file, err = os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) && m != (Model{}) {
		v.file = nil
		return v, nil
	}
	if err != nil {
		v.index.Close()
		return nil, fmt.Errorf("%w: %w", ErrVectors, err)
	}
	if err := v.load(); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

func (v *Vectors) load() error {
	r := bufio.NewReaderSize(v.file, 1<<20)
	line, err := r.ReadSlice('\n')
	if errors.Is(err, io.EOF) && v.model != (Model{}) { // new, or torn before its first entry
		return v.begin()
	}
	var h vectorsHead
	if err != nil || json.Unmarshal(line, &h) != nil || h.Vectors != vectorsFormat {
		return fmt.Errorf("%w: %s is none: want a first line with %q", ErrVectors, v.path, vectorsFormat)
	}
	got := Model{h.Model, h.Dimensions}
	if err := got.check(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrVectors, v.path, err)
	}
	if v.model != (Model{}) && v.model != got {
		return fmt.Errorf("%w: %s is of another model: want %s, got %s; remove it, or give another journal", ErrVectors, v.path, v.model, got)
	}
	v.model, v.size = got, int64(len(line))
	b := make([]byte, v.entry())
	for {
		if _, err := io.ReadFull(r, b); err != nil {
			break
		}
		if !sound(b) {
			if _, err := r.Peek(1); err == nil {
				return fmt.Errorf("%w: %s is damaged at byte %d", ErrVectors, v.path, v.size)
			}
			break
		}
		if err := v.take(b); err != nil {
			return err
		}
	}
	return v.file.Truncate(v.size)
}

func (v *Vectors) begin() error {
	b, err := json.Marshal(vectorsHead{vectorsFormat, v.model.Name, v.model.Dimensions})
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if err := errors.Join(v.file.Truncate(0), v.write(b), v.file.Sync()); err != nil {
		return fmt.Errorf("%w: %w", ErrVectors, err)
	}
	v.size = int64(len(b))
	return nil
}

func (v *Vectors) write(b []byte) error {
	_, err := v.file.WriteAt(b, v.size)
	return err
}

// entry is the size of an entry in bytes.
func (v *Vectors) entry() int { return sha256.Size + 4*v.model.Dimensions + 4 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sound(b []byte) bool {
	n := len(b) - 4
	return crc32.Checksum(b[:n], castagnoli) == binary.LittleEndian.Uint32(b[n:])
}

func (v *Vectors) take(b []byte) error {
	at := binary.BigEndian.AppendUint64(nil, uint64(v.size))
	v.size += int64(len(b))
	return v.index.Put(string(b[:sha256.Size]), at)
}

// Model is what the vectors were made with.
func (v *Vectors) Model() Model { return v.model }

// Len is the number of texts that have a vector.
func (v *Vectors) Len() int { return v.index.Len() }

// Get is the vector of text; nil: it has none.
func (v *Vectors) Get(text string) ([]float32, error) {
	sum := sha256.Sum256([]byte(text))
	at, ok, err := v.index.Get(string(sum[:]))
	if err != nil || !ok {
		return nil, err
	}
	b := make([]byte, v.entry())
	if _, err := v.file.ReadAt(b, int64(binary.BigEndian.Uint64(at))); err != nil || !sound(b) || !bytes.Equal(b[:sha256.Size], sum[:]) {
		return nil, fmt.Errorf("%w: %s cannot be read as it was written", ErrVectors, v.path)
	}
	out := make([]float32, v.model.Dimensions)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[sha256.Size+4*i:]))
	}
	return out, nil
}

// Put keeps the vector of text. A killed process loses none of them; Sync is for the power.
func (v *Vectors) Put(text string, vec []float32) error {
	if why := unfit(vec, v.model.Dimensions); why != "" {
		return fmt.Errorf("%w: %s", ErrEmbedder, why)
	}
	sum := sha256.Sum256([]byte(text))
	b := append(make([]byte, 0, v.entry()), sum[:]...)
	b = append(b, littleEndian(vec)...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if v.file == nil {
		f, err := os.OpenFile(v.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrVectors, err)
		}
		v.file = f
		if err := v.begin(); err != nil {
			return err
		}
	}
	if err := v.write(b); err != nil {
		return fmt.Errorf("%w: %w", ErrVectors, err)
	}
	return v.take(b)
}

// Sync waits for the disk.
func (v *Vectors) Sync() error {
	if v.file == nil {
		return nil
	}
	return v.file.Sync()
}

// Close releases the file. It stays on disk.
func (v *Vectors) Close() error {
	var err error
	if v.file != nil {
		err = v.file.Close()
	}
	return errors.Join(err, v.index.Close())
}

// littleEndian are the bytes of v as an Embedding holds them.
func littleEndian(v []float32) []byte {
	out := make([]byte, 0, 4*len(v))
	for _, f := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
	}
	return out
}
