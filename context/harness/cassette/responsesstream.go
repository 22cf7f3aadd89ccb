package cassette

import "maps"

// stream says an answer event by event: each item is begun, said in one piece and ended.
func (r responsesAPI) stream(w *eventWriter, _ *request, a *answer) {
	send := func(name string, v map[string]any) {
		v["type"], v["sequence_number"] = name, w.seq
		w.seq++
		w.send(name, v)
	}
	begun := func(what string) {
		send("response."+what, map[string]any{"response": r.whole(a, "in_progress", []map[string]any{})})
	}
	begun("created")
	begun("in_progress")
	for i, item := range r.output(a) {
		at := map[string]any{"item_id": item["id"], "output_index": i}
		with := func(more map[string]any) map[string]any {
			maps.Copy(more, at)
			return more
		}
		empty := maps.Clone(item)
		if empty["status"] != nil {
			empty["status"] = "in_progress"
		}
		for _, name := range []string{"content", "summary"} {
			if empty[name] != nil {
				empty[name] = []any{}
			}
		}
		for _, name := range []string{"arguments", "input"} {
			if empty[name] != nil {
				empty[name] = ""
			}
		}
		send("response.output_item.added", map[string]any{"output_index": i, "item": empty})
		switch item["type"] {
		case "message":
			parts, _ := item["content"].([]any)
			for n, part := range parts {
				part, _ := part.(map[string]any)
				streamPart(send, with, n, part)
			}
		case "reasoning":
			parts, _ := item["summary"].([]any)
			for n, part := range parts {
				part, _ := part.(map[string]any)
				send("response.reasoning_summary_part.added", with(map[string]any{"summary_index": n, "part": map[string]any{"type": "summary_text", "text": ""}}))
				send("response.reasoning_summary_text.delta", with(map[string]any{"summary_index": n, "delta": part["text"]}))
				send("response.reasoning_summary_text.done", with(map[string]any{"summary_index": n, "text": part["text"]}))
				send("response.reasoning_summary_part.done", with(map[string]any{"summary_index": n, "part": part}))
			}
		case "function_call":
			send("response.function_call_arguments.delta", with(map[string]any{"delta": item["arguments"]}))
			send("response.function_call_arguments.done", with(map[string]any{"arguments": item["arguments"], "name": item["name"]}))
		case "custom_tool_call":
			send("response.custom_tool_call_input.delta", with(map[string]any{"delta": item["input"]}))
			send("response.custom_tool_call_input.done", with(map[string]any{"input": item["input"]}))
		}
		send("response.output_item.done", map[string]any{"output_index": i, "item": item})
	}
	ended := "response.completed"
	if a.Stop != "" {
		ended = "response.incomplete"
	}
	send(ended, map[string]any{"response": r.write(a)})
}

// streamPart says one part of a message.
func streamPart(send func(string, map[string]any), with func(map[string]any) map[string]any, n int, part map[string]any) {
	empty := map[string]any{"type": "output_text", "text": "", "annotations": []any{}}
	if part["type"] == "refusal" {
		empty = map[string]any{"type": "refusal", "refusal": ""}
	}
	send("response.content_part.added", with(map[string]any{"content_index": n, "part": empty}))
	if part["type"] == "refusal" {
		send("response.refusal.delta", with(map[string]any{"content_index": n, "delta": part["refusal"]}))
		send("response.refusal.done", with(map[string]any{"content_index": n, "refusal": part["refusal"]}))
	} else {
		logprobs := part["logprobs"]
		if logprobs == nil {
			logprobs = []any{}
		}
		send("response.output_text.delta", with(map[string]any{"content_index": n, "delta": part["text"], "logprobs": logprobs}))
		notes, _ := part["annotations"].([]any)
		for k, note := range notes {
			send("response.output_text.annotation.added", with(map[string]any{"content_index": n, "annotation_index": k, "annotation": note}))
		}
		send("response.output_text.done", with(map[string]any{"content_index": n, "text": part["text"], "logprobs": logprobs}))
	}
	send("response.content_part.done", with(map[string]any{"content_index": n, "part": part}))
}
