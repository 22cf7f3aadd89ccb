package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/context/unpack"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/diskfull"
	"github.com/exitramp/exitramp/internal/keyfile"
	"github.com/exitramp/exitramp/internal/scratch"
)

// Exit codes. New ones may be added; whatever is not known means failure.
const (
	exitDone    = 0
	exitOther   = 1
	exitUsage   = 2
	exitPartial = 3
	exitCheck   = 4
	exitRefused = 5
	exitResume  = 75
)

// exitCodes are the codes and their meanings.
var exitCodes = [...]struct {
	Code    int    `json:"code"`
	Meaning string `json:"meaning"`
}{
	{exitDone, "done"},
	{exitOther, "anything else"},
	{exitUsage, "usage: of the command line, or of a file that people write for it (a plan of a drill, a map, keys, queries, dates)"},
	{exitPartial, "sealed with gaps, replayed with refusals or conflicts, not all alike, or an undo that left some"},
	{exitCheck, "a drill, a test or a date of models not passed, something played that was not recorded, or a plan of more than 30 days"},
	{exitRefused, "refused: integrity, trust, limits, secrets"},
	{exitResume, "resumable: run the same command again"},
}

func (a *app) exitCodesCmd() *cobra.Command {
	var asJSON bool
	show := func(*cobra.Command, []string) {
		for _, e := range exitCodes {
			fmt.Fprintf(a.stdout, "%-3d %s\n", e.Code, e.Meaning)
		}
	}
	c := &cobra.Command{
		Use: "exit-codes", Short: "The exit codes", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON {
				return a.printJSON(exitCodes)
			}
			show(c, args)
			return nil
		},
	}
	c.SetHelpFunc(show) // of exitramp help exit-codes
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

// An exitError carries its exit code, and what a person does next.
type exitError struct {
	code  int
	err   error
	hint  string
	class string // of a refusal that is not format's; empty: format.Class tells
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usagef(f string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(f, args...)}
}

func withHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &exitError{code: exitCode(err), err: err, hint: hint, class: class(err)}
}

// absent is err, where a file that was named is not there, with what tells which it is.
func absent(err error, hint string) error {
	if !errors.Is(err, fs.ErrNotExist) || urlAsFile(err) != "" {
		return err
	}
	return withHint(err, hint)
}

func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, exporters.ErrScheme), errors.Is(err, exporters.ErrURL), errors.Is(err, keyfile.ErrNoKey), errors.Is(err, format.ErrKeys):
		return exitUsage
	case format.Class(err) != "":
		return exitRefused
	case passes(err): // at the first look as in the middle
		return exitResume
	}
	return exitOther
}

// passes tells whether err is that nobody answered, which another time may be otherwise without anybody's doing. A script goes on after that.
func passes(err error) bool {
	return errors.Is(err, agentstate.ErrUnanswered) && !agentstate.IsLasting(err)
}

// class is the class of a refusal; empty: err is none.
func class(err error) string {
	var e *exitError
	if errors.As(err, &e) && e.class != "" {
		return e.class
	}
	for _, c := range [...]struct {
		err  error
		name string
	}{
		{derive.ErrHold, "hold"}, {drill.ErrLedger, "ledger"}, {embed.ErrMixed, "vectors"}, {evidence.ErrVerdict, "verdict"}, {evidence.ErrStatement, "statement"},
		{report.ErrDigest, "digest"}, {report.ErrPack, "pack"}, {errEvidence, "evidence"},
	} {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	return format.Class(err)
}

// report prints an error: what, then what to do.
func (a *app) report(err error) {
	if msg := a.message(err); msg != "" {
		fmt.Fprintln(a.stderr, "exitramp:", msg)
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintln(a.stderr, "hint:", a.hide(hint))
	}
}

// message is err for people: who pressed Ctrl-C knows of no context. A URL that stands where a file or a name is wanted
// may hold a password.
func (a *app) message(err error) string {
	s := a.hide(strings.ReplaceAll(err.Error(), context.Canceled.Error(), "stopped"))
	for _, shelf := range [...]string{"agentstate: ", "diskmap: ", "fidelity: "} { // who types commands knows of no packages; drivers and formats they name
		s = strings.TrimPrefix(s, shelf)
	}
	if fe := (*fs.PathError)(nil); errors.Is(err, fs.ErrNotExist) && !errors.As(err, &fe) { // in front of it stands what is not there
		s = strings.TrimSuffix(s, ": "+fs.ErrNotExist.Error())
	}
	if e := (*format.Error)(nil); errors.As(err, &e) && e.Member != "" && len(a.archives) == 1 && !strings.Contains(s, a.archives[0]) { // found in mid-stream, where nobody knows the file
		s = a.archives[0] + ": " + s
	}
	if path := urlAsFile(err); path != "" { // of a plan, not of the command line
		s = strings.ReplaceAll(s, path, exporters.Redact(path))
	}
	return s
}

// urlAsFile is the URL that stood where a file is wanted, and was no file's name; else empty.
func urlAsFile(err error) string {
	var e *fs.PathError
	if errors.As(err, &e) && isURL(e.Path) {
		return e.Path
	}
	return ""
}

// hintFor is what a person does about err; empty: nobody knows.
func hintFor(err error) string {
	var e *exitError
	if errors.As(err, &e) && e.hint != "" {
		return e.hint
	}
	return hintOf(err)
}

func hintOf(err error) string {
	switch {
	case errors.Is(err, format.ErrNoPolicy):
		return "--trust FILE has the keys that you trust; --accept-unsigned goes on with an archive by whomever"
	case errors.Is(err, format.ErrUnsigned):
		return "a signature that lies beside the archive is given with --bundle; exitramp sign ARCHIVE --key FILE makes one"
	case errors.Is(err, format.ErrNotArchive):
		return "an archive is a file that exitramp export sealed; a runtime is named by its URL: exitramp drivers lists the schemes"
	case errors.Is(err, format.ErrVersion):
		return "a newer exitramp reads it"
	case errors.Is(err, format.ErrTruncated):
		return "copy it again, whole; a file that ends in .part is an export that has not ended: run the same export again"
	case errors.Is(err, format.ErrContainer):
		return "an archive is good as it was sealed alone, not packed anew nor added to: take the file that was sealed"
	case errors.Is(err, format.ErrDigest):
		return "it was altered, or damaged on its way: take another copy of what was sealed"
	case errors.Is(err, format.ErrNoIdentity):
		return "give the key file with -i, or the passphrase with -p: of somebody whom it was encrypted to"
	case errors.Is(err, format.ErrLocked), errors.Is(err, unpack.ErrRunning):
		return "wait for the other run, or stop it"
	case errors.Is(err, replay.ErrUndone):
		return "nothing is left to do for this journal; what another replay wrote, its own journal takes out"
	case errors.Is(err, exporters.ErrScheme):
		return "exitramp drivers lists what can be opened"
	case errors.Is(err, context.Canceled):
		return "nothing is half-written; run the same command again"
	case diskfull.Is(err):
		return fullHint
	case errors.Is(err, scratch.ErrPlace):
		return "temporary files lie in " + os.TempDir() + ": have it made or opened, or name another folder with TMPDIR"
	case errors.Is(err, fs.ErrPermission):
		return closedHint + ", or name another place"
	case errors.Is(err, syscall.EROFS):
		return "nothing can be written there: name another place; that of a replay's journal is --journal FILE"
	case errors.Is(err, fs.ErrNotExist) && urlAsFile(err) != "":
		return "a URL stands where a file is wanted: --help says what goes where"
	case errors.Is(err, agentstate.ErrNotFound):
		return "exitramp list ARCHIVE prints the keys"
	case passes(err):
		return "run the same command again once it answers"
	}
	return ""
}

// named puts the file that err is about in front of it, where err does not say it.
func named(path string, err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) && e.Path == path {
		return e
	}
	return fmt.Errorf("%s: %w", path, err)
}

// notIn names the archive in which the record of a key is not.
func notIn(archive, key string, err error) error {
	if !errors.Is(err, agentstate.ErrNotFound) {
		return err
	}
	return withHint(fmt.Errorf("%s holds no record %s", archivePath(archive), key), "exitramp list "+shellWord(archive)+" --all prints the keys")
}

// closedHint is for whoever may not read or write a file.
const closedHint = "this user may not read or write there: have it opened"

// fullHint is for whoever has no room left.
const fullHint = "the disk is full, or a quota or a limit on files is reached: make room, then run the same command again"

// wantsJSON tells whether the outcome of c is asked for as JSON, also where its options could not be parsed, or there is
// no such command and c is the root.
func wantsJSON(c *cobra.Command, args []string) bool {
	f := c.Flags().Lookup("json")
	if f == nil && c.HasParent() {
		return false
	}
	if n := slices.Index(args, "--"); n >= 0 {
		args = args[:n] // what follows is another program's
	}
	return f != nil && f.Value.String() == "true" || (f == nil || !f.Changed) && slices.Contains(args, "--json")
}

// errorJSON prints an error as its command prints its outcome, with more facts. Another process may have said what
// it was: then err has no words, and neither has this.
func (a *app) errorJSON(facts map[string]any, err error) {
	if err.Error() == "" {
		return
	}
	out := map[string]any{"error": a.message(err), "class": class(err), "exit_code": exitCode(err), "hint": a.hide(hintFor(err))}
	var e *format.Error
	if errors.As(err, &e) {
		out["integrity"], out["member"], out["want"], out["got"] = "REFUSED", e.Member, a.hide(e.Want), a.hide(e.Got)
	}
	maps.Copy(out, facts)
	if perr := a.printJSON(out); perr != nil {
		fmt.Fprintln(a.stderr, "exitramp:", perr)
	}
}

// jsonLines annotates verbs whose JSON is an object a line, of which an error is one: else who reads line by line
// finds no object in any.
const jsonLines = "json-lines"

// whole is v with a list of nothing, and an object of nothing, as what they are: scripts walk over them, and null
// is no list.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = whole(x)
		}
		return out
	case json.RawMessage:
		return v
	}
	switch r := reflect.ValueOf(v); {
	case r.Kind() == reflect.Slice && r.IsNil():
		return []any{}
	case r.Kind() == reflect.Map && r.IsNil():
		return map[string]any{}
	}
	return v
}

func (a *app) printJSON(v any) error {
	v = whole(v)
	b, err := json.MarshalIndent(v, "", "  ")
	if a.lines {
		b, err = json.Marshal(v)
	}
	if err != nil {
		return err
	}
	a.told = true
	_, err = fmt.Fprintf(a.stdout, "%s\n", b)
	return err
}
