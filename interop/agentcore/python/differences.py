"""Ask for the same things, and print what is answered, in words that do not depend on ids."""
import datetime, json
import boto3
from botocore.exceptions import ClientError

ctl, data = boto3.client("bedrock-agentcore-control"), boto3.client("bedrock-agentcore")
out = {}


def shape(v):
    """The form of an id."""
    import re
    for name, p in (("epoch#hex", r"^\d{19}#[0-9a-f]{8}$"), ("uuid", r"^[0-9a-f-]{36}$"), ("name-10", r"^\w+-[0-9a-zA-Z]{10}$")):
        if re.match(p, v):
            return name
    return "other"


def ask(name, f):
    try:
        out[name] = f()
    except ClientError as e:
        out[name] = e.response["Error"]["Code"]


t = datetime.datetime.fromtimestamp(1_760_000_000.123, datetime.timezone.utc)
mem = ctl.create_memory(name="shop", eventExpiryDuration=30, memoryStrategies=[{"semanticMemoryStrategy": {"name": "facts", "namespaceTemplates": ["/facts/{actorId}/"]}}])["memory"]["id"]
m = ctl.get_memory(memoryId=mem)["memory"]
out["memory id"] = shape(mem)
out["strategy id"] = [shape(s["strategyId"]) for s in m.get("strategies") or []]
ids = []
for i in range(3):
    ids.append(data.create_event(memoryId=mem, actorId="ada", sessionId="s1", eventTimestamp=t + datetime.timedelta(seconds=i), clientToken=f"token-{i}-" + "x" * 30,
                                 payload=[{"conversational": {"role": "USER", "content": {"text": str(i)}}}])["event"])
es = data.list_events(memoryId=mem, actorId="ada", sessionId="s1")["events"]
out["event id"] = shape(es[0]["eventId"])
out["order"] = "".join(e["payload"][0]["conversational"]["content"]["text"] for e in es if e.get("payload"))
out["branch"] = (es[0].get("branch") or {}).get("name")
out["time kept"] = round(es[0]["eventTimestamp"].timestamp() % 1, 6)
out["event fields"] = sorted(es[0])
ask("same client token", lambda: data.create_event(memoryId=mem, actorId="ada", sessionId="s1", eventTimestamp=t, clientToken="token-0-" + "x" * 30,
                                                   payload=[{"conversational": {"role": "USER", "content": {"text": "0"}}}])["event"]["eventId"] == ids[0]["eventId"])
ask("without payloads", lambda: "payload" in data.list_events(memoryId=mem, actorId="ada", sessionId="s1", includePayloads=False)["events"][0])
ask("page of 2", lambda: len(data.list_events(memoryId=mem, actorId="ada", sessionId="s1", maxResults=2)["events"]))
ask("unknown session", lambda: len(data.list_events(memoryId=mem, actorId="ada", sessionId="none")["events"]))
ask("unknown memory", lambda: len(data.list_events(memoryId="none-0123456789", actorId="ada", sessionId="s1")["events"]))
ask("unknown event", lambda: data.get_event(memoryId=mem, actorId="ada", sessionId="s1", eventId="0000001760000000123#00000000")["event"])
for op, args in (("list_actors", {}), ("list_sessions", {"actorId": "ada"}), ("list_memory_records", {"namespacePath": "/"})):
    ask(op, lambda: getattr(data, op)(memoryId=mem, **args) is not None)
print(json.dumps(out, sort_keys=True))
