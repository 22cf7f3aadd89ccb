package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/format"
)

type signFlags struct {
	key      string
	detached bool
	out      string
	schema   bool
	tsa      string
	tsaCert  []string
	json     bool
	dryRun   bool
}

func (a *app) signCmd() *cobra.Command {
	f := &signFlags{}
	c := &cobra.Command{
		Use: "sign ARCHIVE --key FILE", Short: "Sign an archive, so that others can tell who sealed it",
		Long: `Checks the stored bytes of an archive and signs its manifest, which binds all of them. The signature
goes into the archive, whose other bytes stay as they are; or, with --detached, beside it. Several
people may sign. It is a Sigstore bundle: exitramp verify --trust checks it, and so do cosign and openssl.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.sign(c.Context(), archivePath(args[0]), f) },
	}
	c.Flags().StringVar(&f.key, "key", "", "private key `FILE`, as keygen --sign makes it")
	c.Flags().BoolVar(&f.detached, "detached", false, "leave the archive as it is, and write the signature beside it")
	c.Flags().StringVarP(&f.out, "output", "o", "", "`FILE` for a detached signature (default ARCHIVE.sigstore.json)")
	c.Flags().StringVar(&f.tsa, "tsa", "", "`URL` of a time stamp authority (RFC 3161): its stamp goes with the signature")
	c.Flags().StringArrayVar(&f.tsaCert, "tsa-cert", nil, "certificate `FILE` of the authority, to check its stamp with; may be given again")
	c.Flags().BoolVar(&f.schema, "accept-schema", false, "sign an archive with a schema that no known release published")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check archive and key, and write nothing")
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	return c
}

func (a *app) sign(ctx context.Context, path string, f *signFlags) error {
	switch {
	case f.key == "":
		return withHint(usagef("sign needs --key FILE"), "exitramp keygen --sign -o FILE makes a key")
	case f.out != "" && !f.detached:
		return usagef("-o is for --detached: without it the signature goes into the archive")
	}
	path = archivePath(path)
	if err := regular(path); err != nil {
		return err
	}
	if f.detached && f.out == "" {
		f.out = path + ".sigstore.json"
	}
	if fi, err := os.Stat(f.out); f.detached && err == nil && fi.Mode().IsRegular() {
		return withHint(fmt.Errorf("%s is there already", f.out), "give another name with -o: it may be the signature of somebody else")
	}
	kf, err := os.Open(f.key)
	if err != nil {
		return err
	}
	defer kf.Close()
	signer, err := format.ParseSigningKey(kf)
	if err != nil {
		return fmt.Errorf("%s: %w", f.key, err)
	}
	o := &format.SignOptions{Detached: f.detached || f.dryRun, AcceptSchema: f.schema}
	if f.tsa != "" && !f.dryRun { // an authority counts what it stamps
		if o.Timestamp, err = timestamper(f.tsa); err != nil {
			return err
		}
	} else if len(f.tsaCert) > 0 && f.tsa == "" {
		return usagef("--tsa-cert is for --tsa URL")
	}
	if o.TSA, err = readTSA(f.tsaCert); err != nil {
		return err
	}
	sig, err := format.Sign(ctx, path, signer, o)
	if errors.Is(err, format.ErrSigned) { // the same command again does nothing
		fmt.Fprintf(a.stderr, "%s is signed by this key already\n", path)
		if !f.json {
			return nil
		}
		return a.printJSON(map[string]any{"archive": path, "signature": "", "written": false, "detached": false, "signed_before": true})
	}
	if err != nil {
		return a.refused(path, err, f.json)
	}
	where := sig.Member
	switch {
	case f.dryRun:
		where = ""
	case f.detached:
		where = f.out
		if err := writeFile(f.out, sig.Bundle, 0o644); err != nil {
			return err
		}
	}
	a.result["signature"], a.result["key_id"] = where, sig.Key.ID
	if f.json {
		return a.printJSON(map[string]any{
			"archive": path, "signature": where, "written": !f.dryRun, "detached": f.detached, "key_id": sig.Key.ID, "manifest_sha256": hex.EncodeToString(sig.ManifestSHA256[:]),
		})
	}
	if f.dryRun {
		fmt.Fprintf(a.stdout, "checked, nothing written: %s would sign %s\n", sig.Key, path)
		return nil
	}
	if f.out != "/dev/stdout" {
		fmt.Fprintf(a.stdout, "signed %s by %s: %s\n", path, sig.Key, where)
	}
	return nil
}

// signingKey makes a key that signs. The public part goes to a file of its own, which is also a
// trust file.
func (a *app) signingKey(out string, ed, asJSON bool) error {
	private, public, err := format.GenerateSigningKey(ed)
	if err != nil {
		return err
	}
	if out == "" {
		fmt.Fprint(a.stderr, public)
		_, err := fmt.Fprint(a.stdout, private)
		return err
	}
	name := filepath.Base(out)
	public = "# " + strings.TrimSuffix(name, filepath.Ext(name)) + "\n" + public
	keys, err := format.ParseTrust(strings.NewReader(public))
	if err != nil {
		return fmt.Errorf("%s does not do as a name: %w", name, err)
	}
	if _, err := os.Lstat(out + ".pub"); err == nil {
		return withHint(fmt.Errorf("%s.pub is there already", out), "give another name")
	}
	if err := newFile(out, private, 0o600); err != nil {
		return err
	}
	if err := newFile(out+".pub", public, 0o644); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	if asJSON {
		return a.printJSON(map[string]any{"file": out, "public_file": out + ".pub", "key_id": keys[0].ID, "ed25519": ed, "signs": true})
	}
	fmt.Fprintf(a.stderr, "Public key: %s.pub, %s\n", out, keys[0])
	return nil
}
