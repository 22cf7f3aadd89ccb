package drill

import (
	"cmp"
	"maps"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
)

func (r *run) modelEnds() []evidence.ModelEnd {
	var out []evidence.ModelEnd
	for _, u := range r.st.Models {
		m := evidence.ModelEnd{Model: u.ID, Agents: uint64(len(u.Agents)), Pinned: u.Pinned, Source: u.RetiresBasis, Weights: u.Weights}
		if !u.Retires.IsZero() {
			m.Ends = u.Retires.Format(time.DateOnly)
		}
		out = append(out, m)
	}
	return out
}

// source is where the archive's state is from.
func (r *run) source() evidence.Runtime {
	rt := evidence.Runtime{}
	if r.facts == nil {
		return rt
	}
	if len(r.facts.Origins) > 0 {
		o := r.facts.Origins[0]
		rt.Product, rt.Flavor, rt.Schema, rt.APIVersion = o.Product, o.Flavor, o.Schema, cmp.Or(o.Version, o.Schema)
	}
	for _, st := range r.facts.Statements {
		if from := time.Unix(0, st.FromUnixNano).UTC(); st.FromUnixNano != 0 && (rt.From.IsZero() || from.Before(rt.From)) {
			rt.From = from
		}
		if to := time.Unix(0, st.ToUnixNano).UTC(); st.ToUnixNano != 0 && to.After(rt.To) {
			rt.To = to
		}
		rt.Observer = st.ObserverBasis
	}
	rt.Driver = scheme(r.p.Source)
	rt.Adapter, rt.AdapterVersion, _ = strings.Cut(r.facts.Tool, " ")
	for _, s := range r.p.Provider.Sunset {
		rt.Sunset = append(rt.Sunset, evidence.Sunset{Object: s.Object, Date: string(s.Date)})
	}
	return rt
}

func (r *run) into() evidence.Runtime {
	switch {
	case r.neutral && r.st.Back == nil:
		return evidence.Runtime{Product: "JSON Lines", Driver: "unpack"}
	case r.st.Back == nil:
		return evidence.Runtime{}
	}
	rt := r.st.Back.Seen.Origin
	rt.Driver = scheme(r.p.Target)
	if r.neutral {
		rt = evidence.Runtime{Product: "JSON Lines", Driver: "unpack"}
	}
	rt.Adapter, rt.AdapterVersion = r.e.Tool.Name, r.e.Tool.Version
	rt.StateDigest, rt.StateRecords = evidence.Digest{SHA256: r.st.Back.State}, r.st.Back.Records
	if rt.Product == "" {
		rt.Product = rt.Driver
	}
	return rt
}

func scheme(u string) string {
	s, _, _ := strings.Cut(u, ":")
	return s
}

// newest is the newest time in the archive.
func (r *run) newest() time.Time {
	at := int64(0)
	if r.st.Seen != nil {
		for k := range maps.Values(r.st.Seen.Kinds) {
			at = max(at, k.Newest)
		}
	}
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}
