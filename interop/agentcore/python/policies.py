"""Cedar policies through boto3.

policies.py make    makes an engine with two policies that decide
policies.py show    prints all engines and policies, without ids and dates
policies.py arm     sets every policy ACTIVE
"""
import json, sys, time
import boto3

ctl = boto3.client("bedrock-agentcore-control")
PERMIT = 'permit(principal is AgentCore::OAuthUser, action, resource) when { principal.hasTag("role") && principal.getTag("role") == "clerk" };'
FORBID = "forbid(principal, action, resource); // ü <&>"


def pages(f, key, **args):
    while True:
        r = f(**args)
        yield from r[key]
        if not r.get("nextToken"):
            return
        args["nextToken"] = r["nextToken"]


def show():
    out = {}
    for e in pages(ctl.list_policy_engines, "policyEngines"):
        out[e["name"]] = {"description": e.get("description"), "policies": {}}
        for p in pages(ctl.list_policies, "policies", policyEngineId=e["policyEngineId"]):
            p = ctl.get_policy(policyEngineId=e["policyEngineId"], policyId=p["policyId"])
            out[e["name"]]["policies"][p["name"]] = [p["enforcementMode"], p["definition"], p.get("description")]
    return out


def main(verb):
    if verb == "make":
        e = ctl.create_policy_engine(name="rules", description="of the shop")
        for name, text in (("clerks", PERMIT), ("nobody", FORBID)):
            p = ctl.create_policy(policyEngineId=e["policyEngineId"], name=name, description="d " + name, definition={"cedar": {"statement": text}}, validationMode="IGNORE_ALL_FINDINGS")
            while ctl.get_policy(policyEngineId=e["policyEngineId"], policyId=p["policyId"])["status"] == "CREATING":
                time.sleep(0.1)
    if verb == "arm":
        for e in pages(ctl.list_policy_engines, "policyEngines"):
            for p in pages(ctl.list_policies, "policies", policyEngineId=e["policyEngineId"]):
                ctl.update_policy(policyEngineId=e["policyEngineId"], policyId=p["policyId"], enforcementMode="ACTIVE")
    print(json.dumps(show(), sort_keys=True, ensure_ascii=False))


main(*sys.argv[1:])
