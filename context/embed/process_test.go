package embed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/internal/gctest"
	"github.com/exitramp/exitramp/internal/wordembedtest"
)

// TestMain lets this binary be the embedder, as a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "wordembed" {
		if err := wordembedtest.Main(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(gctest.Main(m))
}

func start(t *testing.T, args ...string) (*embed.Process, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := embed.Start(t.Context(), append([]string{exe, "wordembed"}, args...), io.Discard, 0)
	if err == nil {
		t.Cleanup(func() { p.Close() })
	}
	return p, err
}

func TestProcess(t *testing.T) {
	t.Parallel()
	p, err := start(t, "words-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Model(), (embed.Model{Name: "words-1", Dimensions: 16}); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
	for _, texts := range [][]string{{"a b", "b c", "unembeddable"}, {strings.Repeat("long ", 50000)}, manyTexts(200)} {
		got, err := p.Embed(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			want := embed.Answer{Vector: wordembedtest.Vector("words-1", text)}
			if text == "unembeddable" {
				want = embed.Answer{Why: "the embedder refuses it: 9000 tokens, at most 512"}
			}
			if d := cmp.Diff(want, got[i]); d != "" {
				t.Errorf("%.20s: %s", text, d)
			}
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func manyTexts(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("text number %d \"quoted\" ünï", i))
	}
	return out
}

func TestProcessFaults(t *testing.T) {
	t.Parallel()
	if _, err := start(t, "words-1", "head"); !errors.Is(err, embed.ErrEmbedder) {
		t.Errorf("a first line that is no JSON: %v", err)
	}
	if _, err := embed.Start(t.Context(), []string{"/nosuch"}, nil, 0); !errors.Is(err, embed.ErrEmbedder) {
		t.Errorf("no program: %v", err)
	}
	for _, fault := range []string{"other", "die"} {
		p, err := start(t, "words-1", fault)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // broken stays broken
			if _, err = p.Embed(t.Context(), manyTexts(60)); !errors.Is(err, embed.ErrEmbedder) {
				t.Errorf("%s: %v", fault, err)
			}
		}
	}
	p, err := start(t, "words-1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Embed(ctx, []string{"a"}); err == nil {
		t.Error("a context that has ended: no error")
	}
}

// startAgain starts a program, and anew where a busy machine kept it silent for that long.
func startAgain(ctx context.Context, argv []string, to io.Writer, patience time.Duration) (p *embed.Process, err error) {
	for range 5 {
		if p, err = embed.Start(ctx, argv, to, patience); err == nil || !strings.Contains(err.Error(), "it said nothing for") {
			break
		}
	}
	return p, err
}

// A program that says nothing any more is ended, and so is what it has started; the run that asks is not held up.
func TestProcessHangs(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startAgain(t.Context(), []string{exe, "wordembed", "words-1", "hang"}, io.Discard, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = p.Embed(t.Context(), manyTexts(60))
		if !errors.Is(err, embed.ErrEmbedder) || !strings.Contains(err.Error(), "it said nothing for 1s, and was ended") {
			t.Error(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	late := filepath.Join(t.TempDir(), "late")
	for what, argv := range map[string][]string{
		"says no first line":            {sh, "-c", "exec sleep 20"},
		"is started by another program": {sh, "-c", "sleep 20 2>/dev/null & wait"},
		"goes on by itself":             {sh, "-c", "(sleep 1; touch " + late + ") & wait"},
	} {
		began := time.Now()
		if _, err := embed.Start(t.Context(), argv, io.Discard, 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "it said nothing for 100ms") {
			t.Errorf("%s: %v", what, err)
		}
		if d := time.Since(began); d > 15*time.Second {
			t.Errorf("%s: %s", what, d)
		}
	}
	time.Sleep(2 * time.Second)
	if _, err := os.Stat(late); err == nil {
		t.Error("what the program has started lives on")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := embed.Start(ctx, []string{sh, "-c", "sleep 20 2>/dev/null & wait"}, io.Discard, 0); err == nil || time.Since(began) > 15*time.Second {
		t.Errorf("a context that ends while it starts: %v", err)
	}
}

// A program that shows its progress on standard error is not silent, whoever takes that.
func TestProcessShowsProgress(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	const loads = `for i in 1 2 3 4 5 6 7 8; do sleep 0.2; echo "$i of 8" >&2; done; echo '{"model":"m","dimensions":1}'; cat >/dev/null`
	for name, to := range map[string]io.Writer{"taken": &bytes.Buffer{}, "not taken": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := startAgain(t.Context(), []string{sh, "-c", loads}, to, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if b, ok := to.(*bytes.Buffer); ok && !strings.HasSuffix(b.String(), "8 of 8\n") {
				t.Errorf("%q", b)
			}
		})
	}
}

// Who only talks there is ended too: it may do so for ever.
func TestProcessOnlyTalks(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = startAgain(ctx, []string{sh, "-c", "while echo again >&2; do sleep 0.05; done"}, io.Discard, 300*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "it talked on standard error for 3.6s, and answered nothing, and was ended") {
		t.Error(err)
	}
}

// full is a place that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

// A program that ended well ended well, also where one that it started holds standard error open, and where nobody can
// be shown what it says there.
func TestProcessEndsWell(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	const head = `echo '{"model":"m","dimensions":1}'; `
	for what, c := range map[string]struct {
		script string
		to     io.Writer
	}{
		"leaves one behind":  {"sleep 60 & " + head + "cat >/dev/null", &bytes.Buffer{}},
		"is not to be shown": {head + "cat >/dev/null; echo a >&2; sleep 0.2; echo b >&2", full{}},
	} {
		p, err := embed.Start(t.Context(), []string{sh, "-c", c.script}, c.to, 0)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		began := time.Now()
		if err := p.Close(); err != nil || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %v after %s", what, err, time.Since(began))
		}
	}
}

// TestCommand: no shell reads what stands behind exec:.
func TestCommand(t *testing.T) {
	for in, want := range map[string][]string{"a b  c": {"a", "b", "c"}, `["a","b c"]`: {"a", "b c"}, `a $(b)`: {"a", "$(b)"}, "": nil, " ": nil, "[]": nil, `["",1]`: nil} {
		got, err := embed.Command(in)
		if d := cmp.Diff(want, got); d != "" || (err == nil) != (want != nil) {
			t.Errorf("%q: %v %s", in, err, d)
		}
	}
}
