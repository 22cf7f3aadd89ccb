package report

import (
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

// exclusionsTable is what the archive does not hold, and why: as the drill found it, and what the plan says
// besides.
func (b *book) exclusionsTable() *table {
	t := newTable("exclusions", "What was left out, and why", "id=kind", "ground", "#records", "why", "basis")
	found := map[string]bool{}
	for i := range b.Kinds {
		k := &b.Kinds[i]
		for _, x := range k.Excluded {
			basis := evidence.Measured
			if slices.Contains(b.Arrangement.Exclusions, evidence.Exclusion{Kind: k.Kind, Ground: x.Ground, Why: x.Why}) {
				found[k.Kind], basis = true, evidence.Declared
			}
			t.put(k.Kind, ground(x.Ground), x.Count, x.Why, string(basis))
		}
	}
	for _, x := range b.Arrangement.Exclusions {
		if !found[x.Kind] {
			t.put(x.Kind, x.Ground, (*uint64)(nil), x.Why, string(evidence.Declared))
		}
	}
	return t
}

func ground(s string) cell {
	if s == "" {
		return cell{"", "none given"}
	}
	return cellOf(s)
}

// counted is a count that an earlier release, or a drill that read nothing back, does not have.
func counted(n *uint64) cell {
	if n == nil {
		return cell{}
	}
	return cellOf(*n)
}

// artefactsTable is what shows the answers, each artefact once.
func (b *book) artefactsTable() *table {
	t := newTable("artefacts", "What shows the answers: files that the drill left, parts of the archive, and what was read back", "id=artefact", "sha256", "answers")
	var order []evidence.Subject
	shows := map[evidence.Subject][]string{}
	for i := range b.checks {
		for _, e := range b.checks[i].Evidence {
			if e.Annotations = nil; shows[e] == nil {
				order = append(order, e)
			}
			shows[e] = append(shows[e], b.checks[i].ID)
		}
	}
	for _, e := range order {
		t.put(e.Name, e.Digest.SHA256, strings.Join(shows[e], ", "))
	}
	return t
}

// shareCell is a share from 0 to 1.
func shareCell(f float64) cell { return cell{cellOf(f).raw, percent(f)} }

// shared says whether both sides have a feature.
func shared(b *bool) cell {
	if b == nil {
		return cell{"", "not seen"}
	}
	return cellOf(*b)
}

// repaired is how many references of a kind were made whole.
func repaired(l *evidence.Links) cell {
	if l.Repairs == nil {
		return cell{}
	}
	n := uint64(0)
	for _, x := range l.Repairs {
		n = plus(n, x.Count)
	}
	return cellOf(n)
}

// waiting is how many records wait for a person.
func (b *book) waiting() uint64 {
	n := uint64(len(b.Authority.Reconsent)) // at most the first thousand
	held := uint64(0)
	for i := range b.Kinds {
		held = plus(held, b.Kinds[i].Quarantined)
	}
	return max(n, held)
}

// reconsentTable is what is off until a person decides, and who has to do what.
func (b *book) reconsentTable() *table {
	t := newTable("reconsent", "What is off until a person decides, and who has to do what; ids are salted", "id=record", "kind", "holder=whose it is", "tool", "effect", "#scopes", "needs")
	known := map[string]*evidence.Waits{}
	for i := range b.Authority.Waiting {
		known[b.Authority.Waiting[i].ID] = &b.Authority.Waiting[i]
	}
	for _, id := range b.Authority.Reconsent {
		w := known[id]
		if w == nil {
			t.put(id, "", "", "", "", cell{}, "not said by the drill")
			continue
		}
		scopes := cell{}
		if w.Scopes > 0 {
			scopes = cellOf(w.Scopes)
		}
		t.put(id, w.Kind, w.Holder, w.Tool, w.Effect, scopes, w.Needs)
	}
	return t
}

// Unlisted is how many records wait and are not in the list.
func (b *book) Unlisted() uint64 { return b.waiting() - uint64(len(b.Authority.Reconsent)) }

// identityTable is what became of ids.
func (b *book) identityTable() *table {
	t := newTable("identity", "Ids: whether each of the target leads back to one record, and who arrived", "id=row", "#count", "#of", "about")
	i := b.Identity
	if i == nil {
		return t
	}
	t.put("ids_kept", i.Records-min(i.Renamed, i.Records), i.Records, "records that the target has under the id of the archive")
	t.put("ids_new", i.Renamed, i.Records, "records that the target has under an id of its own, which the journal keeps")
	t.put("ids_merged", i.Merged, i.Records, "records that were to have an id which another one has; each is missing")
	t.put("principals_arrived", i.Arrived, i.Principals, "people, groups and programs that arrived")
	if i.Mapped != nil {
		t.put("principals_mapped", i.Mapped, i.Named, "names of people, groups and programs that the map gives another one")
	}
	return t
}
