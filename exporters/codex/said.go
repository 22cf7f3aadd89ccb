package codex

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/exitramp/exitramp/exporters/internal/responses"
)

// item is a line with an item, and one that shows what is said in it: without it Codex lists no thread
// and shows no turn, and only the model knows what was said.
func (w *writer) item(r *rollout, at time.Time, o map[string]json.RawMessage) error {
	line := func(typ string, payload any) error {
		return w.Line(r.tmp, map[string]any{"timestamp": at.UTC().Format(timeForm), "type": typ, "payload": payload})
	}
	if err := line("response_item", o); err != nil {
		return err
	}
	typ := map[string]string{`"user"`: "user_message", `"assistant"`: "agent_message"}[string(o["role"])]
	var content []struct {
		Text  string
		Image string `json:"image_url"`
	}
	if typ == "" || json.Unmarshal(o["content"], &content) != nil {
		return nil
	}
	var said, images []string
	for _, c := range content {
		if c.Text != "" {
			said = append(said, c.Text)
		}
		if c.Image != "" {
			images = append(images, c.Image)
		}
	}
	if len(said)+len(images) == 0 {
		return nil
	}
	shown := map[string]any{"type": typ, "message": strings.Join(said, "\n")}
	if len(images) > 0 {
		shown["images"] = images
	}
	return line("event_msg", shown)
}

// listed is a content as a list of parts: Codex reads no other, and passes over a message with a part that it does not know,
// as a refusal is.
func listed(content json.RawMessage, assistant bool) (json.RawMessage, error) {
	typ := json.RawMessage(`"input_text"`)
	if assistant {
		typ = json.RawMessage(`"output_text"`)
	}
	switch {
	case len(content) == 0:
		return nil, nil
	case content[0] == '"':
		return json.Marshal([]responses.Object{{"type": typ, "text": content}})
	}
	var parts []responses.Object
	if err := json.Unmarshal(content, &parts); err != nil {
		return nil, err
	}
	for i, p := range parts {
		if said := p["refusal"]; said != nil {
			parts[i] = responses.Object{"type": typ, "text": said}
		}
	}
	return json.Marshal(parts)
}
