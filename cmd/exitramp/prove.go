package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/recordjson"
	"github.com/exitramp/exitramp/format"
)

func (a *app) proveCmd() *cobra.Command {
	k := &keyFlags{}
	var out string
	var asJSON bool
	var bundles []string
	c := &cobra.Command{
		Use: "prove ARCHIVE KEY", Short: "A file that shows that one record was in the archive",
		Long: `Writes one JSON file with the record of this key, as it is stored, and what leads from it to the
signed manifest. exitramp check-proof checks it without the archive. It tells nothing of other
records but how many there are; of a vector or blob of the record it has the digest.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := ofKind("--output", out, `{"format":"ctxa-proof/`); err != nil {
				return err
			}
			r, err := a.openArchive(args[0], k)
			if err != nil {
				return err
			}
			defer r.Close()
			beside, err := readBundles(bundles)
			if err != nil {
				return err
			}
			b, err := r.Prove(c.Context(), args[1], beside...)
			if err != nil {
				return notIn(args[0], args[1], err)
			}
			if out == "" {
				_, err := a.stdout.Write(b)
				return err
			}
			if err := writeFile(out, b, 0o600); err != nil {
				return err
			}
			a.result["proof"] = out
			if asJSON {
				return a.printJSON(map[string]any{"archive": archivePath(args[0]), "key": args[1], "proof": out, "bytes": len(b)})
			}
			fmt.Fprintf(a.stderr, "%s: proof of %s, with its text in the clear; exitramp check-proof %s --trust FILE checks it\n", out, args[1], out)
			return nil
		},
	}
	k.add(c)
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` for the proof (default: standard output)")
	c.Flags().BoolVar(&asJSON, "json", false, "with -o: the outcome as JSON; a proof is JSON itself")
	c.Flags().StringArrayVar(&bundles, "bundle", nil, "signature `FILE` that lies beside the archive, to go with the proof; may be given again")
	return c
}

func (a *app) checkProofCmd() *cobra.Command {
	k := &keyFlags{}
	var integrity, asJSON bool
	c := &cobra.Command{
		Use: "check-proof FILE", Short: "Was this record in a signed archive? Needs no archive",
		Long: `Checks a file that exitramp prove wrote: that the record leads to the root in manifest.json, and
that a key you trust signed it. With --integrity-only it shows that the record belongs to that
manifest, by whomever. --json prints the record, too.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			policy, err := k.trust.policy("integrity-only", integrity)
			if err != nil {
				return err
			}
			if policy == nil {
				return withHint(usagef("whom do you trust? give --trust FILE with their public keys"), "--integrity-only asks for no signature")
			}
			return a.checkProof(c.Context(), args[0], k, policy, asJSON)
		},
	}
	k.trust.add(c)
	c.Flags().BoolVar(&k.schema, "accept-schema", false, "take a record of a schema that no known release published")
	c.Flags().BoolVar(&integrity, "integrity-only", false, "ask for no signature")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON, with the record")
	return c
}

// maxProofFile is more than a proof may have; CheckProof refuses it by the exact limit.
const maxProofFile = 64 << 20

func (a *app) checkProof(_ context.Context, path string, k *keyFlags, policy format.Policy, asJSON bool) error {
	ro, err := a.readerOptions(k, policy)
	if err != nil {
		return err
	}
	if fi, err := os.Stat(path); err != nil {
		return err
	} else if fi.Size() > maxProofFile {
		return fmt.Errorf("%s: %s are no proof", path, bytesText(fi.Size()))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p, err := format.CheckProof(b, ro)
	if err != nil {
		return a.refused(path, err, asJSON)
	}
	a.result["key"], a.result["authenticity"], a.result["freshness"] = p.Key, p.Authenticity, p.Freshness
	if asJSON {
		return a.printJSON(map[string]any{
			"proof": path, "key": p.Key, "kind": p.Kind, "archive_id": p.ArchiveID, "lineage": p.Lineage, "sequence": p.Sequence, "created_at": p.Created.Format(time.RFC3339Nano),
			"authenticity": p.Authenticity, "freshness": p.Freshness, "signed_by": signedByJSON(p.SignedBy), "manifest_sha256": hex.EncodeToString(p.ManifestSHA256[:]),
			"record": json.RawMessage(recordjson.Append(nil, p.Record)),
		})
	}
	fmt.Fprintf(a.stdout, "RECORD        %s was in archive %s, sealed %s\n", clean(p.Key), p.ArchiveID, p.Created.Format(time.RFC3339))
	fmt.Fprintf(a.stdout, "INTEGRITY     INTACT: it leads to manifest.json %x\n", p.ManifestSHA256[:8])
	fmt.Fprintf(a.stdout, "AUTHENTICITY  %s\nFRESHNESS     %s\n", p.Authenticity, p.Freshness)
	return nil
}
