package exitdrill

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/format"
)

// controls tries what has to be refused: copies of the archive that are altered in one thing, and
// keys that are not the right ones. The copies are not written anywhere; the reader is shown other
// bytes.
func (w *wired) controls(ctx context.Context, path string, facts *drill.Facts) ([]evidence.NegativeControl, []string, error) {
	f, size, err := w.same(ctx, path, facts.Archive.ManifestSHA256)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	keys := format.KeysBeside(path)
	var ran []evidence.NegativeControl
	try := func(what, expected string, ra io.ReaderAt, size int64, change func(*format.VerifyOptions)) error {
		o := &format.VerifyOptions{ReaderOptions: w.reader()}
		o.Keys = keys
		if change != nil {
			change(o)
		}
		_, err := format.Verify(ctx, ra, size, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		class := format.Class(err)
		if err != nil && class == "" {
			return err // of the disk: it says nothing about the control
		}
		ran = append(ran, evidence.NegativeControl{What: what, Expected: expected, Observed: class})
		return nil
	}
	at, err := place(f, size, facts.Archive.ManifestSHA256)
	if err != nil {
		return nil, nil, err
	}
	nobody, err := stranger()
	if err != nil {
		return nil, nil, err
	}
	foreign := "unsigned"
	if len(facts.Archive.SignedBy) > 0 {
		foreign = "untrusted"
	}
	stored := func(o *format.VerifyOptions) { o.StoredOnly = true }
	err = errors.Join(
		try("one byte flipped", "digest", &flipped{f, at}, size, stored),
		try("the last byte cut off", "truncated", io.NewSectionReader(f, 0, size-1), size-1, stored),
		try("only a key trusted that did not sign", foreign, f, size, func(o *format.VerifyOptions) {
			o.StoredOnly, o.Policy = true, &format.Trust{Keys: []format.TrustedKey{nobody}}
		}),
	)
	if err != nil {
		return nil, nil, err
	}
	var skipped []string
	if len(facts.Archive.SignedBy) > 0 {
		bare, n, err := format.Unsigned(f, size)
		if err != nil {
			return nil, nil, err
		}
		if err := try("the signature taken out", "unsigned", bare, n, stored); err != nil {
			return nil, nil, err
		}
	} else {
		skipped = append(skipped, "the signature taken out: nobody signed the archive")
	}
	if facts.Archive.Encrypted {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, nil, err
		}
		if err := try("opened with a key that it is not sealed to", "no-identity", f, size, func(o *format.VerifyOptions) { o.Identities = []age.Identity{id} }); err != nil {
			return nil, nil, err
		}
	} else {
		skipped = append(skipped, "opened with a wrong key: the archive is not encrypted")
	}
	return ran, skipped, nil
}

// same is the file of the archive with that manifest, and its size: controls of another one say nothing of this.
func (w *wired) same(ctx context.Context, path, manifest string) (*os.File, int64, error) {
	r, err := w.Open(ctx, path, manifest)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, fi.Size(), nil
}

// stranger is a key that signed nothing.
func stranger() (format.TrustedKey, error) {
	_, public, err := format.GenerateSigningKey(false)
	if err != nil {
		return format.TrustedKey{}, err
	}
	keys, err := format.ParseTrust(strings.NewReader(public))
	if err != nil {
		return format.TrustedKey{}, err
	}
	return keys[0], nil
}

// place is a byte of the payload, which the digest of the archive chooses and not whoever runs the
// drill.
func place(ra io.ReaderAt, size int64, digest string) (int64, error) {
	z, err := zip.NewReader(ra, size)
	if err != nil {
		return 0, err
	}
	total := uint64(0)
	data := func(f *zip.File) bool {
		_, name, _ := strings.Cut(f.Name, "/")
		return strings.HasPrefix(name, "data/")
	}
	for _, f := range z.File {
		if data(f) {
			total += f.CompressedSize64
		}
	}
	b, err := hex.DecodeString(digest)
	if err != nil || len(b) < 8 || total == 0 {
		return 0, errors.New("exitdrill: the archive has no payload to alter")
	}
	n := binary.BigEndian.Uint64(b) % total
	for _, f := range z.File {
		if !data(f) {
			continue
		}
		if n < f.CompressedSize64 {
			off, err := f.DataOffset()
			return off + int64(n), err
		}
		n -= f.CompressedSize64
	}
	return 0, errors.New("exitdrill: the archive has no payload to alter")
}

// flipped is a file with one bit turned in the byte at a place.
type flipped struct {
	io.ReaderAt
	at int64
}

// ReadAt reads the file, the altered byte included.
func (f *flipped) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.ReaderAt.ReadAt(p, off)
	if i := f.at - off; i >= 0 && i < int64(n) {
		p[i] ^= 1
	}
	return n, err
}
