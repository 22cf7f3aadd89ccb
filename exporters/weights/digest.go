package weights

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/internal/lazyre"
)

// hash reads the file once. A file that several links lead to is read once for all.
func (r *reading) hash(ctx context.Context, x *file) error {
	h, err := os.Open(x.path)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	defer h.Close()
	b := make([]byte, 8)
	n, _ := io.ReadFull(h, b)
	x.head8 = b[:n]
	if had, ok := r.digest[x.path]; ok {
		x.sum, x.broken = had.sum, had.broken
		return nil
	}
	if _, err := h.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	sum, other := sha256.New(), io.Discard
	algorithm, want := promised(x)
	var long hash.Hash
	if algorithm == "sha512" {
		long = sha512.New()
		other = long
	}
	size, err := io.Copy(io.MultiWriter(sum, other), reader{ctx, h})
	if err != nil {
		return fmt.Errorf("weights: %s: %w", x.rel, err)
	}
	if size != x.size {
		return fmt.Errorf("%w: %s", ErrChanged, x.rel)
	}
	sum.Sum(x.sum[:0])
	got := hex.EncodeToString(x.sum[:])
	if long != nil {
		got = hex.EncodeToString(long.Sum(nil))
	}
	if want != "" && want != got {
		x.broken = "its name promises " + algorithm + " " + want + ", its bytes have " + got
	}
	r.digest[x.path] = digest{x.sum, x.broken}
	return nil
}

// reader ends when its context does: a file may take minutes.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

var (
	hexName    = lazyre.New(`^[0-9a-f]{64}$`)
	hexName512 = lazyre.New(`^[0-9a-f]{128}$`)
)

// digest is of a file that was read.
type digest struct {
	sum    [32]byte
	broken string
}

// promised is the digest that a store says the file has: by its name in an OCI layout, or among the blobs of
// Hugging Face's cache and of Ollama. Empty: nobody says.
func promised(x *file) (algorithm, sum string) {
	dir, base := filepath.Split(x.path)
	dir = filepath.ToSlash(filepath.Clean(dir))
	switch {
	case strings.HasSuffix(dir, "/blobs/sha512") && hexName512().MatchString(base):
		return "sha512", base
	case strings.HasSuffix(dir, "/blobs"):
		base = strings.TrimPrefix(base, "sha256-")
	case !strings.HasSuffix(dir, "/blobs/sha256"):
		return "", ""
	}
	if hexName().MatchString(base) {
		return "sha256", base
	}
	return "", ""
}

// sizeLike: the first eight bytes of safetensors are the length of a header that begins with a brace. They may look
// like a pickle, and a short pickle like them.
func (x *file) sizeLike() bool {
	if len(x.head8) < 8 || x.size < 10 || binary.LittleEndian.Uint64(x.head8) > uint64(x.size)-8 {
		return false
	}
	b, err := x.head(9)
	return err == nil && b[8] == '{'
}
