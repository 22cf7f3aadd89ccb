package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestNotRead: what a service lists and nobody read is said to people and to programs, and a record of a
// kind that has a name is listed with it.
func TestNotRead(t *testing.T) {
	st := &pb.Completeness{Meta: agentstate.Meta("completeness", nil, "x")}
	st.Meta.Labels = []*pb.Label{{Name: "not_read", Value: "ListBrowsers ListPayments"}}
	origin := &pb.Origin{Meta: agentstate.Meta("origin", nil, "x"), Product: "service"}
	origin.Meta.Labels = []*pb.Label{{Name: "wal", Value: "absent"}}
	src := memstate.New(origin,
		&pb.ToolServer{Meta: agentstate.Meta("toolserver", nil, "t"), Name: "orders", Protocol: "mcp"},
		&pb.Model{Meta: agentstate.Meta("model", nil, "m"), RequestedId: "gpt", ServedId: "gpt-2026"},
		&pb.Trigger{Meta: agentstate.Meta("trigger", nil, "n"), Name: "nightly", Enabled: true}, st)
	path := filepath.Join(t.TempDir(), "a.ctxa")
	if _, err := format.Export(t.Context(), path, src, &format.WriterOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := newApp(&stdout, &stderr).run(t.Context(), args); code != exitDone {
			t.Fatalf("%v: %d %s", args, code, stderr.String())
		}
		return stdout.String()
	}
	if out := run("inspect", path); !strings.Contains(out, "not read, of what the service lists: ListBrowsers ListPayments") || !strings.Contains(out, "note  wal absent") {
		t.Error(out)
	}
	var in struct {
		Readings []struct {
			NotRead []string `json:"not_read"`
		} `json:"readings"`
		Origins []struct {
			Notes []string `json:"notes"`
		} `json:"origins"`
	}
	if err := json.Unmarshal([]byte(run("inspect", path, "--json")), &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Readings) != 1 || !slices.Equal(in.Readings[0].NotRead, []string{"ListBrowsers", "ListPayments"}) || len(in.Origins) != 1 || !slices.Equal(in.Origins[0].Notes, []string{"wal absent"}) {
		t.Errorf("%+v", in)
	}
	for _, want := range []string{"toolserver/t  orders  mcp", "model/m  gpt  gpt-2026", "trigger/n  on  nightly"} {
		if out := run("list", path); !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
