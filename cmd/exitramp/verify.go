package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/format"
)

func (a *app) verifyCmd() *cobra.Command {
	k := &keyFlags{}
	f := &verifyFlags{}
	var integrity bool
	c := &cobra.Command{
		Use: "verify ARCHIVE", Short: "Is the archive what was sealed?",
		Long: `Checks every byte of an archive and says three things, never one: INTEGRITY, AUTHENTICITY,
FRESHNESS (--lineage, --min-sequence, --ledger). With a key, records are checked too (deep); without, or with --stored, the stored bytes.
--trust names the keys whose signature you ask for; --integrity-only asks for none. Exit code 5
names what is wrong.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			policy, err := k.trust.policy("integrity-only", integrity)
			if err != nil {
				return err
			}
			if policy == nil {
				return &exitError{code: exitUsage, err: errors.New("whom do you trust? give --trust FILE with their public keys"),
					hint: "exitramp verify ARCHIVE --integrity-only says whether the archive is intact, by whomever"}
			}
			if k.trust.ledger != "" && integrity {
				return usagef("--ledger needs --trust FILE: how old an archive is, only a signature tells")
			}
			return a.verify(c.Context(), args[0], k, policy, f)
		},
	}
	k.add(c)
	k.trust.add(c)
	c.Flags().StringVar(&k.trust.ledger, "ledger", "", "`FILE` with the newest archive of each line that was verified; this one is held against it and noted. A ledger of drills does, too, and stays as it is")
	c.Flags().BoolVar(&integrity, "integrity-only", false, "ask for no signature; the word is INTACT, never AUTHENTIC")
	c.Flags().BoolVar(&f.stored, "stored", false, "the stored bytes alone; needs no key and a third of the time")
	c.Flags().StringArrayVar(&f.require, "require-recipient", nil, "key `FILE` of somebody, such as an escrow, who has to be able to open all of it; may be given again")
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	return c
}

// verifyFlags are the flags of verify alone.
type verifyFlags struct {
	stored, json bool
	require      []string
}

func (a *app) verify(ctx context.Context, path string, k *keyFlags, policy format.Policy, f *verifyFlags) error {
	path = archivePath(path)
	ro, err := a.readerOptions(k, policy)
	if err != nil {
		return err
	}
	note := false
	if k.trust.ledger != "" {
		if ro.Ledger, note, err = k.trust.readLedger(a.stderr); err != nil {
			return err
		}
	}
	ro.Keys = format.KeysBeside(path)
	vo := &format.VerifyOptions{ReaderOptions: *ro, StoredOnly: f.stored}
	for _, file := range f.require {
		ids, err := a.readIdentities(file)
		if err != nil {
			return err
		}
		vo.Require = append(vo.Require, ids...)
	}
	af, size, err := openFile(path)
	if err != nil {
		return err
	}
	defer af.Close()
	p := a.newProgress("verify", "bytes")
	p.expect(map[string]int64{"": size})
	v, err := format.Verify(ctx, watchedFile{af, &sync.Mutex{}, p}, size, vo)
	p.done()
	if err != nil {
		return a.refused(path, err, f.json)
	}
	if note {
		if err := k.trust.noteVerified(ctx, af, size, *ro, v); err != nil {
			return a.refused(path, err, f.json)
		}
	}
	a.result["integrity"], a.result["level"], a.result["coverage"] = v.Integrity, v.Level, v.Coverage.Coverage.String()
	a.result["authenticity"], a.result["freshness"] = v.Authenticity, v.Freshness
	ro.Ledger = nil // it has been asked
	in, err := format.Inspect(af, size, ro)
	if err != nil {
		return a.refused(path, err, f.json)
	}
	var found *secrets.Summary
	if v.Level == "deep" {
		found = secrets.Of(in.Statements...)
	}
	if err := a.printVerified(path, v, found, len(vo.Require), f.json); err != nil {
		return err
	}
	if len(vo.Require) > 0 && in.Encryption == "none" {
		fmt.Fprintln(a.stderr, "! the archive is not encrypted: whoever has the file reads it, with these keys or without")
	}
	return nil
}

// printVerified prints what verify found. found is what the export says of secrets, nil where it says
// nothing; required is how many keys were asked to open it.
func (a *app) printVerified(path string, v *format.Verification, found *secrets.Summary, required int, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{
			"secrets": secretsJSON(found),
			"archive": path, "integrity": v.Integrity, "level": v.Level, "authenticity": v.Authenticity, "freshness": v.Freshness, "signed_by": signedByJSON(v.SignedBy),
			"lineage": v.Lineage, "sequence": v.Sequence, "required_recipients": required,
			"members": v.Members, "bytes": v.Bytes, "records": v.Records, "not_understood": v.Unknown, "dangling": v.Dangling,
			"coverage": v.Coverage.Coverage.String(), "not_verified": v.NotVerified, "manifest_sha256": fmt.Sprintf("%x", v.ManifestSHA256),
		})
	}
	records := uint64(0)
	for kind, n := range v.Records {
		if agentstate.IsState(kind) {
			records += n
		}
	}
	what := fmt.Sprintf("%s members, %s", number(v.Members), bytesText(v.Bytes))
	if v.Level == "deep" {
		what = fmt.Sprintf("%s members, %s records", number(v.Members), number(records))
	} else {
		what += "; records were not opened"
	}
	fmt.Fprintf(a.stdout, "INTEGRITY     %s (%s): %s\n", v.Integrity, v.Level, what)
	for _, n := range v.NotVerified {
		fmt.Fprintf(a.stdout, "              not verified: %s\n", n)
	}
	fresh := v.Freshness
	if fresh == "not checked" && len(v.SignedBy) > 0 {
		fresh += " (give --ledger FILE)"
	}
	fmt.Fprintf(a.stdout, "AUTHENTICITY  %s\nFRESHNESS     %s\n", v.Authenticity, fresh)
	if required > 0 {
		fmt.Fprintf(a.stdout, "RECIPIENTS    %s all of it\n", plural(required, "key asked for opens", "keys asked for each open"))
	}
	fmt.Fprintf(a.stdout, "COVERAGE      %s\n", coverageText(v))
	if v.Unknown > 0 {
		fmt.Fprintf(a.stdout, "              %s of kinds that this release does not know: carried, not understood\n", plural(int(v.Unknown), "record is", "records are"))
	}
	if v.Dangling > 0 {
		fmt.Fprintf(a.stdout, "              %s to records that are not here\n", plural(int(v.Dangling), "reference leads", "references lead"))
	}
	if found != nil {
		fmt.Fprintf(a.stdout, "SECRETS       as the export says: %s\n", secretsText(found))
	}
	return nil
}

func coverageText(v *format.Verification) string {
	word := v.Coverage.Coverage.String()
	var whys []string
	kinds := map[string][]string{} // of each why
	for _, k := range keys(v.Coverage.Kinds) {
		if kv := v.Coverage.Kinds[k]; kv.Coverage > agentstate.Listed {
			why := fmt.Sprintf("%s: %s", kv.Coverage, kv.Why)
			if kinds[why] == nil {
				whys = append(whys, why)
			}
			kinds[why] = append(kinds[why], k)
		}
	}
	for i, why := range whys {
		whys[i] = strings.Join(kinds[why], ", ") + " " + why
	}
	if len(whys) > 0 {
		word += "  " + strings.Join(whys, "; ")
	}
	return word
}

// refused names the archive that was refused; with asJSON it prints for what.
func (a *app) refused(path string, err error, asJSON bool) error {
	if asJSON {
		a.errorJSON(map[string]any{"archive": path}, err)
	}
	return named(path, err)
}
