package models

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/internal/plainjson"
)

// Dates are days on which providers stop serving models, as somebody read them.
type Dates struct {
	AsOf time.Time         // when they were read
	by   map[string][]date // by id; a cloud may serve a model longer than its maker
}

type date struct {
	provider, source string
	retires          time.Time
}

//go:embed dates.json
var known []byte

// Known are the dates that this release was built with. They were read by hand and are as old as
// AsOf says; what a runtime says of its models goes before them.
func Known() (*Dates, error) { return ReadDates(bytes.NewReader(known)) }

// ReadDates reads a file of dates: {"as_of": "2026-10-28", "models": [{"provider": "openai",
// "retires": "2027-01-14", "ids": ["gpt-4o"], "source": "https://…"}]}.
func ReadDates(r io.Reader) (*Dates, error) {
	var file struct {
		AsOf   string `json:"as_of"`
		Note   string `json:"note"`
		Models []struct {
			Provider string   `json:"provider"`
			Retires  string   `json:"retires"`
			IDs      []string `json:"ids"`
			Source   string   `json:"source"`
		} `json:"models"`
	}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("models: dates: %w", plainjson.Words(err))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("models: dates: the file goes on after its end")
	}
	d := &Dates{by: map[string][]date{}}
	var err error
	if d.AsOf, err = time.Parse(time.DateOnly, file.AsOf); err != nil {
		return nil, fmt.Errorf("models: dates: as_of is %q, want a day like 2026-10-28", file.AsOf)
	}
	for _, m := range file.Models {
		on, err := time.Parse(time.DateOnly, m.Retires)
		if err != nil || m.Source == "" || len(m.IDs) == 0 {
			return nil, fmt.Errorf("models: dates: %v: want retires (a day), ids and source", m.IDs)
		}
		for _, id := range m.IDs {
			d.set(id, date{m.Provider, m.Source, on})
		}
	}
	return d, nil
}

// Add adds the dates of other, which go before those of d.
func (d *Dates) Add(other *Dates) {
	for id, all := range other.by {
		for _, on := range all {
			d.set(id, on)
		}
	}
	if other.AsOf.After(d.AsOf) {
		d.AsOf = other.AsOf
	}
}

// set takes the place of what was said of the same provider's model.
func (d *Dates) set(id string, on date) {
	same := func(o date) bool {
		return o.provider == "" || on.provider == "" || strings.EqualFold(o.provider, on.provider)
	}
	d.by[id] = append(slices.DeleteFunc(slices.Clone(d.by[id]), same), on)
}

// of is the date of a model, the first of several; provider may be empty. Libraries put the provider before the id
// ("openai:gpt-4o", "anthropic/claude-x", "models/gemini-x").
func (d *Dates) of(provider, id string) (first date, ok bool) {
	all, by := d.by[id], ""
	if at := strings.IndexAny(id, ":/"); len(all) == 0 && at >= 0 {
		by, all = id[:at], d.by[id[at+1:]]
	}
	for _, on := range all {
		prefixed := by == "" || by == "models" || strings.EqualFold(by, on.provider)
		said := provider == "" || on.provider == "" || strings.EqualFold(provider, on.provider)
		if prefixed && said && (!ok || on.retires.Before(first.retires)) {
			first, ok = on, true
		}
	}
	return first, ok
}

// tuned is the model that a fine-tuned one of OpenAI was made of; empty: it is none. It ends with its base.
func tuned(id string) string {
	rest, ok := strings.CutPrefix(id, "ft:")
	if !ok {
		return ""
	}
	base, _, _ := strings.Cut(rest, ":")
	return base
}

// forUse is the day on which a model ends, and who says so. Where nobody speaks of the model, its base does, or what
// answered for it last: answered are the ids that did, and when.
func (d *Dates) forUse(u *Use, answered map[string]time.Time) (time.Time, string) {
	basis := func(on date, of string) (time.Time, string) {
		return on.retires, of + on.source + ", read " + d.AsOf.Format(time.DateOnly)
	}
	if on, ok := d.of(u.Provider, u.ID); ok {
		return basis(on, "")
	}
	if base := tuned(u.ID); base != "" {
		if on, ok := d.of(u.Provider, base); ok {
			return basis(on, "its base "+base+": ")
		}
	}
	var last time.Time
	for _, at := range answered {
		last = later(last, at)
	}
	var first date
	var which string
	for _, id := range slices.Sorted(maps.Keys(answered)) {
		on, ok := d.of(u.Provider, id)
		if ok && answered[id].Equal(last) && u.from(on.provider, id) && (which == "" || on.retires.Before(first.retires)) {
			first, which = on, id
		}
	}
	if which == "" {
		return time.Time{}, ""
	}
	return basis(first, "answered by "+which+": ")
}

// from tells whether u is the provider's own model where served answered for it. A name that somebody gave to a
// deployment may be that of a cloud, which sets days of its own.
func (u *Use) from(provider, served string) bool {
	if u.Provider != "" || provider == "" {
		return true
	}
	name := u.ID
	if at := strings.IndexAny(u.ID, ":/"); at >= 0 {
		if strings.EqualFold(u.ID[:at], provider) {
			return true
		}
		if u.ID[:at] == "models" {
			name = u.ID[at+1:]
		}
	}
	return strings.HasPrefix(served, name+"-")
}
