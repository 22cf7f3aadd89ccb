package openaiagents

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRulingsIndexed: what is found by an index is what a look at every ruling finds.
func TestRulingsIndexed(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	said := func() any {
		switch random.IntN(4) {
		case 0:
			return true
		case 1:
			return false
		}
		var list []any
		for range random.IntN(3) {
			list = append(list, pick("c", "d", "e", ""))
		}
		return append(list, 7.0)
	}
	answered := 0
	for range 10_000 {
		var all []ruling
		for i := range random.IntN(6) {
			all = append(all, ruling{Approved: said(), Rejected: said(), Python: map[string]string{"c": fmt.Sprint("c", i)}, JSAll: fmt.Sprint("all", i),
				tool: pick("", "f", "g", "x.f"), agent: pick("", "", "a", "b"), server: pick("", "", "s"), request: pick("", "", "", "c", "d"), first: random.IntN(3) == 0, shared: random.IntN(3) == 0})
		}
		a := &approval{call: pick("", "c", "c", "d"), by: pick("a", "b", ""), server: pick("", "s", "z"), tools: [][]string{nil, {"f"}, {"x.f", "f"}, {""}}[random.IntN(4)],
			owned: random.IntN(2) == 0, blanket: random.IntN(2) == 0, function: random.IntN(2) == 0}
		got, want := string(answer(index(all), a)), string(plainAnswer(all, a))
		if got != want {
			t.Fatalf("%+v of %+v: got %s, want %s", a, all, got, want)
		}
		if want != "" {
			answered++
		}
	}
	if answered < 2_000 {
		t.Errorf("%d of the calls were answered", answered)
	}
}

// plainAnswer is answer without an index.
func plainAnswer(all []ruling, a *approval) []byte {
	type said struct {
		Approved bool   `json:"approved"`
		Message  string `json:"message,omitempty"`
	}
	var found said
	best, this, every, agents := 0, 5, 1, 4
	if a.blanket {
		this, every, agents = 1, 5, 10 // what is kept for its agent is asked first
	}
	for _, r := range all {
		if r.agent != "" && r.agent != a.by {
			continue
		}
		asked := r.request != "" && r.request == a.call
		tool := r.tool != "" && r.request == "" && slices.Contains(a.tools, r.tool) && (r.server == "" || r.server == a.server)
		rank := func(v any) int { // 0: it says nothing of the call
			if list, _ := v.([]any); a.call != "" && slices.Contains(list, any(a.call)) && (a.function || !r.shared) || asked && v == true {
				return this
			} else if tool && v == true && (r.first || !a.owned) {
				return every
			}
			return 0
		}
		yes, no := rank(r.Approved), rank(r.Rejected)
		n := max(2*yes, 2*no-1)
		switch {
		case n == 0:
		case r.first:
			n += 10
		case r.agent != "":
			n += agents
		}
		if n > 0 && len(a.tools) > 1 && r.tool == a.tools[0] {
			n += 20 // its own name before the bare one
		}
		if n <= best {
			continue
		}
		best, found = n, said{Approved: yes >= no}
		if !found.Approved {
			if found.Message = r.Python[a.call] + r.JS[a.call]; found.Message == "" && r.Rejected == true {
				found.Message = r.PythonAll + r.JSAll
			}
		}
	}
	if best == 0 {
		return nil
	}
	b, _ := json.Marshal(found)
	return b
}

// Of very many rulings few are looked at for a call: those that name it, or its tool. Many of one kind are one.
func TestRulingsMany(t *testing.T) {
	const n = 1000
	ids := make([]any, n)
	all := []ruling{{Approved: ids, tool: "z"}}
	for i := range n {
		ids[i] = fmt.Sprint("c", i)
		all = append(all, ruling{Approved: true, tool: fmt.Sprint("f", i), agent: "a"}, ruling{Rejected: true, tool: "g"}, ruling{Approved: true, request: ids[i].(string)})
	}
	x := index(all)
	for i := range n {
		found, _ := x.about(&approval{call: ids[i].(string), by: "a", tools: []string{fmt.Sprint("f", i), "g"}})
		if len(found) != 4 {
			t.Fatalf("%d rulings are looked at for call %d, want 4", len(found), i)
		}
	}
}
