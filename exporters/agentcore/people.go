package agentcore

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// marshal is JSON without the escapes that are for web pages.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// principal answers for an actor: it comes into being with its first event.
func (w *writer) principal(ctx context.Context, r *pb.Principal) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(r.Meta.Key)
	doc, err := w.native(ctx, r, "ActorSummary")
	if err != nil || doc == nil || len(parts) != 2 {
		return w.definitionOf(ctx, r, err)
	}
	p, err := w.at(ctx, parts[0])
	if err != nil {
		return replay.Receipt{}, err
	}
	if p.why != "" {
		return closed(p.why), nil
	}
	rc := replay.Receipt{Action: replay.Created}
	if p.id != "" {
		rc.Target = agentstate.Key("principal", p.id, parts[1])
	}
	if p.actors == nil {
		p.actors = map[string]bool{}
		if !p.fresh {
			err := w.c.listActors(ctx, p.id, 100, func(doc json.RawMessage) error {
				a, err := field(doc, "actorId")
				p.actors[a] = true
				return err
			})
			if err != nil {
				return rc, err
			}
		}
	}
	if p.actors[parts[1]] && !w.run.Doubts(r.Meta.Key) {
		rc.Action = replay.Same
	}
	return rc, nil
}

func (w *writer) definitionOf(ctx context.Context, r agentstate.Record, err error) (replay.Receipt, error) {
	if err != nil {
		return replay.Receipt{}, err
	}
	if !w.own {
		return comes("actors come into being with their events"), nil
	}
	return w.definition(ctx, r)
}

// conversation answers for a session: it comes into being with its first event.
func (w *writer) conversation(ctx context.Context, r *pb.Conversation) (replay.Receipt, error) {
	if !w.own {
		return w.foreignConversation(ctx, r)
	}
	_, parts := agentstate.SplitKey(r.Meta.Key)
	if len(parts) != 3 {
		return refuse("its key is not that of a session"), nil
	}
	p, err := w.at(ctx, parts[0])
	if err != nil {
		return replay.Receipt{}, err
	}
	if p.why != "" {
		return closed(p.why), nil
	}
	if r.HeadKey == "" {
		return skip("a session without events cannot be made"), nil
	}
	why := "the date of the copy"
	rc := replay.Receipt{Action: replay.Created, Losses: []fidelity.Loss{
		loss("meta.created_unix_nano", fidelity.Defaulted, why), loss("native", fidelity.Transformed, why)}}
	if p.id == "" {
		return rc, nil
	}
	rc.Target = agentstate.Key("conversation", p.id, parts[1], parts[2])
	k := p.session(parts[1], parts[2])
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(ctx, w.c, p.id, parts[1], parts[2]); err != nil {
		return rc, err
	}
	if k.count > 0 && !w.run.Doubts(r.Meta.Key) {
		rc.Action = replay.Same
	}
	return rc, nil
}
