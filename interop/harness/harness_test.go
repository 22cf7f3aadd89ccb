package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const key = "canary-4711" // of the model; must not be in any archive

func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("EXITRAMP_INTEROP_HARNESS")
	if dir == "" {
		t.Skip("SKIPPED: promptfoo and the agents are not installed; start this with interop/run")
	}
	return dir
}

func python(t *testing.T) string { return filepath.Join(folder(t), "python", "bin", "python") }

// A result is what a command printed and how it ended.
type result struct {
	out, err string
	code     int
}

// run starts a command in dir; it must end within five minutes, also on a machine that does other things.
func run(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "NO_COLOR=1", "LANGSMITH_TRACING=false", "NO_PROXY=127.0.0.1,localhost",
		"OPENAI_API_KEY="+key, "PROMPTFOO_DISABLE_TELEMETRY=1", "PROMPTFOO_DISABLE_UPDATE=1", "PROMPTFOO_DISABLE_REMOTE_GENERATION=1", "PROMPTFOO_CONFIG_DIR="+t.TempDir())
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", filepath.Base(name), strings.Join(args, " "), err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// must is run of what has to end well.
func must(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	r := run(t, dir, env, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s%s", filepath.Base(name), strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r
}

func exitramp() string { return os.Getenv("EXITRAMP_BIN") }

// model starts the model that always says the same, and returns its address and how to stop it.
func model(t *testing.T) (url string, stop func()) {
	t.Helper()
	cmd := exec.Command(python(t), "python/model.py")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), stop
}

// noKey fails where the model's key is in an archive.
func noKey(t *testing.T, archive string) {
	t.Helper()
	if r := must(t, "", nil, exitramp(), "cat", archive); strings.Contains(r.out, key) || !strings.Contains(r.out, "lookup_order") {
		t.Errorf("the key is in the archive, or nothing is: %d bytes", len(r.out))
	}
}

// A real program runs without its model, from what was recorded with it.
func TestOffline(t *testing.T) {
	for _, program := range []string{"langgraph_agent.py", "openai_agent.py"} {
		for _, api := range []string{"chat", "responses"} {
			for _, stream := range []string{"plain", "stream"} {
				t.Run(strings.TrimSuffix(program, ".py")+"/"+api+"/"+stream, func(t *testing.T) {
					archive := filepath.Join(t.TempDir(), "c.ctxa")
					cmd := []string{python(t), "python/" + program, api, stream, "Where is A-1041?"}
					url, stop := model(t)
					live := must(t, "", nil, exitramp(), append([]string{"record", "--upstream", url, "-o", archive, "--"}, cmd...)...)
					said, sealed, _ := strings.Cut(live.out, "model 1 ")
					if !strings.Contains(said, "Order status: in transit.") || !strings.Contains(sealed, "conversation 1 RECONCILED") || !strings.Contains(sealed, "testrun 1 RECONCILED") {
						t.Fatalf("%s%s", live.out, live.err)
					}
					stop()
					noKey(t, archive)
					if off := play(t, archive, nil, cmd...); off.code != 0 || off.out != said {
						t.Errorf("exit code %d; with the model\n%s\nwithout it\n%s%s", off.code, said, off.out, off.err)
					}
				})
			}
		}
	}
}

// A model that calls several tools at once is played so, streamed or not, whatever API or program asks.
func TestParallelCallsOffline(t *testing.T) {
	for _, program := range []string{"langgraph_agent.py", "openai_agent.py"} {
		for _, api := range []string{"chat", "responses"} {
			archive := filepath.Join(t.TempDir(), "c.ctxa")
			cmd := func(stream string) []string {
				return []string{python(t), "python/" + program, api, stream, "Where are A-1041 and A-1042?"}
			}
			url, stop := model(t)
			live := must(t, "", nil, exitramp(), append([]string{"record", "--upstream", url, "-o", archive, "--"}, cmd("stream")...)...)
			stop()
			said, _, _ := strings.Cut(live.out, "model 1 ")
			if !strings.Contains(said, "Order status: in transit, unknown.") {
				t.Fatalf("%s over %s: %s%s", program, api, live.out, live.err)
			}
			for _, stream := range []string{"stream", "plain"} {
				if off := play(t, archive, nil, cmd(stream)...); off.code != 0 || off.out != said {
					t.Errorf("%s over %s, %s: exit code %d; with the model\n%s\nwithout it\n%s%s", program, api, stream, off.code, said, off.out, off.err)
				}
				across := play(t, archive, nil, python(t), "python/anthropic_agent.py", stream, "Where are A-1041 and A-1042?")
				if across.code != 0 || across.out != "end_turn Order status: in transit, unknown.\n" {
					t.Errorf("%s over %s, then Anthropic's SDK, %s: exit code %d\n%s%s", program, api, stream, across.code, across.out, across.err)
				}
			}
		}
	}
}

// A real program that embeds runs without its model; vectors of another model it does not get.
func TestEmbeddingsOffline(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "c.ctxa")
	cmd := []string{python(t), "python/embedding_agent.py"}
	url, stop := model(t)
	live := must(t, "", nil, exitramp(), append([]string{"record", "--upstream", url, "-o", archive, "--"}, cmd...)...)
	stop()
	said, sealed, _ := strings.Cut(live.out, "model 1 ")
	if strings.Count(said, "text-embedding-3-small [0, 1, 2] ") != 4 || !strings.Contains(sealed, "run ") || strings.Contains(sealed, "conversation") {
		t.Fatalf("%s%s", live.out, live.err)
	}
	if off := play(t, archive, nil, cmd...); off.code != 0 || off.out != said {
		t.Errorf("exit code %d; with the model\n%s\nwithout it\n%s%s", off.code, said, off.out, off.err)
	}
	if off := play(t, archive, nil, append(cmd, "new")...); off.code != 4 || off.out != said+"not_recorded\n" || !strings.Contains(off.err, "input 1 was embedded with other settings: model: ") {
		t.Errorf("exit code %d\n%s%s", off.code, off.out, off.err)
	}
}

// A program that goes on when its model fails sees the same failures without it.
func TestFailuresOffline(t *testing.T) {
	for _, stream := range []string{"plain", "stream"} {
		archive := filepath.Join(t.TempDir(), "c.ctxa")
		cmd := []string{python(t), "python/failing_agent.py", stream}
		url, stop := model(t)
		live := must(t, "", nil, exitramp(), append([]string{"record", "--upstream", url, "-o", archive, "--"}, cmd...)...)
		stop()
		said, _, _ := strings.Cut(live.out, "model ")
		if !strings.Contains(said, "BadRequestError 400 5 ") || !strings.Contains(said, "RateLimitError 429 5 ") || !strings.HasSuffix(said, "Hello.\n") || !strings.Contains(live.err, "kept as they were, and played so: ") {
			t.Errorf("%s: %s%s", stream, live.out, live.err)
		}
		if off := play(t, archive, nil, cmd...); off.code != 0 || off.out != said {
			t.Errorf("%s: exit code %d; with the model\n%s\nwithout it\n%s%s", stream, off.code, said, off.out, off.err)
		}
	}
}

// play runs a program against what an archive remembers.
func play(t *testing.T, archive string, env []string, cmd ...string) result {
	t.Helper()
	return run(t, "", env, exitramp(), append([]string{"play", archive, "--accept-unsigned", "--"}, cmd...)...)
}

// A program that does something else than when it was recorded is stopped, and what it did is named:
// a tool that gives something else, a call with another argument.
func TestChanged(t *testing.T) {
	for _, program := range []string{"langgraph_agent.py", "openai_agent.py"} {
		t.Run(strings.TrimSuffix(program, ".py"), func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "c.ctxa")
			cmd := []string{python(t), "python/" + program, "chat", "plain", "Where is A-1041?"}
			url, stop := model(t)
			if r := must(t, "", nil, exitramp(), append([]string{"record", "--upstream", url, "-o", archive, "--runs", "2", "--"}, cmd...)...); !strings.Contains(r.out, "testrun 2 RECONCILED") {
				t.Errorf("%s", r.out)
			}
			stop()
			if r := play(t, archive, []string{"SHOP=lost"}, cmd...); r.code != 4 || !strings.Contains(r.err, "! not recorded: item 4, result of a tool: status: want ") || strings.Contains(r.err, "order_id: want") {
				t.Errorf("another result: exit code %d\n%s", r.code, r.err)
			}
			if program == "langgraph_agent.py" {
				if r := play(t, archive, []string{"SHOP=other"}, cmd...); r.code != 4 || !strings.Contains(r.err, "! not recorded: item 3, call of lookup_order: order_id: want ") || strings.Contains(r.err, "A-9999") {
					t.Errorf("another argument: exit code %d\n%s", r.code, r.err)
				}
			}
		})
	}
}

// What is recorded with one program and API is played to others, over others.
func TestAcross(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(dir, "c.ctxa")
	url, stop := model(t)
	must(t, "", nil, exitramp(), "record", "--upstream", url, "-o", archive, "--", python(t), "python/langgraph_agent.py", "chat", "plain", "Where is A-1041?")
	stop()
	for _, api := range []string{"chat", "responses"} {
		for _, stream := range []string{"plain", "stream"} {
			r := must(t, "", nil, exitramp(), "play", archive, "--accept-unsigned", "--", python(t), "python/openai_agent.py", api, stream, "Where is A-1041?")
			if !strings.HasSuffix(strings.TrimSpace(r.out), "Order status: in transit.") {
				t.Errorf("%s %s: %s%s", api, stream, r.out, r.err)
			}
		}
	}
	for _, stream := range []string{"plain", "stream"} {
		r := must(t, "", nil, exitramp(), "play", archive, "--accept-unsigned", "--", python(t), "python/anthropic_agent.py", stream, "Where is A-1041?")
		if r.out != "end_turn Order status: in transit.\n" {
			t.Errorf("messages %s: %s%s", stream, r.out, r.err)
		}
	}
}

// suiteOfThree are tasks of which two need what is in the state.
const suiteOfThree = `
prompts: ['{{question}}']
tests:
  - {description: remembers one, vars: {thread: t-1, question: 'Which order did I ask about?'}, assert: [{type: contains, value: A-1041}]}
  - {description: remembers the other, vars: {thread: t-2, question: 'Which order did I ask about?'}, assert: [{type: contains, value: A-1043}]}
  - {description: looks up, vars: {thread: t-3, question: 'Where is A-1043?'}, assert: [{type: contains, value: delivered}, {type: tool-call-f1, value: [lookup_order]}]}
`

// A LangGraph store that was moved is worth as much as the one that it came from; without it the
// agent does not remember. And the archive itself is a model that the agent can run against.
func TestStateWorth(t *testing.T) {
	dir := t.TempDir()
	source, target, archive := filepath.Join(dir, "source.sqlite"), filepath.Join(dir, "target.sqlite"), filepath.Join(dir, "s.ctxa")
	url, _ := model(t)
	env := []string{"OPENAI_BASE_URL=" + url}
	must(t, "", env, python(t), "python/talk.py", source)
	must(t, "", nil, exitramp(), "export", "langgraph+sqlite:"+source, archive)
	must(t, "", nil, exitramp(), "replay", archive, "langgraph+sqlite:"+target, "--accept-unsigned")
	suite := filepath.Join(dir, "suite.yaml")
	if err := os.WriteFile(suite, []byte(suiteOfThree), 0o600); err != nil {
		t.Fatal(err)
	}
	runner := python(t) + " python/runner.py"
	args := []string{"test", "promptfoo:" + suite, "--source", runner, "--runner", runner, "--cold", runner, "--state", "source=" + source, "--runs", "2"}
	r := must(t, "", env, exitramp(), append(args, "--state", "target="+target)...)
	for _, want := range []string{"source 6/6 · target 6/6 · cold 2/6", "TCS 1.00 = (6/6) / (6/6)", "retained lift 1.00 = (6/6 - 2/6) / (6/6 - 2/6)"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in %s%s", want, r.out, r.err)
		}
	}
	// A target that did not get the state, and one whose runner does not work.
	must(t, "", nil, exitramp(), "undo", archive+".journal", "langgraph+sqlite:"+target)
	r = run(t, "", env, exitramp(), append(args, "--state", "target="+filepath.Join(dir, "none.sqlite"))...)
	if r.code != 4 || !strings.Contains(r.out, "target 0/6") || !strings.Contains(r.out, "the runner says that it failed") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}

	// The state of the runtime alone, without a recorder, answers the same program.
	r = must(t, "", nil, exitramp(), "play", archive, "--accept-unsigned", "--", python(t), "python/langgraph_agent.py", "chat", "plain", "Where is A-1041?")
	if !strings.Contains(r.out, "Order status: in transit.") {
		t.Errorf("%s%s", r.out, r.err)
	}
}
