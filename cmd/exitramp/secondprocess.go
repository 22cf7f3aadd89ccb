package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/exitramp/exitramp/context/replay"
)

// anew runs this program, started anew: it shares no memory with this one. code is below 0 where a signal ended it.
func anew(ctx context.Context, stderr io.Writer, args ...string) (stdout []byte, code int, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, stderr
	var ended *exec.ExitError
	if err = cmd.Run(); errors.As(err, &ended) {
		err = nil
	}
	return out.Bytes(), cmd.ProcessState.ExitCode(), err
}

// replayed says what came of a replay, and has the target read back where that is wanted.
func (a *app) replayed(c *cobra.Command, r *ran, f *replayFlags) error {
	a.result["replay"], a.result["journal"] = actions(r.rep), r.journal
	left := notWritten(r.rep, r.refused)
	if f.json {
		out := a.replayJSON("replay", r.rep, r.vectors)
		back, err := a.readBackAnew(c, r, f)
		if json.Valid(back) { // else it was broken off
			out["read_back"] = json.RawMessage(back)
		}
		return cmp.Or(a.printJSON(out), left, err)
	}
	if err := a.printReplay("replay", r.rep, r.vectors, false); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, writtenText(r.rep))
	back, err := a.readBackAnew(c, r, f)
	if len(back) > 0 {
		fmt.Fprintf(a.stdout, "read back by a second process:\n%s", back)
	}
	if r.rep.Actions[replay.Created] > 0 { // also those of an earlier attempt
		fmt.Fprintln(a.stdout, undoText(r.journal, r.target))
	}
	return cmp.Or(left, err)
}

// readBackAnew has a second process read back what r wrote, and is what that prints: nothing, where it is not wanted or
// nothing was written. It is given what the replay was given, as far as a read-back knows it.
func (a *app) readBackAnew(c *cobra.Command, r *ran, f *replayFlags) ([]byte, error) {
	if !f.readback {
		return nil, nil
	}
	if n := r.rep.Actions; n[replay.Created]+n[replay.Updated]+n[replay.Same] == 0 {
		fmt.Fprintln(a.stderr, "! not read back: this replay has nothing in the target")
		return nil, nil
	}
	args, known := []string{"readback", "--journal=" + r.journal, "--progress=" + a.progress}, a.readbackCmd().Flags()
	c.Flags().Visit(func(fl *pflag.Flag) {
		if fl.Name == "journal" || known.Lookup(fl.Name) == nil {
			return
		}
		values := []string{fl.Value.String()}
		if several, ok := fl.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, v := range values {
			args = append(args, "--"+fl.Name+"="+v)
		}
	})
	back, code, err := anew(c.Context(), a.stderr, append(args, "--", r.archive, r.target)...)
	a.result["read_back"] = map[string]any{"match": err == nil && code == exitDone}
	if err != nil {
		return nil, fmt.Errorf("the second process: %w", err)
	}
	return back, readBackEnded(code)
}

// readBackEnded is the error of a read-back that ended with code.
func readBackEnded(code int) error {
	if code == exitDone {
		return nil
	}
	const hint = "all is written; exitramp readback with the same archive, target and journal does it again"
	switch {
	case code < 0 || code == exitResume: // a signal ended it, or nobody answered: that says nothing of the target
		return &exitError{code: exitResume, err: errors.New("the read-back did not come to its end"), hint: hint}
	case code != exitPartial:
		return &exitError{code: code, err: errors.New("the target was not read back: the second process says why"), hint: hint}
	}
	return &exitError{code: code, err: errors.New("the target was not found as it was written: the read-back says why"), hint: hint}
}
