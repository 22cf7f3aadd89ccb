package report

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
)

// Bounds of a pack.
const (
	maxPack  = 256 << 20 // bytes of all files, unpacked
	maxFiles = 200
)

// Errors of a pack.
var (
	ErrPack   = errors.New("report: no evidence pack")
	ErrDigest = errors.New("report: a file of the pack is not the one that the statement names")
)

// Pack writes the evidence pack, a ZIP: the statement as it was signed, its bundle where there is
// one, and files. The same input gives the same bytes.
func Pack(w io.Writer, statement, bundle []byte, files []File) error {
	all := append(slices.Clone(files), File{NameStatement, statement})
	if len(bundle) > 0 {
		all = append(all, File{NameBundle, bundle})
	}
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	z := zip.NewWriter(w)
	for _, f := range all {
		// Stored, so that the bytes do not depend on how a release compresses.
		h := &zip.FileHeader{Name: f.Name, Method: zip.Store, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		fw, err := z.CreateHeader(h)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if _, err := fw.Write(f.Data); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// Packed is what is in an evidence pack.
type Packed struct {
	Statement []byte
	Bundle    []byte // nil: the statement is not signed
	Files     []File // the rest, in the order of their names
}

// OpenPack reads a pack from whomever. It does not look into the files.
func OpenPack(r io.ReaderAt, size int64) (*Packed, error) {
	refuse := func(f string, args ...any) (*Packed, error) {
		return nil, fmt.Errorf("%w: %s", ErrPack, fmt.Sprintf(f, args...))
	}
	if size > maxPack {
		return refuse("%d bytes, at most %d", size, maxPack)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return refuse("%v", err)
	}
	if len(z.File) > maxFiles {
		return refuse("%d files, at most %d", len(z.File), maxFiles)
	}
	if err := gapless(r, size, z); err != nil {
		return refuse("%v: nobody signed that", err)
	}
	p, left, seen, top := &Packed{}, int64(maxPack), map[string]bool{}, topFolder(z)
	for _, f := range z.File {
		if f.Mode().IsDir() && f.UncompressedSize64 == 0 { // who packs anew gets an entry a folder
			continue
		}
		name := strings.TrimPrefix(f.Name, top)
		if !filepath.IsLocal(f.Name) || !filepath.IsLocal(name) || strings.Contains(f.Name, `\`) || !f.Mode().IsRegular() {
			return refuse("%.100q is no file in a folder", f.Name)
		}
		if seen[strings.ToLower(f.Name)] {
			return refuse("%.100q twice", f.Name)
		}
		seen[strings.ToLower(f.Name)] = true
		if f.UncompressedSize64 > uint64(left) { // a reader of zip gives no more than that
			return refuse("more than %d bytes, unpacked", maxPack)
		}
		fr, err := f.Open()
		if err != nil {
			return refuse("%.100q: %v", f.Name, err)
		}
		data, err := io.ReadAll(io.LimitReader(fr, left+1))
		fr.Close()
		if err != nil {
			return refuse("%.100q: %v", f.Name, err)
		}
		if left -= int64(len(data)); left < 0 {
			return refuse("more than %d bytes, unpacked", maxPack)
		}
		switch name {
		case NameStatement:
			p.Statement = data
		case NameBundle:
			p.Bundle = data
		default:
			p.Files = append(p.Files, File{name, data})
		}
	}
	if len(p.Statement) == 0 {
		return refuse("no %s in it", NameStatement)
	}
	return p, nil
}

// topFolder is the folder that all of z is in, where somebody packed the folder that a pack had been taken apart
// into; empty: there is none.
func topFolder(z *zip.Reader) string {
	if len(z.File) == 0 {
		return ""
	}
	top, _, ok := strings.Cut(z.File[0].Name, "/")
	top += "/"
	if !ok || slices.ContainsFunc(z.File, func(f *zip.File) bool { return !strings.HasPrefix(f.Name, top) }) {
		return ""
	}
	return top
}

// Check compares the files of a pack with the statement in it: each artifact is there as it is
// named, and nothing else is there. ErrDigest: it is not so.
func (p *Packed) Check(st *evidence.Statement) error {
	want := map[string]string{}
	for _, a := range st.Predicate.Artifacts {
		if _, ok := want[a.Name]; ok {
			return fmt.Errorf("%w: it names %.100q twice", ErrDigest, a.Name)
		}
		want[a.Name] = a.Digest.SHA256
	}
	var bad []string
	for i := range p.Files {
		f := &p.Files[i]
		sum, ok := want[f.Name]
		delete(want, f.Name)
		switch {
		case !ok:
			bad = append(bad, fmt.Sprintf("%.100q: the statement does not name it", f.Name))
		case sum != f.Subject().Digest.SHA256:
			bad = append(bad, fmt.Sprintf("%.100q: want sha256 %.64s, got %s", f.Name, sum, f.Subject().Digest.SHA256))
		}
	}
	for _, name := range sortedKeys(want) {
		bad = append(bad, fmt.Sprintf("%.100q: missing", name))
	}
	if len(bad) > 0 {
		return fmt.Errorf("%w: %s", ErrDigest, strings.Join(bad[:min(len(bad), 5)], "; "))
	}
	return nil
}
