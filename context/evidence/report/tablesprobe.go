package report

import (
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

// probeTables are what a plan may have looked at besides, the facets of each kind, and what the state was
// worth.
func (b *book) probeTables() []*table {
	probes := newTable("probes", "What the plan had looked at besides", "id=row", "value", "basis")
	put := func(id string, v any, basis evidence.Basis) {
		c := cellOf(v)
		if c.raw == "" && c.text == "" {
			c.text = "not said"
		}
		probes.put(id, c, string(basis))
	}
	if g := b.FormatRegister; g != nil {
		put("format_register", g.URI, evidence.Declared)
		put("format_register_retrieved", g.RetrievedAt, evidence.Declared)
		put("format_register_sha256", g.Digest.SHA256, evidence.Measured)
		put("format_register_changed", g.Changed, evidence.Measured)
		put("names_in_the_data", g.Seen, evidence.Measured)
		put("names_not_in_the_register", g.AbsentN, evidence.Measured)
		put("names_not_in_the_register_list", strings.Join(g.Absent, ", "), evidence.Measured)
	}
	if s := b.SecondReader; s != nil {
		put("second_reader", s.Name, evidence.Declared)
		put("second_reader_records", s.Records, evidence.Measured)
		put("second_reader_manifest_sha256", s.ManifestSHA256, evidence.Measured)
		put("second_reader_agrees", s.Agrees, evidence.Measured)
		if s.Refused != "" {
			put("second_reader_refused", s.Refused, evidence.Measured)
		}
	}
	if e := b.Erasure; e != nil {
		put("erasure_asked", e.AskedAt, evidence.Declared)
		put("erasure_scope", e.Scope, evidence.Declared)
		put("erasure_confirmation_sha256", e.Confirmation.SHA256, evidence.Measured)
		put("erasure_known_records", e.Known, evidence.Declared)
		put("erasure_probed", e.Probed, evidence.Measured)
		put("erasure_still_listed", e.StillThere, evidence.Measured)
	}
	if v := b.Vectors; v != nil {
		put("vectors_made_anew_with", v.Model, evidence.Measured)
		put("vectors_texts", v.Texts, evidence.Measured)
		put("vectors_asked_for", v.Asked, evidence.Measured)
		put("vectors_tokens_estimate", v.Tokens, evidence.Derived)
		put("vectors_dropped", v.Dropped, evidence.Measured)
	}
	facets := newTable("facets", "How each kind was read and brought in, and its facets of ISO/IEC 19941, derived from the numbers above", "id=kind", "source_form=form at the source", "import_mode=brought in", "syntactic=syntax", "semantic=meaning", "policy", "behaviour")
	for i := range b.Kinds {
		if k := &b.Kinds[i]; k.ISO19941 != nil {
			f := k.ISO19941
			facets.put(k.Kind, k.SourceForm, k.ImportMode, f.Syntactic, f.Semantic, f.Policy, f.Behaviour)
		}
	}
	worth := newTable("worth", "What the state was worth to the tasks", "id=ratio", "value=value, and how it came about")
	if c := b.Continuity; c != nil {
		if c.RetainedLift != "" {
			worth.put("retained_lift", c.RetainedLift)
		}
		if c.TCS != "" {
			worth.put("tcs", c.TCS)
		}
	}
	return []*table{probes, facets, worth}
}
