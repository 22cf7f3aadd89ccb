package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// swap FILE OLD NEW: puts NEW where OLD is in a file, everywhere; both are of one length.
func swap(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if len(args[1]) != len(args[2]) || !bytes.Contains(b, []byte(args[1])) {
		ts.Fatalf("%s does not hold %q, or %q is of another length", args[0], args[1], args[2])
	}
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(b, []byte(args[1]), []byte(args[2])), 0o644))
}

// nowhere WORD PATH…: no file at or below the paths holds the word: not as it is, in hexadecimal or
// base64, nor compressed in a member of an archive. With ! before it: one does.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	for _, p := range args[1:] {
		where, err := holds(ts.MkAbs(p), args[0])
		ts.Check(err)
		if (where != "") != neg {
			ts.Fatalf("%q is in %q", args[0], where)
		}
	}
}

// holds is the first file at or below path that holds word; empty: none.
func holds(path, word string) (where string, err error) {
	forms := spelled(word)
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || where != "" {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		found, err := inside(b, forms)
		if found {
			where = p
		}
		return err
	})
	return where, err
}

// spelled is word in the ways in which a file may hold it.
func spelled(word string) [][]byte {
	out := [][]byte{[]byte(word), []byte(hex.EncodeToString([]byte(word)))}
	for lead := range 3 { // what stands before it shifts base64 by so many bytes
		enc := base64.RawStdEncoding.EncodeToString(append(make([]byte, lead), word...))
		skip := []int{0, 2, 3}[lead]
		out = append(out, []byte(enc[skip:len(enc)-1]))
	}
	return out
}

func inside(b []byte, forms [][]byte) (bool, error) {
	for _, f := range forms {
		if bytes.Contains(b, f) {
			return true, nil
		}
	}
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return false, nil // a part that is no archive yet: its bytes were looked at
		}
		for _, m := range z.File {
			r, err := m.Open()
			if err != nil {
				return false, err
			}
			body, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				return false, err
			}
			if found, err := inside(body, forms); found || err != nil {
				return found, err
			}
		}
	case bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(nil)
		if err != nil {
			return false, err
		}
		defer d.Close()
		raw, err := d.DecodeAll(b, nil)
		if err != nil {
			return false, err
		}
		return inside(raw, forms)
	}
	return false, nil
}

// What looks for canaries finds them.
func TestHolds(t *testing.T) {
	dir := t.TempDir()
	const canary = "canary-in-a-mine"
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	m, err := w.Create("x")
	if err != nil {
		t.Fatal(err)
	}
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Write(e.EncodeAll([]byte("here is a "+canary+", deep"), nil)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"plain": "a " + canary + ".", "hex": hex.EncodeToString([]byte("xx" + canary)), "base64-0": base64.StdEncoding.EncodeToString([]byte(canary + "y")),
		"base64-1": base64.StdEncoding.EncodeToString([]byte("abcd" + canary + "y")), "base64-2": base64.StdEncoding.EncodeToString([]byte("ab" + canary)), "zip": z.String(),
	} {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if where, err := holds(p, canary); err != nil || where != p {
			t.Errorf("%s: found in %q: %v", name, where, err)
		}
		if where, err := holds(p, "another-canary"); err != nil || where != "" {
			t.Errorf("%s: found in %q: %v", name, where, err)
		}
	}
}
