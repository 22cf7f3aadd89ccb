package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

// readPassword asks on the terminal. Ctrl-C there is the signal that ends ctx, and does not wake the read by itself.
func readPassword(ctx context.Context, prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("no terminal to ask for the passphrase; scripts set EXITRAMP_PASSPHRASE")
	}
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", errors.Join(err, tty.Close())
	}
	type answer struct {
		b   []byte
		err error
	}
	got := make(chan answer, 1)
	fmt.Fprint(tty, prompt)
	go func() {
		b, err := term.ReadPassword(fd)
		got <- answer{b, err}
	}()
	select {
	case <-ctx.Done():
		err := term.Restore(fd, before) // it echoes again
		fmt.Fprintln(tty)
		return "", errors.Join(ctx.Err(), err) // tty stays open: somebody reads from it
	case x := <-got:
		fmt.Fprintln(tty)
		return string(x.b), errors.Join(x.err, tty.Close())
	}
}
