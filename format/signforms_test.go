package format

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"sync"
	"testing"
)

// otherForm is the signature with n - s - off in place of s: with off 0 also a good one.
func otherForm(t *testing.T, sig []byte, off int64) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		t.Fatal(err)
	}
	v.S.Sub(elliptic.P256().Params().N, v.S)
	v.S.Sub(v.S, big.NewInt(off))
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The other form of an ECDSA signature is good elsewhere, and refused here: one file a signature.
func TestOneFormOfSignature(t *testing.T) {
	path := archiveFile(t)
	s, k := signingPair(t, false, "")
	det := sign(t, path, s, &SignOptions{Detached: true})
	b, err := parseBundle(det.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.signed())
	b.sig = otherForm(t, b.sig, 0)
	if !ecdsa.VerifyASN1(k.public.(*ecdsa.PublicKey), sum[:], b.sig) {
		t.Fatal("the other form is not good at all")
	}
	if _, err := trusted(read(t, path), &Trust{Keys: []TrustedKey{k}, Bundles: [][]byte{b.marshal()}}); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
}

// Many who sign at once: all signatures are in, or their signers were told that it is locked.
func TestSignConcurrently(t *testing.T) {
	path := archiveFile(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var keys []TrustedKey
	for range 8 {
		s, k := signingPair(t, true, "")
		wg.Go(func() {
			for {
				_, err := Sign(context.Background(), path, s, nil)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				keys = append(keys, k)
				mu.Unlock()
				return
			}
		})
	}
	wg.Wait()
	if v, err := trusted(read(t, path), &Trust{Keys: keys, Threshold: 8}); err != nil || len(v.SignedBy) != 8 {
		t.Error(v, err)
	}
	only(t, filepath.Dir(path), "a.ctxa")
}

// The bundle is plain JSON for any tool.
func TestBundleIsJSON(t *testing.T) {
	s, _ := signingPair(t, true, "")
	det := sign(t, archiveFile(t), s, &SignOptions{Detached: true})
	var v struct {
		MediaType            string
		VerificationMaterial struct{ PublicKey struct{ Hint string } }
		DsseEnvelope         struct {
			Payload     []byte
			PayloadType string
			Signatures  []struct{ Sig []byte }
		}
	}
	if err := json.Unmarshal(det.Bundle, &v); err != nil {
		t.Fatal(err)
	}
	e := v.DsseEnvelope
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload)
	if !ed25519.Verify(s.Public().(ed25519.PublicKey), []byte(pae), e.Signatures[0].Sig) {
		t.Error("not signed over DSSE's encoding")
	}
	var st struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string
			Digest map[string]string
		}
	}
	if err := json.Unmarshal(e.Payload, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type != "https://in-toto.io/Statement/v1" || len(st.Subject) != 1 || st.Subject[0].Name != "manifest.json" || st.Subject[0].Digest["sha256"] != fmt.Sprintf("%x", det.ManifestSHA256) {
		t.Errorf("%+v", st)
	}
}
