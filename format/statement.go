package format

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/exitramp/exitramp/format/internal/container"
)

// maxStatement is the size of a statement that SignStatement takes, in bytes.
const maxStatement = 16 << 20

// SignStatement signs an in-toto Statement v1 about something that has to do with an archive: a
// drill, an inspection. It returns a Sigstore bundle, as [Sign] does, that cosign and openssl check
// too. statement is signed byte for byte as it is given. Of opts it takes Timestamp and TSA.
func SignStatement(ctx context.Context, statement []byte, signer crypto.Signer, opts *SignOptions) ([]byte, error) {
	if opts == nil {
		opts = &SignOptions{}
	}
	if _, err := predicateOf(statement); err != nil {
		return nil, fmt.Errorf("format: statement: %w", err)
	}
	key, err := NewTrustedKey(signer.Public(), "")
	if err != nil {
		return nil, err
	}
	s := &signing{key: key, signer: signer, opts: opts}
	return s.seal(ctx, statement)
}

// CheckStatement checks a bundle of [SignStatement]: signed by a key of t, by its Threshold with
// the bundles of t beside it, over one statement whose predicate is of predicateType. It returns the
// statement, byte for byte, and who signed it. ErrBundle, ErrUntrusted, ErrThreshold, ErrTimestamp
// and ErrStatement are as for archives.
func CheckStatement(raw []byte, t *Trust, predicateType string) (statement []byte, signed []TrustedKey, err error) {
	need := max(1, t.Threshold)
	if len(t.Keys) < need {
		return nil, nil, fmt.Errorf("%w: %d trusted keys, and signatures by %d are asked for", ErrOptions, len(t.Keys), need)
	}
	var others []byte // key ids, for the message
	for i, raw := range slices.Concat([][]byte{raw}, t.Bundles) {
		if len(raw) > 2*maxStatement {
			return nil, nil, refuse(ErrLimit, "", fmt.Sprintf("bundle of %d bytes, at most %d", len(raw), 2*maxStatement))
		}
		b, err := parseBundleOf(raw, 2*maxStatement)
		if err != nil {
			return nil, nil, refuse(ErrBundle, "", err.Error())
		}
		n := slices.IndexFunc(t.Keys, func(k TrustedKey) bool { return k.ID == b.keyID })
		if n < 0 {
			others = fmt.Appendf(others, " %s", b.keyID[:16])
			continue
		}
		k := t.Keys[n]
		if !k.verify(b.signed(), b.sig) {
			return nil, nil, refuse(ErrUntrusted, "", "the signature is not by "+k.String()+", whom it names")
		}
		if statement != nil && !bytes.Equal(statement, b.payload) {
			return nil, nil, refuse(ErrStatement, "", fmt.Sprintf("bundle %d is about another statement", i+1))
		}
		if len(t.TSA) > 0 {
			if k.Time, err = stamped(b, t.TSA); err != nil {
				return nil, nil, refuse(ErrTimestamp, "", err.Error())
			}
		}
		if statement = b.payload; !slices.ContainsFunc(signed, func(g TrustedKey) bool { return g.ID == k.ID }) {
			signed = append(signed, k)
		}
	}
	switch {
	case len(signed) == 0:
		return nil, nil, mismatch(ErrUntrusted, "", "signatures", "by a key of the trust file", fmt.Sprintf("by%s", others))
	case len(signed) < need:
		return nil, nil, mismatch(ErrThreshold, "", "signatures by trusted keys", fmt.Sprint(need), fmt.Sprintf("%d: %s", len(signed), join(signed)))
	}
	got, err := predicateOf(statement)
	if err != nil {
		return nil, nil, refuse(ErrStatement, "", err.Error())
	}
	if got != predicateType {
		return nil, nil, mismatch(ErrStatement, "", "predicate type", predicateType, fmt.Sprintf("%.200q", got))
	}
	return statement, signed, nil
}

// predicateOf reads a statement, strictly, and says what its predicate is.
func predicateOf(statement []byte) (string, error) {
	if len(statement) > maxStatement {
		return "", fmt.Errorf("%d bytes, at most %d", len(statement), maxStatement)
	}
	if !json.Valid(statement) {
		return "", errors.New("not JSON")
	}
	o, err := parseJSON(statement)
	if err != nil {
		return "", err
	}
	o.constant("_type", statementType)
	if len(o.list("subject")) == 0 {
		o.fail("subject", "it is about nothing")
	}
	typ := o.text("predicateType")
	return typ, *o.err
}

// Unsigned shows an archive as it is without its signatures, for tests and drills of what a reader
// says to that. Nothing is copied: the bytes are those of ra, up to the first signature.
func Unsigned(ra io.ReaderAt, size int64) (io.ReaderAt, int64, error) {
	lim := (*Limits)(nil).orDefault()
	entries, err := container.Read(ra, size, container.Limits{Members: lim.Members, Stored: lim.Stored})
	if err != nil {
		return nil, 0, containerError(err, "")
	}
	n := slices.IndexFunc(entries, func(e container.Entry) bool {
		_, name, _ := bytes.Cut([]byte(e.Name), []byte("/"))
		return parseName(string(name)).typ == typeAttestation
	})
	if n < 0 {
		return ra, size, nil
	}
	var tail bytes.Buffer
	at := entries[n].Offset
	if err := container.NewStream(&tail, at).Close(slices.Values(entries[:n])); err != nil {
		return nil, 0, fmt.Errorf("format: %w", err)
	}
	return &spliced{ra, at, tail.Bytes()}, at + int64(tail.Len()), nil
}

// spliced is a file up to a place, and other bytes from there.
type spliced struct {
	head io.ReaderAt
	at   int64
	tail []byte
}

// ReadAt reads across the place.
func (s *spliced) ReadAt(p []byte, off int64) (n int, err error) {
	if off < s.at {
		if n, err = s.head.ReadAt(p[:min(int64(len(p)), s.at-off)], off); err != nil {
			return n, err
		}
	}
	if n < len(p) {
		m, err := bytes.NewReader(s.tail).ReadAt(p[n:], max(0, off-s.at))
		return n + m, err
	}
	return n, nil
}
