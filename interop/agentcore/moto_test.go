package agentcore

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Moto is a second fake, by others. It knows events and memories, and neither lists actors and
// sessions nor keeps records, so that no trip is possible. Where the two fakes differ is listed
// here; what was measured on the real service is on the side of ours.
func TestMotoDiffers(t *testing.T) {
	moto := startMoto(t)
	ours, theirs := fake(t).py("differences.py"), moto.py("differences.py")
	got := map[string]string{}
	for k, v := range ours {
		if a, b := fmt.Sprint(v), fmt.Sprint(theirs[k]); a != b {
			got[k] = a + " | " + b
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		t.Logf("%s: ours | moto: %s", k, got[k])
	}
	if !maps.Equal(got, known) {
		t.Errorf("the differences are others than listed: %q", got)
	}
}

// known are the differences, ours first.
var known = map[string]string{
	"event fields":        "[actorId branch eventId eventTimestamp memoryId payload sessionId] | [actorId branch eventId eventTimestamp memoryId sessionId]", // payloads come by default: model
	"event id":            "epoch#hex | other",                                                                                                               // measured
	"order":               "210 | ",                                                                                                                          // newest first: measured
	"same client token":   "true | false",                                                                                                                    // documentation
	"unknown memory":      "ResourceNotFoundException | 0",                                                                                                   // measured
	"list_actors":         "true | 500",                                                                                                                      // moto has not got it
	"list_sessions":       "true | 500",
	"list_memory_records": "true | 500",
}

// startMoto starts moto.
func startMoto(t *testing.T) *service {
	t.Helper()
	need(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	c := exec.Command(env.python, "-m", "moto.server", "-H", "127.0.0.1", "-p", fmt.Sprint(addr.Port))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	url := "http://" + addr.String()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if r, err := http.Get(url + "/moto-api/"); err == nil {
			r.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("moto does not start")
		}
	}
	moto := at(t, url)
	moto.env = append(moto.env, "AWS_MAX_ATTEMPTS=1")
	return moto
}

// What moto has comes out of it, and what it lacks is named: an archive with gaps, and no error.
func TestMotoIsRead(t *testing.T) {
	moto := startMoto(t)
	moto.py("moto.py")
	archive := filepath.Join(t.TempDir(), "a.ctxa")
	out := moto.exitramp(3, "export", region, archive)
	for _, want := range []string{"memoryspace 2 LISTED", "toolserver 2 GAPS", "agent 1 GAPS", "message 0 GAPS", "memory 0 GAPS"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q: %s", want, out)
		}
	}
	moto.exitramp(0, "verify", "--integrity-only", archive)
	gaps := moto.exitramp(0, "list", archive, "gap")
	for _, op := range []string{"ListActors", "ListMemoryRecords", "ListWorkloadIdentities", "ListPolicyEngines", "ListHarnesses", "ListEvaluators"} {
		if !strings.Contains(gaps, op) {
			t.Errorf("no gap names %s: %s", op, gaps)
		}
	}
	all := moto.exitramp(0, "cat", archive)
	for _, want := range []string{`"key":"tool/`, `orders___lookup`, `"key":"opaque/agent-runtime-endpoint/`, `"name":"team"`} {
		if !strings.Contains(all, want) {
			t.Errorf("the archive does not hold %s", want)
		}
	}
	if strings.Contains(all, "canary-env") {
		t.Error("the archive holds the value of an environment variable")
	}
}
