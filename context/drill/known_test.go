package drill

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestKnown: whatever a record is or says is among the answers that are looked at, of few as of many.
func TestKnown(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab\xc3"[rnd.IntN(3)]
		}
		return string(b)
	}
	hits := 0
	for _, n := range []int{0, fewKnown, 300} {
		var cs []Canary
		for i := range n {
			c := Canary{Kind: []string{"memory", "message"}[rnd.IntN(2)], Contains: text(1 + rnd.IntN(9)), Injection: rnd.IntN(9) == 0}
			switch {
			case i%7 == 0:
				c = Canary{Key: fmt.Sprintf("memory/%d", i)}
			case i%11 == 0:
				c.Path = "name"
			case i%50 == 1: // longer than what the machine reads
				c.Contains = text(mostRead) + "ab"
			}
			cs = append(cs, c)
		}
		k := newKnown(cs)
		for i := range 200 {
			rs := []agentstate.Record{
				&pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i)), Name: text(4), Content: &pb.Memory_Text{Text: text(rnd.IntN(9))}, Tags: []string{text(3), text(3)}, Form: pb.Memory_FORM_BLOCK},
				&pb.Message{Meta: agentstate.Meta("message", nil, fmt.Sprint(i)), Parts: []*pb.Part{{Body: &pb.Part_Data{Data: agentstate.Inline("text/plain", []byte(text(5)))}}}},
				&pb.Tool{Meta: agentstate.Meta("tool", nil, fmt.Sprint(i)), Name: text(6)},
			}
			if n > fewKnown {
				rs = append(rs, &pb.Memory{Meta: agentstate.Meta("memory", nil, "long"), Name: text(3) + cs[51].Contains})
			}
			for _, r := range rs {
				got := k.of(r)
				for i := range cs {
					c := &cs[i]
					if !c.matches(r, agentstate.KindOf(r)) && !c.echoes(r) && !c.had(r) {
						continue
					}
					if hits++; !slices.Contains(got, i) {
						t.Fatalf("%+v is not among %v: %v", c, got, r)
					}
				}
			}
		}
	}
	if hits < 1000 {
		t.Errorf("only %d", hits)
	}
}

// TestManyKnown: of many answers that begin alike, a record is asked for those alone that it may be.
func TestManyKnown(t *testing.T) {
	var cs []Canary
	for i := range 13_000 {
		cs = append(cs, Canary{Kind: "memory", Contains: fmt.Sprintf("customer number %06d", i)}, Canary{Key: fmt.Sprintf("memory/%d", i)})
	}
	o := newObserver(cs)
	for i := range 13_000 {
		r := &pb.Memory{Meta: agentstate.Meta("memory", nil, fmt.Sprint(i)), Content: &pb.Memory_Text{Text: fmt.Sprintf("this is customer number %06d, and not customer number", i)}}
		if got := o.known.of(r); !slices.Equal(got, []int{2 * i, 2*i + 1}) {
			t.Fatalf("%d: %v", i, got)
		}
		o.record(r)
	}
	for i, n := range o.seen.Canaries {
		if n != 1 {
			t.Fatalf("%d: %d", i, n)
		}
	}
}
