package mapping

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Key is the key that a record under key has for the target, and in what refers to it. The keys
// of people and of memory spaces change with their names: targets read ids out of them.
func (p *Mapper) Key(key string) (string, error) {
	switch agentstate.KindOfKey(key) {
	case "principal":
		return p.principal(key), nil
	case "memoryspace":
		if p.m.Namespaces != nil {
			to, ok, err := p.keys.Get(byOld + key)
			if err != nil || ok {
				return string(to), err
			}
		}
	}
	return key, nil
}

// Old is the inverse of Key.
func (p *Mapper) Old(key string) (string, error) {
	switch agentstate.KindOfKey(key) {
	case "principal", "memoryspace":
		old, ok, err := p.keys.Get(byNew + key)
		if err != nil || ok {
			return string(old), err
		}
	}
	return key, nil
}

func lastPart(key string) string {
	_, parts := agentstate.SplitKey(key)
	if len(parts) == 0 {
		return ""
	}
	return parts[len(parts)-1]
}

// knowsPerson tells whether the map has the principal under key.
func (p *Mapper) knowsPerson(key string) bool {
	_, whole := p.m.Principals[key]
	_, last := p.m.Principals[lastPart(key)]
	return whole || last
}

// principal is the new key of a principal.
func (p *Mapper) principal(key string) string {
	if to, ok := p.m.Principals[key]; ok {
		return to
	}
	to, ok := p.m.Principals[lastPart(key)]
	if !ok {
		return key
	}
	return key[:strings.LastIndexByte(key, '/')+1] + agentstate.Key("x", to)[2:]
}

// pathOf is the path of a space; without one, the parts of its key.
func pathOf(s *pb.MemorySpace) []string {
	if len(s.Path) > 0 {
		return s.Path
	}
	_, parts := agentstate.SplitKey(s.GetMeta().GetKey())
	return parts
}

// joined is a path as map files have it.
func joined(path []string) string {
	out := make([]string, len(path))
	for i, l := range path {
		out[i] = strings.NewReplacer("%", "%25", "/", "%2F").Replace(l)
	}
	return strings.Join(out, "/")
}

func split(path string) []string {
	parts := strings.Split(path, "/")
	for i, l := range parts {
		if u, err := url.PathUnescape(l); err == nil {
			parts[i] = u
		}
	}
	return parts
}

// path is the new path of a space, by its own entry or by that of the longest path above it.
func (p *Mapper) path(path []string) (to []string, entry string, ok bool) {
	name := joined(path)
	if to, ok := p.m.Namespaces[name]; ok {
		return split(to), name, true
	}
	for i := len(path) - 1; i > 0; i-- {
		entry := joined(path[:i]) + "/*"
		if to, ok := p.m.Namespaces[entry]; ok {
			return append(split(strings.TrimSuffix(to, "/*")), path[i:]...), entry, true
		}
	}
	return path, "", false
}

// space is the new key of a space: where its path is the end of its key the beginning stays.
func (p *Mapper) space(s *pb.MemorySpace) string {
	key := s.GetMeta().GetKey()
	to, _, ok := p.path(pathOf(s))
	if !ok || slices.Equal(to, pathOf(s)) {
		return key
	}
	_, parts := agentstate.SplitKey(key)
	if n := len(parts) - len(s.Path); n > 0 && len(s.Path) > 0 && slices.Equal(parts[n:], s.Path) {
		to = slices.Concat(parts[:n], to)
	}
	return agentstate.Key("memoryspace", to...)
}

// Keys are those that a record under key may have afterwards, as far as that can be told without the record: of
// a space none, where no end of its key is a path that m renames. What keeps its key has none, too.
func (m *Map) Keys(key string) []string {
	p, out := &Mapper{m: m}, []string(nil)
	switch agentstate.KindOfKey(key) {
	case "principal":
		if to := p.principal(key); to != key {
			out = append(out, to)
		}
	case "memoryspace":
		_, parts := agentstate.SplitKey(key)
		for i := range parts {
			if to, _, ok := p.path(parts[i:]); ok {
				out = append(out, agentstate.Key("memoryspace", slices.Concat(parts[:i], to)...))
			}
		}
	}
	return out
}

// Source is src as the target sees it: every record under its new names, also one that waits.
func (p *Mapper) Source(src agentstate.Source) agentstate.Source {
	s := mapped{src, p}
	if _, ok := agentstate.As[agentstate.Getter](src); ok {
		return mappedGetter{s}
	}
	return s
}

type mapped struct {
	agentstate.Source
	p *Mapper
}

// Unwrap is the source itself.
func (s mapped) Unwrap() agentstate.Source { return s.Source }

// Records are those of the source, under new names.
func (s mapped) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range s.Source.Records(ctx, o) {
			if err == nil && agentstate.IsState(agentstate.KindOf(r)) {
				r, _, _, err = s.p.Record(r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

type mappedGetter struct{ mapped }

// Get finds a record by its new key.
func (s mappedGetter) Get(ctx context.Context, key string) (agentstate.Record, error) {
	g, _ := agentstate.As[agentstate.Getter](s.Source)
	old, err := s.p.Old(key)
	if err != nil {
		return nil, err
	}
	r, err := g.Get(ctx, old)
	if err != nil {
		return nil, err
	}
	r, _, _, err = s.p.Record(r)
	return r, err
}
