package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/exporters"
)

// beginStatus finds out before the work whether the status has a place, not after hours; and takes away what an
// earlier run said: a run that is killed, or whose disk is full, must not be read as that one.
func (a *app) beginStatus() error {
	if a.status == "" || isDescriptor(a.status) {
		return nil
	}
	if a.status == "-" {
		a.status = "" // else the refusal would be written to a file of that name
		return noPipe("--status")
	}
	if st, err := os.Stat(filepath.Dir(a.status)); err != nil || !st.IsDir() {
		return a.noStatus("there is no such folder")
	}
	st, err := os.Stat(a.status)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return a.noStatus(err.Error())
	case st.IsDir():
		return a.noStatus("it is a folder")
	case !st.Mode().IsRegular() || st.Size() == 0:
		return nil
	}
	if ok, err := hasStatus(a.status); err != nil {
		return err
	} else if !ok {
		return a.noStatus(notStatus)
	}
	return os.Remove(a.status)
}

// notStatus is said of a file that would be lost, an archive or a key.
const notStatus = "it is there already, and holds no status: give another name"

// hasStatus tells whether the file at path is the status of a run.
func hasStatus(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<20)) // what is longer is cut off, and none
	return isStatus(b), err
}

// lateStatus is beginStatus for a line whose options could not be parsed: what stands behind the one that is wrong was
// not read, and the status of an earlier run would be taken for that of this one.
func (a *app) lateStatus(c *cobra.Command, args []string) {
	if f := c.Root().PersistentFlags().Lookup("status"); f == nil || f.Changed {
		return
	}
	for i, s := range args {
		value, ok := strings.CutPrefix(s, "--status=")
		switch {
		case s == "--": // what follows is another program's
			return
		case ok:
			a.status = value
		case s == "--status" && i+1 < len(args):
			a.status = args[i+1]
		}
	}
	_ = a.beginStatus() // it has no place then, and the line is refused for something else
}

// noStatus refuses the place for a status, and asks for none there.
func (a *app) noStatus(why string) error {
	path := a.status
	a.status = ""
	return usagef("--status %s: %s", path, why)
}

func isStatus(b []byte) bool {
	var st struct {
		Command []string `json:"command"`
		EndedAt string   `json:"ended_at"`
	}
	return json.Unmarshal(b, &st) == nil && st.Command != nil && st.EndedAt != ""
}

// writeStatus leaves the outcome in a file, for scripts that lose exit codes.
func (a *app) writeStatus(args []string, code int, err error) error {
	if a.status == "" {
		return nil
	}
	st := map[string]any{"command": redactArgs(args), "exit_code": code, "ended_at": a.now().UTC().Format(time.RFC3339)}
	for k, v := range a.result {
		st[k] = v
	}
	if err != nil && err.Error() != "" { // else another process said it, and it is in the result
		st["error"] = a.message(err)
		if c := class(err); c != "" {
			st["class"] = c
		}
	}
	b, jerr := json.MarshalIndent(whole(st), "", "  ")
	if jerr != nil {
		return jerr
	}
	if st, err := os.Stat(a.status); err == nil && st.Mode().IsRegular() && st.Size() > 0 && !isDescriptor(a.status) {
		if ok, err := hasStatus(a.status); err != nil || !ok { // the run itself has made it
			return errors.Join(err, errors.New(a.status+": "+notStatus))
		}
	}
	return writeFile(a.status, append(b, '\n'), 0o644)
}

// programs are the options that name a program with its arguments.
var programs = [...]string{"--runner", "--source", "--cold", "--judge", "--tools", "--embedder", "--before-embedder"}

// redactArgs are args without what may be a secret: what opens something, and what is said to other programs.
func redactArgs(args []string) []string {
	out := make([]string, 0, len(args))
	for i, s := range args {
		option, value, ok := strings.Cut(s, "=")
		if !ok || !strings.HasPrefix(s, "--") {
			option, value = "", s
		}
		program := slices.Contains(programs[:], option) || option == "" && i > 0 && slices.Contains(programs[:], args[i-1])
		if option != "" {
			option += "="
		}
		switch word, rest, _ := strings.Cut(value, " "); {
		case s == "--" && len(args) > i+2: // the program, and not what it is told
			return append(out, s, args[i+1], "…")
		case strings.Contains(strings.ToUpper(value), "AGE-SECRET-KEY-"):
			value = "…"
		case program && strings.HasPrefix(value, "exec:["): // a list in JSON has no blank between words
			value = "exec:[…]"
		case program && rest != "":
			value = word + " …"
		default:
			value = redactURL(value)
		}
		out = append(out, option+value)
	}
	return out
}

// redactURL is s without what may be a secret, where it reads as a URL that can hold one.
func redactURL(s string) string {
	_, rest, _ := strings.Cut(s, "://")
	_, options, _ := strings.Cut(s, "?")
	if rest != "" || isURL(s) && (strings.Contains(s, "@") || strings.Contains(options, "=")) {
		return exporters.Redact(s)
	}
	return s
}

// hide is text without the secrets in URLs of the command line: one may stand where a file, a kind or a key is wanted,
// and is in what is said about that.
func (a *app) hide(text string) string {
	for _, s := range a.args {
		if option, value, ok := strings.Cut(s, "="); ok && strings.HasPrefix(option, "-") {
			s = value
		}
		redacted := redactURL(s)
		if redacted == s {
			continue
		}
		text = strings.ReplaceAll(text, s, redacted)
		if _, rest, ok := strings.Cut(s, "://"); ok { // a path that was joined has one slash
			if at := strings.LastIndex(rest, "@"); at > 0 {
				text = strings.ReplaceAll(text, rest[:at+1], exporters.Hidden+"@")
			}
		}
	}
	return text
}
