"""judge.py FOLDER: opens a copy of a replayed folder with openai-agents and goes on: approves what waits, and counts what ran.
Exit 0 and 'PASS n checks', or 1 with one line a difference."""
from app import *

bad, n = [], 0
def same(what, got, want):
    global n
    n += 1
    if got != want:
        bad.append(f"{what}: got {got!r:.300} want {want!r:.300}")

kinds = lambda items: [i.get("type", "message") if i.get("type", "message") != "message" else i["role"] for i in items]

async def go_on(w, agent, name, session, yes):
    state = await RunState.from_json(agent, json.loads((w.dir / f"runstate.{name}.json").read_text()))
    asks = state.get_interruptions()
    for i, a in enumerate(asks):
        state.approve(a) if yes(i) else state.reject(a, rejection_message="no, keep it")
    CALLS.clear()
    return asks, await run(agent, state, session)

async def judge(folder):
    w, agent = World(folder), make_agent()
    s = w.plain("s-chat")
    items = await s.get_items()
    same("s-chat items", kinds(items), ["user", "assistant", "user", "reasoning", "function_call", "function_call_output", "assistant", "user", "assistant"])
    same("s-chat exact", [items[0], items[3], items[4], items[5]], [{"content": "hello 👋🏽", "role": "user"}, {"id": "rs_3", "summary": [{"text": "look it up 🌤", "type": "summary_text"}], "type": "reasoning", "encrypted_content": "b3BhcXVl"},
         {"arguments": '{"city":"Zürich"}', "call_id": "call_w3", "name": "get_weather", "type": "function_call", "id": "fc_w3"}, {"call_id": "call_w3", "output": "Sunny in Zürich, 21.5°C", "type": "function_call_output"}])
    SEEN.clear()
    r = await run(agent, "and now", s)
    same("s-chat: model is shown the whole history", SEEN[0], kinds(items) + ["user"])

    s = w.plain("s-paused")
    asks, r = await go_on(w, agent, "paused", s, lambda i: i == 0)
    same("paused asks", [(a.raw_item.name, a.raw_item.arguments, a.raw_item.call_id) for a in asks], [("delete_file", '{"path":"/data/x"}', "call_d1"), ("delete_file", '{"path":"/data/y"}', "call_e1")])
    same("paused: only the approved tool ran, the finished one not again", CALLS, ["delete_file /data/x"])
    same("paused final", r.final_output, "assistant got Sunny in 東京, 21.5°C | deleted /data/x | no, keep it")
    same("paused context", r.context_wrapper.context, {"user": "u-1", "n": 1.0})
    same("paused session after", kinds(await s.get_items()), ["user", "function_call", "function_call", "function_call", "function_call_output", "function_call_output", "function_call_output", "assistant"])

    asks, r = await go_on(w, agent, "nested", None, lambda i: True)
    same("nested asks", [(a.raw_item.name, a.raw_item.arguments) for a in asks], [("delete_file", '{"path":"/data/x"}'), ("delete_file", '{"path":"/data/y"}')])
    same("nested ran", sorted(CALLS), ["delete_file /data/x", "delete_file /data/y"])
    same("nested final", r.final_output, "assistant got expert got Sunny in 東京, 21.5°C | deleted /data/x | deleted /data/y")

    same("s-handoff items", kinds(await w.plain("s-handoff").get_items()), ["user", "function_call", "function_call_output", "assistant"])
    same("s-sealed opens", [i.get("content") if i.get("role") == "user" else i["content"][0]["text"] for i in await w.sealed("s-sealed").get_items()], ["sealed words", "assistant echo 1: sealed words"])
    same("s-sealed stays sealed", [i.get("__enc__") for i in await w.plain("s-sealed").get_items()], [1, 1])

    a = w.advanced("s-branches")
    same("branches", sorted((b["branch_id"], b["message_count"], b["user_turns"]) for b in await a.list_branches()), [("main", 9, 3), ("what-if", 4, 2)])
    await a.switch_to_branch("what-if")
    same("branch what-if", [i["content"] for i in await a.get_items() if i.get("role") == "user"], ["one", "two b"])
    await a.switch_to_branch("main")
    same("branch main", [i["content"] for i in await a.get_items() if i.get("role") == "user"], ["one", "weather please", "three"])
    same("tool usage", await a.get_tool_usage(), [("get_weather", 1, 2)])
    u = await a.get_session_usage()
    same("usage", (u["requests"], u["input_tokens"], u["total_turns"]), (5, 21, 4))
    await run(agent, "four", a)

    same("s-team items", kinds(await w.named("s-team").get_items()), ["user", "assistant"])
    odd = await w.plain("chat/42 #\u00e9%").get_items()
    same("odd items", [odd[0]["content"], len(odd[2]["content"]), odd[3]["content"]], ["lone \ud83d surrogate", 300_004, "after a pop: ids have a gap"])
    same("cleared", await w.plain("s-cleared").get_items(), [])

    q = w.alchemy("s-alchemy")
    same("s-alchemy items", kinds(await q.get_items()), ["user", "reasoning", "function_call", "function_call_output", "assistant", "user", "function_call", "function_call", "function_call", "function_call_output"])
    asks, r = await go_on(w, agent, "alchemy", q, lambda i: True)
    same("s-alchemy final", r.final_output, "assistant got Sunny in 東京, 21.5°C | deleted /data/x | deleted /data/y")
    await w.close()

tmp = pathlib.Path(tempfile.mkdtemp()) / "copy"
shutil.copytree(sys.argv[1], tmp)
try:
    asyncio.run(judge(tmp))
except Exception as e:
    bad.append(f"stopped: {type(e).__name__}: {e}"[:300])
shutil.rmtree(tmp.parent)
for x in bad:
    print("DIFF", x)
print(f"FAIL {len(bad)} of {n} checks" if bad else f"PASS {n} checks")
sys.exit(bool(bad))
