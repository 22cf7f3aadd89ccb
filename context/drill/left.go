package drill

import (
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Grounds that the records themselves tell.
const (
	groundErasure = "erasure"
	groundDerived = "derived"
)

// buried counts a tombstone as one of the kind that it stands for. Its reason may be the runtime's own
// word, which goes no further.
func (s *Seen) buried(t *pb.Tombstone) {
	reason := t.Reason
	if reason != groundErasure && reason != groundDerived {
		reason = ""
	}
	kind, _, _ := strings.Cut(t.OfKey, "/")
	if s.Buried == nil {
		s.Buried = map[string]map[string]uint64{}
	}
	if s.Buried[kind] == nil {
		s.Buried[kind] = map[string]uint64{}
	}
	s.Buried[kind][reason]++
}

// buried tells whether tombstones stand for records of a kind.
func (r *run) buried(kind string) bool { return r.st.Seen != nil && len(r.st.Seen.Buried[kind]) > 0 }

// excluded are the records of a kind that are not in the archive, and why, as far as anybody said.
func (r *run) excluded(kind string, f *pb.KindCompleteness) []evidence.Excluded {
	var out []evidence.Excluded
	switch f.GetClass() {
	case pb.KindCompleteness_CLASS_EXCLUDED:
		x := evidence.Excluded{Why: "left out on request; the plan gives no ground"}
		if i := slices.IndexFunc(r.p.Arranged.Exclusions, func(x evidence.Exclusion) bool { return x.Kind == kind }); i >= 0 {
			x.Ground, x.Why = r.p.Arranged.Exclusions[i].Ground, r.p.Arranged.Exclusions[i].Why
		}
		out = append(out, x)
	case pb.KindCompleteness_CLASS_UNSUPPORTED:
		out = append(out, evidence.Excluded{Why: "the runtime has them, the driver cannot read them"})
	}
	for i := range out { // the kind as a whole
		switch n := f.GetEnumerated(); {
		case f.Reference != nil:
			out[i].Count = f.Reference
		case n > 0:
			out[i].Count = &n
		}
	}
	if s := r.st.Seen; s != nil {
		for _, reason := range slices.Sorted(maps.Keys(s.Buried[kind])) {
			n, why := s.Buried[kind][reason], "a tombstone of the archive stands for each"
			if reason == groundDerived {
				why = "left out when the archive was derived from another; " + why
			}
			out = append(out, evidence.Excluded{Ground: reason, Count: &n, Why: why})
		}
	}
	return out
}

// repairs are the references of a kind that led nowhere in the archive, and lead to a record in the target.
func (r *run) repairs(kind string) []evidence.Repair {
	out := []evidence.Repair{}
	links := r.st.Back.Fidelity.Links
	for _, name := range slices.Sorted(maps.Keys(links)) {
		k, path, _ := strings.Cut(name, ".")
		if n := mended(links[name]); k == kind && n > 0 {
			out = append(out, evidence.Repair{Path: path, Count: n})
		}
	}
	return out
}

// mended is how many references lead to a record that led nowhere before. Where some did not come along,
// that fewer are open shows nothing.
func mended(l *fidelity.Link) uint64 {
	got := l.Came()
	if got.Total < l.Want.Total || got.Orphans() >= l.Want.Orphans() {
		return 0
	}
	return l.Want.Orphans() - got.Orphans()
}
