package format

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
)

// GenerateSigningKey makes a key that signs archives, ECDSA on P-256 or, with ed, Ed25519. Both
// parts are PEM, PKCS #8 and SubjectPublicKeyInfo, as openssl and cosign read them; public is
// also a trust file.
func GenerateSigningKey(ed bool) (private, public string, err error) {
	var key crypto.Signer
	if ed {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return "", "", fmt.Errorf("format: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("format: %w", err)
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", "", fmt.Errorf("format: %w", err)
	}
	block := func(typ string, b []byte) string { return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b})) }
	return block("PRIVATE KEY", der), block("PUBLIC KEY", pub), nil
}

// ParseSigningKey reads a private key in PEM, PKCS #8, as GenerateSigningKey and openssl genpkey
// make it. Its errors never show a key.
func ParseSigningKey(r io.Reader) (crypto.Signer, error) {
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	key, err := parseSigningKey(b)
	if err != nil {
		return nil, keysError{err}
	}
	return key, nil
}

func parseSigningKey(b []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(b)
	switch {
	case block == nil:
		return nil, errors.New("format: no signing key: want a private key in PEM, as keygen --sign writes it")
	case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
		return nil, errors.New("format: the signing key is encrypted: openssl pkcs8 -in KEY writes it in the clear; a key that must not lie in a file signs as a crypto.Signer")
	case block.Type != "PRIVATE KEY":
		return nil, fmt.Errorf("format: signing key: PEM block %.40q: want PRIVATE KEY; openssl pkcs8 -topk8 -nocrypt -in KEY turns older forms into it", block.Type)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("format: signing key: not PKCS #8")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("format: signing key: want ECDSA P-256 or Ed25519")
	}
	if _, err := NewTrustedKey(signer.Public(), ""); err != nil {
		return nil, fmt.Errorf("format: signing key: %s", strings.TrimPrefix(err.Error(), "format: "))
	}
	return signer, nil
}
