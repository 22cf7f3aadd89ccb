package format

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/seal"
)

// compartment is one key of a writer, and who can open it.
type compartment struct {
	name    string
	match   func(agentstate.Record) bool
	key     *seal.Key
	wraps   [][]byte
	weakest string
}

// makeKeys makes one identity a compartment and wraps it.
func (w *Writer) makeKeys() error {
	w.comps = append(w.comps, &compartment{})
	for _, c := range w.opts.Compartments {
		w.comps = append(w.comps, &compartment{name: c.Name, match: c.Match})
	}
	if !w.encrypted() {
		return nil
	}
	for i, c := range w.comps {
		rs := w.opts.Recipients
		if i > 0 {
			rs = w.opts.Compartments[i-1].Recipients
		}
		if err := c.wrapFor(rs, w.lim.Wraps); err != nil {
			return fmt.Errorf("format: recipients of compartment %d: %w", i, err)
		}
	}
	return nil
}

func (c *compartment) wrapFor(rs []age.Recipient, max int) error {
	weakest, err := seal.ClassOf(rs)
	if err != nil {
		return err
	}
	c.weakest = weakest.String()
	if c.key, err = seal.NewKey(weakest); err != nil {
		return err
	}
	if c.wraps, err = seal.WrapFiles(c.key, rs); err != nil {
		return err
	}
	if len(c.wraps) > max {
		return fmt.Errorf("%w: %d key files, at most %d", ErrLimit, len(c.wraps), max)
	}
	return nil
}

// compartmentOf is the compartment that takes r.
func (w *Writer) compartmentOf(r agentstate.Record) int {
	for i := 1; i < len(w.comps); i++ {
		if w.comps[i].match(r) {
			return i
		}
	}
	return 0
}

// GenerateIdentity makes an identity and the recipient that seals to it, both as the text that
// files hold: post-quantum hybrid, or X25519 with classic, which age before 1.3 knows too.
func GenerateIdentity(classic bool) (identity, recipient string, err error) {
	if classic {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return "", "", fmt.Errorf("format: %w", err)
		}
		return id.String(), id.Recipient().String(), nil
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return "", "", fmt.Errorf("format: %w", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// ErrKeys: what people wrote as keys is none. It is no refusal of an archive.
var ErrKeys = errors.New("format: no keys")

// keysError is an ErrKeys in its own words.
type keysError struct{ error }

func (keysError) Is(target error) bool { return target == ErrKeys }
func (e keysError) Unwrap() error      { return e.error }

// ParseIdentities reads an identity file: one a line, empty lines and lines that start with #
// left out. Its errors never show a key.
func ParseIdentities(r io.Reader) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, keysError{errors.New("format: no identity file: one AGE-SECRET-KEY a line, as keygen writes it")}
	}
	return ids, nil
}

// ParseRecipients reads recipients: age1… words, several of them divided by white space or
// commas; lines that start with # are left out.
func ParseRecipients(s string) ([]age.Recipient, error) {
	var out []age.Recipient
	for line := range strings.Lines(s) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
			r, err := ParseRecipient(word)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("format: no recipient given: want age1…")
	}
	return out, nil
}

// ParseRecipient reads one recipient: age1pq1… or age1….
func ParseRecipient(s string) (age.Recipient, error) {
	if strings.HasPrefix(s, "AGE-SECRET-KEY-") {
		return nil, errors.New("format: this is an identity, which is secret: give the recipient beside it, age1…")
	}
	if r, err := age.ParseHybridRecipient(s); err == nil {
		return r, nil
	}
	r, err := age.ParseX25519Recipient(s)
	if err != nil {
		if !strings.HasPrefix(s, "age1") { // of another file, it may be a secret
			s = "…"
		}
		return nil, fmt.Errorf("format: recipient %q: want age1pq1… or age1…", s)
	}
	return r, nil
}

// PassphraseRecipient seals to a passphrase.
func PassphraseRecipient(passphrase string) (age.Recipient, error) {
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, errors.New("format: the passphrase is empty")
	}
	r.SetWorkFactor(seal.WorkFactor)
	return r, nil
}

// PassphraseIdentity opens what was sealed to a passphrase.
func PassphraseIdentity(passphrase string) (age.Identity, error) {
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, errors.New("format: the passphrase is empty")
	}
	id.SetMaxWorkFactor(seal.WorkFactor)
	return id, nil
}
