// Package homefiles writes the files of runtimes that keep their state in a home folder: each under
// another name until all are there, none through a symbolic link, none over another file. It reads
// their JSON lines in bounded memory.
//
// Its errors have no package prefix: the driver that uses it adds its own.
package homefiles

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/syncdir"
)

// ErrChanged: a file is another one than a moment ago.
var ErrChanged = agentstate.ErrChanged

// A Writer writes the files of one run below Root.
type Writer struct {
	Root string
	Run  *replay.Run

	files []file
	swept map[string]bool // folders without files of earlier attempts
	last  string          // the file that lines are put behind; empty: none
	open  *os.File
	out   *bufio.Writer
}

// A file is one on its way.
type file struct{ tmp, path string }

// Local tells whether rel, with slashes, stays below a root.
func Local(rel string) bool {
	return filepath.IsLocal(filepath.FromSlash(rel)) && !strings.ContainsAny(rel, "\x00\\") && filepath.ToSlash(filepath.Clean(rel)) == rel
}

// Fold is rel as file systems compare names that take no notice of upper case: equal ones may be one file.
func Fold(rel string) string { return strings.ToLower(strings.ToUpper(rel)) }

// Inside is the path of rel below root. A symbolic link on the way is an error.
func Inside(root, rel string) (string, error) {
	if !Local(rel) {
		return "", fmt.Errorf("%.100q leads out of the folder", rel)
	}
	root = filepath.Clean(root)
	p := filepath.Join(root, filepath.FromSlash(rel))
	for at := p; len(at) > len(root); at = filepath.Dir(at) {
		if st, err := os.Lstat(at); err == nil && st.Mode()&fs.ModeSymlink != 0 {
			return "", fmt.Errorf("%s is a symbolic link; exitramp does not write through it", at)
		}
	}
	return p, nil
}

// Put writes the file that r was to rel, with this time (zero: now). What is there alike is Same,
// what is there otherwise is Conflict.
func (w *Writer) Put(ctx context.Context, r agentstate.Record, rel string, at time.Time) (replay.Receipt, error) {
	key, d := r.GetMeta().GetKey(), DataOf(r)
	path, err := Inside(w.Root, rel)
	if err != nil {
		return replay.Receipt{Action: replay.Refused, Why: err.Error()}, nil
	}
	body := io.NopCloser(bytes.NewReader(d.GetInline()))
	if b := d.GetBlob(); b != nil {
		if body, err = w.Run.Source.OpenBlob(ctx, b); err != nil {
			return replay.Receipt{}, err
		}
	}
	defer body.Close()
	rc := replay.Receipt{Action: replay.Created, Target: key}
	if _, err := os.Lstat(path); err == nil {
		if rc.Version, err = digest(body); err != nil {
			return replay.Receipt{}, err
		}
		have, err := fileDigest(path)
		switch {
		case err != nil:
			return replay.Receipt{}, err
		case have != rc.Version:
			return replay.Receipt{Action: replay.Conflict, Why: "the home holds another file of this name"}, nil
		case !w.Run.Doubts(key):
			rc.Action = replay.Same
		}
		return rc, nil
	}
	if w.Run.DryRun {
		rc.Version, err = digest(body)
		return rc, err
	}
	tmp, err := w.Temp(path)
	if err != nil {
		return replay.Receipt{}, err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(tmp, h), body)
	rc.Version = sum(h)
	err = errors.Join(err, tmp.Chmod(modeOf(r)), tmp.Sync(), tmp.Close())
	if err == nil && !at.IsZero() {
		err = os.Chtimes(tmp.Name(), at, at)
	}
	return rc, err
}

// Temp makes the file that becomes path with Commit.
func (w *Writer) Temp(path string) (*os.File, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if !w.swept[dir] {
		if err := SweepIn(dir, w.Run.ID); err != nil {
			return nil, err
		}
		if w.swept == nil {
			w.swept = map[string]bool{}
		}
		w.swept[dir] = true
	}
	tmp, err := Temp(dir, w.Run.ID)
	if err == nil {
		w.files = append(w.files, file{tmp.Name(), path})
	}
	return tmp, err
}

// Line puts v as a JSON line behind the file that Temp made and somebody closed. One file is open at
// a time.
func (w *Writer) Line(tmp string, v any) error {
	if w.last != tmp {
		if err := w.end(); err != nil {
			return err
		}
		f, err := os.OpenFile(tmp, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		w.last, w.open, w.out = tmp, f, bufio.NewWriter(f)
	}
	e := json.NewEncoder(w.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (w *Writer) end() error {
	if w.open == nil {
		return nil
	}
	f := w.open
	w.open, w.last = nil, ""
	return errors.Join(w.out.Flush(), f.Sync(), f.Close())
}

// Deferred: nothing is in the home before Commit.
func (w *Writer) Deferred() bool { return true }

// Commit gives each file its name. A run that is broken off in between goes on with the same journal.
func (w *Writer) Commit(context.Context) error {
	if err := w.end(); err != nil {
		return err
	}
	for len(w.files) > 0 {
		x := w.files[0]
		if err := syncdir.Place(x.tmp, x.path); errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %s appeared", ErrChanged, x.path)
		} else if err != nil {
			return err
		}
		w.files = w.files[1:]
	}
	return nil
}

// Close gives up what was not committed.
func (w *Writer) Close() error {
	w.end()
	for _, x := range w.files {
		os.Remove(x.tmp)
	}
	w.files = nil
	return nil
}

// Remove removes path, and the folders below root that are empty then.
func Remove(root, path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	Prune(root, filepath.Dir(path))
	return nil
}

// fileDigest marks the bytes of a file.
func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return digest(f)
}

func digest(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return sum(h), err
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }

// EachLine calls fn for every line of r, newline included. A line of more than limit bytes comes as
// nil. The line is valid during the call.
func EachLine(r io.Reader, limit int, fn func(no int, line []byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var long []byte // a line that is longer than the buffer
	for no := 1; ; no++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long[:0], line...)
			n := len(line)
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = in.ReadSlice('\n')
				if n += len(line); n > limit {
					continue
				}
				if cap(long) < n { // append alone would grow it in smaller steps, and leave more behind
					long = append(make([]byte, 0, min(2*n, limit)), long...)
				}
				long = append(long, line...)
			}
			if line = long; n > limit {
				line = nil
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		end := err != nil
		if end && line != nil && len(line) == 0 {
			return nil
		}
		if err := fn(no, line); err != nil || end {
			return err
		}
	}
}

// UUID makes an id in the form of a UUID out of name: the same for the same name.
func UUID(name string) string {
	h := sha256.Sum256([]byte(name))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8: made of a digest
	s := hex.EncodeToString(h[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
