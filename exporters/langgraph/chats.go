package langgraph

import (
	"context"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// chats are the lists of messages at a checkpoint of which a conversation is made.
type chats struct {
	chat  []*pb.Message
	from  values.Channel
	given []*pb.Message // what the run was started with, while nothing has taken it: the functional API keeps it nowhere else
	start values.Channel
}

// whole tells whether a channel is the whole state: of a graph without keys, what the functional
// API saves for the next run, or what a run is started with.
func whole(channel string) bool {
	return channel == "__root__" || channel == "__previous__" || channel == channelStart
}

const channelStart = "__start__"

// look takes what ch holds, where it is a chat.
func (c *chats) look(ctx context.Context, h *heads, ch values.Channel, v int64) error {
	if strings.HasPrefix(ch.Name, "__") && !whole(ch.Name) || values.NodeOf(ch.Name, v) != "" || c.from.Name == "messages" {
		return nil
	}
	ms, err := h.chat(ctx, ch)
	if err != nil || len(ms) == 0 {
		return err
	}
	switch {
	case ch.Name == channelStart:
		c.given, c.start = ms, ch
	// The channel messages by custom; else the longest list, the first by name of two.
	case ch.Name == "messages" || len(ms) > len(c.chat) || len(ms) == len(c.chat) && ch.Name < c.from.Name:
		c.chat, c.from = ms, ch
	}
	return nil
}

// keep makes the messages of v; false: there are none. What a function was given stands behind what it saved.
func (c *chats) keep(t *thread, v *view, ns string) bool {
	key := func(ch values.Channel) string { return t.key("channelvalue", ns, ch.Name, ch.Version) }
	if len(c.chat) == 0 {
		c.chat, c.from = c.given, c.start
	} else if c.from.Name == "__previous__" {
		n := len(c.chat)
		of := slices.Repeat([]string{key(c.from)}, n)
		for _, m := range c.given {
			if m.NativeId == "" || !slices.ContainsFunc(c.chat[:n], func(x *pb.Message) bool { return x.NativeId == m.NativeId }) {
				c.chat = append(c.chat, m)
			}
		}
		t.keep(v, c.chat, c.from.Name, append(of, key(c.start))...)
		for _, m := range c.chat[n:] {
			m.Meta.Labels[0].Value = channelStart
		}
		return true
	}
	if len(c.chat) == 0 {
		return false
	}
	t.keep(v, c.chat, c.from.Name, key(c.from))
	return true
}
