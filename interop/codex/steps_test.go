package codex

import (
	"slices"
	"testing"
)

// TestSteps: a patch, a review, items that a client put in, words that a person says while the model is at work, a
// command of the person's own, and a fork whose parent is archived.
func TestSteps(t *testing.T) {
	m, _, home, work := atWork(t)
	m.script = map[string][]object{"do: patch": {{"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_patch", "name": "apply_patch", "input": "*** Begin Patch\n*** Add File: x.txt\n+hello\n*** End Patch", "status": "completed"}}}
	a := startApp(t, home, work)
	done := func() {
		for a.next("turn/completed")["method"] != "turn/completed" {
		}
	}
	first := id(a.call("thread/start", object{"cwd": work}))
	a.turn(first, "do: patch")
	a.call("review/start", object{"threadId": first, "target": object{"type": "custom", "instructions": "look at it"}})
	done()
	a.turn(first, "after the review")
	a.call("thread/inject_items", object{"threadId": first, "items": []any{object{"type": "message", "role": "user", "content": []any{object{"type": "input_text", "text": "put in"}}}}})
	a.call("turn/start", object{"threadId": first, "input": []any{object{"type": "text", "text": "list files"}}})
	for ended := false; !ended; {
		o := a.next("turn/completed")
		if ended = o["method"] == "turn/completed"; o["method"] == "turn/started" {
			turn := o["params"].(object)["turn"].(object)["id"]
			a.send(object{"id": "steer", "method": "turn/steer", "params": object{"threadId": first, "expectedTurnId": turn, "input": []any{object{"type": "text", "text": "said meanwhile"}}}})
		}
	}
	a.call("thread/shellCommand", object{"threadId": first, "command": "echo of-the-person"})
	done()
	a.turn(first, "last")
	fork := id(a.call("thread/fork", object{"threadId": first}))
	a.turn(fork, "in the fork")
	a.call("thread/archive", object{"threadId": first})
	a.stop()
	view := goesOn(t, m, binary(t), home, work, fork)
	for _, s := range []string{"user: do: patch", "user: after the review", "user: put in", "user: said meanwhile", "user: last", "user: in the fork"} {
		if !slices.Contains(view[fork], s) {
			t.Errorf("the fork does not say %q: %q", s, view[fork])
		}
	}
}
