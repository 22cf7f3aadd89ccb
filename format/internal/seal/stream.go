package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// The payload of an age file, as age-encryption.org/v1 defines it: a nonce of 16 bytes, then
// chunks of 64 KiB, each sealed under a key of its own for the file with its number and a mark
// on the last one. A member is in memory as a whole, so that it is sealed and opened here from
// buffer to buffer, where age's streams copy each chunk twice. Headers are age's own.
const (
	payloadNonce = 16
	chunkSize    = 64 << 10
	sealedChunk  = chunkSize + chacha20poly1305.Overhead
)

var errPayload = errors.New("the payload is not what was sealed")

// payload is the state of one payload: chunk numbers are never used twice, as each has a key.
type payload struct {
	key   []byte
	nonce [chacha20poly1305.NonceSize]byte
}

func newPayload(fileKey, nonce []byte) (*payload, error) {
	key, err := hkdf.Key(sha256.New, fileKey, nonce, "payload", chacha20poly1305.KeySize)
	return &payload{key: key}, err
}

// next makes the nonce of the next chunk.
func (p *payload) next(last bool) []byte {
	n := p.nonce
	for i := len(n) - 2; i >= 0; i-- { // the number, for the chunk after this one
		if p.nonce[i]++; p.nonce[i] != 0 {
			break
		}
	}
	if last {
		n[len(n)-1] = 1
	}
	return n[:]
}

// seal appends the chunks of plain to dst.
func (p *payload) seal(dst, plain []byte) ([]byte, error) {
	a, err := chacha20poly1305.New(p.key)
	if err != nil {
		return nil, err
	}
	for {
		c := plain[:min(chunkSize, len(plain))]
		plain = plain[len(c):]
		dst = a.Seal(dst, p.next(len(plain) == 0), c, nil)
		if len(plain) == 0 {
			return dst, nil
		}
	}
}

// open appends what the chunks of sealed hold to dst.
func (p *payload) open(dst, sealed []byte) ([]byte, error) {
	a, err := chacha20poly1305.New(p.key)
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		c := sealed[:min(sealedChunk, len(sealed))]
		sealed = sealed[len(c):]
		if len(c) < chacha20poly1305.Overhead || len(c) == chacha20poly1305.Overhead && !first {
			return nil, errPayload // cut off, or an empty chunk behind others
		}
		if dst, err = a.Open(dst, p.next(len(sealed) == 0), c, nil); err != nil {
			return nil, errPayload
		}
		if len(sealed) == 0 {
			return dst, nil
		}
	}
}

// noted is a recipient that remembers the file key that age makes. It shows all that the
// recipient has: its labels keep age from mixing strong and weak ones.
type noted struct {
	to      age.Recipient
	fileKey []byte
}

func (n *noted) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	n.fileKey = bytes.Clone(fileKey)
	return n.to.Wrap(fileKey)
}

func (n *noted) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	if to, ok := n.to.(age.RecipientWithLabels); ok {
		n.fileKey = bytes.Clone(fileKey)
		return to.WrapWithLabels(fileKey)
	}
	s, err := n.Wrap(fileKey)
	return s, nil, err
}

// sealMember appends the age file of plain for to to dst.
func sealMember(dst, plain []byte, to age.Recipient) ([]byte, error) {
	dst = roomFor(dst, len(plain)+(len(plain)/chunkSize+1)*chacha20poly1305.Overhead+4096)
	n := &noted{to: to}
	head := bytes.NewBuffer(dst)
	if _, err := age.Encrypt(head, n); err != nil { // header and nonce; the stream is not used
		return nil, err
	}
	b := head.Bytes()
	p, err := newPayload(n.fileKey, b[len(b)-payloadNonce:])
	if err != nil {
		return nil, err
	}
	return p.seal(b, plain)
}

// openMember appends the content of the age file sealed to dst.
func openMember(dst, sealed []byte, id age.Identity) ([]byte, error) {
	head, err := age.ExtractHeader(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	fileKey, err := age.DecryptHeader(head, id)
	if err != nil {
		return nil, err
	}
	if len(sealed) < len(head)+payloadNonce {
		return nil, fmt.Errorf("%w: cut off", errPayload)
	}
	rest := sealed[len(head):]
	p, err := newPayload(fileKey, rest[:payloadNonce])
	if err != nil {
		return nil, err
	}
	return p.open(roomFor(dst, len(rest)), rest[payloadNonce:])
}

// roomFor makes room for n more bytes, and for some more where it has to make any, since the
// next member may be a little longer.
func roomFor(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return append(make([]byte, 0, len(dst)+n+n/8), dst...)
}
