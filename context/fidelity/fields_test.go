package fidelity_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestEveryFieldIsSeen changes every field of every record in turn: none may pass.
func TestEveryFieldIsSeen(t *testing.T) {
	base := memstate.Sample(3)
	defer base.Close()
	n := 0
	for _, r := range records(t, base) {
		if !agentstate.IsState(agentstate.KindOf(r)) {
			continue
		}
		b, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range fields(b, nil) {
			changed := agentstate.New(agentstate.KindOf(r))
			if err := proto.Unmarshal(cut, changed); err != nil || changed.GetMeta().GetKey() != r.GetMeta().Key {
				continue // its key is gone: another record
			}
			if proto.Equal(unplaced(r), unplaced(changed)) {
				continue // where a blob lies is not what it holds
			}
			n++
			rep, err := both(t, one(base, r), one(base, changed), nil)
			if errors.Is(err, agentstate.ErrUnsupported) {
				continue // a piece or a value that is none
			}
			if err != nil {
				t.Fatal(err)
			}
			if rep.Match() || len(rep.Losses) == 0 || rep.Losses[0].Key != r.GetMeta().Key {
				t.Fatalf("a field of %s is gone, and nobody notices: %v, %v", r.GetMeta().Key, r, changed)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d fields were tried", n)
	}
}

func unplaced(r agentstate.Record) agentstate.Record {
	c := proto.Clone(r).(agentstate.Record)
	agentstate.Blobs(c, func(b *pb.Blob) { proto.Reset(b) })
	return c
}

// one is r alone, with what it may refer to in base.
func one(base *memstate.State, r agentstate.Record) agentstate.Source {
	cited, err := base.Get(context.Background(), "channelvalue/t1/x/1")
	if err != nil || agentstate.KindOf(r) == "channelvalue" {
		cited = &pb.State{Meta: meta("state", "other")}
	}
	return edited{memstate.New(&pb.Origin{Meta: meta("origin", "x")}, cited, r), base}
}

// fields are copies of the message b, each without one field, at any depth.
func fields(b []byte, wrap func([]byte) []byte) [][]byte {
	if wrap == nil {
		wrap = func(b []byte) []byte { return b }
	}
	var out [][]byte
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return nil
		}
		m := protowire.ConsumeFieldValue(num, typ, b[at+n:])
		if m < 0 {
			return nil
		}
		before, value, after := b[:at], b[at+n:at+n+m], b[at+n+m:]
		out = append(out, wrap(slices.Concat(before, after)))
		if typ == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(value)
			out = append(out, fields(inner, func(x []byte) []byte {
				return wrap(slices.Concat(before, protowire.AppendBytes(protowire.AppendTag(nil, num, typ), x), after))
			})...)
		}
		at += n + m
	}
	return out
}
