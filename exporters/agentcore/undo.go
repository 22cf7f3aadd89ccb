package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcore/types"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// Undo removes the events, records and policies that a run made, and a memory or policy engine that
// it made once nothing else is in it. Actors and sessions go with their last event. A record that was
// changed since stays, and so does a policy that somebody has set to decide.
func (s *Service) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) (err error) {
	c, err := s.connect(ctx)
	if err != nil {
		return replay.Untouched(err)
	}
	c.deleted.Store(false)
	defer func() {
		if err != nil && !c.deleted.Load() {
			err = replay.Untouched(err)
		}
	}()
	stays := func(rc replay.Receipt, why string) {
		if why != "" {
			rc.Why = why
			leave(rc)
		}
	}
	var memories, engines []replay.Receipt
	there := map[string]bool{} // sessions and actors with events of the run; true: one was still there
	for rc, rerr := range created {
		if rerr != nil {
			return rerr
		}
		kind, parts := agentstate.SplitKey(rc.Target)
		why := ""
		switch {
		case rc.Target == "" && (agentstate.KindOfKey(rc.Key) == "principal" || agentstate.KindOfKey(rc.Key) == "conversation"):
		case rc.Target == "":
			stays(rc, "the run broke off while it was written: it may be there")
		case kind == "message" && len(parts) == 4:
			why, err = c.deleteEvent(ctx, placed{parts[0], parts[1], parts[2]}, parts[3])
			for _, k := range []string{agentstate.Key("conversation", parts[0], parts[1], parts[2]), agentstate.Key("principal", parts[0], parts[1])} {
				there[k] = there[k] || why == ""
			}
		case kind == "principal" && len(parts) == 3:
			why, err = c.delete(ctx, "DeleteWorkloadIdentity", func(ctx context.Context) error {
				_, err := c.cp.DeleteWorkloadIdentity(ctx, &cp.DeleteWorkloadIdentityInput{Name: &parts[1]})
				return err
			})
		case kind == "memory" && len(parts) == 2:
			why, err = c.deleteRecord(ctx, parts[0], parts[1], rc.Version)
		case kind == "memoryspace" && len(parts) == 1:
			memories = append(memories, rc)
		case kind == "policy" && len(parts) == 2:
			why, err = c.undoPolicy(ctx, parts[0], parts[1], rc.Version)
		case kind == "opaque" && len(parts) == 2:
			engines = append(engines, rc)
		}
		if err != nil {
			return err
		}
		stays(rc, why)
	}
	for rc, err := range created {
		if err != nil {
			return err
		}
		if had, ok := there[rc.Target]; ok && !had {
			stays(rc, replay.Gone)
		}
	}
	for _, rc := range append(memories, engines...) { // of these two, when what is in them is out
		var why string
		if _, parts := agentstate.SplitKey(rc.Target); len(parts) == 1 {
			why, err = c.deleteMemory(ctx, parts[0])
		} else {
			why, err = c.undoEngine(ctx, parts[1], rc.Version, s.o.Settle)
		}
		if err != nil {
			return err
		}
		stays(rc, why)
	}
	return nil
}

func gone(err error) bool {
	var no *refused
	return errors.As(err, &no) && no.status == 404 && !no.unknown()
}

// mayHave tells whether a request that ended with err may have done what it asked: it did, or nobody knows. Only an answer
// that refuses says that it did not. Where none came, the SDK makes one up, of status 0.
func mayHave(err error) bool {
	var answer *smithyhttp.ResponseError
	return err == nil || !errors.As(err, &answer) || answer.HTTPStatusCode()/100 != 4
}

// sentDelete notes how a request ended that deletes.
func (c *client) sentDelete(err error) {
	if mayHave(err) {
		c.deleted.Store(true)
	}
}

// delete makes a request that deletes something. Of what is not there any more it says so, unless an attempt before
// this one may have deleted it and its answer was lost.
func (c *client) delete(ctx context.Context, op string, f func(ctx context.Context) error) (why string, err error) {
	var lost bool
	_, err = c.call(ctx, op, func(ctx context.Context) error {
		err := f(ctx)
		c.sentDelete(err)
		lost = lost || err != nil && mayHave(err)
		return err
	})
	switch {
	case gone(err) && lost:
		return "", nil
	case gone(err):
		return replay.Gone, nil
	}
	return "", err
}

func (c *client) deleteEvent(ctx context.Context, at placed, id string) (why string, err error) {
	return c.delete(ctx, "DeleteEvent", func(ctx context.Context) error {
		if err := c.turn(ctx, at.of("DeleteEvent"), deleteOne); err != nil {
			return err
		}
		_, err := c.dp.DeleteEvent(ctx, &dp.DeleteEventInput{MemoryId: &at.mem, ActorId: &at.actor, SessionId: &at.session, EventId: &id})
		return err
	})
}

func (c *client) getRecord(ctx context.Context, mem, id string) (json.RawMessage, error) {
	b, err := c.call(ctx, "GetMemoryRecord", func(ctx context.Context) error {
		_, err := c.dp.GetMemoryRecord(ctx, &dp.GetMemoryRecordInput{MemoryId: &mem, MemoryRecordId: &id})
		return err
	})
	if err != nil {
		return nil, err
	}
	var doc struct{ MemoryRecord json.RawMessage }
	if err := json.Unmarshal(b, &doc); err != nil || doc.MemoryRecord == nil {
		return nil, fmt.Errorf("%w: GetMemoryRecord", ErrSchema)
	}
	return doc.MemoryRecord, nil
}

func (c *client) deleteRecord(ctx context.Context, mem, id, version string) (why string, err error) {
	doc, err := c.getRecord(ctx, mem, id)
	if gone(err) {
		return replay.Gone, nil
	}
	if err != nil {
		return "", err
	}
	var d recordDoc
	var content struct{ Content json.RawMessage }
	if json.Unmarshal(doc, &d) != nil || json.Unmarshal(doc, &content) != nil {
		return "", fmt.Errorf("%w: GetMemoryRecord", ErrSchema)
	}
	if recordDigest(d.Namespaces, content.Content, d.Timestamp, d.StrategyID, d.Metadata) != version {
		return "changed since the run", nil
	}
	asked := 0
	for try := 0; ; try++ {
		failed, err := c.deleteOnce(ctx, mem, id, &asked)
		switch {
		case err != nil || failed == nil:
			return "", err
		case failed.ErrorCode == http.StatusNotFound && asked > 1: // a request before may have deleted it, also one whose answer was lost
			return "", nil
		case failed.ErrorCode == http.StatusNotFound:
			return replay.Gone, nil
		case failed.ErrorCode != http.StatusTooManyRequests && failed.ErrorCode < 500 || try == 5:
			return fmt.Sprintf("the service does not delete it: code %d", failed.ErrorCode), nil
		}
		if err := sleep(ctx, 100*time.Millisecond<<try); err != nil {
			return "", err
		}
	}
}

// deleteOnce asks for a record to be deleted, and counts the requests. failed is why the service did not, nil: it did.
// It says so of the record, in an answer that is no error.
func (c *client) deleteOnce(ctx context.Context, mem, id string, asked *int) (failed *recordResult, err error) {
	b, err := c.call(ctx, "BatchDeleteMemoryRecords", func(ctx context.Context) error {
		*asked++
		_, err := c.dp.BatchDeleteMemoryRecords(ctx, &dp.BatchDeleteMemoryRecordsInput{MemoryId: &mem, Records: []types.MemoryRecordDeleteInput{{MemoryRecordId: &id}}})
		c.sentDelete(err)
		return err
	})
	if err != nil {
		return nil, err
	}
	var res batchResult
	if json.Unmarshal(b, &res) != nil || len(res.SuccessfulRecords)+len(res.FailedRecords) != 1 {
		return nil, fmt.Errorf("%w: BatchDeleteMemoryRecords: want what became of one record", ErrSchema)
	}
	if len(res.FailedRecords) == 1 {
		return &res.FailedRecords[0], nil
	}
	return nil, nil
}

var errOccupied = errors.New("agentcore: not empty")

// deleteMemory removes a memory in which nothing is left.
func (c *client) deleteMemory(ctx context.Context, id string) (why string, err error) {
	ok, err := c.empty(ctx, id)
	switch {
	case gone(err):
		return replay.Gone, nil
	case err != nil:
		return "", err
	case !ok:
		return "it holds what the run did not write", nil
	}
	return c.delete(ctx, "DeleteMemory", func(ctx context.Context) error {
		_, err := c.cp.DeleteMemory(ctx, &cp.DeleteMemoryInput{MemoryId: &id})
		return err
	})
}
