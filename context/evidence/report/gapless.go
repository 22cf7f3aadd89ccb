package report

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Signatures in a ZIP, as a reader of numbers sees them.
const (
	zipFile  = 0x04034b50 // before each file
	zipSizes = 0x08074b50 // behind one, where its sizes were not known before
	zipEntry = 0x02014b50 // of the directory
	zipEnd64 = 0x06064b50
	zipEnd   = 0x06054b50

	zipEndSize   = 22
	zipEnd64Size = 56 + 20 // with the record that says where it is
)

// gapless is nil where a ZIP is its files, one behind the other under the names of its directory, the directory and its
// end, and nothing else: no bytes before, between or behind them, and no comment. Programs that read from the front see
// what programs that read the directory do not.
func gapless(r io.ReaderAt, size int64, z *zip.Reader) error {
	files := map[int64]*zip.File{}
	for _, f := range z.File {
		at, err := f.DataOffset()
		if err != nil {
			return err
		}
		if files[at] != nil {
			return fmt.Errorf("%.100q and %.100q lie at one place", f.Name, files[at].Name)
		}
		if f.Comment != "" {
			return fmt.Errorf("%.100q has a comment", f.Name)
		}
		files[at] = f
	}
	pos := int64(0)
	for len(files) > 0 {
		head := bytesAt(r, pos, 30)
		if number(head) != zipFile {
			return errors.New("there are bytes before, or between, its files")
		}
		names := int(binary.LittleEndian.Uint16(head[26:]))
		at := pos + 30 + int64(names) + int64(binary.LittleEndian.Uint16(head[28:]))
		f := files[at]
		if f == nil || string(bytesAt(r, pos+30, names)) != f.Name {
			return errors.New("it holds a file that its directory does not name, or names otherwise")
		}
		delete(files, at)
		if f.CompressedSize64 > uint64(size-at) {
			return fmt.Errorf("%.100q is cut off", f.Name)
		}
		pos = behind(r, at+int64(f.CompressedSize64), f)
	}
	end := bytesAt(r, size-zipEndSize, zipEndSize)
	if number(end) != zipEnd || end[20] != 0 || end[21] != 0 {
		return errors.New("there is a comment, or there are bytes after its end")
	}
	for range z.File {
		e := bytesAt(r, pos, 46)
		if number(e) != zipEntry {
			return errors.New("there are bytes between its files and its directory, or in that")
		}
		for i := 28; i < 34; i += 2 { // name, more, comment
			pos += int64(binary.LittleEndian.Uint16(e[i:]))
		}
		pos += 46
	}
	switch rest := size - zipEndSize - pos; {
	case rest == 0, rest == zipEnd64Size && number(bytesAt(r, pos, 4)) == zipEnd64:
		return nil
	}
	return errors.New("there are bytes between its directory and its end")
}

// behind is where f ends whose bytes end at pos: there may be its sizes, in one of four forms.
func behind(r io.ReaderAt, pos int64, f *zip.File) int64 {
	if f.Flags&8 == 0 {
		return pos
	}
	if number(bytesAt(r, pos, 4)) == zipSizes {
		pos += 4
	}
	pos += 4 // its checksum
	long := bytesAt(r, pos, 20)
	next := number(long[16:])
	if binary.LittleEndian.Uint64(long) == f.CompressedSize64 && binary.LittleEndian.Uint64(long[8:]) == f.UncompressedSize64 && (next == zipFile || next == zipEntry) {
		return pos + 16
	}
	return pos + 8
}

// bytesAt is n bytes at pos; what is not there is 0.
func bytesAt(r io.ReaderAt, pos int64, n int) []byte {
	b := make([]byte, n)
	_, _ = r.ReadAt(b, max(pos, 0)) // whoever asks compares
	return b
}

func number(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
