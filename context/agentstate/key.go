package agentstate

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"net/url"
	"strings"
)

// maxPart is the length of an escaped key part above which its digest stands for its tail.
const maxPart = 1024

// Key makes a key: kind as it is, and parts, each %-escaped, joined by slashes. It is a pure
// function of its arguments and different arguments give different keys; parts may hold any bytes.
// A part of more than 1,024 escaped bytes becomes its first 64 bytes, "~" and its SHA-256.
func Key(kind string, parts ...string) string {
	n := len(kind)
	for _, p := range parts {
		n += 1 + min(escapedLen(p), maxPart)
	}
	var few [512]byte
	b := few[:0]
	if n > len(few) {
		b = make([]byte, 0, n)
	}
	b = append(b, kind...)
	for _, p := range parts {
		b = append(b, '/')
		if n > maxPart && escapedLen(p) > maxPart {
			sum := sha256.Sum256([]byte(p))
			b = append(escape(b, p[:64])[:len(b)+64], '~') // 64 bytes give as many or more
			b = hex.AppendEncode(b, sum[:])
		} else {
			b = escape(b, p)
		}
	}
	return string(b)
}

// plain tells whether c stands in a key as it is: it is url.PathEscape, and ~ too, which marks a cut
// part.
func plain(c byte) bool {
	const (
		letters = 1<<26 - 1
		below   = 1<<'$' | 1<<'&' | 1<<'+' | 1<<'-' | 1<<'.' | (1<<10-1)<<'0' | 1<<':' | 1<<'='
		above   = 1<<('@'-64) | letters<<('A'-64) | 1<<('_'-64) | letters<<('a'-64)
	)
	set := uint64(below)
	if c >= 64 {
		set = above
	}
	return c < 128 && set>>(c&63)&1 != 0
}

func escapedLen(p string) int {
	n := len(p)
	for i := range len(p) {
		if !plain(p[i]) {
			n += 2
		}
	}
	return n
}

func escape(b []byte, p string) []byte {
	const hexDigits = "0123456789ABCDEF"
	for i := range len(p) {
		if c := p[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

// SplitKey takes a key apart again. A part that Key had cut comes back as it is in the key.
func SplitKey(key string) (kind string, parts []string) {
	kind, rest, ok := strings.Cut(key, "/")
	if !ok {
		return kind, nil
	}
	for p := range strings.SplitSeq(rest, "/") {
		if u, err := url.PathUnescape(p); err == nil && !strings.Contains(p, "~") {
			p = u
		}
		parts = append(parts, p)
	}
	return kind, parts
}

// KindOf is the kind of a record: the first part of its key.
func KindOf(r Record) string { return KindOfKey(r.GetMeta().GetKey()) }

// KindOfKey is the first part of key.
func KindOfKey(key string) string {
	k, _, _ := strings.Cut(key, "/")
	return k
}

// Of narrows a stream to one type: for m, err := range agentstate.Of[*exitrampv1.Memory](seq).
func Of[R Record](seq iter.Seq2[Record, error]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for r, err := range seq {
			if err != nil {
				var zero R
				yield(zero, err)
				return
			}
			if t, ok := r.(R); ok && !yield(t, nil) {
				return
			}
		}
	}
}
