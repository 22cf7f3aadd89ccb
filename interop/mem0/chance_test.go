package mem0

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// chance makes calls that nobody wrote. JSONB and psycopg take no NUL and no half of a pair of surrogates, so PostgreSQL gets none.
type chance struct {
	*rand.Rand
	f flavour
	n int // memories
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// text is what people, models and copied pages say.
func (c *chance) text() string {
	odd := []string{"Prefers °C", "x", "NULL", "0", "'; drop table mem0; --", "\"q\" \\ \r\n\t", "\u2028\ufeff", "e\u0301 é 日本語 مستخدم 🙂👩‍👩‍👧", "{\"a\": [1, {\"b\": null}]}", "<script>&amp;", strings.Repeat("long ", 1+c.IntN(9000)), "  spaced  ", "%s $1 :x ?"}
	if !c.f.postgres {
		odd = append(odd, "nul \u0000 nul")
	}
	return pick(c.Rand, odd...) + pick(c.Rand, "", fmt.Sprint(" ", c.IntN(5)))
}

// value is any JSON.
func (c *chance) value(depth int) any {
	switch n := c.IntN(9); {
	case n == 0 && depth > 0:
		return c.object(depth - 1)
	case n == 1 && depth > 0:
		return []any{c.value(depth - 1), c.value(depth - 1)}
	case n < 4:
		return c.text()
	}
	odd := []any{nil, true, false, "", 0, -1, raw("1.0"), raw("-0.0"), raw("1e300"), raw("5e-324"), 9007199254740991, raw("0.1"), []any{}, object{}}
	if c.f.name == "python" {
		odd = append(odd, raw("9007199254740993"), raw("-9223372036854775809"))
	}
	return pick(c.Rand, odd...)
}

// object is metadata, some of it under names that mem0 has a meaning for.
func (c *chance) object(depth int) object {
	out := object{}
	for range c.IntN(5) {
		out[pick(c.Rand, "category", "", " ", "a.b", "$x", "🙂", "id", "role", "actor_id", "data", "hash", "memory", "score", "created_at", "updated_at", "text_lemmatized", "textLemmatized", "attributed_to", "metadata", "vector", "expiration_date", "linked_memory_ids")] = c.value(depth)
	}
	return out
}

// messages has none of a system's: they wait for a person.
func (c *chance) messages() any {
	if c.IntN(2) == 0 {
		return c.text()
	}
	var out []any
	for range 1 + c.IntN(3) {
		m := object{"role": pick(c.Rand, "user", "assistant"), "content": c.text()}
		if c.IntN(4) == 0 {
			m["name"] = pick(c.Rand, "ada", "zoë")
		}
		out = append(out, m)
	}
	return out
}

// scope is whose it is. Most belong to few, so that scopes meet.
func (c *chance) scope() object {
	out := object{}
	for k, ids := range map[string][]string{"user_id": {"u", "u", "zoë/🙂%&=?", "U", "0"}, "agent_id": {"a", "a|b"}, "run_id": {"r", "r=1&2"}} {
		if c.IntN(2) == 0 {
			out[k] = pick(c.Rand, ids...)
		}
	}
	if len(out) == 0 {
		out["user_id"] = "u"
	}
	return out
}

func (c *chance) call() call {
	of := fmt.Sprint("m", c.IntN(c.n+1))
	switch n := c.IntN(10); {
	case n < 6 || c.n == 0:
		out := c.scope()
		out["do"], out["as"], out["messages"], out["infer"] = "add", fmt.Sprint("m", c.n), c.messages(), c.IntN(5) == 0
		if c.IntN(3) > 0 {
			out["metadata"] = c.object(2)
		}
		if c.IntN(5) == 0 {
			out["expires"] = pick(c.Rand, "2020-01-31", "2999-12-31")
		}
		c.n++
		return out
	case n < 8:
		out := call{"do": "update", "of": of, "text": c.text()}
		if c.IntN(2) == 0 {
			out["metadata"] = c.object(1)
		}
		return out
	case n < 9 && c.f.name == "python":
		return call{"do": "entity", "of": of, "text": pick(c.Rand, "Acme", "acme", "Zürich", c.text()), "user_id": "u"}
	}
	return call{"do": "delete", "of": of}
}

func (c *chance) calls() []call {
	out := make([]call, 1+c.IntN(25))
	for i := range out {
		out[i] = c.call()
		out[i]["may"] = true // fail
	}
	return out
}

// TestChance carries what calls by chance have made, a seed each, and lets mem0 go on in the copy as in the source. EXITRAMP_INTEROP_CHANCE is FROM:TO, of
// other seeds than the few that are always tried.
func TestChance(t *testing.T) {
	var from, to uint64
	if _, err := fmt.Sscanf(cmp.Or(os.Getenv("EXITRAMP_INTEROP_CHANCE"), "0:2"), "%d:%d", &from, &to); err != nil {
		t.Fatal(err)
	}
	for _, f := range flavours {
		t.Run(f.String(), func(t *testing.T) {
			url := model(t)
			var sources []place
			for seed := from; seed < to; seed++ {
				sources = append(sources, f.newPlace(t, fmt.Sprint("s", seed)).with((&chance{Rand: rand.New(rand.NewPCG(seed, 0)), f: f}).calls()...))
			}
			made := f.answers(t, url, sources...)
			var both []place
			for i, s := range sources {
				t.Logf("seed %d in %s", from+uint64(i), s.Dir)
				look := look(made[i])
				both = append(both, s.with(look, call{"do": "rows"}), f.carry(t, s).with(look, call{"do": "rows"}))
			}
			got := f.answers(t, url, both...)
			for i := 0; i < len(got); i += 2 {
				for k, want := range got[i] {
					for _, d := range differences(byID(want), byID(got[i+1][k]), "") {
						t.Errorf("seed %d: %s", from+uint64(i/2), d)
					}
				}
			}
		})
	}
}

// byID is a dump whose lists of rows are in the order of their ids: PostgreSQL promises no order, and gives another one after an update.
func byID(dump any) any {
	switch x := dump.(type) {
	case object:
		for k, v := range x {
			if k != "history" && k != "messages" && k != "search" {
				x[k] = byID(v)
			}
		}
	case []any:
		slices.SortStableFunc(x, func(a, b any) int { return cmp.Compare(id(a), id(b)) })
	}
	return dump
}

func id(row any) string {
	switch x := row.(type) {
	case object:
		return fmt.Sprint(x["id"])
	case []any:
		if len(x) > 0 {
			return fmt.Sprint(x[0])
		}
	}
	return fmt.Sprint(row)
}

// look asks for all that mem0 shows, also of memories that are gone. made are the answers to the calls that made them.
func look(made []any) call {
	ids := []string{}
	for _, a := range made {
		if l, ok := a.([]any); ok {
			for _, id := range l {
				ids = append(ids, id.(string))
			}
		}
	}
	return call{"do": "show", "may": true, "ids": ids, "queries": []any{"Prefers °C", "x"}, "filters": []any{
		object{"user_id": "u"}, object{"user_id": "zoë/🙂%&=?"}, object{"user_id": "U"}, object{"user_id": "0"}, object{"agent_id": "a"},
		object{"agent_id": "a|b"}, object{"run_id": "r"}, object{"run_id": "r=1&2"}, object{"agent_id": "a", "user_id": "u"}}}
}
