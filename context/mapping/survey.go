package mapping

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Report says what a map meets in a state.
type Report struct {
	Nouns []Noun // those that are mapped: tools, principals, namespaces, models
}

// Noun is the share of one noun. Lists hold the first 1,000 by name; the counts are of all.
type Noun struct {
	Noun      string
	Policy    Policy
	Renamed   []Name
	RenamedN  uint64 // names
	Unmapped  []Name
	UnmappedN uint64   // names
	Unused    []string // entries of the map that nothing is called
}

// Name is a name of the state.
type Name struct {
	From, To string // To is empty where the map has none
	Count    uint64 // calls of a tool; records that name the rest
}

const (
	most      = 1000    // entries of a list
	mostNames = 100_000 // names of one noun that are told apart; the rest are one
	cached    = 4096    // keys that were met lately
)

// A Mapper is a Map at work on one state. It is for one goroutine. Close it.
type Mapper struct {
	m      *Map
	keys   *diskmap.Map // see the prefixes below
	met    map[string]bool
	counts map[string]map[string]*Name // noun → name
	used   map[string]map[string]bool  // noun → entry
}

// Prefixes of what keys holds.
const (
	byOld  = "o" // key → new key
	byNew  = "n" // new key → key
	byTool = "t" // key of a Tool → its name
)

// New reads src once and finds out what m means for it. It is ErrMap where two people or two spaces
// would become one, and where a noun is to be whole and is not.
func New(ctx context.Context, m *Map, src agentstate.Source) (_ *Mapper, err error) {
	p := &Mapper{m: m, met: map[string]bool{}, counts: map[string]map[string]*Name{}, used: map[string]map[string]bool{}}
	if p.keys, err = diskmap.New(""); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for r, err := range src.Records(ctx, nil) {
		if err != nil {
			return nil, err
		}
		if r == nil || !r.ProtoReflect().IsValid() || !agentstate.IsState(agentstate.KindOf(r)) {
			continue
		}
		if err := p.look(r); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p, p.whole()
}

// Close releases its temporary file.
func (p *Mapper) Close() error { return p.keys.Close() }

// whole is ErrMap where a noun must be mapped whole and is not.
func (p *Mapper) whole() error {
	for _, n := range p.Report().Nouns {
		if n.Policy != Refuse || n.UnmappedN == 0 {
			continue
		}
		var names []string
		for _, x := range n.Unmapped[:min(len(n.Unmapped), 5)] {
			names = append(names, fmt.Sprintf("%q", x.From))
		}
		if n.UnmappedN > 5 {
			names = append(names, "…")
		}
		return fmt.Errorf("%w: %d %s have no match: %s; name them, or write unmapped: hold or keep", ErrMap, n.UnmappedN, n.Noun, strings.Join(names, ", "))
	}
	return nil
}

// look takes note of the names in r.
func (p *Mapper) look(r agentstate.Record) error {
	key := r.GetMeta().GetKey()
	switch r := r.(type) {
	case *pb.Message:
		for _, part := range r.Parts {
			if c := part.GetToolCall(); c != nil {
				p.count("tools", c.Name, 1)
			}
		}
	case *pb.Tool:
		p.count("tools", r.Name, 0)
		if p.m.Tools != nil {
			if err := p.keys.Put(byTool+key, []byte(r.Name)); err != nil {
				return err
			}
		}
	case *pb.Model:
		p.count("models", r.RequestedId, 1)
	case *pb.MemorySpace:
		if p.m.Namespaces != nil {
			path := pathOf(r)
			p.count("namespaces", joined(path), 1)
			if err := p.meet("spaces", key, p.space(r)); err != nil {
				return err
			}
		}
	case *pb.Principal:
		if err := p.person(key, 0); err != nil {
			return err
		}
	}
	if p.m.Principals == nil {
		return nil
	}
	var err error
	agentstate.Refs(r, func(_, ref string) {
		if err == nil && agentstate.KindOfKey(ref) == "principal" {
			err = p.person(ref, 1)
		}
	})
	return err
}

// person takes note of a principal that is there, or named.
func (p *Mapper) person(key string, n uint64) error {
	if p.m.Principals == nil {
		return nil
	}
	p.count("principals", lastPart(key), n)
	return p.meet("people", key, p.principal(key))
}

// meet notes that old becomes to, and is ErrMap where another one becomes it too.
func (p *Mapper) meet(what, old, to string) error {
	if p.met[old] {
		return nil
	}
	if len(p.met) >= cached {
		clear(p.met)
	}
	p.met[old] = true
	other, known, err := p.keys.Get(byNew + to)
	if err != nil {
		return err
	}
	if known && string(other) != old {
		return fmt.Errorf("%w: two %s would become one: %s and %s are both %s afterwards", ErrMap, what, other, old, to)
	}
	if known {
		return nil
	}
	if err := p.keys.Put(byOld+old, []byte(to)); err != nil {
		return err
	}
	return p.keys.Put(byNew+to, []byte(old))
}

// count counts a name of a noun that is mapped.
func (p *Mapper) count(noun, name string, n uint64) {
	to, entry, ok, mapped := p.find(noun, name)
	if !mapped || name == "" {
		return
	}
	names := p.counts[noun]
	if names == nil {
		names = map[string]*Name{}
		p.counts[noun], p.used[noun] = names, map[string]bool{}
	}
	if ok {
		p.used[noun][entry] = true
	} else {
		to = ""
	}
	if names[name] == nil {
		if len(names) >= mostNames {
			name, to = "others", ""
		}
		if names[name] == nil {
			names[strings.Clone(name)] = &Name{From: name, To: to}
		}
	}
	names[name].Count += n
}

// find is the new name of a noun's name, and the entry of the map that says so. mapped tells whether
// the noun is mapped at all.
func (p *Mapper) find(noun, name string) (to, entry string, ok, mapped bool) {
	switch noun {
	case "tools":
		t, ok := p.m.Tools[name]
		return t.Name, name, ok, p.m.Tools != nil
	case "models":
		t, ok := p.m.Models[name]
		return t.Name, name, ok, p.m.Models != nil
	case "namespaces":
		path, entry, ok := p.path(split(name))
		return joined(path), entry, ok, p.m.Namespaces != nil
	}
	if to, ok := p.m.Principals[name]; ok {
		return to, name, true, true
	}
	for old, to := range p.m.Principals { // by whole key
		if strings.HasPrefix(old, "principal/") && lastPart(old) == name {
			return to, old, true, true
		}
	}
	return "", "", false, p.m.Principals != nil
}

// Report says what the map meets, by noun.
func (p *Mapper) Report() *Report {
	rep := &Report{}
	entries := map[string][]string{
		"tools": slices.Sorted(maps.Keys(p.m.Tools)), "principals": slices.Sorted(maps.Keys(p.m.Principals)),
		"namespaces": slices.Sorted(maps.Keys(p.m.Namespaces)), "models": slices.Sorted(maps.Keys(p.m.Models)),
	}
	policies := map[string]Policy{"tools": p.m.Unmapped.Tools, "principals": p.m.Unmapped.Principals, "namespaces": p.m.Unmapped.Namespaces, "models": p.m.Unmapped.Models}
	for _, noun := range []string{"tools", "principals", "namespaces", "models"} {
		if len(entries[noun]) == 0 {
			continue
		}
		n := Noun{Noun: noun, Policy: policies[noun]}
		for _, name := range slices.Sorted(maps.Keys(p.counts[noun])) {
			x := *p.counts[noun][name]
			if x.To == "" {
				if n.UnmappedN++; len(n.Unmapped) < most {
					n.Unmapped = append(n.Unmapped, x)
				}
			} else if n.RenamedN++; len(n.Renamed) < most {
				n.Renamed = append(n.Renamed, x)
			}
		}
		for _, e := range entries[noun] {
			if !p.used[noun][e] {
				n.Unused = append(n.Unused, e)
			}
		}
		rep.Nouns = append(rep.Nouns, n)
	}
	return rep
}
