package agentcore

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// toFake sends every request to the fake, whatever host it is for.
type toFake struct {
	direct
	asked atomic.Int64
}

func (f *toFake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.asked.Add(1)
	return f.direct.RoundTrip(r)
}

// Clock, logger and HTTP client come from outside, through the registry.
func TestWorldFromOutside(t *testing.T) {
	var refused atomic.Bool
	w := faulty(t, func(op string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
		if op == "ListEvents" && refused.CompareAndSwap(false, true) {
			return &agentcorefake.Fault{Status: 429, Type: "ThrottledException", Message: "slow"}
		}
		return nil
	})
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	client := &toFake{direct: direct{w.fake}}
	var log bytes.Buffer
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rt, err := exporters.NewRegistry(Drivers()...).OpenWith(t.Context(), "agentcore://eu-central-1/"+w.mem, &exporters.Options{
		HTTPClient: &http.Client{Transport: client},
		Logger:     slog.New(slog.NewTextHandler(&log, nil)),
		Now:        func() time.Time { at = at.Add(time.Hour); return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	var st *pb.Completeness
	for r, err := range rt.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := r.(*pb.Completeness); ok {
			st = c
		}
	}
	if st == nil || st.FromUnixNano != time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC).UnixNano() || st.ToUnixNano != time.Date(2026, 1, 2, 5, 4, 5, 0, time.UTC).UnixNano() {
		t.Errorf("window %v", st)
	}
	if client.asked.Load() == 0 {
		t.Error("the client was not asked")
	}
	if !strings.Contains(log.String(), "slower") || !strings.Contains(log.String(), "operation=ListEvents") || strings.Contains(log.String(), secretKey) || strings.Contains(log.String(), "order") {
		t.Errorf("log %q", log.String())
	}
	if _, ok := agentstate.As[agentstate.Preflighter](rt); !ok {
		t.Error("a clock hides what the runtime can do")
	}
	if _, err := exporters.Replayable(rt); err != nil {
		t.Error(err)
	}
}
