package format

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/seal"
)

// RewrapOptions are the options of Rewrap.
type RewrapOptions struct {
	Identities []age.Identity // that open the compartments now
	// Recipients are, by compartment, all who shall open it: age does not say who they were, so
	// the list is a full one. Compartments that are not in it stay as they are.
	Recipients   map[int][]age.Recipient
	AcceptSchema bool
	Limits       *Limits // nil: the defaults
}

// errKeysDone ends a rewrap that needs no new archive.
var errKeysDone = errors.New("format: keys are replaced")

// Rewrap replaces the key files of an encrypted archive: others can open it then. Nothing else
// changes, signatures stay good. It is no rotation: the compartment's own identity is the same,
// and whoever has a copy of the archive as it was, or of that identity, opens it still. No
// recipient may be of a weaker class than the manifest says: that takes a new archive.
func Rewrap(ctx context.Context, path string, opts *RewrapOptions) error {
	if opts == nil || len(opts.Recipients) == 0 {
		return fmt.Errorf("%w: Rewrap without Recipients", ErrOptions)
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	err = replaceFile(path, func(w io.Writer) (os.FileMode, error) {
		f, err := os.Open(path)
		if err != nil {
			return 0, fmt.Errorf("format: %w", err)
		}
		defer f.Close()
		fi, err := f.Stat()
		if err != nil {
			return 0, fmt.Errorf("format: %w", err)
		}
		ro := &ReaderOptions{Policy: IntegrityOnly(), Limits: opts.Limits, AcceptSchema: opts.AcceptSchema, Identities: opts.Identities, Keys: KeysBeside(path)}
		a, err := openArchive(f, fi.Size(), ro)
		if err != nil {
			return 0, err
		}
		if err := a.rewrap(opts, ro); err != nil {
			return 0, err
		}
		if a.man.shreddable() {
			if err := writeKeys(path+keysSuffix, a.wraps); err != nil {
				return 0, err
			}
			return 0, errKeysDone
		}
		return fi.Mode().Perm(), a.copyWithKeys(ctx, w)
	})
	if err == nil || errors.Is(err, errKeysDone) {
		return nil
	}
	return err
}

// rewrap makes the new key files, in place of those in a.wraps.
func (a *archive) rewrap(opts *RewrapOptions, ro *ReaderOptions) error {
	if len(a.man.Compartments) == 0 {
		return fmt.Errorf("%w: the archive is not encrypted, so there are no keys to replace", ErrOptions)
	}
	c := &contents{a: a, keys: make([]*seal.Key, len(a.man.Compartments))}
	for n, rs := range opts.Recipients {
		if n < 0 || n >= len(a.man.Compartments) {
			return fmt.Errorf("%w: no compartment %d, there are %d", ErrOptions, n, len(a.man.Compartments))
		}
		if err := c.unlock(n, ro); err != nil {
			return err
		}
		if c.keys[n] == nil {
			return noIdentity(n)
		}
		class, err := seal.ClassOf(rs)
		if err != nil {
			return fmt.Errorf("format: recipients of compartment %d: %w", n, err)
		}
		if weakest := a.man.Compartments[n].Weakest; class > seal.ParseClass(weakest) {
			return fmt.Errorf("%w: compartment %d: a recipient is of class %s, and the archive says that none is weaker than %s: encrypt it anew", ErrOptions, n, class, weakest)
		}
		wraps, err := seal.WrapFiles(c.keys[n], rs)
		if err != nil {
			return fmt.Errorf("format: recipients of compartment %d: %w", n, err)
		}
		if len(wraps) > a.lim.Wraps {
			return fmt.Errorf("%w: %d key files, at most %d", ErrLimit, len(wraps), a.lim.Wraps)
		}
		a.wraps[n] = wraps
	}
	return nil
}

// copyWithKeys writes a with the key files of a.wraps; every other member is copied as stored.
func (a *archive) copyWithKeys(ctx context.Context, w io.Writer) error {
	zip := container.NewWriter(w)
	var buf []byte
	for _, e := range a.entries {
		name := e.Name[len(a.prefix):]
		if name == nameReadme { // behind the data, in front of what is about it
			for i, files := range a.wraps {
				for n, f := range files {
					if _, err := zip.Add(a.prefix+keyName(i, n+1), f, crc32.ChecksumIEEE(f)); err != nil {
						return fmt.Errorf("format: %w", err)
					}
				}
			}
		}
		if strings.HasPrefix(name, "keys/") {
			continue
		}
		if err := a.copyMember(ctx, zip, &buf, e); err != nil {
			return err
		}
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}
