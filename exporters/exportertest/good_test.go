package exportertest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestGoodDrivers(t *testing.T) {
	t.Run("memstate", func(t *testing.T) { Run(t, good1()) })
	t.Run("client", func(t *testing.T) { Run(t, served()) })
	for name, o := range map[string]memstate.RuntimeOptions{
		"caller's ids": {}, "own ids": {OwnIDs: true}, "transactional": {Transactional: true}, "flushes": {Flushes: true},
		"own ids, in batches": {OwnIDs: true, Flushes: true, Transactional: true},
	} {
		t.Run(name, func(t *testing.T) { Run(t, targeted(&o, nil)) })
	}
	if err := Check(t.Context(), served()); err != nil {
		t.Error(err)
	}
}

// good1 is good with faults that its own Open can be compared with.
func good1() Harness {
	h := good()
	h.Fault = nil
	return h
}

// TestCheckSaysWhy: what Check reports names rule, record and reason.
func TestCheckSaysWhy(t *testing.T) {
	h := edited(func(rs recs, _ int) recs { m, _ := find[*pb.Memory](rs); m.Name = "\xff"; return rs })
	h.Fault = nil
	err := Check(t.Context(), h)
	for _, want := range []string{"encodable:", "memory/ada/0001", "why this rule: an archive must hold every record"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	boom := errors.New("no such file")
	err = Check(t.Context(), Harness{Open: func(context.Context) (agentstate.Source, error) { return nil, boom }})
	if !errors.Is(err, boom) {
		t.Error(err)
	}
}
