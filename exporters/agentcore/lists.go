package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
)

// items takes a raw answer apart: the elements of the list under name, and the token of the next
// page; an empty token: there is none.
func items(op string, body []byte, name string) (out []json.RawMessage, next string, err error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, "", fmt.Errorf("%w: %s: not a JSON object", ErrSchema, op)
	}
	if doc[name] == nil {
		return nil, "", fmt.Errorf("%w: %s: no list %q", ErrSchema, op, name)
	}
	if err := json.Unmarshal(doc[name], &out); err != nil {
		return nil, "", fmt.Errorf("%w: %s: %q is no list", ErrSchema, op, name)
	}
	if t := doc["nextToken"]; t != nil && json.Unmarshal(t, &next) != nil {
		return nil, "", fmt.Errorf("%w: %s: nextToken is no text", ErrSchema, op)
	}
	return out, next, nil
}

// maxBegun is how often a listing is begun anew whose token the service no longer takes.
const maxBegun = 3

// maxEmpty is how many pages may have no element and go on all the same, one behind the other.
const maxEmpty = 1000

// pages calls each for every element of a listing. one asks for one page. Tokens expire, in a
// long listing or where the service is slow: then it begins anew, without the elements that were given.
// Others may have written or deleted meanwhile, so these are known by what they say, not by their number.
func pages(size int32, op, name string, each func(json.RawMessage) error, one func(size int32, token *string) ([]byte, error)) error {
	var token *string
	seen := map[uint64]bool{}
	seed := maphash.MakeSeed()
	var given []uint64      // elements, by their hash
	var skip map[uint64]int // how often one of a hash is passed over
	begun := 1              // how often the listing was
	none := 0               // pages without an element, one behind the other
	for {
		body, err := one(size, token)
		if errors.Is(err, errLarge) && size > 1 {
			size = max(1, size/4)
			continue
		}
		var no *refused
		if token != nil && begun <= maxBegun && errors.As(err, &no) && no.status == http.StatusBadRequest { // the token is too old
			clear(seen)
			token, skip = nil, map[uint64]int{}
			for _, h := range given {
				skip[h]++
			}
			begun++
			continue
		}
		if err != nil {
			return err
		}
		xs, next, err := items(op, body, name)
		if err != nil {
			return err
		}
		for _, x := range xs {
			h := maphash.Bytes(seed, x)
			if skip[h] > 0 {
				skip[h]--
				continue
			}
			given = append(given, h)
			if err := each(x); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		if none++; len(xs) > 0 {
			none = 0
		}
		h := maphash.String(seed, next)
		if seen[h] || none > maxEmpty {
			return errCircle
		}
		seen[h] = true
		token = &next
	}
}

var errCircle = errors.New("agentcore: a listing goes in a circle")

func (c *client) listMemories(ctx context.Context, size int32, each func(json.RawMessage) error) error {
	return pages(size, "ListMemories", "memories", each, func(n int32, t *string) ([]byte, error) {
		return c.call(ctx, "ListMemories", func(ctx context.Context) error {
			_, err := c.cp.ListMemories(ctx, &cp.ListMemoriesInput{MaxResults: &n, NextToken: t})
			return err
		})
	})
}

func (c *client) getMemory(ctx context.Context, id string) (json.RawMessage, error) {
	b, err := c.call(ctx, "GetMemory", func(ctx context.Context) error {
		_, err := c.cp.GetMemory(ctx, &cp.GetMemoryInput{MemoryId: &id})
		return err
	})
	var no *refused
	if gone(err) && errors.As(err, &no) {
		no.lost = "memory " + id + " here"
	}
	if err != nil {
		return nil, err
	}
	var doc struct{ Memory json.RawMessage }
	if err := json.Unmarshal(b, &doc); err != nil || doc.Memory == nil {
		return nil, fmt.Errorf("%w: GetMemory: no memory", ErrSchema)
	}
	return doc.Memory, nil
}

func (c *client) listActors(ctx context.Context, mem string, size int32, each func(json.RawMessage) error) error {
	return pages(size, "ListActors", "actorSummaries", each, func(n int32, t *string) ([]byte, error) {
		return c.call(ctx, "ListActors", func(ctx context.Context) error {
			_, err := c.dp.ListActors(ctx, &dp.ListActorsInput{MemoryId: &mem, MaxResults: &n, NextToken: t})
			return err
		})
	})
}

func (c *client) listSessions(ctx context.Context, mem, actor string, size int32, each func(json.RawMessage) error) error {
	return pages(size, "ListSessions", "sessionSummaries", each, func(n int32, t *string) ([]byte, error) {
		return c.call(ctx, "ListSessions", func(ctx context.Context) error {
			_, err := c.dp.ListSessions(ctx, &dp.ListSessionsInput{MemoryId: &mem, ActorId: &actor, MaxResults: &n, NextToken: t})
			return err
		})
	})
}

// placed is where events are: the session of an actor in a memory.
type placed struct{ mem, actor, session string }

// of names an operation in a session, whose requests have a rate of their own.
func (at placed) of(op string) string { return op + "|" + at.mem + "|" + at.actor + "|" + at.session }

func (c *client) listEvents(ctx context.Context, at placed, payloads bool, size int32, each func(json.RawMessage) error) error {
	return pages(size, "ListEvents", "events", each, func(n int32, t *string) ([]byte, error) {
		return c.call(ctx, "ListEvents", func(ctx context.Context) error {
			if err := c.turn(ctx, at.of("ListEvents"), listOne); err != nil {
				return err
			}
			_, err := c.dp.ListEvents(ctx, &dp.ListEventsInput{MemoryId: &at.mem, ActorId: &at.actor, SessionId: &at.session, IncludePayloads: &payloads, MaxResults: &n, NextToken: t})
			return err
		})
	})
}

// A scope is a part of the records of a memory.
type scope struct{ exact, path, strategy string }

func (c *client) listRecords(ctx context.Context, mem string, at scope, size int32, each func(json.RawMessage) error) error {
	opt := func(v string) *string {
		if v == "" {
			return nil
		}
		return aws.String(v)
	}
	return pages(size, "ListMemoryRecords", "memoryRecordSummaries", each, func(n int32, t *string) ([]byte, error) {
		return c.call(ctx, "ListMemoryRecords", func(ctx context.Context) error {
			_, err := c.dp.ListMemoryRecords(ctx, &dp.ListMemoryRecordsInput{MemoryId: &mem, Namespace: opt(at.exact), NamespacePath: opt(at.path), MemoryStrategyId: opt(at.strategy), MaxResults: &n, NextToken: t})
			return err
		})
	})
}
