package cassette

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/heappeak"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// tells is a model that answers each question with n bytes of its own.
func tells(t *testing.T, n int) *httptest.Server {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		fmt.Fprintf(w, `{"id":"x%d","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"%d %s"}}],"usage":{"total_tokens":3}}`, asked, asked, strings.Repeat("a", n))
	}))
	t.Cleanup(s.Close)
	return s
}

func ask(t *testing.T, rec *Recorder, question int) {
	t.Helper()
	w := httptest.NewRecorder()
	body := fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":"question %d"}]}`, question)
	rec.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// TestMemory: a recording of 31 MiB, which would be twice that in memory, needs less than it, while it is
// made and while it is read, and leaves no file.
func TestMemory(t *testing.T) {
	const answers, size = 80, 400 << 10
	dir := t.TempDir()
	rec, err := NewRecorder(RecorderOptions{Upstream: tells(t, size).URL + "/v1", Name: "q4", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	grown := heappeak.Growth(func() {
		for i := range answers {
			ask(t, rec, i)
		}
	})
	if grown > answers*size*2/3 {
		t.Errorf("recording took %d MiB of memory", grown>>20)
	}
	messages := 0
	grown = heappeak.Growth(func() {
		for r, err := range rec.Records(context.Background(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if agentstate.KindOf(r) == "message" {
				messages++
			}
		}
	})
	if grown > answers*size*2/3 || messages != 2*answers || rec.Exchanges() != answers {
		t.Errorf("reading took %d MiB of memory; %d messages, %d answers", grown>>20, messages, rec.Exchanges())
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// TestNotKept: an answer that the disk does not take is a gap, the conversation stays as it was, and the
// program notices nothing.
func TestNotKept(t *testing.T) {
	rec, err := NewRecorder(RecorderOptions{Upstream: tells(t, 10).URL + "/v1", Name: "q4", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, rec, 1)
	first := rec.kept
	broken, err := newKept(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	broken.close() // no write to its file succeeds
	rec.kept = broken
	for i := range 2000 { // until what it holds in memory is full
		if ask(t, rec, 2+i); len(rec.beyond) > 0 {
			break
		}
	}
	asked := rec.asked
	rec.kept = first
	if n := rec.beyond["answers that could not be kept on disk"]; n != 1 || rec.Exchanges() != int(asked)-1 {
		t.Errorf("%v beyond, %d of %d answers", rec.beyond, rec.Exchanges(), asked)
	}
	rec.all = rec.all[:1] // the others lie in what was closed
	gaps := 0
	for r, err := range rec.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if g, ok := r.(*pb.Gap); ok && g.Place == "answers that could not be kept on disk" && g.Count == 1 {
			gaps++
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps", gaps)
	}
}
