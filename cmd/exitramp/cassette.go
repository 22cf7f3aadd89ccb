package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness/cassette"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

type serveFlags struct {
	listen string
	remote bool
	json   bool
}

func (f *serveFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:0", "`ADDRESS` to serve on")
	c.Flags().BoolVar(&f.remote, "allow-remote", false, "serve on an address that other machines reach")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON; what the program prints goes to standard error then")
}

// server is a loopback server that runs.
type server struct {
	url string // without a path
	srv *http.Server
}

func (f *serveFlags) start(h http.Handler) (*server, error) {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return nil, usagef("--listen %s: want host:port", f.listen)
	}
	if !f.remote {
		if !cassette.IsLoopback(host) {
			return nil, usagef("--listen %s: other machines reach it; --allow-remote says that this is meant", f.listen)
		}
		h = cassette.Loopback(h)
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + l.Addr().String(), srv: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}}
	go s.srv.Serve(l)
	return s, nil
}

// stop waits a little for requests under way.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.srv.Shutdown(ctx)
	s.srv.Close()
}

// env is the environment of a program that talks to s. What it is told of more is put before.
func (s *server) env(more ...string) []string {
	return slices.Concat(os.Environ(), []string{"NO_PROXY=" + noProxy(os.Getenv("NO_PROXY")), "OPENAI_BASE_URL=" + s.url + "/v1", "OPENAI_API_BASE=" + s.url + "/v1", "ANTHROPIC_BASE_URL=" + s.url}, more)
}

// noProxy keeps requests to this machine from going through somebody else's.
func noProxy(was string) string { return strings.Trim(was+",127.0.0.1,localhost,::1", ",") }

type recordFlags struct {
	serve    serveFlags
	to       exportFlags
	upstream string
	out      string
	runs     int
}

func (a *app) recordCmd() *cobra.Command {
	f := &recordFlags{}
	c := &cobra.Command{
		Use: "record --upstream URL -o ARCHIVE [-- CMD…]", Short: "Keep what a model says to a program",
		Long: `Runs CMD with a proxy between it and the model at URL (https://api.openai.com/v1), and seals in ARCHIVE
what was asked, what the model said, the tools that it called and what they gave. CMD finds the proxy in
OPENAI_BASE_URL and ANTHROPIC_BASE_URL. Without CMD the proxy runs until it is interrupted. Keys and
other headers pass and are not kept. exitramp play ARCHIVE answers from it.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return usagef("write -- before the program: exitramp record --upstream URL -o ARCHIVE -- CMD…")
			}
			if len(args) == 0 {
				if err := leftAside(c, "no CMD is run", "runs"); err != nil {
					return err
				}
			}
			return a.record(c.Context(), args, f)
		},
	}
	c.Flags().StringVar(&f.upstream, "upstream", "", "base `URL` of the model, with its version")
	c.Flags().StringVarP(&f.out, "output", "o", "", "the `ARCHIVE` to seal")
	c.Flags().IntVar(&f.runs, "runs", 1, "how often CMD is run; models do not say the same twice")
	f.to.addRecipients(c)
	addSecrets(c, &f.to.secrets, "label")
	f.serve.add(c)
	return c
}

func (a *app) record(ctx context.Context, args []string, f *recordFlags) error {
	switch {
	case f.out == "" || f.upstream == "":
		return usagef("want: exitramp record --upstream URL -o ARCHIVE [-- CMD…]")
	case f.runs < 1 || f.runs > 1000:
		return usagef("--runs %d: want 1 to 1000", f.runs)
	}
	out, err := a.newArchive(f.out, false)
	if err != nil {
		return err
	}
	if _, err := scanned(nil, f.to.secrets); err != nil { // before anything is asked
		return err
	}
	o := &format.WriterOptions{Tool: "exitramp " + version(), Source: "record " + exporters.Redact(f.upstream)}
	if err := a.recipients(&f.to, o); err != nil {
		return err
	}
	rec, err := cassette.NewRecorder(cassette.RecorderOptions{Upstream: f.upstream, Name: strings.TrimSuffix(filepath.Base(out), ".ctxa"), Now: a.now})
	if err != nil {
		return usagef("%v", err)
	}
	defer rec.Close()
	s, err := f.serve.start(rec)
	if err != nil {
		return err
	}
	defer s.stop()
	var failed error
	if len(args) == 0 {
		fmt.Fprintln(a.stderr, "recording at", s.url+"/v1", "until interrupted")
		<-ctx.Done()
	}
	for run := 1; run <= f.runs && len(args) > 0 && ctx.Err() == nil && failed == nil; run++ {
		if run > 1 {
			rec.NextRun()
		}
		failed = a.program(ctx, args, s.env(), f.serve.json)
	}
	s.stop()
	if errors.Is(failed, exec.ErrNotFound) { // it has asked for nothing
		return failed
	}
	if rec.Exchanges() == 0 {
		why := rec.Missing()
		for w, n := range rec.Failures() {
			why[w] += n
		}
		return errors.Join(failed, silent(why))
	}
	if n := rec.Failures(); len(n) > 0 {
		fmt.Fprintln(a.stderr, "kept as they were, and played so:", byWhy(n))
	}
	if n := rec.Missing(); len(n) > 0 {
		fmt.Fprintln(a.stderr, "! not in the recording:", byWhy(n))
	}
	var read agentstate.Source = rec
	scan, err := scanned(rec, f.to.secrets)
	if err != nil {
		return err
	}
	if scan != nil {
		read, f.to.found = scan, scan.Summary()
	}
	began := a.now()
	rep, err := format.Export(context.WithoutCancel(ctx), out, read, o, nil) // what was recorded before an interrupt is kept
	if err != nil {
		return errors.Join(failed, a.exportFailed(err, rep, out, false))
	}
	f.to.json = f.serve.json
	err = a.exported(rep, out, a.now().Sub(began), &f.to)
	var partial *exitError
	if errors.As(err, &partial) && partial.code == exitPartial {
		partial.hint = "a play names those requests and does not answer them; docs/cassette.md says what can be recorded"
	}
	return errors.Join(failed, err)
}

type playFlags struct {
	serve  serveFlags
	keys   keyFlags
	system bool
	same   bool
}

func (a *app) playCmd() *cobra.Command {
	f := &playFlags{}
	c := &cobra.Command{
		Use: "play SOURCE [-- CMD…]", Short: "Be the model that an archive remembers",
		Long: `Serves the model's side of the conversations in SOURCE (an archive, or a runtime) to programs on this
machine: OpenAI's Chat Completions, Responses and Embeddings and Anthropic's Messages, streamed or not. A request is
answered with what the model said next when its messages are those of a recording so far. Any other is
refused, and what differs is named: for a tool, its arguments. Settings (the model, temperature, tools that
are offered) that differ are named once each and answered all the same; --same-settings refuses them. A
failure of the model (429, 500, a stream that broke off) is played as it was.

CMD finds the server in OPENAI_BASE_URL and ANTHROPIC_BASE_URL, and a key that opens nothing. Without
CMD the server's address is printed and it runs until it is interrupted.

Exit code 4: something was asked that was not recorded.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 && c.ArgsLenAtDash() != 1 {
				return usagef("write -- before the program: exitramp play SOURCE -- CMD…")
			}
			return a.play(c.Context(), args[0], args[1:], f)
		},
	}
	f.keys.add(c)
	f.keys.addTrust(c)
	c.Flags().BoolVar(&f.system, "ignore-system", false, "do not compare operator's texts: they say the date, or were changed on purpose")
	c.Flags().BoolVar(&f.same, "same-settings", false, "refuse what was recorded for another model, temperature, or other tools on offer")
	f.serve.add(c)
	return c
}

// actOn opens an archive that is trusted, or a runtime.
func (a *app) actOn(ctx context.Context, s string, k *keyFlags) (exporters.Runtime, error) {
	if isArchive(s) {
		return a.openTrusted(s, k)
	}
	if t := k.trust; t.file != "" || t.threshold != 1 || len(t.bundles)+len(t.tsa) > 0 || t.lineage != "" || t.minSequence > 0 {
		return nil, usagef("%s is no archive: nobody signed it, and it has no place in a line; --trust and what goes with it would be left aside", exporters.Redact(s))
	}
	return a.source(ctx, s, k)
}

// played is what a play has given so far.
type played struct {
	mu       sync.Mutex
	stderr   io.Writer
	requests int
	answers  map[string]bool
	missed   int
	misses   []cassette.Miss // the first of them
	other    int             // answered, though asked with other settings
	others   []cassette.Miss // the first of them
	told     map[string]bool // what differs in those
}

// maxTold is how many misses, and how many differences of settings, are told one by one.
const maxTold = 1000

func (p *played) miss(m cassette.Miss) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if p.missed++; len(p.misses) < maxTold {
		p.misses = append(p.misses, m)
		fmt.Fprintln(p.stderr, "!", m)
	}
}

// otherSettings notes an answer that was recorded for other settings. An agent asks so at every step: it is told once.
func (p *played) otherSettings(m cassette.Miss) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.other++; len(p.others) < maxTold {
		p.others = append(p.others, m)
	}
	what := strings.Join(m.Differs, "; ")
	if p.told[what] || len(p.told) > maxTold {
		return
	}
	if p.told[what] = true; len(p.told) > maxTold {
		fmt.Fprintln(p.stderr, "! other settings that differ otherwise are counted from here on, and not told")
		return
	}
	fmt.Fprintln(p.stderr, "!", m)
}

func (p *played) answer(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	p.answers[key] = true
}

func (a *app) play(ctx context.Context, from string, args []string, f *playFlags) error {
	src, err := a.actOn(ctx, from, &f.keys)
	if err != nil {
		return err
	}
	defer src.Close()
	p := &played{stderr: a.stderr, answers: map[string]bool{}, misses: []cassette.Miss{}, others: []cassette.Miss{}, told: map[string]bool{}}
	player, err := cassette.NewPlayer(ctx, watched{src, a, "read", nil}, &cassette.PlayerOptions{IgnoreSystem: f.system, SameSettings: f.same, OnMiss: p.miss, OnOther: p.otherSettings, OnAnswer: p.answer})
	if err != nil {
		return err
	}
	s, err := f.serve.start(player)
	if err != nil {
		return err
	}
	defer s.stop()
	var failed error
	if len(args) == 0 {
		fmt.Fprintln(a.stdout, s.url+"/v1")
		<-ctx.Done()
	} else {
		failed = a.program(ctx, args, s.env("OPENAI_API_KEY=played", "ANTHROPIC_API_KEY=played"), f.serve.json)
	}
	s.stop()
	a.result["requests"], a.result["misses"] = p.requests, p.misses
	if f.serve.json {
		if err := a.printJSON(map[string]any{"requests": p.requests, "answers": len(p.answers), "recorded": player.Answers(), "misses": p.misses, "other_settings": p.others, "other_settings_count": p.other}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stderr, "played %d of %d recorded answers to %d requests", len(p.answers), player.Answers(), p.requests)
		if n := p.other; n > 0 {
			fmt.Fprintf(a.stderr, ", %d of them recorded for other settings", n)
		}
		fmt.Fprintln(a.stderr)
	}
	if n := p.missed; n > 0 {
		return errors.Join(&exitError{code: exitCheck, err: fmt.Errorf("%d requests were not as recorded", n)}, failed)
	}
	return failed
}

var _ agentstate.BlobSource = (*cassette.Recorder)(nil)

// silent says why there is nothing to seal: missing are the requests that passed, by why none is recorded.
func silent(missing map[string]uint64) error {
	why, hint := "the model said nothing", "the program finds the proxy in OPENAI_BASE_URL or ANTHROPIC_BASE_URL; a base URL in its code goes before them"
	if len(missing) > 0 {
		why, hint = "no answer to play: "+byWhy(missing), "--upstream is the model's base URL, and the program gives its key"
	}
	return withHint(errors.New(why+": nothing was sealed"), hint)
}

// byWhy are counts of requests, by why.
func byWhy(n map[string]uint64) string {
	var by []string
	for _, w := range slices.Sorted(maps.Keys(n)) {
		by = append(by, number(n[w])+" "+w)
	}
	return strings.Join(by, ", ")
}
