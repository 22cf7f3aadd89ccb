package report

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// packed is a statement as a drill packs it.
func packed(t *testing.T, st *evidence.Statement, bundle []byte) ([]byte, []byte) {
	t.Helper()
	files, err := Artifacts(st)
	if err != nil {
		t.Fatal(err)
	}
	Attach(st, files)
	payload, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := Pack(&buf, payload, bundle, files); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), payload
}

func open(raw []byte) (*Packed, error) { return OpenPack(bytes.NewReader(raw), int64(len(raw))) }

func TestPack(t *testing.T) {
	raw, payload := packed(t, full(), []byte("{}"))
	again, _ := packed(t, full(), []byte("{}"))
	if !bytes.Equal(raw, again) {
		t.Error("two packs of one statement differ")
	}
	p, err := open(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.Statement, payload) || string(p.Bundle) != "{}" {
		t.Error("the statement or its bundle is another one")
	}
	st, err := evidence.ParseStatement(bytes.NewReader(p.Statement), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(st); err != nil {
		t.Fatal(err)
	}
	change := func(name string, do func(*Packed)) {
		p, err := open(raw)
		if err != nil {
			t.Fatal(err)
		}
		do(p)
		if err := p.Check(st); !errors.Is(err, ErrDigest) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	change("a file changed", func(p *Packed) { p.Files[3].Data = append(p.Files[3].Data, ' ') })
	change("a file missing", func(p *Packed) { p.Files = p.Files[1:] })
	change("a file more", func(p *Packed) { p.Files = append(p.Files, File{"more.html", nil}) })
	change("a file under another name", func(p *Packed) { p.Files[0].Name = "x" })
}

// TestPackedAnew: who takes a pack apart and packs it again has the same one: with an entry for each folder, and with
// the folder that it was taken apart into.
func TestPackedAnew(t *testing.T) {
	raw, _ := packed(t, full(), []byte("{}"))
	want, err := open(raw)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"", "q4/"} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range []string{folder, folder + "csv/"} {
			if name != "" {
				if _, err := w.Create(name); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			to, err := w.Create(folder + f.Name)
			if err == nil {
				_, err = io.Copy(to, r)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		got, err := open(b.Bytes())
		if err != nil || !reflect.DeepEqual(want, got) { // megabytes: a diff of them takes a second
			t.Errorf("in %q: %v, or it has other files", folder, err)
		}
	}
}

func TestOpenPackHostile(t *testing.T) {
	make := func(do func(w *zip.Writer)) []byte {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		do(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	put := func(w *zip.Writer, name string, data []byte) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(data)
	}
	raw := func(w *zip.Writer, says uint64, data []byte) { // a file that is said to have some bytes, unpacked
		f, err := w.CreateRaw(&zip.FileHeader{Name: "x", CRC32: crc32.ChecksumIEEE(data), CompressedSize64: uint64(len(data)), UncompressedSize64: says})
		if err != nil {
			t.Fatal(err)
		}
		f.Write(data)
		put(w, NameStatement, []byte("{}"))
	}
	bomb := make(func(w *zip.Writer) { raw(w, maxPack+1, nil) })
	if _, err := open(bomb); err == nil || !strings.Contains(err.Error(), "bytes, unpacked") { // before it is unpacked
		t.Errorf("a bomb: error %v", err)
	}
	good, _ := packed(t, bare(), nil)
	for name, raw := range map[string][]byte{
		"empty":           nil,
		"no zip":          []byte("PK\x03\x04 and no more"),
		"cut":             good[:len(good)-30],
		"no statement":    make(func(w *zip.Writer) { put(w, "x", nil) }),
		"a way out":       make(func(w *zip.Writer) { put(w, "../x", nil); put(w, NameStatement, []byte("{}")) }),
		"another way out": make(func(w *zip.Writer) { put(w, `..\x`, nil); put(w, NameStatement, []byte("{}")) }),
		"a root":          make(func(w *zip.Writer) { put(w, "/etc/x", nil); put(w, NameStatement, []byte("{}")) }),
		"twice":           make(func(w *zip.Writer) { put(w, NameStatement, []byte("{}")); put(w, NameStatement, []byte("[]")) }),
		"twice, on some disks": make(func(w *zip.Writer) {
			put(w, NameStatement, []byte("{}"))
			put(w, "Statement.json", []byte("[]"))
		}),
		"a link": make(func(w *zip.Writer) {
			h := &zip.FileHeader{Name: "report.html"}
			h.SetMode(0o777 | os.ModeSymlink)
			f, _ := w.CreateHeader(h)
			f.Write([]byte("/etc/passwd"))
			put(w, NameStatement, []byte("{}"))
		}),
		"more than it says": make(func(w *zip.Writer) { raw(w, 10, bytes.Repeat([]byte{0}, 1<<20)) }),
		"a bomb":            bomb,
		"out of its folder": make(func(w *zip.Writer) {
			put(w, "a/"+NameStatement, []byte("{}"))
			put(w, "a/../x", nil)
		}),
		"many": make(func(w *zip.Writer) {
			put(w, NameStatement, []byte("{}"))
			for i := range maxFiles {
				put(w, strings.Repeat("x", i+1), nil)
			}
		}),
	} {
		if _, err := open(raw); !errors.Is(err, ErrPack) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzOpenPack: nothing of a pack brings the reader down.
func FuzzOpenPack(f *testing.F) {
	t := &testing.T{}
	raw, _ := packed(t, bare(), nil)
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := open(raw)
		if err != nil {
			return
		}
		if st, err := evidence.ParseStatement(bytes.NewReader(p.Statement), nil); err == nil {
			p.Check(st)
		}
	})
}

// TestPackWhole: bytes that are in none of the files of a pack are in nothing that was signed.
func TestPackWhole(t *testing.T) {
	raw, _ := packed(t, full(), []byte("{}"))
	comment := slices.Concat(raw[:len(raw)-2], []byte{3, 0}, []byte("hey"))
	directory := int(binary.LittleEndian.Uint32(raw[len(raw)-6:]))
	second := bytes.Index(raw[4:], []byte("PK\x03\x04")) + 4
	// at puts bytes where a directory of today does not look: what lies behind is named anew.
	at := func(i int, more string) []byte {
		b := slices.Concat(raw[:i], []byte(more), raw[i:])
		end := len(b) - zipEndSize
		pos := directory
		if i <= directory {
			pos += len(more)
			binary.LittleEndian.PutUint32(b[end+16:], uint32(pos))
		} else {
			binary.LittleEndian.PutUint32(b[end+12:], uint32(end-directory))
		}
		for ; string(b[pos:pos+4]) == "PK\x01\x02"; pos += 46 + int(binary.LittleEndian.Uint16(b[pos+28:])) + int(binary.LittleEndian.Uint16(b[pos+30:])) {
			if old := binary.LittleEndian.Uint32(b[pos+42:]); int(old) >= i {
				binary.LittleEndian.PutUint32(b[pos+42:], old+uint32(len(more)))
			}
		}
		return b
	}
	hidden := string(raw[:second]) // a file that the directory does not name
	other := slices.Clone(raw)
	other[30] ^= 1 // its name before it is another one
	for name, b := range map[string][]byte{
		"after": slices.Concat(raw, []byte("more")), "before": slices.Concat([]byte("more"), raw), "a comment": comment, "between files": at(second, "more"),
		"8 between files": at(second, "12345678"), "before the directory": at(directory, "more"), "behind the directory": at(len(raw)-zipEndSize, "more"), "a hidden file": at(second, hidden),
		"before, and named": at(0, hidden), "another name": other,
	} {
		if z, err := zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil || len(z.File) == 0 && name != "a comment" {
			t.Errorf("%s: nobody would open it: %v", name, err)
		}
		if _, err := open(b); !errors.Is(err, ErrPack) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
