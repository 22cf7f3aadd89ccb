package fidelity

import "github.com/exitramp/exitramp/context/agentstate"

// Report is what Compare found. Lists hold the first 1,000; the counts are of all.
//
// A field is a path in the schema at which want, got or both hold something: all elements of a list
// together are one, "parts.text", and so is each column of a native row, "native.checkpoint". Keys
// are not fields, nor is origin_key, which says where a record was read and not what it is.
type Report struct {
	Records    uint64 // in both
	Same       uint64 // of those, alike in every field
	Announced  uint64 // of those, differ only where it was announced, or in form
	Equivalent uint64 // of Announced, those of which nothing was announced: the same values in another form
	Skipped    uint64 // ignored, optional and not there, or absent as they should be
	// NotWritten are records of want that the replay did not write, as its journal says: by
	// "conflict", "refuse", "hold". Set by replay.ReadBack; they are among Skipped.
	NotWritten map[string]uint64
	Missing    []string // in want alone
	MissingN   uint64
	Extra      []string // in got alone, or there and must not be
	ExtraN     uint64
	// Twice are keys under which one state has one record more: a source that gives one record twice, a target
	// that holds two, or one in which two of want were to be one. The first is compared. Of want, the others
	// are Missing, of got they are Extra; those of which none is in want are Kind.Duplicates alone.
	Twice  []string
	TwiceN uint64
	// Renamed are, of Records, those that got has under another key than want; Merged are those that were to be under
	// the key of got that another one of want has: ids that do not lead back to one record.
	Renamed, Merged uint64

	Fields uint64           // fields of the records in both; Grades add up to it
	Grades map[Grade]uint64 // how they fared
	Kinds  map[string]*Kind
	Losses []Loss            // fields that are not Exact
	LossN  map[string]uint64 // by kind and field: "message.native_id"
	// FieldN is how each field fared, exact ones counted too, by kind and path. Its counts add up to
	// Grades.
	FieldN map[string]map[string]map[Grade]uint64
	// Unannounced are those Losses that were not announced, where Options.Announced says what was.
	Unannounced  []Loss
	UnannouncedN uint64
	// Links are the references of both states, by kind and field, "message.parent_key", and calls and
	// results of tools (ToolCalls, ToolResults). Of want, those that are ignored or must be absent are
	// left out, and so is every record but the first under one key.
	Links map[string]*Link
	Times Times
	// Raised are records that speak with more authority in got, each once: the first 1,000. Never good.
	Raised  []string
	RaisedN uint64
	// Native tells whether native forms were compared: only between stores of one product and
	// flavor are they of one form.
	Native bool
}

// Kind is the share of one kind.
type Kind struct {
	Records, Same, Missing, Extra, Skipped uint64

	Announced  uint64 // of Records, differ only where it was announced
	Forbidden  uint64 // of Extra, must not be there: what was erased came back, or what want has a tombstone of
	Duplicates uint64 // of Extra, under a key that another of them has
	Copies     uint64 // of Duplicates, under a key of want: which of them a runtime goes by is not known

	// Denials in force, and rules to ask first, that would hold down grants of got.
	Lifted    uint64 // of Missing
	Overruled uint64 // of Skipped: what got has under its key, and was not looked at, allows more
}

// Match tells whether everything in want is in got, once, alike in every field, and nothing speaks with
// more authority. Extra is allowed.
func (r *Report) Match() bool {
	return r.MissingN == 0 && r.TwiceN == 0 && r.Same == r.Records && r.RaisedN == 0
}

// most is the number of entries that lists hold.
const most = 1000

func (r *Report) kind(key string) *Kind {
	k := agentstate.KindOfKey(key)
	kind := r.Kinds[k]
	if kind == nil {
		kind = &Kind{}
		r.Kinds[k] = kind
	}
	return kind
}

func (r *Report) missing(key string) {
	r.MissingN++
	r.kind(key).Missing++
	r.Missing = list(r.Missing, key)
}

func (r *Report) extra(key string) {
	r.ExtraN++
	r.kind(key).Extra++
	r.Extra = list(r.Extra, key)
}

func (r *Report) twice(key string) {
	r.TwiceN++
	r.Twice = list(r.Twice, key)
}

// list adds key to a list that has room.
func list(to []string, key string) []string {
	if len(to) < most {
		to = append(to, key)
	}
	return to
}
