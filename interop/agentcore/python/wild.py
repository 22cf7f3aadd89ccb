"""Fill a service through boto3 with shapes at its limits: three memories, long ids, branches of branches, deleted roots, mixed payloads, records of every strategy."""
import datetime, json
import boto3

ctl, data = boto3.client("bedrock-agentcore-control"), boto3.client("bedrock-agentcore")
T = 1_760_000_000_123
MODEL = {"modelId": "eu.amazon.nova-lite-v1:0"}


def at(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


def say(role, text):
    return {"conversational": {"role": role, "content": {"text": text}}}


def event(mem, actor, session, ms, payload, **more):
    return data.create_event(memoryId=mem, actorId=actor, sessionId=session, eventTimestamp=at(ms), payload=payload, **more)["event"]["eventId"]


def session(mem, a, s):
    root = event(mem, a, s, T, [say("USER", "hi \U0001f69a\x00 \u2028"), say("TOOL", "{}"), {"blob": {"b": [1, None]}}, say("OTHER", "o")],
                 metadata={"k" * 128: {"stringValue": "v" * 256}, **{f"m{i}": {"stringValue": ""} for i in range(14)}})
    one = event(mem, a, s, T + 1, [say("ASSISTANT", "b")], branch={"name": "alt", "rootEventId": root})
    event(mem, a, s, T + 2, [say("ASSISTANT", "b2")], branch={"name": "alt2", "rootEventId": one})
    event(mem, a, s, T + 3, [{"blob": "x" * 100_000}])
    event(mem, a, s, T + 4, [{"json": {"content": [1, 2, {"a": "b" * 50_000}]}}])
    gone = event(mem, a, s, T + 5, [say("USER", "gone")])
    event(mem, a, s, T + 6, [say("USER", "child")], branch={"name": "orphan", "rootEventId": gone})
    data.delete_event(memoryId=mem, actorId=a, sessionId=s, eventId=gone)


def override(kind, *parts, **more):
    return {"configuration": {kind: {p: {"appendToPrompt": p, **MODEL, **(more if p == "reflection" else {})} for p in parts}}}


def main():
    made = []
    for name in ("one", "Two_2", "z" * 48):
        strategies = [] if name == "one" else [
            {"semanticMemoryStrategy": {"name": "s", "namespaces": ["/{actorId}"]}},
            {"userPreferenceMemoryStrategy": {"name": "p", "namespaceTemplates": ["/p/{actorId}/x/{sessionId}/"]}},
            {"customMemoryStrategy": {"name": "sum", "namespaceTemplates": ["/sum/{actorId}/{sessionId}"], **override("summaryOverride", "consolidation")}},
            {"customMemoryStrategy": {"name": "epi", "namespaceTemplates": ["/epi/{actorId}/{sessionId}"],
                                      **override("episodicOverride", "extraction", "consolidation", "reflection", namespaceTemplates=["/epi/{actorId}"])}}]
        m = ctl.create_memory(name=name, eventExpiryDuration=3 if name == "one" else 365, memoryStrategies=strategies)["memory"]
        made.append(m["id"])
        for a in ("a", "A" * 255, "x/y:z/w-_:q", "0"):
            for s in ("s", "9" * 100, "a_b-c"):
                session(m["id"], a, s)
        if not strategies:
            continue
        ids = {x["name"]: x["strategyId"] for x in m["strategies"]}
        places = [("/a", "s"), ("/" + "A" * 255, "s"), ("/p/a/x/s/", "p"), ("/deep/" + "/".join(f"d{j}" for j in range(60)), None), ("/sum/a/s", "sum"), ("/epi/a/s", "epi"), ("/epi/a", "epi"), ("/deep/*/x", None), ("/", None)]
        records = []
        for i in range(120):
            ns, strategy = places[i % 9]
            r = {"requestIdentifier": f"r{i}", "namespaces": [ns], "content": {"text": f"fact {i} " + "y" * (15_990 if i == 8 else 3)}, "timestamp": at(T - i * 86_400_000),
                 "metadata": {"s": {"stringValue": "v"}, "l": {"stringListValue": list("abcde")}, "n": {"numberValue": [0, -1, 1e300, 0.1][i % 4]}, "d": {"dateTimeValue": at(T)}}}
            if strategy:
                r["memoryStrategyId"] = ids[strategy]
            records.append(r)
        for i in range(0, 120, 60):
            got = data.batch_create_memory_records(memoryId=m["id"], records=records[i:i + 60])
            assert not got["failedRecords"], got
    print(json.dumps({"memories": made}))


main()
