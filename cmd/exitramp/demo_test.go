package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// breaker breaks a run off once what is written has word in it.
type breaker struct {
	bytes.Buffer
	word string
	stop func()
}

func (b *breaker) Write(p []byte) (int, error) {
	if strings.Contains(string(p), b.word) {
		b.stop()
	}
	return b.Buffer.Write(p)
}

// A demo that is broken off says to run the same command again, so nothing may lie in the way of that.
func TestDemoStopped(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, step := range []string{"# 1 take it out", "# 6 put it there"} {
		ctx, stop := context.WithCancel(t.Context())
		out := &breaker{word: step, stop: stop}
		var none, msgs bytes.Buffer
		a := newApp(&none, &msgs)
		a.stdout = out
		if code := a.run(ctx, []string{"demo"}); code != exitOther {
			t.Errorf("%s: exit code %d, want %d\n%s", step, code, exitOther, &out.Buffer)
		}
		if _, err := os.Stat("exitramp-demo"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the folder is there still: %v", step, err)
		}
		if got, want := msgs.String(), "exitramp: stopped\nhint: nothing is half-written; run the same command again\n"; got != want {
			t.Errorf("%s: says %q, want %q", step, got, want)
		}
		stop()
	}
}
