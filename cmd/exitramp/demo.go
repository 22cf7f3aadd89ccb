package main

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// supportStore was written by the real LangGraph; interop/langgraph/demo holds the program.
//
//go:embed demo/support.sqlite
var supportStore []byte

func (a *app) demoCmd() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "demo [FOLDER]", Short: "The whole trip on a store that a real LangGraph wrote; no account, no network",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "exitramp-demo"
			if len(args) > 0 {
				dir = args[0]
			}
			return a.demo(c.Context(), dir, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "the commands, their exit codes and the files, as JSON")
	return c
}

// demo is the README's first screen.
func (a *app) demo(ctx context.Context, dir string, asJSON bool) error {
	if asJSON {
		quiet := *a
		quiet.stdout = io.Discard
		return a.demoJSON(ctx, &quiet, dir)
	}
	_, err := a.demoSteps(ctx, dir)
	return err
}

// demoJSON runs the demo without its transcript.
func (a *app) demoJSON(ctx context.Context, quiet *app, dir string) error {
	d, err := quiet.demoSteps(ctx, dir)
	if err != nil {
		return err
	}
	return a.printJSON(map[string]any{"folder": dir, "steps": d.steps, "files": d.files})
}

// demoSteps makes dir and all that is in it; and takes it away again where that was broken off, so that the same command
// can be run again.
func (a *app) demoSteps(ctx context.Context, dir string) (_ *demo, err error) {
	if err := a.notRuntime(dir, "a folder"); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o755); err != nil {
		return nil, err
	}
	err = os.Mkdir(dir, 0o755) // ours alone, since it may be taken away again
	if errors.Is(err, fs.ErrExist) {
		return nil, withHint(fmt.Errorf("%s is there already", dir), "remove it, or name another folder: exitramp demo FOLDER")
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	return a.demoIn(ctx, dir)
}

// demoIn types commands and runs them. Each is the verb that a user would type, by the same way.
func (a *app) demoIn(ctx context.Context, dir string) (*demo, error) {
	store := filepath.Join(dir, "support.sqlite")
	if err := os.WriteFile(store, supportStore, 0o644); err != nil {
		return nil, err
	}
	d := &demo{app: a, ctx: ctx}
	archive, copied, flipped := filepath.Join(dir, "demo.ctxa"), filepath.Join(dir, "copy.sqlite"), filepath.Join(dir, "flipped.ctxa")
	fmt.Fprintf(a.stdout, "A support agent's store, as LangGraph wrote it: %s (%s)\n", store, bytesText(int64(len(supportStore))))
	d.step("1 take it out", "export", "langgraph+sqlite:"+store, archive)
	d.step("2 is it what was sealed?", "verify", archive, "--integrity-only")
	d.step("3 what is in it?", "list", archive)
	if key := d.waiting(archive); key != "" {
		d.step("4 the one that waits for a person", "show", archive, key)
	}
	d.step("5 what would a replay into a fresh store do?", "plan", archive, "langgraph+sqlite:"+copied, "--accept-unsigned")
	d.step("6 put it there", "replay", archive, "langgraph+sqlite:"+copied, "--accept-unsigned")
	d.step("7 read it back and compare", "readback", archive, "langgraph+sqlite:"+copied, "--accept-unsigned")
	at := d.flip(archive, flipped)
	d.refused(fmt.Sprintf("8 byte %s of a copy is flipped", number(at)), "verify", flipped, "--integrity-only")
	if d.err != nil {
		return d, d.err
	}
	fmt.Fprintf(a.stdout, "\nThe files are in %s:\n", dir)
	d.files = []string{store, archive, copied, archive + ".journal", flipped}
	for _, f := range [][2]string{{store, "the store"}, {archive, "the archive; unzip, zstd and protoc read it, the README inside says how"},
		{copied, "the copy, which LangGraph resumes"}, {archive + ".journal", "what undo takes out again"}, {flipped, "the archive with one byte flipped"}} {
		fmt.Fprintf(a.stdout, "  %-34s %s\n", f[0], f[1])
	}
	fmt.Fprintln(a.stdout, "next: exitramp preflight SOURCE     (exitramp drivers lists the runtimes)")
	return d, nil
}

type demo struct {
	app *app
	ctx context.Context
	err error // the first; nothing runs after it

	steps []demoStep
	files []string
}

type demoStep struct {
	Command  string `json:"command"`
	ExitCode int    `json:"exit_code"`
}

// step prints the command and runs it.
func (d *demo) step(what string, args ...string) {
	if d.err != nil {
		return
	}
	d.run(what, args, 0)
}

// refused is a step that has to be refused.
func (d *demo) refused(what string, args ...string) {
	if d.err != nil {
		return
	}
	d.run(what, args, exitRefused)
}

func (d *demo) run(what string, args []string, want int) {
	typed := make([]string, len(args))
	for i, s := range args {
		if typed[i] = s; strings.ContainsAny(s, " '\"$&;|<>()*?") {
			typed[i] = "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
	}
	fmt.Fprintf(d.app.stdout, "\n# %s\n$ exitramp %s\n", what, strings.Join(typed, " "))
	sub := *d.app
	sub.progress, sub.status = "none", ""
	var said bytes.Buffer
	sub.stderr = &said
	if want != 0 { // what a person would see of the refusal
		sub.stderr = d.app.stdout
	}
	code := sub.run(d.ctx, append(args, "--progress=none"))
	if d.err = d.ctx.Err(); d.err != nil {
		return // how the step alone would go on is said in vain
	}
	said.WriteTo(d.app.stderr)
	d.steps = append(d.steps, demoStep{"exitramp " + strings.Join(typed, " "), code})
	if code != want {
		d.err = fmt.Errorf("exitramp %s ended with exit code %d, want %d", args[0], code, want)
	} else if want != 0 {
		fmt.Fprintf(d.app.stdout, "exit %d\n", code)
	}
}

// waiting is the conversation with an open interrupt.
func (d *demo) waiting(archive string) string {
	if d.err != nil {
		return ""
	}
	r, err := format.Open(archive, &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		d.err = err
		return ""
	}
	defer r.Close()
	for i, err := range agentstate.Of[*pb.Interrupt](r.Records(d.ctx, &agentstate.ReadOptions{Kinds: []string{"interrupt"}})) {
		if err != nil {
			d.err = err
			return ""
		}
		if i.Status == pb.Interrupt_STATUS_OPEN {
			return i.ConversationKey
		}
	}
	return ""
}

// flip copies the archive with one byte of its messages changed.
func (d *demo) flip(from, to string) int {
	if d.err != nil {
		return 0
	}
	b, err := os.ReadFile(from)
	if err != nil {
		d.err = err
		return 0
	}
	at, err := middleOf(b, "/data/r/message/")
	if err != nil {
		d.err = err
		return 0
	}
	b[at] ^= 1
	d.err = os.WriteFile(to, b, 0o644)
	return at
}

// middleOf is the offset of the middle byte of the first member whose name has part in it.
func middleOf(archive []byte, part string) (int, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return 0, err
	}
	for _, f := range z.File {
		if strings.Contains(f.Name, part) {
			off, err := f.DataOffset()
			return int(off) + int(f.CompressedSize64/2), err
		}
	}
	return 0, errors.New("nothing to flip")
}
