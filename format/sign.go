package format

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/format/internal/container"
)

// SignOptions are the options of Sign.
type SignOptions struct {
	Detached     bool    // leave the archive as it is; the bundle goes to Trust.Bundles
	AcceptSchema bool    // sign an archive with a schema that no known release published
	Limits       *Limits // nil: the defaults

	// Timestamp, if not nil, gets a request of RFC 3161 (a TimeStampReq in DER) over the signature
	// and returns the answer of a time stamp authority (a TimeStampResp in DER). TSA are its
	// certificates; none: what it says of itself is believed.
	Timestamp func(ctx context.Context, request []byte) ([]byte, error)
	TSA       []*x509.Certificate
}

// Signature is what Sign made.
type Signature struct {
	Key            TrustedKey // the public part of the key; no name
	Bundle         []byte     // a Sigstore bundle, the same inside and beside the archive
	Member         string     // where it is in the archive; empty: detached
	ManifestSHA256 [32]byte   // what was signed
}

// Sign signs the manifest.json of the archive at path, which binds all of it. The signer may be
// a key of [ParseSigningKey] or whatever else has one: a card, a service. It signs with ECDSA on
// P-256, over a SHA-256 digest, or with Ed25519, over the message.
//
// Before it signs, Sign compares the stored bytes of every member, as Verify with StoredOnly
// does. The archive is written anew beside its name, every stored byte copied, and then takes
// its place. ErrSigned: a signature by this key is in it already.
func Sign(ctx context.Context, path string, signer crypto.Signer, opts *SignOptions) (*Signature, error) {
	if opts == nil {
		opts = &SignOptions{}
	}
	key, err := NewTrustedKey(signer.Public(), "")
	if err != nil {
		return nil, err
	}
	// Through a link the archive is replaced, not the link.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	s := &signing{path: path, key: key, signer: signer, opts: opts}
	if opts.Detached {
		return s.run(ctx, io.Discard)
	}
	var out *Signature
	err = replaceFile(path, func(w io.Writer) (os.FileMode, error) {
		out, err = s.run(ctx, w)
		return s.mode, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// signing holds the state of one Sign.
type signing struct {
	path   string
	key    TrustedKey
	signer crypto.Signer
	opts   *SignOptions
	mode   os.FileMode
}

// run checks the archive, signs it and writes it to w, with the signature.
func (s *signing) run(ctx context.Context, w io.Writer) (*Signature, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	s.mode = fi.Mode().Perm()
	a, err := openArchive(f, fi.Size(), &ReaderOptions{Policy: IntegrityOnly(), Limits: s.opts.Limits, AcceptSchema: s.opts.AcceptSchema})
	if err != nil {
		return nil, err
	}
	manifest, err := a.stored(nameManifest)
	if err != nil {
		return nil, err
	}
	if err := s.signedBefore(a, manifest); err != nil {
		return nil, err
	}
	zip := container.NewWriter(w)
	var buf []byte
	for _, e := range a.entries {
		if err := a.copyMember(ctx, zip, &buf, e); err != nil {
			return nil, err
		}
	}
	out := &Signature{Key: s.key, ManifestSHA256: sha256.Sum256(manifest)}
	if out.Bundle, err = s.seal(ctx, newClaim(manifest, a.man.ArchiveID).marshal()); err != nil {
		return nil, err
	}
	if s.opts.Detached {
		return out, nil
	}
	out.Member = attestationName(a.bundles + 1)
	if _, err := zip.Add(a.prefix+out.Member, out.Bundle, crc32.ChecksumIEEE(out.Bundle)); err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	return out, nil
}

// signedBefore looks at the signatures that are in the archive: they must be about it, and none
// by this key.
func (s *signing) signedBefore(a *archive, manifest []byte) error {
	bundles, err := a.attestations()
	if err != nil {
		return err
	}
	if !s.opts.Detached && len(bundles) >= a.lim.Attestations {
		return refuse(ErrLimit, nameManifest, fmt.Sprintf("%d signatures are in it, the most there may be: sign detached", len(bundles)))
	}
	for i, raw := range bundles {
		b, err := parseBundle(raw)
		if err != nil {
			return refuse(ErrBundle, attestationName(i+1), err.Error())
		}
		if e := about(b.payload, manifest); e != nil {
			e.Member = attestationName(i + 1)
			return e
		}
		if b.keyID != s.key.ID {
			continue
		}
		if !s.key.verify(b.signed(), b.sig) {
			return refuse(ErrUntrusted, attestationName(i+1), "names this key, and is not by it")
		}
		if !s.opts.Detached {
			return fmt.Errorf("%w: %s is by %s", ErrSigned, attestationName(i+1), s.key)
		}
	}
	return nil
}

// seal makes the bundle of a statement, and checks it as a reader would.
func (s *signing) seal(ctx context.Context, statement []byte) ([]byte, error) {
	b := &bundle{keyID: s.key.ID, payload: statement}
	message, hash := b.signed(), crypto.Hash(0)
	if _, ok := s.key.public.(*ecdsa.PublicKey); ok {
		sum := sha256.Sum256(message)
		message, hash = sum[:], crypto.SHA256
	}
	var err error
	if b.sig, err = s.signer.Sign(rand.Reader, message, hash); err != nil {
		return nil, fmt.Errorf("format: signer: %w", err)
	}
	if hash == crypto.SHA256 {
		if b.sig, err = lowS(b.sig); err != nil {
			return nil, fmt.Errorf("format: signer: %w", err)
		}
	}
	if !s.key.verify(b.signed(), b.sig) {
		return nil, errors.New("format: signer: its public key does not verify what it signed")
	}
	if s.opts.Timestamp != nil {
		if err := s.stamp(ctx, b); err != nil {
			return nil, fmt.Errorf("format: time stamp: %w", err)
		}
	}
	return b.marshal(), nil
}

// stamp has the signature stamped, and checks the stamp as a reader would.
func (s *signing) stamp(ctx context.Context, b *bundle) error {
	req, nonce, err := timestampRequest(b.sig)
	if err != nil {
		return err
	}
	if b.stamp, err = s.opts.Timestamp(ctx, req); err != nil {
		return err
	}
	if len(b.stamp) > maxTimestamp {
		return fmt.Errorf("%d bytes, at most %d", len(b.stamp), maxTimestamp)
	}
	t, err := parseTimestamp(b.stamp)
	if err != nil {
		return err
	}
	if t.info.Nonce == nil || t.info.Nonce.Cmp(nonce) != 0 {
		return errors.New("the answer is to another request")
	}
	roots := s.opts.TSA
	if len(roots) == 0 {
		roots = t.certs
	}
	return t.check(b.sig, roots)
}
