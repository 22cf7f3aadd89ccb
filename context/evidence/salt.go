package evidence

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// Salt hides the ids of people and records in a predicate. Who has the salt of a drill finds an id
// again; it stays with the operator and is in no pack.
type Salt [32]byte

// NewSalt makes a salt.
func NewSalt() Salt {
	var s Salt
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// Hide is what stands for id: 32 hexadecimal digits.
func (s Salt) Hide(id string) string {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
