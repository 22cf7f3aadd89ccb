package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/exitramp/exitramp/internal/procgroup"
)

// program runs a program to its end, or with an interrupt ends it and what it has started; a second one ends them by
// force. In the foreground of a terminal it stays there: it may read from it, and Ctrl-C reaches it without us.
func (a *app) program(ctx context.Context, args, env []string, asJSON bool) error {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env, c.Stdin, c.Stdout, c.Stderr = env, os.Stdin, bare(a.stdout), a.stderr
	if asJSON {
		c.Stdout = a.stderr
	}
	c.WaitDelay = 10 * time.Second
	foreground := procgroup.Foreground()
	kill := func() { procgroup.Kill(c) }
	if foreground {
		kill = func() { _ = c.Process.Kill() }
		c.Cancel = func() error {
			if byInterrupt(ctx) {
				return nil // many programs heed a second one at once, and leave their work half-done
			}
			return c.Process.Signal(os.Interrupt)
		}
	} else {
		procgroup.Own(c)
		c.Cancel = func() error { return procgroup.Interrupt(c) }
	}
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	context.AfterFunc(ctx, func() {
		again := make(chan os.Signal, 1)
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(again)
		select {
		case <-again:
			kill()
		case <-ended:
		}
	})
	err := c.Wait()
	if !foreground && ctx.Err() != nil {
		procgroup.End(c, c.WaitDelay)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%s ended with %s", filepath.Base(args[0]), exit)
	}
	return err
}

// byInterrupt tells whether it was Ctrl-C, or a signal like it, that ended ctx: the cause says so in words alone.
func byInterrupt(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause != nil && strings.HasPrefix(cause.Error(), os.Interrupt.String())
}
