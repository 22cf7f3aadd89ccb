package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/unpack"
	"github.com/exitramp/exitramp/format"
)

const unpackedScheme = "unpacked:" // before a folder: it is a source

type unpackFlags struct {
	keys         keyFlags
	form         unpack.Form
	json, dryRun bool
}

func (a *app) unpackCmd() *cobra.Command {
	f := &unpackFlags{}
	c := &cobra.Command{
		Use: "unpack ARCHIVE FOLDER", Short: "Write an archive as JSON lines, CSV or one SQLite file",
		Long: `Verifies ARCHIVE, then writes every record in a form that everybody's tools open: --as jsonl (all of
it; ` + "`exitramp pack`" + ` reads it back), csv (a file a kind), sqlite (one file with a table a kind, and the
views conversations, talk and memories). FOLDER holds plain text afterwards.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.unpack(c.Context(), args[0], args[1], f)
		},
	}
	f.keys.add(c)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "verify and read all of it, and write nothing")
	c.Flags().StringVar((*string)(&f.form), "as", string(unpack.JSONL), "jsonl, csv or sqlite")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	return c
}

func (a *app) unpack(ctx context.Context, archive, folder string, f *unpackFlags) error {
	if !slices.Contains(unpack.Forms(), f.form) {
		return usagef("--as %s: want jsonl, csv or sqlite", f.form)
	}
	if err := a.notRuntime(folder, "a folder"); err != nil {
		return err
	}
	path := archivePath(archive)
	ro, err := a.readerOptions(&f.keys, format.IntegrityOnly())
	if err != nil {
		return err
	}
	af, size, err := openFile(path)
	if err != nil {
		return err
	}
	defer af.Close()
	began := a.now()
	v, err := format.Verify(ctx, af, size, &format.VerifyOptions{ReaderOptions: *ro})
	if err != nil {
		return a.refused(path, err, f.json)
	}
	r, err := format.NewReader(af, size, ro)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer r.Close()
	note := fmt.Sprintf("The state in the archive %s, coverage %s, SHA-256 of its manifest %x.", filepath.Base(path), v.Coverage.Coverage, v.ManifestSHA256)
	var sink agentstate.Sink = discard{}
	if !f.dryRun {
		d, err := unpack.Create(folder, f.form, &unpack.Options{Note: note})
		if err != nil {
			return err
		}
		defer d.Close()
		sink = d
	}
	rep, err := agentstate.Copy(ctx, sink, watched{r, a, "unpack", archiveCounts(r)}, nil)
	if err != nil {
		return err
	}
	var total uint64
	for _, n := range stateCounts(rep.Records) {
		total += n
	}
	a.result["records"], a.result["folder"] = stateCounts(rep.Records), folder
	if f.json {
		return a.printJSON(map[string]any{"folder": folder, "form": f.form, "written": !f.dryRun, "records": stateCounts(rep.Records), "coverage": rep.Verdict.Coverage.String()})
	}
	if f.dryRun {
		fmt.Fprintf(a.stdout, "read, nothing written: %s records as %s for %s\n", number(total), f.form, folder)
		return nil
	}
	fmt.Fprintf(a.stdout, "%s  %s records as %s  %s\n", folder, number(total), f.form, a.now().Sub(began).Round(10*time.Millisecond))
	fmt.Fprintf(a.stderr, "%s holds plain text: what agents know of people. Delete it when it has served.\n", folder)
	return nil
}

func (a *app) packCmd() *cobra.Command {
	f := &exportFlags{}
	c := &cobra.Command{
		Use: "pack FOLDER ARCHIVE", Short: "Seal a folder of JSON lines that unpack wrote",
		Long: `Reads the JSON lines in FOLDER and seals them in a new ARCHIVE, which holds the same records as the one
that was unpacked: exitramp diff says so. Lines that were taken out show in its coverage.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.export(c.Context(), unpackedScheme+args[0], args[1], f)
		},
	}
	c.Flags().StringArrayVarP(&f.recipients, "recipient", "r", nil, "encrypt to this public `KEY` (age1…); may be given again")
	c.Flags().StringArrayVarP(&f.recipientFiles, "recipients-file", "R", nil, "encrypt to the public keys in `FILE`")
	c.Flags().BoolVarP(&f.passphrase, "passphrase", "p", false, "encrypt with a passphrase: asked for, or EXITRAMP_PASSPHRASE")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "read all of it and write nothing")
	addSecrets(c, &f.secrets, secretsOff) // what an earlier scan said is in the lines
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	return c
}

// unpacked is the folder of s, where s names one.
func unpacked(s string) (string, bool) { return strings.CutPrefix(s, unpackedScheme) }
