"""A model that always says the same: OpenAI's Chat Completions and Responses, streamed or not, and Embeddings.

It knows three things: to look an order up that it is asked about, to tell what a tool said, and to
remember which order was asked about before. Prints its address and serves until it is stopped."""
import base64
import hashlib
import json
import re
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "Bearer canary-4711"  # what is not recorded


def think(turns):
    """turns are (role, text) with the role tool for results. Returns a text, or the orders to look up."""
    role, text = turns[-1]
    if role == "tool":
        results = [t for r, t in turns[max(i for i, (r, _) in enumerate(turns) if r not in ("tool", "assistant")) + 1 :] if r == "tool"]
        return "Order status: " + ", ".join(json.loads(t)["status"] for t in results) + ".", None
    earlier = [m for r, t in turns[:-1] if r != "system" for m in re.findall(r"A-\d+", t)]
    if "Which order" in text:
        return ("You asked about " + earlier[0] + "." if earlier else "I do not know."), None
    orders = re.findall(r"A-\d+", text)
    return (None, orders) if orders else ("Hello.", None)


def text_of(content):
    if isinstance(content, str):
        return content
    return "".join(p.get("text", "") for p in content or [])


def chat(body):
    turns = [(m["role"], text_of(m.get("content"))) for m in body["messages"]]
    text, orders = think(turns)
    message = {"role": "assistant", "content": text}
    if orders:
        message["tool_calls"] = [{"id": "call_" + o, "type": "function", "function": {"name": "lookup_order", "arguments": json.dumps({"order_id": o})}} for o in orders]
    finish = "tool_calls" if orders else "stop"
    name = f"chat-{len(turns)}"  # runtimes tell messages apart by it
    whole = {"id": name, "object": "chat.completion", "created": 1, "model": "fixed-2026-11", "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}
    if not body.get("stream"):
        return [dict(whole, choices=[{"index": 0, "message": message, "finish_reason": finish}])]
    out = []
    pieces = [{"role": "assistant", "content": ""}]
    pieces += [{"content": word} for word in re.findall(r"\S+\s*", text or "")]
    for i, c in enumerate(message.get("tool_calls", [])):
        args = c["function"]["arguments"]
        pieces.append({"tool_calls": [{"index": i, "id": c["id"], "type": "function", "function": {"name": "lookup_order", "arguments": ""}}]})
        pieces += [{"tool_calls": [{"index": i, "function": {"arguments": a}}]} for a in (args[:5], args[5:])]
    for p in pieces:
        out.append({"id": name, "object": "chat.completion.chunk", "created": 1, "model": "fixed-2026-11", "choices": [{"index": 0, "delta": p, "finish_reason": None}]})
    out.append({"id": name, "object": "chat.completion.chunk", "created": 1, "model": "fixed-2026-11", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return out


def responses(body):
    turns = []
    given = body["input"]
    for it in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        if it.get("type") == "function_call_output":
            turns.append(("tool", it["output"]))
        elif it.get("type") in (None, "message"):
            turns.append((it["role"], text_of(it["content"])))
    text, orders = think(turns)
    if orders:
        items = [
            {"type": "function_call", "id": f"fc_{len(turns)}_{i}", "call_id": "call_" + o, "name": "lookup_order", "arguments": json.dumps({"order_id": o}), "status": "completed"}
            for i, o in enumerate(orders)
        ]
    else:
        items = [{"type": "message", "id": f"msg_{len(turns)}", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]}]
    whole = {
        "id": f"resp_{len(turns)}", "object": "response", "created_at": 1, "status": "completed", "model": "fixed-2026-11", "output": items, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}},
    }
    if not body.get("stream"):
        return [whole]
    out = [{"type": "response.created", "response": dict(whole, output=[], status="in_progress")}]
    for i, item in enumerate(items):
        out.append({"type": "response.output_item.added", "output_index": i, "item": item})
        if not orders:
            out.append({"type": "response.output_text.delta", "item_id": item["id"], "output_index": i, "content_index": 0, "delta": text, "logprobs": []})
        out.append({"type": "response.output_item.done", "output_index": i, "item": item})
    out.append({"type": "response.completed", "response": whole})
    return [dict(e, sequence_number=i) for i, e in enumerate(out)]


def embeddings(body):
    given = body["input"]
    inputs = [given] if isinstance(given, str) or given and isinstance(given[0], int) else given
    data = []
    for i, text in enumerate(inputs):
        digest = hashlib.sha256(json.dumps([body["model"], text]).encode()).digest()
        vector = [struct.unpack("<f", struct.pack("<f", b / 255))[0] for b in digest[: body.get("dimensions", 8)]]
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": i, "embedding": vector})
    return [{"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 3, "total_tokens": 3}}]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != KEY:
            return self.answer(401, "application/json", b'{"error":{"message":"who are you?"}}')
        fail = re.search(r'"fail (\w+)', json.dumps(body))
        if fail and fail[1] != "in":
            return self.answer(int(fail[1]), "application/json", b'{"message":"made to fail"}', {"Retry-After-Ms": "5"})
        if fail:  # says half of an answer, or an error in a stream, and is gone
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream" if body.get("stream") else "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'data: {"error": {"message": "overloaded"}}\n\n' if body.get("stream") else b'{"choices":[')
            self.close_connection = True
            return None
        of = {"completions": chat, "embeddings": embeddings, "responses": responses}
        events = of[self.path.rsplit("/", 1)[1]](body)
        if not body.get("stream"):
            return self.answer(200, "application/json", json.dumps(events[0]).encode())
        lines = []
        for e in events:
            if "type" in e:
                lines.append("event: " + e["type"])
            lines += ["data: " + json.dumps(e), ""]
        self.answer(200, "text/event-stream", ("\n".join(lines) + "\ndata: [DONE]\n\n").encode())

    def answer(self, code, kind, body, more=None):
        self.send_response(code)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
