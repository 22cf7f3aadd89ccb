"""Fill a service through boto3: a memory with six strategies, two actors, branches, blobs, records."""
import datetime, json, sys
import boto3

ctl, data = boto3.client("bedrock-agentcore-control"), boto3.client("bedrock-agentcore")


def at(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


def say(role, text):
    return {"conversational": {"role": role, "content": {"text": text}}}


def event(mem, actor, session, ms, payload, **more):
    return data.create_event(memoryId=mem, actorId=actor, sessionId=session, eventTimestamp=at(ms), payload=payload, **more)["event"]["eventId"]


def main(name):
    m = ctl.create_memory(
        name=name, description="of the shop", eventExpiryDuration=120,
        memoryStrategies=[
            {"semanticMemoryStrategy": {"name": "facts", "namespaceTemplates": ["/facts/{actorId}/"], "recordExpirySpecification": {"recordExpiryDurationDays": 90}}},
            {"summaryMemoryStrategy": {"name": "digest", "namespaceTemplates": ["/strategies/{memoryStrategyId}/actors/{actorId}/sessions/{sessionId}/"]}},
            {"userPreferenceMemoryStrategy": {"name": "likes", "description": "what they like", "namespaceTemplates": ["/likes/{actorId}"]}},
            {"customMemoryStrategy": {"name": "mine", "namespaceTemplates": ["/mine/{actorId}"], "configuration": {"semanticOverride": {
                "extraction": {"appendToPrompt": "Only allergies.", "modelId": "eu.amazon.nova-lite-v1:0"},
                "consolidation": {"appendToPrompt": "Keep all.", "modelId": "eu.amazon.nova-lite-v1:0"}}}}},
            {"episodicMemoryStrategy": {"name": "episodes", "namespaceTemplates": ["/ep/{actorId}/{sessionId}"], "reflectionConfiguration": {"namespaceTemplates": ["/ep/{actorId}"]},
                                        "memoryRecordSchema": {"metadataSchema": [{"key": "topic", "type": "STRING"}]}}},
            {"customMemoryStrategy": {"name": "own", "namespaceTemplates": ["/own/{actorId}"], "configuration": {"userPreferenceOverride": {
                "extraction": {"appendToPrompt": "Only <tea> & \"coffee\".", "modelId": "eu.amazon.nova-lite-v1:0"}}}}},
        ],
        indexedKeys=[{"key": "topic", "type": "STRING"}],
    )["memory"]
    mem, t = m["id"], 1_760_000_000_123
    event(mem, "ada", "s1", t, [say("USER", "Where is my order <7> & co?"), say("ASSISTANT", "On its way. \U0001f69a")])
    root = event(mem, "ada", "s1", t + 1000, [say("USER", "And the invoice?")], metadata={"channel": {"stringValue": "web"}, "tier": {"stringValue": "gold"}})
    event(mem, "ada", "s1", t + 2000, [say("ASSISTANT", "Attached."), say("TOOL", '{"invoice": 7}')])
    for i in range(3):
        event(mem, "ada", "s1", t + 2000, [say("USER", f"in one millisecond, {i}")])
    event(mem, "ada", "s1", t + 3000, [say("ASSISTANT", "I cannot find it.")], branch={"name": "retry", "rootEventId": root})
    sub = event(mem, "ada", "s1", t + 4000, [say("OTHER", "handed over")], branch={"name": "retry"})
    event(mem, "ada", "s1", t + 5000, [say("USER", "thanks")], branch={"name": "retry-2", "rootEventId": sub})
    event(mem, "team/b:eu", "long", t, [{"blob": {"big": "x" * 300_000, "n": 12345678901234567890, "f": 1.5, "list": [1, None, True, "ü"]}}])
    event(mem, "team/b:eu", "long", t + 1, [say("USER", "look"), {"json": {"content": {"a": [1, {"b": None}]}}}, say("ASSISTANT", "I see"), {"blob": "text"}, {"blob": 1.5}, {"blob": [True]}])
    for i in range(250):
        event(mem, "team/b:eu", "many", t + i, [say("USER" if i % 2 == 0 else "ASSISTANT", f"turn {i}")])
    records, strategies = [], {s["name"]: s["strategyId"] for s in m["strategies"]}

    def record(text, ns, strategy=None, **md):
        r = {"requestIdentifier": f"r{len(records)}", "namespaces": [ns], "content": {"text": text}, "timestamp": at(t - len(records) * 86_400_000)}
        if strategy:
            r["memoryStrategyId"] = strategies[strategy]
        if md:
            r["metadata"] = md
        records.append(r)

    for i in range(230):
        record(f"Ada's fact {i}", "/facts/ada/", "facts")
    record('<topic name="order">She asked for order 7.</topic>', f"/strategies/{strategies['digest']}/actors/ada/sessions/s1/", "digest")
    record("window seats", "/likes/ada", "likes", source={"stringValue": "chat"}, weight={"numberValue": 0.25}, tags={"stringListValue": ["a", "b"]}, seen={"dateTimeValue": at(t)})
    record("nuts", "/mine/ada", "mine")
    record("by hand", "/hr/x")
    for i in range(0, len(records), 100):
        got = data.batch_create_memory_records(memoryId=mem, records=records[i:i + 100])
        assert not got["failedRecords"], got
    print(json.dumps({"memory": mem}))


main(*sys.argv[1:])
