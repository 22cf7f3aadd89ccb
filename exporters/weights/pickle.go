package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path"
	"strings"

	"github.com/exitramp/exitramp/internal/lazyre"
)

const whyPickle = "may be a pickle, and loading one can run a program: it is not opened; convert it to safetensors"

// pickled tells whether a file of this name may be a pickle, or hold one, compressed or not.
func pickled(rel string) bool {
	ext := strings.ToLower(path.Ext(rel))
	switch ext {
	case ".gz", ".bz2", ".xz", ".lzma", ".lz4", ".zst", ".z":
		ext = strings.ToLower(path.Ext(rel[:len(rel)-len(ext)]))
	}
	switch ext {
	case ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".dill", ".joblib", ".mar", ".nemo", ".pdparams", ".pdopt":
		return true
	}
	return false
}

// maxEntries is how many files of a ZIP file are looked at: one of more is taken for one with a pickle.
const maxEntries = 100_000

// old is how a pickle of before protocol 2 begins: with a dictionary or list and a place to remember it, or with what is to be loaded.
var old = lazyre.New(`^(?:\([dlt]?p[0-9]+\n|[}\])]q\x00|c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n)`)

// pickle tells whether x begins as a pickle does, or holds one, whatever it is called: PyTorch writes ZIP files with
// one in it, NumPy arrays whose elements are objects.
func (x *file) pickle() bool {
	b := x.head8
	switch {
	case len(b) > 1 && b[0] == 0x80 && b[1] >= 1 && b[1] <= 5:
		return !x.sizeLike()
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return x.zipped()
	case bytes.HasPrefix(b, []byte("\x93NUMPY")):
		b, err := x.head(min(x.size, maxArrayHeader))
		return err != nil || objects(b)
	case len(b) > 1 && bytes.IndexByte([]byte("c(}])"), b[0]) >= 0 && text(x.rel) == "":
		b, err := x.head(min(x.size, 512))
		return err == nil && old().Match(b) && x.endsIn('.')
	}
	return false
}

// endsIn tells what the last byte of x is.
func (x *file) endsIn(c byte) bool {
	h, err := os.Open(x.path)
	if err != nil {
		return false
	}
	defer h.Close()
	b := make([]byte, 1)
	_, err = h.ReadAt(b, x.size-1)
	return err == nil && b[0] == c
}

// zipped tells whether a ZIP file has a pickle in it, by the names of its files and by what its arrays hold. One without
// a directory that can be read is judged by its first entry, which has its name behind 30 bytes.
func (x *file) zipped() bool {
	h, err := os.Open(x.path)
	if err != nil {
		return true
	}
	defer h.Close()
	z, err := zip.NewReader(h, x.size)
	if err != nil {
		b, err := x.head(min(x.size, 30+256))
		if err != nil || len(b) < 30 {
			return false
		}
		return pickled(string(b[30:min(len(b), 30+int(binary.LittleEndian.Uint16(b[26:])))]))
	}
	if len(z.File) > maxEntries {
		return true
	}
	for _, f := range z.File {
		if pickled(f.Name) || strings.HasSuffix(strings.ToLower(f.Name), ".npy") && objectsIn(f) {
			return true
		}
	}
	return false
}

// maxArrayHeader is how much of an array of NumPy is looked at for its type.
const maxArrayHeader = 64 << 10

// objectsIn tells whether an array in a ZIP file holds objects, or may.
func objectsIn(f *zip.File) bool {
	r, err := f.Open()
	if err != nil {
		return true
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxArrayHeader))
	return err != nil || objects(b)
}

// object is a type of Python objects, as a value: |O as NumPy writes it, |O8 as older releases did, or as it reads it
// besides. What stands behind a parenthesis is the name of a field.
var object = lazyre.New(`[,:]\s*["'](?:[|<>=]?O[0-9]*|object_?)["']`)

// objects tells whether the array of NumPy that begins with b holds Python objects, which are a pickle, or does not say
// what it holds.
func objects(b []byte) bool {
	n := 10
	switch {
	case len(b) < 12 || b[6] > 3:
		return true
	case b[6] == 1:
		n += int(binary.LittleEndian.Uint16(b[8:]))
	default:
		n = 12 + int(binary.LittleEndian.Uint32(b[8:]))
	}
	if n > len(b) || n < 0 {
		return true
	}
	return !bytes.Contains(b[:n], []byte("descr")) || bytes.IndexByte(b[10:n], '\\') >= 0 || object().Match(b[:n])
}
