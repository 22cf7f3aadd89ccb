package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// saidNothing refuses an option or an argument that was given and says nothing, as "$KEY" does where KEY is not set:
// what it asks for, a check or an encryption, would be left out, and nobody would notice.
func saidNothing(c *cobra.Command, args []string) error {
	if n := c.ArgsLenAtDash(); n >= 0 {
		args = args[:n] // what follows is another program's
	}
	for _, s := range args {
		if s == "" {
			return withHint(usagef("an argument of exitramp %s is empty", c.Name()), "a variable of the shell may not be set; want exitramp "+c.Use)
		}
	}
	if slices.Contains(args, "-") {
		return noPipe("an argument of exitramp " + c.Name())
	}
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		switch f.Value.String() {
		case "-", "[-]":
			if c.Name() != "keygen" && f.Name != "seed" {
				err = noPipe("--" + f.Name)
			}
		case "", "[]", `[""]`:
			err = withHint(usagef("--%s is given and empty", f.Name), "a variable of the shell may not be set; leave the option out where it is not meant")
		}
	})
	return err
}

// leftAside refuses those of the options named that were given, where they would have no effect.
func leftAside(c *cobra.Command, why string, names ...string) error {
	for _, name := range names {
		if c.Flags().Changed(name) {
			return usagef("--%s would be left aside: %s", name, why)
		}
	}
	return nil
}

// leftAsideBut refuses all options that were given but those named and those of every verb.
func leftAsideBut(c *cobra.Command, why string, names ...string) error {
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(names, f.Name) && c.InheritedFlags().Lookup(f.Name) == nil {
			err = leftAside(c, why, f.Name)
		}
	})
	return err
}

// noPipe refuses "-" where a file is wanted: else it would be the name of one, and who piped into it or out of it would
// not notice.
func noPipe(what string) error {
	return withHint(usagef("%s is -, and no file", what), "name a file; one of that name is ./-")
}

// hasPlace refuses a file in a folder that is not there before the work, not after hours, or after a program has asked
// a model. A folder for a report is made.
func hasPlace(c *cobra.Command) error {
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		path := f.Value.String()
		if f.Name != "output" && f.Name != "approvals-out" && f.Name != "refused" || c.Name() == "report" && filepath.Ext(path) != ".html" {
			return
		}
		err = errors.Join(err, inFolder("--"+f.Name, archivePath(path)))
	})
	return err
}

// inFolder refuses a path whose folder is not there.
func inFolder(what, path string) error {
	dir := filepath.Dir(path)
	if st, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !st.IsDir() {
		return usagef("%s %s: there is no folder %s", what, path, dir)
	}
	return nil
}

// ofKind refuses to write over a file of another kind, which would be lost: an archive, a key, a journal. head is how what is
// written there begins.
func ofKind(what, path, head string) error {
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return nil // whoever writes says what is wrong with it
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, len(head))
	n, err := io.ReadFull(f, b)
	if n > 0 && (err != nil || string(b) != head) {
		return withHint(usagef("%s %s: it is there already, and is another file than is written there", what, path), "give another name, or move it away")
	}
	return nil
}

// words is standard output. It keeps the first error: most of what a command says is printed by the way, and a
// report that a full disk has cut short is not done.
type words struct {
	io.Writer
	err error
}

func (w *words) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil && w.err == nil && !errors.Is(err, syscall.EBADF) { // who closed it wants no words
		w.err = fmt.Errorf("standard output: %w", err)
	}
	return n, err
}

// bare is w as another program gets it: a file stays one, and a terminal a terminal.
func bare(w io.Writer) io.Writer {
	for {
		x, ok := w.(*words)
		if !ok {
			return w
		}
		w = x.Writer
	}
}
