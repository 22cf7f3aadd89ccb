package mem0

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An ident is one id of a scope.
type ident struct{ name, id string }

func (p *payload) set(name, id string) {
	switch name {
	case "user_id":
		p.user = id
	case "agent_id":
		p.agent = id
	case "run_id":
		p.run = id
	}
}

// scopeOf are the ids that a space becomes. A path that ends in pairs as mem0 has them gives those
// pairs; any other becomes the id of a user, without whom mem0 lists nothing.
func (w *writer) scopeOf(s *pb.MemorySpace) []ident {
	_, parts := agentstate.SplitKey(s.GetMeta().GetKey())
	if w.run.From.GetProduct() == product { // the ids are in the key as they are, and may be none
		return pairs(parts[1:])
	}
	path := s.GetPath()
	if len(path) == 0 {
		path = parts
	}
	if out := pairs(path[len(path)%2:]); len(out) > 0 && !slices.ContainsFunc(out, func(x ident) bool { return x.id == "" || escape(x.id, "") != x.id }) {
		return out
	}
	return w.userOf(path)
}

// userOf makes a user's id of labels. Different labels stay different.
func (w *writer) userOf(labels []string) []ident {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = escape(l, "%/")
	}
	id := strings.Join(out, "/")
	if id == "" {
		id = w.run.From.GetProduct()
	}
	return []ident{{"user_id", id}}
}

// escape writes white space, which mem0 refuses in ids, and the bytes of special as %XX.
func escape(s, special string) string {
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(s, "\ufffd") {
		if unicode.IsSpace(c) || c < ' ' || strings.ContainsRune(special, c) {
			for _, x := range []byte(string(c)) {
				fmt.Fprintf(&b, "%%%02X", x)
			}
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// pairs are the ids of a path user_id, U, agent_id, A, run_id, R; nil: it is none.
func pairs(path []string) []ident {
	var out []ident
	last := -1
	for i := 0; i+1 < len(path); i += 2 {
		at := slices.Index([]string{"user_id", "agent_id", "run_id"}, path[i])
		if at <= last {
			return nil
		}
		last = at
		out = append(out, ident{path[i], path[i+1]})
	}
	return out
}

// scopeFor are the ids of a memory of another runtime.
func (w *writer) scopeFor(ctx context.Context, key string) ([]ident, error) {
	if key == "" {
		return w.userOf(nil), nil
	}
	if target, ok := w.run.Target(key); ok {
		if kind, parts := agentstate.SplitKey(target); kind == "memoryspace" && len(parts) > 2 {
			return pairs(parts[1:]), nil
		}
	}
	s := &pb.MemorySpace{Meta: &pb.Meta{Key: key}}
	if w.run.Source.Get != nil {
		r, err := w.run.Source.Get(ctx, key)
		if x, ok := r.(*pb.MemorySpace); ok && err == nil {
			s = x
		}
	}
	return w.scopeOf(s), nil
}
