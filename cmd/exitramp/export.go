package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
	"github.com/exitramp/exitramp/context/secrets"
	"github.com/exitramp/exitramp/context/unpack"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/diskfull"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

type exportFlags struct {
	recipients     []string
	recipientFiles []string
	compartments   []string
	passphrase     bool
	kinds          []string
	small          bool
	beside         bool
	lineage        string
	follows        string
	json           bool
	dryRun         bool
	onlyGaps       string
	secrets        string
	keys           keyFlags

	found *secrets.Summary // of the scan for secrets; nil: there was none
	notes []string         // what the source says of itself
}

func (a *app) exportCmd() *cobra.Command {
	f := &exportFlags{}
	c := &cobra.Command{
		Use: "export SOURCE ARCHIVE", Short: "Seal the state of a runtime in an archive",
		Long: `Reads SOURCE (a URL: exitramp drivers) in one consistent snapshot where the runtime has them, and
seals it in ARCHIVE. SOURCE is never written to; SQLite may leave its -shm beside a database that has
a -wal. Killed, it goes on when the same command is run again; nothing is at ARCHIVE before all of it
is. An existing ARCHIVE is not overwritten.

Text is scanned for secrets of known classes: --secrets label says in the archive which were found
where, redact makes asterisks of them, refuse ends with exit code 5 and seals nothing. The report says
what was looked for; what no class describes is not found.

Exit code 3: sealed, and what could not be read is named.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return a.export(c.Context(), args[0], args[1], f) },
	}
	f.addRecipients(c)
	f.addCompartments(c)
	c.Flags().StringSliceVar(&f.kinds, "kinds", nil, "only these kinds; the rest is stated as left out")
	c.Flags().BoolVar(&f.small, "small", false, "compress harder: a tenth smaller, and half again as slow")
	c.Flags().BoolVar(&f.beside, "keys-beside", false, "put the key files into the folder ARCHIVE.keys: who destroys that folder destroys every copy of the archive")
	c.Flags().StringVar(&f.lineage, "lineage", "", "name that exports of one runtime share")
	c.Flags().StringVar(&f.follows, "follows", "", "the `ARCHIVE` before it in its line: lineage, sequence and base come from there")
	c.Flags().StringVar(&f.onlyGaps, "only-gaps", "", "read again only the kinds that have gaps in the `ARCHIVE` of an earlier export, or fewer records than were counted, and take the rest from there")
	addSecrets(c, &f.secrets, "label")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "read all of it and write nothing")
	c.Flags().StringArrayVarP(&f.keys.identities, "identity", "i", nil, "key `FILE` that opens the archive of --only-gaps, or SOURCE where it is one")
	return c
}

// addRecipients are the flags that say who opens an archive.
func (f *exportFlags) addRecipients(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.recipients, "recipient", "r", nil, "encrypt to this public `KEY` (age1…); may be given again")
	c.Flags().StringArrayVarP(&f.recipientFiles, "recipients-file", "R", nil, "encrypt to the public keys in `FILE`")
	c.Flags().BoolVarP(&f.passphrase, "passphrase", "p", false, "encrypt with a passphrase: asked for, or EXITRAMP_PASSPHRASE")
}

func (a *app) export(ctx context.Context, from, to string, f *exportFlags) error {
	if err := stateKinds(f.kinds); err != nil {
		return err
	}
	to, err := a.newArchive(to, f.dryRun)
	if err != nil {
		return err
	}
	o, err := a.writerOptions(from, f)
	if err != nil {
		return err
	}
	src, err := a.source(ctx, from, &f.keys)
	if err != nil {
		return err
	}
	defer src.Close()
	var read agentstate.Source = src
	if f.onlyGaps != "" {
		old, err := a.openArchive(f.onlyGaps, &f.keys)
		if err != nil {
			return err
		}
		defer old.Close()
		if read, err = onlyGaps(ctx, old, src); err != nil {
			return err
		}
	}
	scan, err := scanned(read, f.secrets)
	if err != nil {
		return err
	}
	if scan != nil {
		read, f.found = scan, scan.Summary()
	} else {
		read = secrets.Recount(read) // an archive that was scanned is a source as well
	}
	began := a.now()
	_, lines := unpacked(from)
	verb := "export"
	if lines {
		verb = "pack"
	}
	p := a.newProgress(verb, "records")
	stop := a.expectSource(ctx, p, from, &f.keys)
	co := noted(p, f.kinds, func(n string) { f.notes = append(f.notes, n) })
	var rep *agentstate.Report
	if f.dryRun {
		rep, err = agentstate.Copy(ctx, discard{}, read, co)
	} else {
		rep, err = format.Export(ctx, to, read, o, co)
	}
	stop()
	p.done()
	if lines && errors.Is(err, agentstate.ErrConflict) { // no second attempt reads it otherwise
		if !f.dryRun {
			err = errors.Join(err, format.Discard(to))
		}
		return withHint(err, "nothing was sealed: two lines are of one key; take one of them out")
	}
	if err != nil {
		return a.exportFailed(err, rep, to, f.dryRun)
	}
	return a.exported(rep, to, a.now().Sub(began), f)
}

// writerOptions are how the archive of a source is written.
func (a *app) writerOptions(from string, f *exportFlags) (*format.WriterOptions, error) {
	o := &format.WriterOptions{Tool: "exitramp " + version(), Lineage: f.lineage, Small: f.small}
	if o.KeysBeside = f.beside; f.beside && len(f.recipients)+len(f.recipientFiles) == 0 && !f.passphrase {
		return nil, usagef("--keys-beside is for encrypted archives: give -r KEY, -R FILE or -p")
	}
	o.Source = fmt.Sprintf("%s kinds %q gaps of %q secrets %s", exporters.Redact(from), f.kinds, f.onlyGaps, f.secrets)
	if err := f.line(o); err != nil {
		return nil, err
	}
	if err := a.recipients(f, o); err != nil {
		return nil, err
	}
	return o, nil
}

// fewGaps is how many gaps a person is told one by one: thousands would hide all else that is said.
const fewGaps = 20

// noted has p count what is copied, and tell of gaps and of what the source says about itself, which say is told too.
func noted(p *progress, kinds []string, say func(note string)) *agentstate.CopyOptions {
	gaps := 0
	tell := func(notes []string) {
		for _, n := range notes {
			p.note(n)
			say(n)
		}
	}
	return &agentstate.CopyOptions{Kinds: kinds, OnRecord: func(r agentstate.Record) {
		p.add(agentstate.KindOf(r))
		switch r := r.(type) {
		case *pb.Gap:
			if gaps++; gaps <= fewGaps || p.mode == "json" {
				p.note("gap  " + gapLine(r) + "  Going on.")
			} else if gaps == fewGaps+1 {
				p.note("more gaps follow: exitramp list ARCHIVE gap has all of them")
			}
		case *pb.Origin:
			tell(originNotes(r))
		case *pb.Completeness:
			tell(readingNotes(r))
		}
	}}
}

// line gives the archive its place behind the one that it follows.
func (f *exportFlags) line(o *format.WriterOptions) error {
	if f.follows == "" {
		return nil
	}
	af, size, err := openFile(archivePath(f.follows))
	if err != nil {
		return err
	}
	defer af.Close()
	in, err := format.Inspect(af, size, &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		return fmt.Errorf("%s: %w", f.follows, err)
	}
	if f.lineage != "" && f.lineage != in.Lineage {
		return usagef("--lineage %s: %s is of lineage %s", f.lineage, f.follows, in.Lineage)
	}
	o.Lineage, o.Sequence, o.Base = in.Lineage, in.Sequence+1, hex.EncodeToString(in.ManifestSHA256[:])
	return nil
}

// exportFailed says how to go on, where there is something to go on from.
func (a *app) exportFailed(err error, rep *agentstate.Report, to string, dry bool) error {
	if errors.Is(err, secrets.ErrFound) {
		if !dry {
			err = errors.Join(err, format.Discard(to))
		}
		return &exitError{code: exitRefused, class: "secrets", err: err,
			hint: "nothing was sealed; --secrets=redact takes them out, --secrets=label seals them and says where they are"}
	}
	if errors.Is(err, recordjson.ErrSyntax) || errors.Is(err, unpack.ErrFolder) { // no second attempt reads it otherwise
		if !dry {
			err = errors.Join(err, format.Discard(to))
		}
		return withHint(err, "nothing was sealed: mend that line, or unpack the archive again")
	}
	if format.Class(err) != "" { // what is read is refused, or is above a limit: it will be the next time, too
		if !dry {
			err = errors.Join(err, format.Discard(to))
		}
		return err
	}
	if dry || errors.Is(err, format.ErrLocked) || errors.Is(err, format.ErrResume) {
		return err
	}
	stopped := errors.Is(err, context.Canceled)
	if rep == nil || len(stateCounts(rep.Records)) == 0 {
		if derr := format.Discard(to); derr != nil || !stopped {
			return errors.Join(err, derr)
		}
		return &exitError{code: exitResume, err: errors.New("stopped"), hint: beginAgain}
	}
	what := "stopped"
	if !stopped {
		what = err.Error()
	}
	if part := to + ".part"; exists(part) {
		what += "; what was sealed by then is in " + part
	}
	return &exitError{code: exitResume, err: errors.New(what), hint: goOn(err)}
}

// beginAgain is what a person does who stopped a command before anything was kept.
const beginAgain = "nothing was kept yet: run the same command again, it begins anew"

// goOn is what a person does about err where the same command goes on.
func goOn(err error) string {
	if diskfull.Is(err) {
		return fullHint + ": it goes on"
	}
	if errors.Is(err, format.ErrExists) {
		return "move that one away, then run the same command again"
	}
	if errors.Is(err, fs.ErrPermission) {
		return closedHint + ", then run the same command again: it goes on"
	}
	return "run the same command again to go on"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (a *app) recipients(f *exportFlags, o *format.WriterOptions) error {
	add := func(text, where string) error {
		rs, err := a.parseRecipients(text)
		var e *exitError
		if errors.As(err, &e) {
			return err
		}
		if err != nil {
			return usagef("%s: %v", where, err)
		}
		o.Recipients = append(o.Recipients, rs...)
		return nil
	}
	for _, r := range f.recipients {
		if err := add(r, "-r"); err != nil {
			return err
		}
	}
	for _, path := range f.recipientFiles {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n := len(o.Recipients)
		if err := add(string(b), path); err != nil {
			return err
		}
		if len(o.Recipients) == n {
			return usagef("%s holds no public key", path)
		}
	}
	if f.passphrase {
		p, err := a.passphrase(true)
		if err != nil {
			return err
		}
		r, err := format.PassphraseRecipient(p)
		if err != nil {
			return err
		}
		o.Recipients = append(o.Recipients, r)
	}
	return a.compartments(f, o)
}

func (a *app) exported(rep *agentstate.Report, to string, took time.Duration, f *exportFlags) error {
	v := rep.Verdict
	if f.found != nil {
		a.result["secrets"] = secretsJSON(f.found)
	}
	size := int64(0)
	if fi, err := os.Stat(to); err == nil && !f.dryRun {
		size = fi.Size()
	}
	a.result["coverage"], a.result["records"], a.result["archive"] = v.Coverage.String(), stateCounts(rep.Records), to
	if f.json {
		if err := a.printJSON(map[string]any{
			"archive": to, "bytes": size, "seconds": took.Seconds(), "coverage": v.Coverage.String(),
			"records": stateCounts(rep.Records), "kinds": kindVerdicts(rep), "gaps": gapList(rep.Gaps),
			"secrets": secretsJSON(f.found), "notes": append([]string{}, f.notes...),
		}); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.stdout, coverageLine(rep))
		if f.found != nil {
			fmt.Fprintln(a.stdout, "secrets", secretsText(f.found))
		}
		what := "sealed " + to + " " + bytesText(size)
		if f.dryRun {
			what = "read, nothing written,"
		}
		if f.beside && !f.dryRun {
			fmt.Fprintf(a.stdout, "its keys are in %s.keys: without that folder nobody opens it, or any copy of it\n", to)
		}
		fmt.Fprintf(a.stdout, "%s %s  %s\n", what, took.Round(10*time.Millisecond), v.Coverage)
	}
	if v.Coverage != agentstate.Gaps && len(rep.Gaps) == 0 {
		return nil
	}
	if f.dryRun {
		return &exitError{code: exitPartial, err: errors.New("it would be sealed with gaps"), hint: gapsHint}
	}
	return &exitError{
		code: exitPartial, err: errors.New("sealed with gaps"),
		hint: fmt.Sprintf("open what is missing, then: exitramp export --only-gaps %s SOURCE NEW-ARCHIVE", shellWord(to)),
	}
}

// gapsHint is what a person does about gaps of which nothing was sealed yet.
const gapsHint = "open what is missing first, or export with the gaps named"

// discard is a sink for dry runs.
type discard struct{}

func (discard) Put(context.Context, agentstate.Record) error { return nil }
func (discard) Commit(context.Context) error                 { return nil }
func (discard) PutBlob(_ context.Context, _ *pb.Blob, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

var _ exporters.Runtime = (*format.Reader)(nil)
