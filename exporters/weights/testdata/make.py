"""Makes the folders beside it with the official packages, and official.json: what these packages read in them.

pip install safetensors==0.8.0 gguf==0.19.0 numpy
"""

import hashlib
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

here = Path(__file__).parent
home = here / "models"
shutil.rmtree(home, ignore_errors=True)
rng = np.random.default_rng(7)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text, indent=2) + "\n")


def tensors(*shapes, dtype=np.float16):
    return {f"model.layers.{i}.weight": rng.standard_normal(s).astype(dtype) for i, s in enumerate(shapes)}


# A downloaded model in two shards.
base = home / "tiny-base"
base.mkdir(parents=True)
parts = [tensors((4, 8), (8,)), {"lm_head.weight": rng.standard_normal((16, 4)).astype(np.float32), "scale": np.array(2, np.int64)}]
for i, p in enumerate(parts):
    save_file(p, base / f"model-{i + 1:05}-of-00002.safetensors", metadata={"format": "pt"})
write(base / "model.safetensors.index.json", {"metadata": {"total_size": 400}, "weight_map": {k: f"model-{i + 1:05}-of-00002.safetensors" for i, p in enumerate(parts) for k in p}})
write(base / "config.json", {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4, "torch_dtype": "float16"})
write(base / "generation_config.json", {"temperature": 0.6, "top_p": 0.9})

# An adapter on it, with its recipe.
lora = home / "support-lora"
lora.mkdir()
save_file({"base_model.model.q.lora_A.weight": rng.standard_normal((2, 4)).astype(np.float32), "base_model.model.q.lora_B.weight": rng.standard_normal((4, 2)).astype(np.float32)}, lora / "adapter_model.safetensors")
write(lora / "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "tiny-base", "revision": "main", "r": 2, "lora_alpha": 4, "target_modules": ["q"]})
write(lora / "training_args.json", {"seed": 42, "learning_rate": 2e-4, "num_train_epochs": 3, "hub_token": "<HUB_TOKEN>"})
write(lora / "trainer_state.json", {"global_step": 30, "epoch": 3.0, "best_metric": 0.41, "log_history": [{"step": 10, "loss": 1.5}, {"step": 30, "loss": 0.5, "eval_loss": 0.41}]})
write(lora / "train.jsonl", '{"prompt": "hi", "completion": "hello"}\n')
(lora / "training_args.bin").write_bytes(b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.")

# GGUF: numbers, a quantised tensor, words of a tokenizer.
g = gguf.GGUFWriter(home / "tiny.Q8_0.gguf", "llama")
g.add_name("Tiny")
g.add_context_length(128)
g.add_float32("llama.rope.scale", 1.5)
g.add_token_list(["<s>", "</s>", "tea"])
g.add_tensor("token_embd.weight", rng.standard_normal((3, 32)).astype(np.float32))
q = gguf.quants.quantize(rng.standard_normal((2, 64)).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
g.add_tensor("blk.0.attn_q.weight", q, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
g.add_tensor("output_norm.weight", rng.standard_normal(32).astype(np.float16))
g.write_header_to_file()
g.write_kv_data_to_file()
g.write_tensors_to_file()
g.close()

# An OCI image layout with one model.
oci = home / "oci"
(oci / "blobs" / "sha256").mkdir(parents=True)


def blob(b, media, **annotations):
    d = hashlib.sha256(b).hexdigest()
    (oci / "blobs" / "sha256" / d).write_bytes(b)
    out = {"mediaType": media, "digest": "sha256:" + d, "size": len(b)}
    return out | ({"annotations": annotations} if annotations else {})


layer = blob((home / "tiny.Q8_0.gguf").read_bytes(), "application/vnd.cncf.model.weight.v1.raw", **{"org.opencontainers.image.title": "tiny.gguf"})
config = blob(b'{"descriptor": {"name": "tiny"}, "config": {"paramSize": "0.1k"}}', "application/vnd.cncf.model.config.v1+json")
manifest = blob(json.dumps({"schemaVersion": 2, "artifactType": "application/vnd.cncf.model.manifest.v1+json", "config": config, "layers": [layer]}).encode(), "application/vnd.oci.image.manifest.v1+json")
write(oci / "oci-layout", {"imageLayoutVersion": "1.0.0"})
write(oci / "index.json", {"schemaVersion": 2, "manifests": [manifest | {"annotations": {"org.opencontainers.image.ref.name": "acme/tiny:1"}}]})

# What OpenAI's API says of a fine-tuning job, as dumped.
job = home / "openai"
write(job / "ftjob-abc123.json", {"object": "fine_tuning.job", "id": "ftjob-abc123", "model": "gpt-4o-mini-2024-07-18", "created_at": 1721764800, "finished_at": 1721768400, "fine_tuned_model": "ft:gpt-4o-mini-2024-07-18:acme::9x", "organization_id": "org-1", "result_files": ["file-res1"], "status": "succeeded", "validation_file": "file-val1", "training_file": "file-tra1", "hyperparameters": {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8}, "trained_tokens": 5768, "seed": 683058546, "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}}})
write(job / "ftjob-abc123.events.json", {"object": "list", "data": [{"object": "fine_tuning.job.event", "id": "ftevent-1", "created_at": 1721764800, "level": "info", "message": "Fine tuning job successfully completed", "type": "message"}], "has_more": False})
write(job / "file-tra1.jsonl", '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}\n')
write(job / "file-res1.csv", "step,train_loss\n1,1.5\n2,0.5\n")

# What the packages read.
out = {}
for p in sorted(home.rglob("*.safetensors")):
    with safe_open(p, "np") as f:
        out[str(p.relative_to(home))] = {n: [f.get_slice(n).get_dtype(), f.get_slice(n).get_shape()] for n in sorted(f.keys())}
for p in sorted(home.rglob("*.gguf")):
    out[str(p.relative_to(home))] = {t.name: [t.tensor_type.name, [int(d) for d in t.shape]] for t in sorted(gguf.GGUFReader(p).tensors, key=lambda t: t.name)}
(here / "official.json").write_text(json.dumps(out, indent=1) + "\n")
