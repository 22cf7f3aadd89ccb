package harness

import (
	"crypto/sha256"
	"math"
)

// CI95 is the Wilson interval of the rate, which holds 95 of 100 times, as if each run were drawn by itself;
// runs of one task are more alike than that. nil: nothing was run.
func (r *Rate) CI95() *[2]float64 {
	if r == nil || r.Total == 0 {
		return nil
	}
	const z = 1.959963984540054
	n, p := float64(r.Total), r.Of()
	mid, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	ci := [2]float64{(mid - half) / (1 + z*z/n), (mid + half) / (1 + z*z/n)}
	if r.Passed == 0 {
		ci[0] = 0 // else a rounding of it
	}
	if r.Passed == r.Total {
		ci[1] = 1
	}
	return &ci
}

// alike remembers what source and target answered, as digests, until it knows of both.
type alike struct {
	known map[[2]int][32]byte // by task and run
}

// newAlike counts for a plan that has both sides; nil: it has not.
func newAlike(s *Scores) *alike {
	if s.Source == nil || s.Target == nil {
		return nil
	}
	s.Equal = &Rate{}
	return &alike{map[[2]int][32]byte{}}
}

// add counts a run once both sides answered it: equal are the same calls of tools with the same arguments,
// in order, and the same output. No answer is equal to none.
func (a *alike) add(s *Scores, task int, r *Result) {
	if a == nil || !r.Judged || r.Side == Cold {
		return
	}
	at := [2]int{task, r.Run}
	sum := r.Answer.sum()
	other, both := a.known[at]
	if !both {
		a.known[at] = sum
		return
	}
	delete(a.known, at)
	s.Equal.Total++
	if sum == other && sum != [32]byte{} {
		s.Equal.Passed++
	}
}

// sum is a digest of output and calls, whatever the spelling of their JSON; zero: there is no answer.
func (a *Answer) sum() [32]byte {
	if a == nil || a.Error != "" {
		return [32]byte{}
	}
	spelled := func(b []byte) any {
		v, err := decode(b)
		if err != nil {
			return nil // nothing was said
		}
		return plain(v)
	}
	all := []any{spelled(a.Output)}
	for _, c := range a.ToolCalls {
		all = append(all, []any{c.Name, spelled(c.Arguments)})
	}
	return sha256.Sum256(Encode(all))
}
