package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// gone is a target that is not there.
type gone struct{}

func (gone) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		yield(nil, fmt.Errorf("no folder: %w", fs.ErrNotExist))
	}
}

// TestNowhere: a target that is not there reads back as an empty one after a run that wrote nothing, whatever was due; not
// after one that wrote, or found, a record. Nothing in it is under a hold.
func TestNowhere(t *testing.T) {
	memory := &pb.Memory{Meta: meta("memory", "m")}
	view := &pb.Message{Meta: meta("message", "v")}
	view.Meta.ViewOfKeys = []string{"memory/m"}
	for name, c := range map[string]struct {
		target  memstate.RuntimeOptions
		records []agentstate.Record
		kinds   []string
		before  agentstate.Record
		missing uint64
		err     error
	}{
		"refused":   {target: memstate.RuntimeOptions{Refuse: func(agentstate.Record) string { return "no place" }}, records: []agentstate.Record{memory}},
		"no record": {},
		// It was to arrive in its native form, which the run did not bring.
		"a view alone": {target: memstate.RuntimeOptions{Exact: true}, records: []agentstate.Record{memory, view}, kinds: []string{"message"}, missing: 1},
		"written":      {records: []agentstate.Record{memory}, err: fs.ErrNotExist},
		"found":        {records: []agentstate.Record{memory}, before: memory, err: fs.ErrNotExist},
	} {
		dst, path := memstate.NewRuntime(&c.target), journal(t)
		if c.before != nil {
			dst.Set(c.before)
		}
		src := memstate.Whole("x", c.records...)
		mustRun(t, dst, src, path, replay.Options{Kinds: c.kinds})
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if rep, err := replay.ReadBack(t.Context(), src, gone{}, j); !errors.Is(err, c.err) || c.err == nil && (err != nil || rep.MissingN != c.missing || rep.Records != 0) {
			t.Errorf("%s: %+v, %v", name, rep, err)
		}
		if rep, err := replay.UnderHold(t.Context(), gone{}, j, []string{"memory/m"}); err != nil || rep.N != 0 {
			t.Errorf("%s: under a hold: %+v, %v", name, rep, err)
		}
	}
	if _, err := replay.ReadBack(t.Context(), memstate.Whole("x", memory), gone{}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a journal: %v", err)
	}
}
