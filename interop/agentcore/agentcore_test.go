// Package agentcore lets real software judge the driver for AgentCore: boto3 fills a service and
// reads back, and a LangGraph graph on its own AgentCore saver goes on in the copy. The service is
// a fake that shares no code with the driver; the paid one was never asked.
package agentcore

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// env is what interop/run has installed.
var env = struct{ exitramp, python string }{os.Getenv("EXITRAMP_BIN"), installed("python/bin/python")}

func installed(path string) string {
	dir := os.Getenv("EXITRAMP_INTEROP_AGENTCORE")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, path)
}

func TestMain(m *testing.M) {
	if env.exitramp == "" {
		fmt.Fprintln(os.Stderr, "these tests need the real software: start them with interop/run")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func need(t *testing.T) {
	t.Helper()
	if env.python != "" {
		return
	}
	if os.Getenv("EXITRAMP_INTEROP_ALLOW_SKIP") == "1" {
		t.Skip("SKIPPED: boto3 and LangGraph for AWS are not installed")
	}
	t.Fatal("boto3 and LangGraph for AWS are not installed")
}

// service is a fake that runs.
type service struct {
	t   *testing.T
	dir string
	env []string
}

// serve builds the fake.
func serve(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "serve")
	build := exec.Command("go", "build", "-o", bin, "./exporters/agentcore/agentcorefake/serve")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the fake does not build: %v\n%s", err, out)
	}
	return bin
}

// fake builds and starts the fake.
func fake(t *testing.T, args ...string) *service {
	t.Helper()
	c := exec.Command(serve(t), args...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the fake does not say where it is")
	}
	url := lines.Text()
	t.Cleanup(func() {
		in.Close()
		for lines.Scan() {
			if s, ok := strings.CutPrefix(lines.Text(), "broken: "); ok {
				t.Errorf("the fake answered what the provider's model forbids: %s", s)
			}
		}
		_ = c.Wait()
	})
	return at(t, url)
}

func at(t *testing.T, url string) *service {
	dir := t.TempDir()
	return &service{t, dir, append(os.Environ(), "AWS_ENDPOINT_URL="+url, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=canary-secret", "AWS_REGION=eu-central-1",
		"AWS_DEFAULT_REGION=eu-central-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "none"), "HOME="+dir)}
}

// run runs a command, and wants it to end with code.
func (s *service) run(code int, name string, args ...string) []byte {
	s.t.Helper()
	c := exec.Command(name, args...)
	c.Env = s.env
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("%s %s: exit %d, want %d\n%s\n%s", filepath.Base(name), strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.Bytes()
}

func (s *service) py(script string, args ...string) map[string]any {
	s.t.Helper()
	out := s.run(0, env.python, append([]string{filepath.Join("python", script)}, args...)...)
	var v map[string]any
	if err := json.Unmarshal(out, &v); err != nil {
		s.t.Fatalf("%s says %s", script, out)
	}
	return v
}

func (s *service) exitramp(code int, args ...string) string {
	s.t.Helper()
	return string(s.run(code, env.exitramp, append(args, "--progress", "none")...))
}

// trip exports src's memory and replays it into dst. It gives the memory that came into being, and
// the journal.
func trip(t *testing.T, src, dst *service, source, to string) (archive, journal string) {
	t.Helper()
	archive, journal = filepath.Join(t.TempDir(), "a.ctxa"), filepath.Join(t.TempDir(), "a.jnl")
	if out := src.exitramp(0, "export", source, archive); !strings.Contains(out, "LISTED") {
		t.Errorf("export: %s", out)
	}
	src.exitramp(0, "verify", "--integrity-only", archive)
	dst.exitramp(0, "plan", archive, to, "--accept-unsigned")
	dst.exitramp(0, "replay", archive, to, "--accept-unsigned", "--journal", journal)
	if out := dst.exitramp(0, "readback", archive, to, "--accept-unsigned", "--journal", journal); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	return archive, journal
}

// only is the id of the only memory of a service.
func (s *service) only() string {
	s.t.Helper()
	out := s.run(0, env.python, "-c", "import boto3\nfor m in boto3.client('bedrock-agentcore-control').list_memories()['memories']: print(m['id'])")
	ids := strings.Fields(string(out))
	if len(ids) != 1 {
		s.t.Fatalf("memories %v, want one", ids)
	}
	return ids[0]
}

// What the fake does beyond the provider's model says how it is known. What nobody has looked at is
// printed with every run.
func TestGuessesOfTheFake(t *testing.T) {
	out, err := exec.Command(serve(t), "-facts").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for l := range strings.Lines(string(out)) {
		source, what, _ := strings.Cut(l, " ")
		if n[source]++; source == "guess" {
			t.Logf("guess: %s", strings.TrimSpace(what))
		}
	}
	for _, s := range []string{"model", "snapshot", "documentation", "measured", "guess"} {
		if n[s] == 0 {
			t.Errorf("nothing is said to be known by %s: %v", s, n)
		}
		delete(n, s)
	}
	if len(n) > 0 {
		t.Errorf("known in ways that are none: %v", n)
	}
}

// The fixed rates of one session are not the fake's: 250 events of one would take a minute.
const (
	region = "agentcore://eu-central-1?sessions=1000"
	from   = "agentcore://eu-central-1/"
)

func TestBoto3ReadsTheSame(t *testing.T) {
	need(t)
	src, dst := fake(t), fake(t, "-account", "999999999999", "-late", "300ms")
	mem := src.py("seed.py", "shop")["memory"].(string)
	archive, journal := trip(t, src, dst, from+mem, region)
	want, got := src.py("dump.py", mem), dst.py("dump.py", dst.only())
	times := 0
	ignoreTies(want, got, &times)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("boto3 reads something else:\n%s", d)
	}
	if times != 3 {
		t.Errorf("%d events have another time, want the 3 that shared a millisecond", times)
	}
	t.Run("again", func(t *testing.T) {
		out := dst.exitramp(0, "plan", archive, region, "--accept-unsigned")
		if !strings.Contains(out, "create 0 ") {
			t.Errorf("a second replay would make something: %s", out)
		}
	})
	t.Run("the judge objects", func(t *testing.T) {
		bad := dst.py("dump.py", dst.only())
		sessions := bad["sessions"].(map[string]any)
		sessions["ada s1"] = sessions["ada s1"].([]any)[1:]
		if cmp.Diff(want, bad) == "" {
			t.Error("an event is gone, and nobody says so")
		}
	})
	t.Run("undo", func(t *testing.T) {
		dst.exitramp(0, "undo", journal, region)
		if out := dst.run(0, env.python, "-c", "import boto3\nprint(len(boto3.client('bedrock-agentcore-control').list_memories()['memories']))"); strings.TrimSpace(string(out)) != "0" {
			t.Errorf("%s memories are left", out)
		}
	})
}

// Three memories with shapes at the limits of the service, in one archive: each copy is what boto3 reads of
// its source.
func TestWildShapes(t *testing.T) {
	need(t)
	src, dst := fake(t), fake(t, "-account", "999999999999")
	src.py("wild.py")
	trip(t, src, dst, region, region)
	from, to := src.byName(), dst.byName()
	for name, mem := range from {
		want, got := src.py("dump.py", mem), dst.py("dump.py", to[name])
		for _, d := range []map[string]any{want, got} { // the branch whose root is gone starts at the event before
			for _, es := range d["sessions"].(map[string]any) {
				for _, e := range es.([]any) {
					if e := e.([]any); e[0] == "orphan" {
						e[1] = nil
					}
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("boto3 reads something else of %s:\n%.4000s", name, d)
		}
	}
	if len(from) != 3 || len(to) != 3 {
		t.Errorf("memories %v become %v", from, to)
	}
}

// byName are the ids of a service's memories.
func (s *service) byName() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	list := "import boto3\nc = boto3.client('bedrock-agentcore-control')\nfor m in c.list_memories()['memories']: print(c.get_memory(memoryId=m['id'])['memory']['name'], m['id'])"
	for l := range strings.Lines(string(s.run(0, env.python, "-c", list))) {
		name, id, _ := strings.Cut(strings.TrimSpace(l), " ")
		out[name] = id
	}
	return out
}

// ignoreTies takes out the times of events that differ by some milliseconds, and counts them.
func ignoreTies(want, got map[string]any, n *int) {
	for id, x := range want["sessions"].(map[string]any) {
		a, ok1 := x.([]any)
		b, ok2 := got["sessions"].(map[string]any)[id].([]any)
		if !ok1 || !ok2 || len(a) != len(b) {
			continue
		}
		for i := range a {
			ea, eb := a[i].([]any), b[i].([]any)
			ta, tb := ea[4].(float64), eb[4].(float64)
			if d := tb - ta; d > 0 && d < 0.1 {
				ea[4], eb[4] = nil, nil
				*n++
			}
		}
	}
}

// Policies that decide arrive so that they only log, once a person has approved them, and boto3 reads
// their texts as they were. What somebody has set ACTIVE since stays after an undo.
func TestPoliciesOnlyLog(t *testing.T) {
	need(t)
	src, dst := fake(t), fake(t, "-account", "999999999999", "-working", "300ms")
	want := src.py("policies.py", "make")
	archive, journal := filepath.Join(t.TempDir(), "a.ctxa"), filepath.Join(t.TempDir(), "a.jnl")
	src.exitramp(0, "export", region, archive)
	keys := filepath.Join(t.TempDir(), "approved")
	var b strings.Builder
	for _, kind := range []string{"policy", "toolgrant"} { // a policy, and what is read out of it
		for _, l := range strings.Fields(src.exitramp(0, "list", archive, kind)) {
			if strings.HasPrefix(l, kind+"/") {
				fmt.Fprintln(&b, l)
			}
		}
	}
	if err := os.WriteFile(keys, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	dst.exitramp(0, "replay", archive, region, "--accept-unsigned", "--journal", filepath.Join(t.TempDir(), "none.jnl"))
	if got := fmt.Sprint(dst.py("policies.py", "show")); strings.Contains(got, "clerks") {
		t.Errorf("without approval there is %s", got)
	}
	dst.exitramp(0, "replay", archive, region, "--accept-unsigned", "--journal", journal, "--approve", keys)
	for _, p := range want["rules"].(map[string]any)["policies"].(map[string]any) {
		if p := p.([]any); p[0] != "ACTIVE" {
			t.Fatalf("the source's policy is %v", p)
		} else {
			p[0] = "LOG_ONLY"
		}
	}
	if d := cmp.Diff(want, dst.py("policies.py", "show")); d != "" {
		t.Errorf("boto3 reads something else:\n%s", d)
	}
	if out := dst.exitramp(0, "readback", archive, region, "--accept-unsigned", "--journal", journal); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	dst.py("policies.py", "arm")
	dst.exitramp(3, "undo", journal, region)
	if got := fmt.Sprint(dst.py("policies.py", "show")); strings.Count(got, "ACTIVE") != 2 {
		t.Errorf("after the undo there is %s", got)
	}
}

// A graph of LangGraph waits for a person on AgentCore. In the copy it waits for the same, and goes
// on: what ran once is not run again.
func TestLangGraphGoesOn(t *testing.T) {
	need(t)
	for _, format := range []string{"legacy", "snapshot"} {
		t.Run(format, func(t *testing.T) {
			src, dst := fake(t), fake(t, "-account", "999999999999")
			mem := src.py("seed.py", "shop")["memory"].(string)
			paused := src.py("graph.py", "pause", mem, format)
			if len(paused["interrupts"].([]any)) != 1 {
				t.Fatalf("the graph does not wait: %v", paused)
			}
			trip(t, src, dst, from+mem, region)
			if d := cmp.Diff(paused, dst.py("graph.py", "state", dst.only(), format)); d != "" {
				t.Errorf("the copy waits for something else:\n%s", d)
			}
			want, got := src.py("graph.py", "resume", mem, format), dst.py("graph.py", "resume", dst.only(), format)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("the copy ends in another way:\n%s", d)
			}
			if n := strings.Count(fmt.Sprint(got["messages"]), "refund: yes"); n != 1 {
				t.Errorf("the answer came %d times: %v", n, got)
			}
			if len(got["asked"].([]any)) != 1 {
				t.Errorf("the subgraph does not ask: %v", got)
			}
		})
	}
}
