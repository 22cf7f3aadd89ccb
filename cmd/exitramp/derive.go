package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/format"
)

type deriveFlags struct {
	export     exportFlags
	exclude    []string
	only       []string
	kinds      []string
	derivation []string
	where      string
	tombstones []string // --tombstones
	holds      []string // --hold
	plaintext  bool
}

func (a *app) deriveCmd() *cobra.Command {
	f := &deriveFlags{}
	c := &cobra.Command{
		Use: "derive IN OUT", Short: "A new archive of a part of another: erasure, access, a filter",
		Long: `Writes a new archive with new salts and a new id, which keeps the lineage of IN and names it as its
base. IN stays as it is.

  derive IN OUT --exclude-subject principal/ann      without what is of a person (GDPR 17)
  derive IN OUT --only-subject principal/ann         what is of a person alone (GDPR 15)
  derive IN OUT --only-subject principal/ann --derivation provided,observed      (GDPR 20)
  derive IN OUT --only-kind memory
  derive IN OUT --where 'kind == "memory" && created >= date("2026-01-01")'

A record goes with what it belongs to: messages with their conversation, vectors and history with
their memory. What is left out leaves a tombstone, so that no replay revives it; --only-subject leaves
none, since they would name other people. Who is a subject is what the runtime says:
exitramp list IN principal. --where takes expressions of github.com/expr-lang/expr over kind, key,
created, updated, derivation, subjects, labels and record, which has the fields that cat prints.
A comparison with a label holds where one of its values does; labels.NAME != "x", and not in, where none
does. label_values.NAME is the list of them.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return a.derive(c.Context(), args[0], args[1], f) },
	}
	f.export.keys.add(c)
	c.Flags().StringArrayVar(&f.exclude, "exclude-subject", nil, "`KEY` of a principal whose data is left out, or of a record; may be given again")
	c.Flags().StringArrayVar(&f.holds, "hold", nil, "keys in a `FILE` that are under a legal hold: nothing of theirs is left out for --exclude-subject or --tombstones, and that is refused; may be given again")
	c.Flags().StringArrayVar(&f.tombstones, "tombstones", nil, "leave out what has tombstones in `ARCHIVE`, or the keys in a file; may be given again")
	c.Flags().StringArrayVar(&f.only, "only-subject", nil, "`KEY` of a principal: only what is of them; may be given again")
	c.Flags().StringSliceVar(&f.kinds, "only-kind", nil, "only these `KINDS`, and what they belong to")
	c.Flags().StringSliceVar(&f.derivation, "derivation", nil, "only what came to be so: provided, observed, inferred, system")
	c.Flags().StringVar(&f.where, "where", "", "only records for which `EXPRESSION` holds, and what they belong to")
	c.Flags().StringArrayVarP(&f.export.recipients, "recipient", "r", nil, "encrypt to this public `KEY` (age1…); may be given again")
	c.Flags().StringArrayVarP(&f.export.recipientFiles, "recipients-file", "R", nil, "encrypt to the public keys in `FILE`")
	c.Flags().BoolVar(&f.plaintext, "plaintext", false, "write OUT in plain text although IN is encrypted")
	c.Flags().BoolVar(&f.export.dryRun, "dry-run", false, "say what would be kept and left out, and write nothing")
	c.Flags().BoolVar(&f.export.json, "json", false, "the outcome as JSON")
	return c
}

// keep is the filter of the flags; nil: none.
func (f *deriveFlags) keep() (func(agentstate.Record) (bool, error), error) {
	var all []func(agentstate.Record) (bool, error)
	if len(f.kinds) > 0 {
		if err := stateKinds(f.kinds); err != nil {
			return nil, err
		}
		all = append(all, func(r agentstate.Record) (bool, error) { return slices.Contains(f.kinds, agentstate.KindOf(r)), nil })
	}
	if len(f.derivation) > 0 {
		for _, d := range f.derivation {
			if !slices.Contains([]string{"provided", "observed", "inferred", "system"}, d) {
				return nil, usagef("--derivation %s: want provided, observed, inferred or system", d)
			}
		}
		all = append(all, func(r agentstate.Record) (bool, error) {
			return slices.Contains(f.derivation, derive.Derivation(r.GetMeta().GetDerivation())), nil
		})
	}
	if f.where != "" {
		w, err := derive.Where(f.where)
		if err != nil {
			return nil, usagef("--where: %v", err)
		}
		all = append(all, w)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return func(r agentstate.Record) (bool, error) {
		for _, f := range all {
			if ok, err := f(r); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}, nil
}

func (a *app) derive(ctx context.Context, in, out string, f *deriveFlags) error {
	keep, err := f.keep()
	if err != nil {
		return err
	}
	if f.plaintext && len(f.export.recipients)+len(f.export.recipientFiles) > 0 {
		return usagef("--plaintext writes in plain text, and -r and -R encrypt: give one of them")
	}
	if keep == nil && len(f.exclude)+len(f.only)+len(f.tombstones) == 0 {
		return withHint(usagef("say what to keep or to leave out"), "exitramp derive --help shows how")
	}
	if out, err = a.newArchive(out, f.export.dryRun); err != nil {
		return err
	}
	r, err := a.openArchive(in, &f.export.keys)
	if err != nil {
		return err
	}
	defer r.Close()
	info := r.Info()
	o := &format.WriterOptions{
		Tool: "exitramp " + version(), Lineage: info.Lineage, Sequence: info.Sequence + 1, Base: fmt.Sprintf("%x", info.ManifestSHA256),
	}
	if err := a.recipients(&f.export, o); err != nil {
		return err
	}
	if info.Encryption != "none" && len(o.Recipients) == 0 && !f.plaintext {
		return usagef("%s is encrypted: give the recipients of the new archive with -r, or --plaintext", in)
	}
	gone, err := a.tombstones(ctx, f.tombstones, &f.export.keys)
	if err != nil {
		return err
	}
	holds, err := a.tombstones(ctx, f.holds, &f.export.keys)
	if err != nil {
		return err
	}
	began := a.now()
	part, err := derive.New(ctx, watched{r, a, "look through", archiveCounts(r)}, derive.Options{Exclude: f.exclude, Tombstones: gone, Holds: holds, Only: f.only, Keep: keep, Now: began})
	if err != nil {
		if errors.Is(err, derive.ErrHold) {
			return &exitError{code: exitRefused, err: err, hint: "ask whoever put the hold on it; an erasure does not go before it"}
		}
		if errors.Is(err, derive.ErrNothing) {
			return withHint(err, "exitramp list IN principal shows whom the runtime names as a person")
		}
		return err
	}
	defer part.Close()
	var rep *agentstate.Report
	if f.export.dryRun {
		rep, err = agentstate.Copy(ctx, discard{}, part, nil)
	} else if rep, err = format.Export(ctx, out, secrets.Recount(part), o, nil); err != nil {
		err = errors.Join(err, format.Discard(out))
	}
	if err != nil {
		return err
	}
	return a.derived(out, part, rep, o, a.now().Sub(began), &f.export)
}

// derived prints what became of an archive.
func (a *app) derived(out string, part *derive.Part, rep *agentstate.Report, o *format.WriterOptions, took time.Duration, f *exportFlags) error {
	var kept, left uint64
	for _, n := range part.Kept {
		kept += n
	}
	for _, n := range part.Left {
		left += n
	}
	tombstones := rep.Records["tombstone"]
	a.result["archive"], a.result["kept"], a.result["left_out"] = out, part.Kept, part.Left
	if f.json {
		return a.printJSON(map[string]any{
			"archive": out, "written": !f.dryRun, "base": o.Base, "lineage": o.Lineage, "kept": part.Kept, "left_out": part.Left, "tombstones": tombstones,
			"mentions": part.Mentions, "unowned": part.Unowned, "unowned_of": part.UnownedOf, "coverage": rep.Verdict.Coverage.String(),
		})
	}
	fmt.Fprintf(a.stdout, "kept %s · left out %s · tombstones %s\n", number(kept), number(left), number(tombstones))
	for _, k := range keys(part.Left) {
		fmt.Fprintf(a.stdout, "  left out  %s %s\n", number(part.Left[k]), k)
	}
	if part.Mentions > 0 {
		fmt.Fprintf(a.stdout, "  %s one that was left out; their own bytes stay as the runtime wrote them\n", plural(int(part.Mentions), "record that was kept names", "records that were kept name"))
	}
	if part.Unowned > 0 {
		fmt.Fprintf(a.stdout, "  %s of memories that are not there stay: nobody can say whose they were. exitramp cat %s revision embedding shows them;\n  --exclude-subject takes the key of such a memory, as %s\n",
			plural(int(part.Unowned), "revision or vector", "revisions or vectors"), out, clean(part.UnownedOf))
	}
	what := "nothing written: " + out
	if fi, err := os.Stat(out); err == nil && !f.dryRun {
		what = "sealed " + out + " " + bytesText(fi.Size())
	}
	fmt.Fprintf(a.stdout, "%s %s  %s\n", what, took.Round(10*time.Millisecond), rep.Verdict.Coverage)
	return nil
}
