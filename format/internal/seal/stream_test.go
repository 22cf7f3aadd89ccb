package seal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

var lengths = []int{0, 1, 1000, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 3*chunkSize + 17}

func noise(n int) []byte {
	b := make([]byte, n)
	g := rand.NewChaCha8([32]byte{1})
	g.Read(b)
	return b
}

func keys(t *testing.T) []*Key {
	var out []*Key
	for _, c := range []Class{PQ, Classic} {
		k, err := NewKey(c)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

// What is sealed here is opened by age, and the other way round.
func TestStreamIsAges(t *testing.T) {
	for _, k := range keys(t) {
		for _, n := range lengths {
			plain := noise(n)
			ours, err := k.Seal(nil, plain)
			if err != nil {
				t.Fatal(err)
			}
			r, err := age.Decrypt(bytes.NewReader(ours), k.id)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes: age reads %d, %v", n, len(got), err)
			}
			theirs, err := encrypt(plain, k.to)
			if err != nil {
				t.Fatal(err)
			}
			if len(theirs) != len(ours) {
				t.Errorf("%d bytes: %d sealed, age makes %d", n, len(ours), len(theirs))
			}
			if got, err := k.Open([]byte("x"), theirs); err != nil || !bytes.Equal(got, append([]byte("x"), plain...)) {
				t.Errorf("%d bytes: %d read of age's, %v", n, len(got), err)
			}
		}
	}
}

// Chunks that are cut, moved, doubled or behind the end are refused, by age too.
func TestStreamRefuses(t *testing.T) {
	k := keys(t)[1]
	plain := noise(3*chunkSize + 17)
	sealed, err := k.Seal(nil, plain)
	if err != nil {
		t.Fatal(err)
	}
	at := len(sealed) - len(plain) - 4*16 // of the first chunk
	chunk := func(i int) []byte { return sealed[at+i*sealedChunk : min(len(sealed), at+(i+1)*sealedChunk)] }
	join := func(bs ...[]byte) []byte { return append(bytes.Clone(sealed[:at]), bytes.Join(bs, nil)...) }
	for name, b := range map[string][]byte{
		"no chunk":      join(),
		"no nonce":      sealed[:at-1],
		"no payload":    sealed[:at-payloadNonce],
		"one chunk":     join(chunk(0)),
		"no last":       join(chunk(0), chunk(1), chunk(2)),
		"last cut":      sealed[:len(sealed)-1],
		"last's tag":    join(chunk(0), chunk(1), chunk(2), chunk(3)[:16]),
		"less than tag": join(chunk(0), chunk(1), chunk(2), chunk(3)[:15]),
		"swapped":       join(chunk(1), chunk(0), chunk(2), chunk(3)),
		"dropped":       join(chunk(0), chunk(2), chunk(3)),
		"doubled":       join(chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)),
		"more":          append(bytes.Clone(sealed), 0),
		"twice":         append(bytes.Clone(sealed), sealed...),
	} {
		if _, err := k.Open(nil, b); err == nil {
			t.Errorf("%s: opens", name)
		}
		if r, err := age.Decrypt(bytes.NewReader(b), k.id); err == nil {
			if _, err := io.ReadAll(r); err == nil {
				t.Errorf("%s: age opens it", name)
			}
		}
	}
	if b, err := k.Open(nil, join(chunk(0), chunk(1), chunk(2), chunk(3))); err != nil || !bytes.Equal(b, plain) {
		t.Errorf("unchanged: %v", err)
	}
}

// An empty chunk behind a full one says the same in another way: age does not take it.
func TestStreamEmptyLastChunk(t *testing.T) {
	key, nonce := noise(16), noise(payloadNonce)
	p, err := newPayload(key, nonce)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.seal(nil, noise(chunkSize))
	if err != nil {
		t.Fatal(err)
	}
	p, _ = newPayload(key, nonce)
	if _, err := p.open(nil, b); err != nil {
		t.Fatal(err)
	}
	p, _ = newPayload(key, nonce)
	odd := sealAs(t, p, noise(chunkSize), false)
	odd = append(odd, sealAs(t, p, nil, true)...)
	p, _ = newPayload(key, nonce)
	if _, err := p.open(nil, odd); !errors.Is(err, errPayload) {
		t.Errorf("got %v", err)
	}
}

func sealAs(t *testing.T, p *payload, plain []byte, last bool) []byte {
	t.Helper()
	a, err := chacha20poly1305.New(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return a.Seal(nil, p.next(last), plain, nil)
}
