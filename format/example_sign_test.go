package format_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/format"
)

// card stands for whatever has a key and is no file: a smart card, a key service. Its two methods
// are those of crypto.Signer.
type card struct{ key ed25519.PrivateKey }

func (c card) Public() crypto.PublicKey { return c.key.Public() }

func (c card) Sign(r io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return c.key.Sign(r, message, opts)
}

// ExampleSign signs with a key that is no file, and asks for that signature.
func ExampleSign() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "state.ctxa")
	w, err := format.Create(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}

	signer := card{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
	key, err := format.NewTrustedKey(signer.Public(), "acme-exit-2026")
	if err != nil {
		log.Fatal(err)
	}
	opts := &format.ReaderOptions{Policy: &format.Trust{Keys: []format.TrustedKey{key}}}
	_, err = format.Open(path, opts)
	fmt.Println(errors.Is(err, format.ErrUnsigned))

	if _, err := format.Sign(ctx, path, signer, nil); err != nil {
		log.Fatal(err)
	}
	r, err := format.Open(path, opts)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Println(r.Info().SignedBy)
	// Output:
	// true
	// [acme-exit-2026 (324be2dea8bc4446)]
}
