package fidelity

import (
	"context"
	"errors"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Options are the options of Compare. A nil pointer compares everything.
type Options struct {
	// Key is the key in got of what is key in want; nil: the same. References are mapped alike.
	Key func(key string) string
	// Skip leaves a record of want, and its counterpart, out; nil: none.
	Skip func(key string) bool
	// Control compares origins, gaps, statements and tombstones too.
	Control bool
}

// Report is what Compare found. Lists hold the first 1,000; the counts are of all.
type Report struct {
	Records  uint64 // in both
	Same     uint64 // of those, alike in every field
	Skipped  uint64
	Missing  []string // in want alone
	MissingN uint64
	Extra    []string // in got alone
	ExtraN   uint64
	Fields   uint64           // fields of the records in both; Grades add up to it
	Grades   map[Grade]uint64 // how they fared
	Kinds    map[string]*Kind
	Losses   []Loss            // fields that are not Exact
	LossN    map[string]uint64 // by kind and field: "message.native_id"
	Raised   []string          // messages that speak with more authority in got
}

// Kind is the share of one kind.
type Kind struct{ Records, Same, Missing, Extra, Skipped uint64 }

// Match tells whether everything in want is in got, alike in every field. Extra is allowed.
func (r *Report) Match() bool { return r.MissingN == 0 && r.Same == r.Records }

// Compare compares two states by key, field by field.
func Compare(ctx context.Context, want, got agentstate.Source, opts *Options) (*Report, error) {
	return nil, errors.ErrUnsupported
}
