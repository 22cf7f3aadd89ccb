package agentcore

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// Moto is a second fake, by others. It knows events and memories, and neither lists actors and
// sessions nor keeps records, so that no trip is possible. Where the two fakes differ is listed
// here; what was measured on the real service is on the side of ours.
func TestMotoDiffers(t *testing.T) {
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
