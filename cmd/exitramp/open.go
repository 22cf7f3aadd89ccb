package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/unpack"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

// keyFlags are the flags of verbs that open archives.
type keyFlags struct {
	trust      trustFlags
	identities []string
	passphrase bool
	unsigned   bool
	schema     bool
	partial    bool
}

func (k *keyFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVarP(&k.identities, "identity", "i", nil, "key `FILE` that opens the archive; may be given again")
	c.Flags().BoolVarP(&k.passphrase, "passphrase", "p", false, "open with a passphrase: asked for, or EXITRAMP_PASSPHRASE")
	c.Flags().BoolVar(&k.partial, "partial", false, "where keys are missing, go on with the compartments that are open")
	c.Flags().BoolVar(&k.schema, "accept-schema", false, "read an archive with a schema that no known release published")
}

// addTrust is for verbs that act on what an archive says.
func (k *keyFlags) addTrust(c *cobra.Command) {
	k.trust.add(c)
	c.Flags().BoolVar(&k.unsigned, "accept-unsigned", false, "act on an archive that nobody signed: it is intact, by whomever")
}

func (a *app) passphrase(again bool) (string, error) {
	if p := a.getenv("EXITRAMP_PASSPHRASE"); p != "" {
		return p, nil
	}
	p, err := a.readPassword("Passphrase: ")
	if err != nil {
		return "", err
	}
	if again {
		q, err := a.readPassword("Again: ")
		if err != nil {
			return "", err
		}
		if p != q {
			return "", errors.New("the two passphrases differ")
		}
	}
	if p == "" {
		return "", errors.New("empty passphrase")
	}
	return p, nil
}

func (a *app) readerOptions(k *keyFlags, policy format.Policy) (*format.ReaderOptions, error) {
	o := &format.ReaderOptions{
		Policy: policy, AcceptSchema: k.schema, Partial: k.partial, Lineage: k.trust.lineage, MinSequence: k.trust.minSequence,
	}
	for _, path := range k.identities {
		ids, err := a.readIdentities(path)
		if err != nil {
			return nil, err
		}
		o.Identities = append(o.Identities, ids...)
	}
	if k.passphrase {
		p, err := a.passphrase(false)
		if err != nil {
			return nil, err
		}
		id, err := format.PassphraseIdentity(p)
		if err != nil {
			return nil, err
		}
		o.Identities = append(o.Identities, id)
	}
	return o, nil
}

// openArchive opens an archive to look at: integrity is checked, signatures are not asked for.
func (a *app) openArchive(path string, k *keyFlags) (*format.Reader, error) {
	return a.open(path, k, format.IntegrityOnly())
}

// openTrusted opens an archive to act on.
func (a *app) openTrusted(path string, k *keyFlags) (*format.Reader, error) {
	policy, err := k.trust.policy("accept-unsigned", k.unsigned)
	if err != nil {
		return nil, err
	}
	r, err := a.open(path, k, policy)
	if err != nil {
		return nil, err
	}
	// What the archive was trusted for is part of the outcome.
	a.authenticity = "not checked: unsigned was accepted"
	if by := r.Info().SignedBy; len(by) > 0 {
		a.authenticity = "AUTHENTIC: " + signedBy(by)
	}
	a.result["authenticity"] = a.authenticity
	return r, nil
}

func (a *app) open(path string, k *keyFlags, policy format.Policy) (*format.Reader, error) {
	o, err := a.readerOptions(k, policy)
	if err != nil {
		return nil, err
	}
	if err := regular(archivePath(path)); err != nil {
		return nil, err
	}
	r, err := format.Open(archivePath(path), o)
	if err != nil {
		return nil, named(archivePath(path), err)
	}
	a.archives = append(a.archives, archivePath(path))
	if in := r.Info(); k.partial && closed(in) > 0 {
		fmt.Fprintf(a.stderr, "! %s: %s. What is in there is left out.\n", archivePath(path), closedText(in))
	}
	return r, nil
}

// archivePath is the file that s names: a path, archive:path, or the URL of a file. No shell puts the home of a user
// behind a colon.
func archivePath(s string) string {
	home := os.Getenv("HOME")
	if u, err := url.Parse(exporters.AtHome(s, home)); err == nil && u.Scheme == "file" {
		if p, err := exporters.Path(u, "file:FILE"); err == nil {
			return p
		}
	}
	path, ok := strings.CutPrefix(s, "archive:")
	if ok && home != "" && strings.HasPrefix(path, "~/") {
		return home + path[1:]
	}
	return path
}

// newArchive is the file of an archive that is to be made. dry: nothing will be written.
func (a *app) newArchive(s string, dry bool) (string, error) {
	path := archivePath(s)
	if err := a.notRuntime(path, "the name of an archive"); err != nil || dry {
		return path, err
	}
	if exists(path) {
		return "", withHint(fmt.Errorf("%s is there already", path), "give another name, or move it away: an archive is never overwritten")
	}
	return path, inFolder("the archive", path)
}

// notRuntime refuses the URL of a runtime where what else is wanted will be made, and any that holds a secret: it would
// be the name of a file.
func (a *app) notRuntime(path, wanted string) error {
	scheme, _, _ := strings.Cut(path, ":")
	known := slices.ContainsFunc(a.drivers.Drivers(), func(d exporters.Driver) bool { return strings.EqualFold(d.Scheme, scheme) })
	secret := strings.Contains(path, "://") && exporters.Redact(path) != path
	if !known && !secret {
		return nil
	}
	hint := "exitramp replay writes an archive into a runtime; what has such a name is written ./" + scheme + ":…"
	return withHint(usagef("%s is the URL of a runtime, and %s is wanted there", exporters.Redact(path), wanted), hint)
}

// isArchive tells archives from runtimes: x.ctxa, archive:x, or a file of any name that is a zip.
func isArchive(s string) bool {
	path := archivePath(s)
	return strings.HasPrefix(s, "archive:") || strings.HasSuffix(path, ".ctxa") && !isURL(path) || isZip(path)
}

// isURL tells whether s reads as the URL of a runtime.
func isURL(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && !strings.ContainsAny(scheme, "/.")
}

// regular refuses what is there and cannot be an archive: a folder, and a pipe, which would be waited for.
func regular(path string) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", format.ErrNotArchive, path)
	}
	return nil
}

// openFile opens the file of an archive, and tells its size.
func openFile(path string) (*os.File, int64, error) {
	if err := regular(path); err != nil {
		return nil, 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, fi.Size(), nil
}

// isZip tells whether a file begins as a zip does.
func isZip(path string) bool {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() { // a pipe would wait
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "PK\x03\x04"
}

// runtime opens a runtime by URL.
func (a *app) runtime(ctx context.Context, rawURL string) (exporters.Runtime, error) {
	if isArchive(rawURL) {
		return nil, withHint(usagef("%s is an archive, and the URL of a runtime is wanted there", rawURL), "exitramp drivers lists the schemes")
	}
	if !strings.Contains(rawURL, ":") {
		return nil, withHint(usagef("%q is not a URL of a runtime", rawURL), "for example langgraph+sqlite:state.db; exitramp drivers lists the schemes")
	}
	return a.drivers.Open(ctx, exporters.AtHome(rawURL, a.getenv("HOME")))
}

// bareName opens what is named without a scheme and does not look like an archive: it says what it is.
func (a *app) bareName(s string, k *keyFlags) (exporters.Runtime, error) {
	const hint = "an archive is named by its path, a runtime by its URL: langgraph+sqlite:state.db; exitramp drivers lists the schemes"
	if !exists(s) {
		return nil, withHint(usagef("%s: there is no such file, and it is not a URL of a runtime", s), hint)
	}
	if exists(filepath.Join(s, "origin.jsonl")) {
		return nil, withHint(usagef("%s is a folder, and an archive or the URL of a runtime is wanted there", s),
			"one that unpack wrote as JSON lines is named "+shellWord(unpackedScheme+s))
	}
	r, err := a.openArchive(s, k)
	if format.Class(err) == "not-archive" {
		return nil, withHint(usagef("%w; and it is not a URL of a runtime", err), hint)
	}
	return r, err
}

// source opens a runtime or an archive to read from.
func (a *app) source(ctx context.Context, s string, k *keyFlags) (exporters.Runtime, error) {
	if isArchive(s) {
		return a.openArchive(s, k)
	}
	if folder, ok := unpacked(s); ok {
		return unpack.Open(folder)
	}
	if !strings.Contains(s, ":") {
		return a.bareName(s, k)
	}
	return a.runtime(ctx, s)
}

var _ agentstate.Source = (*format.Reader)(nil)
