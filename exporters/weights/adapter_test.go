package weights

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// Weights that an adapter was merged into are no adapter, though it was left beside them; and an adapter of MLX says its base
// in words of its own.
func TestAdapterBesideMerged(t *testing.T) {
	root := t.TempDir()
	weights := func(n byte) []byte { return append(st(oneTensor, 0), n) }
	const peft = `{"peft_type":"LORA","base_model_name_or_path":"base"}`
	for name, body := range map[string]string{
		"base/model.safetensors": string(weights(1)), "base/config.json": `{"model_type":"llama"}`,
		"merged/model.safetensors": string(weights(2)), "merged/config.json": `{"model_type":"llama"}`,
		"merged/adapter_model.safetensors": string(weights(3)), "merged/adapter_config.json": peft,
		"lora/adapter_model.safetensors": string(weights(4)), "lora/adapter_config.json": peft, "lora/config.json": `{"model_type":"llama"}`,
		"mlx/adapters.safetensors": string(weights(5)), "mlx/adapter_config.json": `{"fine_tune_type":"dora","model":"base","lora_parameters":{"rank":8}}`,
	} {
		put(t, filepath.Join(root, name), []byte(body))
	}
	mem, _ := export(t, Open(root, false))
	ms := models(t, mem)
	if len(ms) != 5 {
		t.Errorf("%d models, want 5", len(ms))
	}
	for name, want := range map[string]struct {
		n     byte
		words string
	}{"base": {1, ""}, "merged": {2, ""}, "merged/adapter": {3, "LORA"}, "lora": {4, "LORA"}, "mlx": {5, "DORA"}} {
		m := ms[name]
		if fmt.Sprintf("%x", m.GetDigest()) != fmt.Sprintf("%x", sha256.Sum256(weights(want.n))) {
			t.Errorf("%s: not the digest of its weights alone", name)
		}
		if got := label(m.GetMeta(), "adapter"); got != want.words {
			t.Errorf("%s: adapter %q, want %q", name, got, want.words)
		}
		if want.words != "" && label(m.GetMeta(), "base_digest") != fmt.Sprintf("%x", sha256.Sum256(weights(1))) {
			t.Errorf("%s: %s", name, label(m.GetMeta(), "base_digest"))
		}
	}
	if got := strings.Join(ms["base"].GetAdapterKeys(), " "); strings.Contains(got, "merged%2Fmodel") || strings.Count(got, "artifact/") != 3 {
		t.Errorf("adapters of the base: %s", got)
	}
}

// A file of no tensors says so with an empty list, as JSON's other lists are.
func TestNoTensors(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		read func(io.Reader, int64) (*header, error)
	}{"safetensors": {st(`{}`, 0), readSafetensors}, "gguf": {begin(0, 0).Bytes(), readGGUF}} {
		h, err := c.read(bytes.NewReader(c.b), int64(len(c.b)))
		if err != nil {
			t.Fatal(name, err)
		}
		if b, err := json.Marshal(h); err != nil || !strings.Contains(string(b), `"tensors":[]`) {
			t.Errorf("%s: %s %v", name, b, err)
		}
	}
}
