package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
)

func (a *app) rewrapCmd() *cobra.Command {
	f := &exportFlags{}
	var compartments []int
	c := &cobra.Command{
		Use: "rewrap ARCHIVE", Short: "Let others open an encrypted archive, in place of those who can now",
		Long: `Replaces the key files of an archive. Give all who shall open it: age does not tell who its recipients
were, so none can be taken over. Records, manifest and signatures stay as they are.

Who could open the archive before still opens a copy made before: what takes a key away from
somebody is exitramp re-encrypt, and the end of the old copies.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o := &format.WriterOptions{}
			if err := a.recipients(f, o); err != nil {
				return err
			}
			if len(o.Recipients) == 0 {
				return usagef("rewrap needs all who shall open it: -r KEY, -R FILE or -p")
			}
			ro, err := a.readerOptions(&f.keys, nil)
			if err != nil {
				return err
			}
			wo := &format.RewrapOptions{Identities: ro.Identities, AcceptSchema: f.keys.schema, Recipients: map[int][]age.Recipient{}}
			for _, n := range compartments {
				wo.Recipients[n] = o.Recipients
			}
			path := archivePath(args[0])
			if err := regular(path); err != nil {
				return err
			}
			if f.dryRun {
				return a.rewrapDry(path, compartments, o, f)
			}
			if err := format.Rewrap(c.Context(), path, wo); errors.Is(err, format.ErrOptions) {
				return withHint(named(path, err), anewHint)
			} else if err != nil {
				return a.refused(path, err, f.json)
			}
			if f.json {
				return a.printJSON(map[string]any{"archive": path, "recipients": len(o.Recipients), "compartments": compartments, "written": true})
			}
			fmt.Fprintf(a.stdout, "rewrapped %s for %s; copies made before open as before\n", path, plural(len(o.Recipients), "recipient", "recipients"))
			return nil
		},
	}
	f.addRecipients(c)
	c.Flags().StringArrayVarP(&f.keys.identities, "identity", "i", nil, "key `FILE` that opens it now; may be given again")
	c.Flags().IntSliceVar(&compartments, "compartment", []int{0}, "the compartments whose keys are replaced")
	c.Flags().BoolVar(&f.keys.schema, "accept-schema", false, "also where no known release published the schema")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check that the keys at hand open it, and write nothing")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	return c
}

// anewHint is for whoever wants what a rewrap cannot do.
const anewHint = "exitramp re-encrypt makes a new archive, for whomever you say"

// rewrapDry finds out whether a rewrap could be done: the compartments have to open.
func (a *app) rewrapDry(path string, compartments []int, o *format.WriterOptions, f *exportFlags) error {
	f.keys.partial = true
	r, err := a.openArchive(path, &f.keys)
	if err != nil {
		return err
	}
	defer r.Close()
	in := r.Info()
	if len(in.Compartments) == 0 {
		return withHint(fmt.Errorf("%s is not encrypted, so there are no keys to replace", path), anewHint)
	}
	for _, n := range compartments {
		if n < 0 || n >= len(in.Compartments) || !in.Compartments[n].Open {
			return withHint(fmt.Errorf("%s: compartment %d does not open", path, n), hintOf(format.ErrNoIdentity))
		}
	}
	if f.json {
		return a.printJSON(map[string]any{"archive": path, "recipients": len(o.Recipients), "compartments": compartments, "written": false})
	}
	fmt.Fprintf(a.stdout, "opened, nothing written: %s would be rewrapped for %s\n", path, plural(len(o.Recipients), "recipient", "recipients"))
	return nil
}

func (a *app) reencryptCmd() *cobra.Command {
	f := &exportFlags{}
	c := &cobra.Command{
		Use: "re-encrypt ARCHIVE NEW-ARCHIVE", Short: "The same records in a new archive, with new keys",
		Long: `Reads an archive and writes its records to a new one, under keys that are made anew, for the
recipients given. The new archive follows the old one in its line; it has to be signed again. The
old one stays as it is: end it, and its copies, yourself. Records of all compartments come into one,
but for those of --compartment.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.reencrypt(c.Context(), args[0], args[1], f)
		},
	}
	f.addRecipients(c)
	f.addCompartments(c)
	f.keys.addTrust(c)
	c.Flags().StringArrayVarP(&f.keys.identities, "identity", "i", nil, "key `FILE` that opens ARCHIVE; may be given again")
	c.Flags().BoolVar(&f.keys.schema, "accept-schema", false, "also where no known release published the schema")
	c.Flags().BoolVar(&f.small, "small", false, "compress harder: a tenth smaller, and half again as slow")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "read all of it and write nothing")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	return c
}

func (a *app) reencrypt(ctx context.Context, from, to string, f *exportFlags) error {
	to, err := a.newArchive(to, f.dryRun)
	if err != nil {
		return err
	}
	o := &format.WriterOptions{Tool: "exitramp " + version(), Small: f.small}
	if err := a.recipients(f, o); err != nil {
		return err
	}
	if len(o.Recipients) == 0 {
		return usagef("re-encrypt needs who shall open the new archive: -r KEY, -R FILE or -p")
	}
	r, err := a.openTrusted(from, &f.keys)
	if err != nil {
		return err
	}
	defer r.Close()
	in := r.Info()
	o.Lineage, o.Sequence, o.Base = in.Lineage, in.Sequence+1, hex.EncodeToString(in.ManifestSHA256[:])
	began := a.now()
	var rep *agentstate.Report
	if f.dryRun {
		rep, err = agentstate.Copy(ctx, discard{}, r, nil)
	} else {
		rep, err = format.Export(ctx, to, r, o, nil)
	}
	if err != nil {
		return a.exportFailed(err, rep, to, f.dryRun)
	}
	return a.exported(rep, to, a.now().Sub(began), f)
}
