package formattest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"
)

// hand is somebody who signs. Keys and signatures are the same each time.
type hand struct {
	t   *testing.T
	key crypto.Signer
}

func ecHand(t *testing.T, name string) hand {
	t.Helper()
	seed := sha256.Sum256([]byte("formattest " + name))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return hand{t, k}
}

func edHand(t *testing.T, name string) hand {
	seed := sha256.Sum256([]byte("formattest " + name))
	return hand{t, ed25519.NewKeyFromSeed(seed[:])}
}

// der is the public key.
func (h hand) der() []byte {
	h.t.Helper()
	b, err := x509.MarshalPKIXPublicKey(h.key.Public())
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h hand) id() string { return fmt.Sprintf("%x", sha256.Sum256(h.der())) }

const payloadType = "application/vnd.in-toto+json"

// sign signs DSSE's encoding of payload.
func (h hand) sign(payload string) []byte {
	return h.raw(fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload))
}

// raw signs a message.
func (h hand) raw(message string) []byte {
	h.t.Helper()
	if _, ok := h.key.(ed25519.PrivateKey); ok {
		b, err := h.key.Sign(nil, []byte(message), crypto.Hash(0))
		if err != nil {
			h.t.Fatal(err)
		}
		return b
	}
	sum := sha256.Sum256([]byte(message))
	b, err := h.key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		h.t.Fatal(err)
	}
	if r, s := rs(h.t, b); s.Cmp(otherS(s)) > 0 {
		return ecDER(h.t, r, otherS(s))
	}
	return b
}

func rs(t *testing.T, sig []byte) (r, s *big.Int) {
	t.Helper()
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		t.Fatal(err)
	}
	return v.R, v.S
}

// otherS is the s of the other form of the same signature.
func otherS(s *big.Int) *big.Int { return new(big.Int).Sub(elliptic.P256().Params().N, s) }

func ecDER(t *testing.T, r, s *big.Int) []byte {
	t.Helper()
	b, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
