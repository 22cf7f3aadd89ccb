package format

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Of a trust file.
const (
	maxTrustFile = 1 << 20
	maxTrusted   = 64  // keys
	maxKeyName   = 100 // bytes
)

// ParseTrust reads a trust file: public keys in PEM, ECDSA on P-256 or Ed25519. A line of
// comment right before a key is its name. Nothing else may be in the file, so that a key is
// either read or refused, never passed over.
func ParseTrust(r io.Reader) ([]TrustedKey, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxTrustFile+1))
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	keys, err := parseTrust(b)
	if err != nil {
		return nil, keysError{err}
	}
	return keys, nil
}

func parseTrust(b []byte) ([]TrustedKey, error) {
	switch {
	case len(b) > maxTrustFile:
		return nil, fmt.Errorf("format: trust file of more than %d bytes", maxTrustFile)
	case !utf8.Valid(b):
		return nil, errors.New("format: no trust file: not text")
	}
	p := &trustParser{}
	for line := range strings.Lines(string(b)) {
		p.n++
		if err := p.line(strings.TrimRight(line, " \t\r\n")); err != nil {
			return nil, fmt.Errorf("format: trust file, line %d: %w", p.n, err)
		}
	}
	switch {
	case p.in:
		return nil, errors.New("format: trust file: the last key is cut off")
	case len(p.keys) == 0:
		return nil, errors.New("format: no trust file: want public keys in PEM, as keygen --sign writes them")
	}
	return p.keys, nil
}

type trustParser struct {
	n    int    // of the line
	name string // of the line before, if it was a comment
	in   bool   // between BEGIN and END
	body strings.Builder
	keys []TrustedKey
}

func (p *trustParser) line(s string) error {
	const begin, end = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
	switch {
	case p.in && s == end:
		p.in = false
		err := p.key()
		p.name = ""
		p.body.Reset()
		return err
	case p.in:
		p.body.WriteString(s)
		return nil
	case s == begin:
		p.in = true
		return nil
	case s == "":
		p.name = ""
		return nil
	case s[0] == '#':
		p.name = strings.TrimSpace(s[1:])
		return nil
	case strings.Contains(s, "PRIVATE KEY-----"):
		return errors.New("a private key, which is secret: give the public one beside it")
	case strings.HasPrefix(s, "-----BEGIN CERTIFICATE"):
		return errors.New("a certificate: openssl x509 -pubkey -noout takes the key out")
	}
	return errors.New("neither a key in PEM (BEGIN PUBLIC KEY) nor a comment")
}

func (p *trustParser) key() error {
	if len(p.keys) == maxTrusted {
		return fmt.Errorf("more than %d keys", maxTrusted)
	}
	if len(p.name) > maxKeyName || strings.ContainsFunc(p.name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("the name of the key is longer than %d bytes, or has characters that do not print", maxKeyName)
	}
	der, err := base64.StdEncoding.Strict().DecodeString(p.body.String())
	if err != nil {
		return errors.New("key is not base64")
	}
	k, err := trustedDER(der, p.name)
	if err != nil {
		return err
	}
	for _, o := range p.keys {
		if o.ID == k.ID {
			return fmt.Errorf("key %s is there already", k)
		}
	}
	p.keys = append(p.keys, k)
	return nil
}

// trustedDER reads a SubjectPublicKeyInfo, in the one spelling that its id is the digest of.
func trustedDER(der []byte, name string) (TrustedKey, error) {
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return TrustedKey{}, errors.New("not a public key that is known here: want ECDSA P-256 or Ed25519")
	}
	k, err := NewTrustedKey(pub, name)
	if err != nil {
		return TrustedKey{}, errors.New(strings.TrimPrefix(err.Error(), "format: "))
	}
	if again, err := x509.MarshalPKIXPublicKey(pub); err != nil || !bytes.Equal(again, der) {
		return TrustedKey{}, errors.New("the key is not in DER")
	}
	return k, nil
}
