// Package seal encrypts members with age, a file for each: to one identity a compartment, made
// for one archive, which is itself wrapped for people in small key files.
package seal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// Class is the strength of a recipient. Greater is weaker.
type Class int

// The classes.
const (
	PQ Class = iota + 1 // post-quantum hybrid: age 1.3 or later
	Classic
	Passphrase
)

// String is the word in the manifest.
func (c Class) String() string {
	switch c {
	case PQ:
		return "pq"
	case Classic:
		return "classic"
	case Passphrase:
		return "passphrase"
	}
	return "unknown"
}

// ParseClass is the inverse of String; 0 for any other word.
func ParseClass(s string) Class {
	for _, c := range []Class{PQ, Classic, Passphrase} {
		if c.String() == s {
			return c
		}
	}
	return 0
}

// Errors.
var (
	ErrNoIdentity = errors.New("seal: no identity opens it")
	ErrKey        = errors.New("seal: not the key of this compartment")
	ErrRecipient  = errors.New("seal: recipient not usable")
)

// WorkFactor is the scrypt work factor at writing, and the greatest at reading.
const WorkFactor = 18

// MaxKeyFile is the greatest length of a key file.
const MaxKeyFile = 64 << 10

// Key is the identity of a compartment.
type Key struct {
	text string // AGE-SECRET-KEY-…
	id   age.Identity
	to   age.Recipient
	pub  string
}

// NewKey makes a key whose members are opened by what class says: post-quantum where every
// recipient is, else X25519, which older age opens too.
func NewKey(weakest Class) (*Key, error) {
	if weakest == PQ {
		h, err := age.GenerateHybridIdentity()
		if err != nil {
			return nil, err
		}
		return &Key{h.String(), h, h.Recipient(), h.Recipient().String()}, nil
	}
	x, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return &Key{x.String(), x, x.Recipient(), x.Recipient().String()}, nil
}

// RecipientSHA256 binds the key in the manifest: the digest of its recipient's text.
func (k *Key) RecipientSHA256() [32]byte { return sha256.Sum256([]byte(k.pub)) }

// Seal appends to dst the age file of plain.
func (k *Key) Seal(dst, plain []byte) ([]byte, error) { return sealMember(dst, plain, k.to) }

// Open appends to dst the content of the age file sealed. ErrKey: it is sealed to another key;
// any other error: its content is not what was sealed.
func (k *Key) Open(dst, sealed []byte) ([]byte, error) {
	if k.id == nil {
		return nil, errSealOnly
	}
	out, err := openMember(dst, sealed, k.id)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fmt.Errorf("%w: %v", ErrKey, err)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %v", err)
	}
	return out, nil
}

// classOf is the class of one recipient. Recipients of plugins and SSH keys count as classic.
func classOf(r age.Recipient) Class {
	switch r.(type) {
	case *age.HybridRecipient:
		return PQ
	case *age.ScryptRecipient:
		return Passphrase
	}
	return Classic
}

// ClassOf is the weakest class of rs. None at all is ErrRecipient.
func ClassOf(rs []age.Recipient) (Class, error) {
	if len(rs) == 0 {
		return 0, fmt.Errorf("%w: none given", ErrRecipient)
	}
	var c Class
	for _, r := range rs {
		c = max(c, classOf(r))
	}
	return c, nil
}

// OldestAge is the oldest age that opens members and key files of class c.
func (c Class) OldestAge() string {
	if c == PQ {
		return "1.3"
	}
	return "1.0"
}

// WrapFiles makes the key files for rs: one for each class, since age refuses mixes, and one
// for each passphrase.
func WrapFiles(k *Key, rs []age.Recipient) ([][]byte, error) {
	by := map[Class][]age.Recipient{}
	for _, r := range rs {
		by[classOf(r)] = append(by[classOf(r)], r)
	}
	var out [][]byte
	add := func(rs ...age.Recipient) error {
		b, err := encrypt([]byte(k.text+"\n"), rs...)
		if err != nil {
			return fmt.Errorf("%w: %v", ErrRecipient, err)
		}
		out = append(out, b)
		return nil
	}
	for _, c := range []Class{PQ, Classic} {
		if len(by[c]) > 0 {
			if err := add(by[c]...); err != nil {
				return nil, err
			}
		}
	}
	for _, r := range by[Passphrase] {
		if err := add(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Unwrap opens the first of files that one of ids opens; none is ErrNoIdentity, a file that
// holds no key is ErrKey. The caller compares RecipientSHA256 with the manifest.
func Unwrap(files [][]byte, ids []age.Identity) (*Key, error) {
	if len(ids) == 0 {
		return nil, ErrNoIdentity
	}
	for _, f := range files {
		r, err := age.Decrypt(bytes.NewReader(f), ids...)
		var none *age.NoIdentityMatchError
		if errors.As(err, &none) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrKey, err)
		}
		text, err := io.ReadAll(io.LimitReader(r, MaxKeyFile))
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrKey, err)
		}
		return parse(strings.TrimSpace(string(text)))
	}
	return nil, ErrNoIdentity
}

func parse(text string) (*Key, error) {
	if h, err := age.ParseHybridIdentity(text); err == nil {
		return &Key{text, h, h.Recipient(), h.Recipient().String()}, nil
	}
	x, err := age.ParseX25519Identity(text)
	if err != nil {
		return nil, fmt.Errorf("%w: the key file holds no identity", ErrKey)
	}
	return &Key{text, x, x.Recipient(), x.Recipient().String()}, nil
}

func encrypt(plain []byte, rs ...age.Recipient) ([]byte, error) {
	var buf bytes.Buffer
	w, err := age.Encrypt(&buf, rs...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Recipient is the public half as text, for a journal: NewSealer makes a key of it that seals
// and does not open.
func (k *Key) Recipient() string { return k.pub }

// errSealOnly is Open of a key that has no identity.
var errSealOnly = errors.New("seal: this key seals only")

// NewSealer is the key of a recipient that Recipient gave.
func NewSealer(recipient string) (*Key, error) {
	if h, err := age.ParseHybridRecipient(recipient); err == nil {
		return &Key{to: h, pub: recipient}, nil
	}
	x, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRecipient, err)
	}
	return &Key{to: x, pub: recipient}, nil
}
