package langgraph

import (
	"errors"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A Failure is a task that failed.
type Failure struct {
	Node string // that it runs; empty: nothing says it
	Type string // of the error; empty: not told. What an error says may hold secrets, and stands in the write alone
	Key  string // of the write
}

// Failures are the tasks that failed, of the writes of the checkpoints where a thread stands; get finds what these hold.
// The library leaves the error of a task that ran again and went well: such come only where there are no others.
func Failures(writes []*pb.PendingWrite, get func(key string) (agentstate.Record, error)) ([]Failure, error) {
	wrote := map[string]bool{}
	var errs []*pb.PendingWrite
	for _, w := range writes {
		switch w.Channel {
		case channelError:
			errs = append(errs, w)
		case channelInterrupt, channelResume, "__scheduled__", "__error_source_node__":
		default:
			wrote[w.TaskId] = true
		}
	}
	again := func(w *pb.PendingWrite) bool { return wrote[w.TaskId] }
	// A fault inside a graph is one of the task, too, that each graph around it runs: the innermost says it.
	inner := map[string]bool{} // tasks in whose graphs something failed
	for _, w := range errs {
		_, parts := agentstate.SplitKey(w.CheckpointKey)
		if again(w) || len(parts) < 2 {
			continue
		}
		for p := range strings.SplitSeq(parts[1], "|") {
			_, task, _ := strings.Cut(p, ":")
			inner[task] = true
		}
	}
	errs = slices.DeleteFunc(errs, func(w *pb.PendingWrite) bool { return inner[w.TaskId] && w.TaskId != "" })
	if slices.ContainsFunc(errs, func(w *pb.PendingWrite) bool { return !again(w) }) {
		errs = slices.DeleteFunc(errs, again)
	}
	var out []Failure
	for _, w := range errs {
		node := nodeOf(w.TaskPath)
		if node == "" {
			next, sent, err := dueAt(w.CheckpointKey, get)
			if err != nil {
				return nil, err
			}
			if place, ok := placeOf(w.TaskPath); ok && place < uint64(len(sent)) {
				node = sent[place]
			} else {
				node = only(append(next, sent...))
			}
		}
		out = append(out, Failure{valid(node), values.ErrorType(w.Serializer, w.GetValue().GetInline()), w.GetMeta().GetKey()})
	}
	return out, nil
}

// dueAt are the nodes that are due at a checkpoint, and those that its Sends start, in their order. Where these are not
// understood, or are not there, next has a node without a name.
func dueAt(checkpoint string, get func(key string) (agentstate.Record, error)) (next, sent []string, err error) {
	rec, err := get(checkpoint)
	cp, _ := rec.(*pb.Checkpoint)
	next = slices.Clone(cp.GetNextNodes())
	for _, ch := range cp.GetChannels() {
		if ch.Channel != channelSends || ch.ValueKey == "" {
			continue
		}
		rec, err = get(ch.ValueKey)
		v, _ := rec.(*pb.ChannelValue)
		if sent = values.SentTo(v.GetSerializer(), v.GetValue().GetInline()); sent == nil {
			next = append(next, "")
		}
	}
	if errors.Is(err, agentstate.ErrNotFound) {
		err = nil
	}
	return next, sent, err
}
