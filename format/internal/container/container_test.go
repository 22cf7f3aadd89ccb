package container

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/format/formattest"
)

var limits = Limits{Members: 100_000, Stored: 1 << 20}

func write(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for i, n := range names {
		body := bytes.Repeat([]byte{byte(i)}, i*7)
		if _, err := w.Add(n, body, crc32.ChecksumIEEE(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) ([]Entry, error) { return Read(bytes.NewReader(b), int64(len(b)), limits) }

func TestRoundTrip(t *testing.T) {
	b := write(t, "a/one", "a/two", "b", "c.d/e-f/g_h")
	es, err := read(b)
	if err != nil || len(es) != 4 {
		t.Fatal(es, err)
	}
	for i, e := range es {
		body, err := ReadMember(bytes.NewReader(b), e)
		if err != nil || len(body) != i*7 || crc32.ChecksumIEEE(body) != e.CRC {
			t.Errorf("%s: %v", e.Name, err)
		}
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 4 {
		t.Fatal(err)
	}
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, rc); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// TestManyMembers: more members than 16 bits count. The short record then has the number that sends readers to the ZIP64 one.
func TestManyMembers(t *testing.T) {
	const n = 1<<16 + 1
	var b bytes.Buffer
	w := NewWriter(&b)
	for i := range n {
		if _, err := w.Add(fmt.Sprintf("m/%05d", i), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if es, err := read(b.Bytes()); err != nil || len(es) != n || es[n-1].Name != "m/65536" {
		t.Errorf("%d members, %v", len(es), err)
	}
	if short := b.Bytes()[b.Len()-22:]; !bytes.Equal(short[8:12], []byte{255, 255, 255, 255}) {
		t.Errorf("the short record counts %x, want ffffffff", short[8:12])
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(z.File) != n {
		t.Error("another reader does not find all of them", err)
	}
}

// Every flipped bit of headers, directory and trailer is refused: by Read, by ReadMember, or
// because the CRC or size no longer is the one of the member.
func TestFlips(t *testing.T) {
	b := write(t, "a/one", "a/two", "b")
	for i := range b {
		for _, bit := range []byte{1, 0x80} {
			c := bytes.Clone(b)
			c[i] ^= bit
			if pass(c) {
				t.Fatalf("byte %d of %d, bit %x: accepted", i, len(b), bit)
			}
		}
	}
	for i := range b {
		if _, err := read(b[:i]); err == nil {
			t.Fatalf("cut to %d bytes: accepted", i)
		}
	}
	if _, err := read(append(bytes.Clone(b), 0)); err == nil {
		t.Fatal("one more byte: accepted")
	}
}

func pass(b []byte) bool {
	es, err := read(b)
	if err != nil {
		return false
	}
	for _, e := range es {
		body, err := ReadMember(bytes.NewReader(b), e)
		if err != nil || crc32.ChecksumIEEE(body) != e.CRC {
			return false
		}
	}
	return true
}

func TestNames(t *testing.T) {
	for _, n := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "-a", "A", "a b", "a\\b", "a\x00", "é", string(bytes.Repeat([]byte("a"), 133))} {
		var e *Error
		if err := checkName(n); !errors.As(err, &e) || e.Class != "name" {
			t.Errorf("%q: %v", n, err)
		}
	}
	for _, names := range [][]string{{"a", "a"}, {"a", "a/b"}, {"a/b", "a"}, {"a/b/c", "a/b"}} {
		if _, err := read(write(t, names...)); err == nil {
			t.Errorf("%q: accepted", names)
		}
	}
}

func TestLimits(t *testing.T) {
	b := write(t, "a", "b", "c")
	for name, lim := range map[string]Limits{"members": {2, 1 << 20}, "stored": {10, 13}} {
		var e *Error
		if _, err := Read(bytes.NewReader(b), int64(len(b)), lim); !errors.As(err, &e) || e.Class != "limit" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The tools that people have read what is written here, whole and without a warning.
func TestTools(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zip")
	b := write(t, "p/bagit.txt", "p/data/a.b", "p/data/c/d-e", "p/README.md")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	const py = "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; assert len(z.namelist())==4"
	for _, c := range [][]string{{"unzip", "-tqq", path}, {"python3", "-W", "error", "-c", py, path}, {"7z", "t", path}, {"bsdtar", "-tf", path}, {"bsdtar", "-xOf", "-"}} {
		bin, err := exec.LookPath(c[0])
		if err != nil {
			t.Logf("SKIPPED: no %s on this machine", c[0])
			continue
		}
		cmd := exec.Command(bin, c[1:]...)
		cmd.Stdin = bytes.NewReader(b)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 || bytes.Contains(out, []byte("Warning")) {
			t.Errorf("%q: %v\n%s%s", c, err, stderr.Bytes(), out)
		}
	}
}

// Zips of other writers are refused: one spelling only.
func TestForeign(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range []string{"a", "b"} {
		w, err := z.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, n)
	}
	z.Close()
	if _, err := read(b.Bytes()); err == nil {
		t.Error("accepted")
	}
}

// A container beyond 4 GiB, written sparse, with 70,000 members before it, is one that the
// strict reader and the tools of the machine read.
func TestFar(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a sparse file of 4.3 GiB")
	}
	path := filepath.Join(t.TempDir(), "far.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &sparse{f: f}
	w := NewWriter(s)
	for i := range 70_000 {
		if _, err := w.Add(fmt.Sprintf("m/%06d", i), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	hole := make([]byte, 63<<20)
	crc := crc32.ChecksumIEEE(hole)
	for i := range 70 {
		s.skip = true
		if _, err := w.Add(fmt.Sprintf("h/%06d", i), hole, crc); err != nil {
			t.Fatal(err)
		}
	}
	s.skip = false
	if _, err := w.Add("last", []byte("x"), crc32.ChecksumIEEE([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	es, err := Read(f, w.Offset(), Limits{Members: 1_000_000, Stored: 64 << 20})
	if err != nil || len(es) != 70_071 || es[70_070].Offset < 1<<32 {
		t.Fatal(len(es), err)
	}
	if b, err := ReadMember(f, es[70_070]); err != nil || string(b) != "x" {
		t.Fatal(b, err)
	}
	for _, c := range [][]string{{"unzip", "-p", path, "last"}, {"python3", "-c", "import sys,zipfile; sys.stdout.write(zipfile.ZipFile(sys.argv[1]).read('last').decode())", path}, {"bsdtar", "-xOf", path, "last"}, {"7z", "x", "-so", path, "last"}} {
		bin, err := exec.LookPath(c[0])
		if err != nil {
			t.Logf("SKIPPED: no %s on this machine", c[0])
			continue
		}
		out, err := exec.Command(bin, c[1:]...).Output()
		if err != nil || string(out) != "x" {
			t.Errorf("%s: %q, %v", c[0], out, err)
		}
	}
}

// sparse leaves holes for large writes of zeros.
type sparse struct {
	f    *os.File
	skip bool
}

func (s *sparse) Write(b []byte) (int, error) {
	if s.skip && len(b) > 1<<20 {
		_, err := s.f.Seek(int64(len(b)), io.SeekCurrent)
		return len(b), err
	}
	return s.f.Write(b)
}

func FuzzRead(f *testing.F) {
	vs, err := formattest.All() // none is an error
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vs {
		if strings.HasPrefix(v.Name, "container-") {
			f.Add(v.Archive)
		}
	}
	f.Add(write(f, "a/one", "a/two", "b"))
	f.Add(write(f))
	b := write(f, "x")
	f.Add(b[:len(b)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		es, err := read(b)
		if err != nil {
			return
		}
		// What is accepted is what would have been written.
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, e := range es {
			body, err := ReadMember(bytes.NewReader(b), e)
			if err != nil {
				return
			}
			if _, err := w.Add(e.Name, body, e.CRC); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), b) {
			t.Error("accepted other bytes than are written")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var buf bytes.Buffer
	w := NewWriter(&buf)
	body := make([]byte, 100)
	for i := range 1300 {
		rand.Shuffle(len(body), func(i, j int) { body[i], body[j] = body[j], body[i] })
		if _, err := w.Add(fmt.Sprintf("data/r/memory/%08d.pb.zst", i), body, 0); err != nil {
			b.Fatal(err)
		}
	}
	w.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(buf.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
