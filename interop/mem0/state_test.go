package mem0

import (
	"encoding/json"
	"fmt"
	"strings"
)

type (
	object = map[string]any
	call   = object
)

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// state are the calls that make a store with every shape that this runtime takes.
func state(f flavour) []call {
	add := func(as string, scope object, messages any, more ...object) call {
		c := call{"do": "add", "as": as, "messages": messages}
		for _, m := range append(more, scope) {
			for k, v := range m {
				c[k] = v
			}
		}
		return c
	}
	ada, zoe := object{"user_id": "u-1"}, object{"user_id": "zoë/🙂%&=?"}
	calls := []call{
		add("chat", object{"user_id": "u-1", "agent_id": "a-1", "run_id": "r-1"}, []any{
			object{"role": "system", "content": "be brief"},
			object{"role": "user", "name": "ada", "content": "Hi, I'm Ada and I live in Zürich"},
			object{"role": "assistant", "content": "Nice to meet you, Ada 🙂"},
		}, object{"metadata": object{"category": "profile", "score": raw("1.0"), "tags": []any{"a", "b"}, "none": nil, "yes": true,
			"deep": object{"°": []any{1, object{"🙂": nil}, -0.1, raw("1e300")}, "": ""}}}),
		add("updated", ada, "Prefers °C"),
		add("agent", object{"agent_id": "a-1"}, "I answer in German"),
		add("run", object{"run_id": "r-2"}, "Order O-1 was refunded"),
		add("expired", ada, "Coupon SPRING is valid", object{"expires": "2020-01-31"}),
		add("later", ada, "Coupon WINTER is valid", object{"expires": "2999-01-31"}),
		add("odd", zoe, "\"quotes\" \\ 'and' \r\n\ttabs \u2028 \u0001 \ufeff <b>&amp; 日本語 e\u0301", object{"metadata": object{"what": "\u2028\u007f", "2": 3}}),
		add("long", zoe, strings.Repeat("a chapter of the book ", 10_000)),
		add("inferred", ada, "I'm Ada Müller, I work at Acme Corporation in Zürich and have two cats", object{"infer": true, "metadata": object{"source": "chat"}}),
		add("again", object{"user_id": "u-1", "run_id": "r-1"}, "Nox and Lux are cats", object{"infer": true}),
		add("deleted", object{"user_id": "gone"}, "a temporary note"),
		{"do": "update", "of": "updated", "text": "Prefers °C and a 24 h clock"},
		{"do": "update", "of": "updated", "text": "Prefers °C, a 24 h clock and Acme Corporation", "metadata": object{"reviewed": true}},
		{"do": "update", "of": "odd", "text": "odd no more"},
		{"do": "delete", "of": "deleted"},
	}
	if f.name == "python" {
		calls = append(calls, call{"do": "entity", "of": "updated", "text": "Acme Corporation", "user_id": "u-1"}, call{"do": "entity", "of": "chat", "text": "Zürich", "user_id": "u-1"})
	}
	if !f.postgres { // JSONB takes none of these
		calls = append(calls, add("nul", zoe, "before \u0000 after", object{"metadata": object{"nul": "\u0000", "half": raw(`"cut \ud83d"`)}}))
	}
	if f.name == "python" && !f.postgres {
		calls = append(calls, add("numbers", zoe, "big numbers", object{"metadata": object{"big": raw("123456789012345678901234567890"), "int": raw("9007199254740993"), "endless": raw("1e999")}}))
	}
	for i := range 340 { // more than a page of any kind
		calls = append(calls, add(fmt.Sprint("n", i), object{"user_id": "many"}, fmt.Sprintf("number %d of many", i), object{"metadata": object{"n": i}}))
	}
	for i := 0; i < 340; i += 60 {
		calls = append(calls, call{"do": "update", "of": fmt.Sprint("n", i), "text": fmt.Sprintf("number %d was changed", i)}, call{"do": "delete", "of": fmt.Sprint("n", i+1)})
	}
	return calls
}

// show asks for all that mem0 shows of what state has made, and of the memories ids, some of which were deleted.
func show(ids []string, queries ...any) call {
	return call{"do": "show", "ids": ids,
		"filters": []any{object{"user_id": "u-1"}, object{"agent_id": "a-1"}, object{"run_id": "r-1"}, object{"run_id": "r-2"}, object{"user_id": "zoë/🙂%&=?"}, object{"user_id": "many"}, object{"user_id": "gone"}, object{"run_id": "r-1", "user_id": "u-1"}},
		"queries": queries}
}

// queries are as many as a vector has numbers: together their scores tell its direction.
func queries() []any {
	return []any{"Prefers °C", "Acme Corporation in Zürich", "number 7", "cats", "Order O-1 was refunded", "x", "y", "z"}
}
