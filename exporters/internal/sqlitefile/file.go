package sqlitefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A file is what can be said of a database file from outside, before SQLite opens it.
type file struct {
	path     string
	size     int64
	mtime    time.Time
	header   [100]byte
	walMode  bool  // the header says write-ahead log
	wal, shm int64 // sizes of the files beside it; -1: not there
	journal  bool  // a rollback journal lies beside it

	held []*os.File // opened to look at; closed by release
}

// stat looks at path and refuses what SQLite must not be let near: with an empty main file
// it would delete the -wal that holds everything.
func stat(path string) (*file, error) {
	f := &file{path: path, wal: sizeOf(path + "-wal"), shm: sizeOf(path + "-shm"), journal: sizeOf(path+"-journal") > 0}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if strings.HasPrefix(path, "~") {
			return nil, fmt.Errorf("no file %s: ~ is the home folder before a / alone, and where HOME is set; write the path in full", path)
		}
		return nil, fmt.Errorf("no file %s: %w", path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("%w", err)
	case st.IsDir():
		return nil, fmt.Errorf("%s is a folder, not a SQLite file", path)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is a pipe or a device, not a SQLite file", path)
	}
	f.size, f.mtime = st.Size(), st.ModTime()
	if f.size == 0 {
		if f.wal > 0 {
			return nil, fmt.Errorf("%w: %s is empty, but its -wal holds %d bytes: the main file was cut or replaced; bring the right one back beside it", ErrDamaged, path, f.wal)
		}
		return f, nil
	}
	h, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	defer h.Close()
	n, err := io.ReadFull(h, f.header[:])
	if n >= 16 && string(f.header[:16]) != "SQLite format 3\x00" || n < 16 {
		return nil, fmt.Errorf("%w: %s is not a SQLite database, or is encrypted as a whole", ErrDamaged, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s ends inside its header, after %d bytes", ErrDamaged, path, n)
	}
	f.walMode = f.header[18] == 2 || f.header[19] == 2
	return f, f.whole()
}

// whole compares the file's length with the number of pages in its header. With a -wal beside it
// the header may be ahead of the file.
func (f *file) whole() error {
	page := f.page()
	pages := int64(binary.BigEndian.Uint32(f.header[28:]))
	current := bytes.Equal(f.header[24:28], f.header[92:96]) // else the page count is not kept
	if f.wal <= 0 && current && page >= 512 && f.size < page*pages {
		return fmt.Errorf("%w: %s is cut short: its header says %d pages of %d bytes, it holds %d bytes; copy it again while the application is stopped", ErrDamaged, f.path, pages, page, f.size)
	}
	return nil
}

// noWAL tells whether the header says write-ahead log and no log is there. Then nobody has the
// file open, and what a log may have held is not known.
func (f *file) noWAL() bool { return f.walMode && f.wal <= 0 && f.shm < 0 }

// tornWAL tells whether the log ends inside of one of its frames, each a header of 24 bytes and a page behind a header of
// 32. Frames have two numbers of the log's header, or they are of a time before the log began anew, and are not read.
func (f *file) tornWAL() bool {
	frame := 24 + f.page()
	if frame < 512 || f.wal <= 0 {
		return false
	}
	if f.wal < 32 {
		return true
	}
	rest := (f.wal - 32) % frame
	if rest < 16 { // too short for the numbers
		return rest > 0
	}
	h, err := os.Open(f.path + "-wal")
	if err != nil {
		return true
	}
	defer h.Close()
	var now, last [8]byte
	_, err = h.ReadAt(now[:], 16)
	_, lastErr := h.ReadAt(last[:], f.wal-rest+8)
	return err != nil || lastErr != nil || now == last
}

// page is how long the header says that a page is.
func (f *file) page() int64 {
	if page := int64(binary.BigEndian.Uint16(f.header[16:])); page != 1 {
		return page
	}
	return 65536
}

// identity changes with every change of the database: the header has a counter of transactions,
// and so has the wal-index. The files stay open until release: closing any of them drops every
// lock that this process has on it, SQLite's own too, and a writer would overwrite pages that
// are being read.
func (f *file) identity() string {
	h := sha256.New()
	for _, s := range []struct {
		suffix string
		n      int64
		times  bool
	}{{"", 100, true}, {"-wal", 32, true}, {"-shm", 48, false}} { // readers touch the rest of -shm
		st, err := os.Stat(f.path + s.suffix)
		if err != nil {
			fmt.Fprintf(h, "%s none\n", s.suffix)
			continue
		}
		if s.times {
			fmt.Fprintf(h, "%s %d %d\n", s.suffix, st.Size(), st.ModTime().UnixNano())
		}
		if r, err := os.Open(f.path + s.suffix); err == nil {
			io.CopyN(h, r, s.n)
			f.held = append(f.held, r)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// release closes what identity opened. No database may be open on the file.
func (f *file) release() {
	for _, r := range f.held {
		r.Close()
	}
	f.held = nil
}

// copyTo copies the main file and its log into dir: the last resort on media that cannot hold
// the wal-index beside them.
func (f *file) copyTo(dir string) (string, error) {
	before := f.identity()
	dst := filepath.Join(dir, "copy.sqlite")
	for _, s := range []string{"", "-wal"} {
		if err := copyFile(dst+s, f.path+s); err != nil {
			return "", fmt.Errorf("copy of %s: %w", f.path, err)
		}
	}
	if f.identity() != before {
		return "", fmt.Errorf("%w: %s", ErrChanged, f.path)
	}
	return dst, nil
}

func copyFile(dst, src string) error {
	r, err := os.Open(src)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

func sizeOf(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return st.Size()
}
