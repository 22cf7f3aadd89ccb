"""An embeddings service as OpenAI's: two models of 384 numbers. Prints its URL, and serves until its input ends.

"all-MiniLM-L6-v2" is the real one; "words-384" is what another program used before: as long, and unlike.
"""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

import minilm


def words(text):
    out = np.zeros(384, np.float32)
    for w in text.lower().split():
        out += np.frombuffer(hashlib.shake_128(w.encode()).digest(384), np.uint8).astype(np.float32) / 128 - 1
    return out / np.linalg.norm(out)


models = {"words-384": words, "all-MiniLM-L6-v2": minilm.embed}
asked = 0


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        global asked
        q = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/embeddings" or q["model"] not in models:
            self.send_error(404)
            return
        texts = q["input"] if isinstance(q["input"], list) else [q["input"]]
        asked += 1
        if asked % 3 == 1:  # as services do
            self.answer(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, {"Retry-After": "0"})
            return
        self.answer(200, {"object": "list", "model": q["model"], "usage": {"prompt_tokens": 0, "total_tokens": 0},
                          "data": [{"object": "embedding", "index": i, "embedding": [float(f) for f in models[q["model"]](t)]} for i, t in enumerate(texts)]})

    def answer(self, code, body, headers={}):
        b = json.dumps(body).encode()
        self.send_response(code)
        for k, v in (headers | {"Content-Type": "application/json", "Content-Length": str(len(b))}).items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(b)

    def log_message(self, *_):
        pass


s = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=s.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{s.server_port}/v1", flush=True)
sys.stdin.read()
