package mem0

import (
	"context"
	"os"
	"slices"
	"strconv"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Preflight counts what the store holds; it reads only.
func (s *Store) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, o, notes, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	who := "uid " + strconv.Itoa(os.Getuid())
	if p, ok := r.dbs[0].engine.(*pg); ok {
		who = p.observer
	}
	p := &agentstate.Preflight{Origin: o, Observer: who, Counts: map[string]int64{}, Notes: append(notes, fileNotes(r.dbs)...), Gaps: r.gaps,
		Never: []string{"config.json with its telemetry id; keys and settings of models, which are in the program"}}
	history := slices.ContainsFunc(r.gaps, func(g *pb.Gap) bool { return g.Kind == "revision" })
	for _, d := range r.dbs {
		history = history || d.layout.Form.history()
		for i, t := range slices.Concat([]string{d.main()}, slices.DeleteFunc(slices.Clone(d.layout.Tables), func(t string) bool { return t == d.main() })) {
			kind := "opaque"
			switch {
			case t == "messages":
				kind = "message"
			case i == 0 && d.layout.Form.history():
				kind = "revision"
			case i == 0:
				kind = d.layout.subject()
				if d.layout.uses() {
					break
				}
				if p.Counts["embedding"] >= 0 && d.layout.Form != pointsForm {
					n, err := d.one(ctx, "SELECT count(*) FROM "+quote(d.main())+" WHERE "+d.withVector())
					if err != nil {
						return nil, own(d.wrap(err))
					}
					p.Counts["embedding"] += n
				} else {
					p.Counts["embedding"] = -1 // one a point that has a vector
				}
			}
			n, err := d.one(ctx, "SELECT count(*) FROM "+quote(t))
			if err != nil {
				return nil, own(d.wrap(err))
			}
			p.Counts[kind] += n
		}
	}
	if r.meta != nil {
		p.Counts["opaque"]++
	}
	if !history {
		p.Gaps = append(p.Gaps, &pb.Gap{Kind: "revision", Place: "history.db", Reason: pb.Gap_REASON_GONE, Detail: "no history here: earlier texts and deleted memories would be missing"})
	}
	return p, nil
}
