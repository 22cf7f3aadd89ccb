package drill

import "github.com/exitramp/exitramp/context/evidence"

// identity is what became of ids; nil: nothing was read back.
func (r *run) identity(kinds []evidence.Kind) *evidence.Identity {
	if r.st.Back == nil {
		return nil
	}
	f := r.st.Back.Fidelity
	id := &evidence.Identity{Records: f.Records, Renamed: f.Renamed, Merged: f.Merged}
	for i := range kinds {
		if k := &kinds[i]; k.Kind == "principal" {
			id.Principals, id.Arrived = k.Archived, k.Imported-k.Missing
		}
	}
	if r.st.Report == nil || r.st.Report.Map == nil {
		return id
	}
	for _, n := range r.st.Report.Map.Nouns {
		if n.Noun == "principals" {
			named := n.RenamedN + n.UnmappedN
			id.Mapped, id.Named = &n.RenamedN, &named
		}
	}
	return id
}
