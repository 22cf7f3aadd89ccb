package claudecode

import "github.com/exitramp/exitramp/exporters/internal/images"

// image is a block with an image.
func image(p images.Part) map[string]any {
	if p.URL != "" {
		return map[string]any{"type": "image", "source": map[string]any{"type": "url", "url": p.URL}}
	}
	return map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": p.MediaType, "data": p.Data}}
}

// blocksOf are the blocks that a tool's result becomes.
func blocksOf(parts []images.Part) (out []any) {
	for _, p := range parts {
		if p.Data != nil || p.URL != "" {
			out = append(out, image(p))
		} else {
			out = append(out, map[string]any{"type": "text", "text": p.Text})
		}
	}
	return out
}
