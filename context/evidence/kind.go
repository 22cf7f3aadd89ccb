package evidence

import "slices"

// Kind is what became of one kind of record. Archived = Imported + Quarantined + Refused +
// Conflicts + Skipped; Imported = Matched + Announced + Differ + Missing. Imported are the records
// that were written, and those that arrive inside of others: a message that is read out of a
// checkpoint.
type Kind struct {
	Kind        string   `json:"kind"`
	Class       string   `json:"class"`               // enumerated, caller_ids, sampled …
	DataClass   string   `json:"dataClass,omitempty"` // DataExportable, DataAsset
	Coverage    string   `json:"coverage"`            // RECONCILED, LISTED, GAPS, UNKNOWN
	Reference   *uint64  `json:"reference"`           // a count by another route; null: there is none
	Source      uint64   `json:"source"`
	Archived    uint64   `json:"archived"`
	Gaps        uint64   `json:"gaps"`
	Imported    uint64   `json:"imported"`
	Before      uint64   `json:"before,omitempty"` // of Imported, were in the target alike before the drill: they show nothing
	Matched     uint64   `json:"matched"`          // alike in every field
	Announced   uint64   `json:"announced"`        // differ where the plan said so
	Differ      uint64   `json:"differ"`           // differ where it did not
	Missing     uint64   `json:"missing"`
	Extra       uint64   `json:"extra"`
	Duplicates  *uint64  `json:"duplicates"`  // of Extra, under a key that another has; null: not read back
	Quarantined uint64   `json:"quarantined"` // held until a person decides
	Refused     uint64   `json:"refused"`
	Conflicts   uint64   `json:"conflicts"`
	Skipped     uint64   `json:"skipped"`         // has no place in the target, or must stay away
	Stays       uint64   `json:"stays,omitempty"` // of Skipped: the plan does not replay the kind into this target
	Fields      []Field  `json:"fields,omitempty"`
	Canaries    Canaries `json:"canaries"`
	Links       *Links   `json:"links,omitempty"`
	Times       *Times   `json:"times,omitempty"`
	ISO19941    *Facets  `json:"iso19941,omitempty"` // absent: not judged
	// TreeRoot is the root over the records of the kind, where one shard holds them all. An archive has none
	// of a kind that fills several.
	TreeRoot   Digest `json:"treeRoot,omitzero"`
	SourceForm string `json:"sourceForm,omitempty"`
	ImportMode string `json:"importMode,omitempty"` // absent: nothing was imported
	// Excluded are records that are not in the archive, and why.
	Excluded []Excluded `json:"excluded,omitempty"`
}

// Excluded are records of a kind that are not in the archive.
type Excluded struct {
	Ground string  `json:"ground,omitempty"` // as the plan has it, or a tombstone: "DA-25(2)(f)", "erasure"; empty: nobody gave one
	Count  *uint64 `json:"count,omitempty"`  // absent: nobody counted them
	Why    string  `json:"why"`
}

// What a kind is to the Data Act, as a dated list has it; a contract's own list goes before.
const (
	DataExportable = "exportable_data" // Art. 2(38)
	DataAsset      = "digital_asset"   // Art. 2(32)
)

// The source's form of a kind: with the runtime's own bytes in every record that is no view, in some, or in none.
const (
	FormVerbatim     = "verbatim"
	FormInPart       = "verbatim in part"
	FormRestructured = "restructured"
)

// The modes of an import: values went as they were, or were made anew from others.
const (
	ImportPreserve = "preserve"
	ImportRederive = "re-derive"
)

// Survival is how many records arrived, alike or as the plan announced, of those that were due:
// Imported, Refused and Conflicts. What was in the target before shows nothing, and is left out of
// both. What a person has to decide on, and what has no place, stands in Quarantined and Skipped.
func (k *Kind) Survival() (arrived, due uint64) {
	arrived, due = sum(k.Matched, k.Announced), sum(k.Imported, k.Refused, k.Conflicts)
	return arrived - min(k.Before, arrived), due - min(k.Before, due)
}

// untold tells whether nobody can say how many records of the kind there are. That none was seen
// says nothing: a denial looks like emptiness. A runtime that has no such kind says so, and then there are none.
func (k *Kind) untold() bool {
	none := k.Class == "absent" && k.Archived == 0 && k.Gaps == 0
	return !none && !slices.Contains([]string{"RECONCILED", "LISTED", "GAPS"}, k.Coverage)
}

// Survival is that of all kinds together.
func (p *Predicate) Survival() (arrived, due uint64) {
	for i := range p.Kinds {
		a, d := p.Kinds[i].Survival()
		arrived, due = sum(arrived, a), sum(due, d)
	}
	return arrived, due
}

// Field is how one field of a kind fared; the grades add up to Present.
type Field struct {
	Path        string `json:"path"`
	Present     uint64 `json:"present"`
	Exact       uint64 `json:"exact"`
	Equivalent  uint64 `json:"equivalent"`
	Transformed uint64 `json:"transformed"`
	Defaulted   uint64 `json:"defaulted"`
	Dropped     uint64 `json:"dropped"`
	Redacted    uint64 `json:"redacted"`
	Quarantined uint64 `json:"quarantined"`
}

// Canaries are known answers: records that were planted, or named before the drill.
type Canaries struct {
	Planted   uint64  `json:"planted"`
	Recovered *uint64 `json:"recovered"` // null: the drill ended before anybody looked for them
}

// Lost tells whether one was looked for and not found.
func (c *Canaries) Lost() bool { return c.Recovered != nil && *c.Recovered < c.Planted }

// Links are references from one record to another.
type Links struct {
	Total    uint64 `json:"total"`
	Resolved uint64 `json:"resolved"`
	Orphans  uint64 `json:"orphans"` // tool calls without result, and results without call
	// Repairs are references that led nowhere in the archive and lead to a record in the target. None: []. Absent: an
	// earlier release did not look.
	Repairs []Repair `json:"repairs,omitzero"`
}

// Repair is one field of which references were made whole.
type Repair struct {
	Path  string `json:"path"`
	Count uint64 `json:"count"`
}

// Times are the records' own times.
type Times struct {
	Total      uint64 `json:"total"`    // records with a time
	Original   uint64 `json:"original"` // that kept it
	Inversions uint64 `json:"inversions"`
	MaxSkewMS  int64  `json:"maxSkewMs"`
}
