"""Print all that boto3 reads of a memory, without the ids and dates that the service makes."""
import json, sys
import boto3

ctl, data = boto3.client("bedrock-agentcore-control"), boto3.client("bedrock-agentcore")


def pages(f, key, **args):
    while True:
        r = f(**args)
        yield from r[key]
        if not r.get("nextToken"):
            return
        args["nextToken"] = r["nextToken"]


def main(mem):
    m = ctl.get_memory(memoryId=mem)["memory"]
    names = {s["strategyId"]: s["name"] for s in m["strategies"]}

    def named(text):
        for i, n in names.items():
            text = text.replace(i, "{" + n + "}")
        return text

    out = {"memory": {k: m.get(k) for k in ("name", "description", "eventExpiryDuration", "indexedKeys")}, "sessions": {}, "records": []}
    out["strategies"] = sorted(([s["name"], s["type"], s["namespaceTemplates"], s.get("description"), s.get("configuration"), s.get("memoryRecordSchema"), s.get("recordExpiryDurationDays")] for s in m["strategies"]), key=str)
    for a in pages(data.list_actors, "actorSummaries", memoryId=mem):
        for s in pages(data.list_sessions, "sessionSummaries", memoryId=mem, actorId=a["actorId"]):
            es = list(pages(data.list_events, "events", memoryId=mem, actorId=a["actorId"], sessionId=s["sessionId"], maxResults=100))[::-1]
            place = {e["eventId"]: i for i, e in enumerate(es)}
            out["sessions"][a["actorId"] + " " + s["sessionId"]] = [
                [e["branch"]["name"], place.get(e["branch"].get("rootEventId")), e["payload"], e.get("metadata"), e["eventTimestamp"].timestamp()] for e in es]
    for r in pages(data.list_memory_records, "memoryRecordSummaries", memoryId=mem, namespacePath="/", maxResults=100):
        out["records"].append([r["content"], [named(n) for n in r["namespaces"]], names.get(r["memoryStrategyId"], r["memoryStrategyId"]), r["timestamp"].timestamp(), r.get("metadata")])
    out["records"].sort(key=str)
    print(json.dumps(out, sort_keys=True, default=str))


main(*sys.argv[1:])
