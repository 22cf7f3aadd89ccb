"""shapes.py make|judge FOLDER: state that make.py does not have: every kind of item, odd and long sessions, compaction,
run states at other stages. judge goes on in a copy of it: exit 0 and 'PASS n checks', or 1 with one line a difference.
shapes.py pg-make|pg-judge FOLDER URL: a paused run whose session is in PostgreSQL."""
from agents import GuardrailFunctionOutput, InputGuardrailTripwireTriggered, input_guardrail
from agents.memory import OpenAIResponsesCompactionSession
from app import *

RICH = [
  {"role": "user", "content": [{"type": "input_text", "text": "look at these"}, {"type": "input_image", "image_url": "data:image/png;base64," + "iVBORw0KGgo" * 50, "detail": "high"},
     {"type": "input_image", "file_id": "file-abc", "detail": "low"}, {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0=", "filename": "été.pdf"}, {"type": "input_file", "file_url": "https://example.org/a.pdf"},
     {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]},
  {"role": "developer", "content": "be brief"}, {"role": "system", "content": "you are kind"},
  {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "thinking"}], "content": [{"type": "reasoning_text", "text": "deep"}], "encrypted_content": "gAAAA==", "status": "completed"},
  {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "weather zürich", "sources": [{"type": "url", "url": "https://example.org"}]}},
  {"id": "fs_1", "type": "file_search_call", "status": "completed", "queries": ["q"], "results": [{"file_id": "file-1", "filename": "a.md", "score": 0.5, "text": "x", "attributes": {"k": 1}}]},
  {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "container_id": "cntr_1", "code": "print(1)", "outputs": [{"type": "logs", "logs": "1\n"}]},
  {"id": "cu_1", "type": "computer_call", "call_id": "call_cu", "status": "completed", "action": {"type": "screenshot"}, "pending_safety_checks": []},
  {"type": "computer_call_output", "call_id": "call_cu", "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}},
  {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "iVBORw0KGgo="},
  {"id": "mcpl_1", "type": "mcp_list_tools", "server_label": "wiki", "tools": [{"name": "ask", "input_schema": {"type": "object"}, "annotations": None}]},
  {"id": "mcpr_1", "type": "mcp_approval_request", "server_label": "wiki", "name": "ask", "arguments": "{\"q\": \"é\"}"},
  {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True, "reason": None},
  {"id": "mcp_1", "type": "mcp_call", "server_label": "wiki", "name": "ask", "arguments": "{}", "output": "ok", "error": None},
  {"id": "ls_1", "type": "local_shell_call", "call_id": "call_ls", "status": "completed", "action": {"type": "exec", "command": ["ls"], "env": {}}},
  {"type": "local_shell_call_output", "id": "call_ls", "output": "{}"},
  {"id": "ct_1", "type": "custom_tool_call", "call_id": "call_ct", "name": "grep", "input": "free text"},
  {"type": "custom_tool_call_output", "call_id": "call_ct", "output": [{"type": "input_text", "text": "found"}, {"type": "input_image", "image_url": "https://example.org/x.png"}]},
  {"type": "function_call", "call_id": "call_bad", "name": "f", "arguments": "{not json"},
  {"type": "function_call_output", "call_id": "call_bad", "output": [{"type": "input_text", "text": "parts"}, {"type": "input_file", "file_id": "file-1"}]},
  {"id": "cmp_1", "type": "compaction", "encrypted_content": "sealed"},
  {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "see [1]", "annotations": [{"type": "url_citation", "start_index": 4, "end_index": 7, "url": "https://example.org", "title": "t"}], "logprobs": []}, {"type": "refusal", "refusal": "no"}], "phase": "final_answer"},
  {"type": "item_reference", "id": "msg_0"},
  {"role": "user", "content": ""}, {"role": "user", "content": []},
  {"type": "unknown_future_item", "payload": [1, 2.50, 12345678901234567890123]},
]

ODD = ("\u4f1a\u8a71-\U0001f642", "a b/c?d=e&f#g", "x" * 500, "' OR 1=1 --", "..", "\u00e9", "e\u0301", "tab\tnewline\n", "%2F~%00")

@input_guardrail
async def no_secrets(ctx, agent, input):
    return GuardrailFunctionOutput(output_info={"looked": True}, tripwire_triggered="secret" in json.dumps(input))

class Asks(FakeModel):
    """Calls its one tool, then says what it got."""
    def __init__(self, name, tool):
        super().__init__(name)
        self.tool = tool
    async def get_response(self, system_instructions, input, *a, **k):
        if not isinstance(input, str) and input[-1].get("type") == "function_call_output":
            return await super().get_response(system_instructions, input, *a, **k)
        return ModelResponse(output=[function_call(self.tool, {"input": "delete please"}, call_id="call_" + self.tool, item_id="fc_" + self.tool)], usage=Usage(), response_id=None)

def deep_agent():
    inner = Agent(name="inner", model=FakeModel("inner"), instructions="i", tools=[delete_file, get_weather])
    middle = Agent(name="middle", model=Asks("middle", "ask_inner"), instructions="m", tools=[inner.as_tool("ask_inner", "inner")])
    return Agent(name="outer", model=Asks("outer", "ask_middle"), instructions="o", tools=[middle.as_tool("ask_middle", "middle")])

def guarded_agent():
    return Agent(name="guarded", model=FakeModel("guarded"), instructions="g", input_guardrails=[no_secrets], tools=[delete_file, get_weather])

class Compacts:
    """What of the client the compaction session uses."""
    class responses:
        @staticmethod
        async def compact(**kw):
            return type("R", (), {"output": [{"id": "cmp_9", "type": "compaction", "encrypted_content": "xyz"}, {"role": "user", "content": "kept"}], "usage": None})()

def save(w, name, state, indent=None):
    (w.dir / name).write_text(json.dumps(state.to_json(), ensure_ascii=False, indent=indent))

async def make(folder):
    w, agent = World(folder), make_agent()
    for s in (w.plain("rich"), w.alchemy("rich"), w.sealed("rich-sealed")):
        await s.add_items(RICH)
    for sid in ODD:
        await w.plain(sid).add_items([{"role": "user", "content": sid}])
    await w.plain("ten thousand").add_items([{"role": "user" if i % 2 == 0 else "assistant", "content": f"item {i} \u00fc"} for i in range(10_000)])
    save(w, "finished.json", (await run(agent, "hello", w.plain("finished"))).to_state())
    state = (await run(agent, "delete it", w.plain("half"))).to_state()
    asks = state.get_interruptions()
    state.approve(asks[0])
    save(w, "half.json", state, 2)
    state.reject(asks[1], rejection_message="non \u270b")
    save(w, "decided.json", state)
    state = (await run(agent, "delete it")).to_state()
    state.approve(state.get_interruptions()[0], always_approve=True)
    save(w, "always.json", state)
    save(w, "handoff.json", (await run(agent, "send the bill", w.plain("handoff"))).to_state())
    try:
        await run(guarded_agent(), "my secret", w.plain("tripped"))
        raise SystemExit("the tripwire was not triggered")
    except InputGuardrailTripwireTriggered:
        pass
    save(w, "guarded.json", (await run(guarded_agent(), "delete it", w.plain("guarded"))).to_state())
    save(w, "deep.json", (await run(deep_agent(), "go", w.plain("deep"))).to_state())
    a = w.advanced("branchy")
    for m in ("one", "weather please", "three", "weather please"):
        await a.store_run_usage(await run(agent, m, a))
    await a.create_branch_from_turn(2, "was w\u00e4re wenn")
    await a.store_run_usage(await run(agent, "other", a))
    await a.create_branch_from_turn(1, "second")
    await run(agent, "third way", a)
    await a.switch_to_branch("main")
    await a.delete_branch("second")
    c = OpenAIResponsesCompactionSession("compacted", w.plain("compacted"), client=Compacts())
    await c.add_items([{"role": "user", "content": "long"}, {"role": "assistant", "content": "talk"}])
    await c.run_compaction({"force": True, "compaction_mode": "input"})
    for url, names in ((w.alchemy_url, "team"), (f"sqlite+aiosqlite:///{w.dir.resolve()}/sessions.sqlite", "al"), (odd_url(w), "Team #1")):
        s = SQLAlchemySession.from_url("named \u00fc", url=url, create_tables=True, sessions_table=names + "_s", messages_table=names + "_m")
        w.open.append(s.engine)
        await s.add_items([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}])
    # A program's own: run states of any name and inside of its documents, columns and tables beside the library's,
    # branches in tables of other names.
    state = (await run(agent, "delete it")).to_state()
    state.approve(state.get_interruptions()[0])
    (w.dir / "ticket-7.state").write_text(state.to_string())
    (w.dir / "ticket-8.paused").write_text(json.dumps({"ticket": 8, "run": state.to_json(), "text": state.to_string()}))
    await w._keep(SQLiteSession("mine", w.dir / "mine.db")).add_items([{"role": "user", "content": "hi"}])
    b = mixed(w)
    await run(agent, "one", b)
    await b.create_branch_from_turn(1, "other way")
    await run(agent, "two", b)
    await w.close()
    c = sqlite3.connect(w.dir / "mine.db")
    c.executescript("ALTER TABLE agent_sessions ADD COLUMN tenant TEXT; UPDATE agent_sessions SET tenant = 'acme'; ALTER TABLE agent_messages ADD COLUMN score REAL; CREATE TABLE users (id INT)")
    c.close()

def odd_url(w):
    return f"sqlite+aiosqlite:///{w.dir.resolve()}/odd #1.db"

def mixed(w):
    return w._keep(AdvancedSQLiteSession(session_id="mixed", db_path=w.dir / "mine.db", create_tables=True, sessions_table="zz_sessions", messages_table="zz_messages"))

bad, n = [], 0
def same(what, got, want):
    global n
    n += 1
    if got != want:
        bad.append(f"{what}: got {got!r:.300} want {want!r:.300}")

async def resume(w, agent, name, session, decide=lambda state: None):
    state = await RunState.from_json(agent, json.loads((w.dir / name).read_text()))
    decide(state)
    CALLS.clear()
    return await run(agent, state, session)

def approve_all(state):
    for a in state.get_interruptions():
        state.approve(a)

async def judge(folder):
    w, agent = World(folder), make_agent()
    for what, s in (("plain", w.plain("rich")), ("alchemy", w.alchemy("rich")), ("sealed", w.sealed("rich-sealed"))):
        same("every kind of item, " + what, await s.get_items(), RICH)
    for sid in ODD:
        same("session " + sid[:20], await w.plain(sid).get_items(), [{"role": "user", "content": sid}])
    many = await w.plain("ten thousand").get_items()
    same("ten thousand", (len(many), many[0]["content"], many[-1]["content"]), (10_000, "item 0 \u00fc", "item 9999 \u00fc"))
    same("compacted", [i.get("type", i.get("role")) for i in await w.plain("compacted").get_items()], ["compaction", "user"])

    await resume(w, agent, "half.json", w.plain("half"), lambda s: [s.reject(a) for a in s.get_interruptions() if a.raw_item.call_id == "call_e1"])
    same("half: what was approved before the move ran", CALLS, ["delete_file /data/x"])
    r = await resume(w, agent, "decided.json", None)
    same("decided: no further word was needed", (CALLS, r.final_output), (["delete_file /data/x"], "assistant got Sunny in \u6771\u4eac, 21.5\u00b0C | deleted /data/x | non \u270b"))
    await resume(w, agent, "always.json", None)
    same("always: both ran", sorted(CALLS), ["delete_file /data/x", "delete_file /data/y"])
    r = await resume(w, guarded_agent(), "guarded.json", w.plain("guarded"), approve_all)
    same("guarded", sorted(CALLS), ["delete_file /data/x", "delete_file /data/y"])
    r = await resume(w, deep_agent(), "deep.json", w.plain("deep"), approve_all)
    same("two agents deep", (sorted(CALLS), r.final_output), (["delete_file /data/x", "delete_file /data/y"],
         "outer got middle got inner got Sunny in \u6771\u4eac, 21.5\u00b0C | deleted /data/x | deleted /data/y"))
    for name, unwrap in (("ticket-7.state", lambda x: x), ("ticket-8.paused", lambda x: x["run"]), ("ticket-8.paused", lambda x: json.loads(x["text"]))):
        state = await RunState.from_json(agent, unwrap(json.loads((w.dir / name).read_text())))
        state.reject(state.get_interruptions()[1])
        CALLS.clear()
        await run(agent, state)
        same(name + ": what was approved before ran", CALLS, ["delete_file /data/x"])
    same("tables with further columns", await w._keep(SQLiteSession("mine", w.dir / "mine.db")).get_items(), [{"role": "user", "content": "hi"}])
    s = SQLAlchemySession.from_url("named \u00fc", url=odd_url(w), sessions_table="Team #1_s", messages_table="Team #1_m")
    w.open.append(s.engine)
    same("names that need quotes", len(await s.get_items()), 2)
    await s.add_items([{"role": "user", "content": "goes on"}])
    b = mixed(w)
    same("branches in tables of other names", sorted(x["branch_id"] for x in await b.list_branches()), ["main", "other way"])
    await run(agent, "goes on", b)
    a = w.advanced("branchy")
    same("branches", sorted((b["branch_id"], b["user_turns"]) for b in await a.list_branches()), [("main", 4), ("was w\u00e4re wenn", 2)])
    u = await a.get_session_usage()
    same("usage", (u["requests"], u["total_turns"]), (7, 5))
    await run(agent, "goes on", a)
    await w.close()

def pg_session(w, url):
    s = SQLAlchemySession.from_url("s-pg", url=url.replace("postgresql://", "postgresql+asyncpg://"), create_tables=True)
    w.open.append(s.engine)
    return s

async def pg_make(folder, url):
    w, agent = World(folder), make_agent()
    s = pg_session(w, url)
    await run(agent, "hello", s)
    save(w, "pg.json", (await run(agent, "delete it", s)).to_state())
    await w.close()

async def pg_judge(folder, url):
    w, agent = World(folder), make_agent()
    s = pg_session(w, url)
    before = len(await s.get_items())
    r = await resume(w, agent, "pg.json", s, lambda st: [st.approve(a) if a.raw_item.call_id == "call_d3" else st.reject(a, rejection_message="no") for a in st.get_interruptions()])
    same("only the approved tool ran", CALLS, ["delete_file /data/x"])
    same("the end", r.final_output, "assistant got Sunny in \u6771\u4eac, 21.5\u00b0C | deleted /data/x | no")
    SEEN.clear()
    await run(agent, "and now", s)
    same("the model is shown the whole history", len(SEEN[0]), len(await s.get_items()) - 1)
    same("new items have free ids", len(await s.get_items()) > before, True)
    await w.close()

cmd, args = sys.argv[1], sys.argv[2:]
if cmd.endswith("make"):
    asyncio.run({"make": make, "pg-make": pg_make}[cmd](*args))
    sys.exit()
tmp = pathlib.Path(tempfile.mkdtemp()) / "copy"
shutil.copytree(args[0], tmp)
try:
    asyncio.run({"judge": judge, "pg-judge": pg_judge}[cmd](tmp, *args[1:]))
except Exception as e:
    bad.append(f"stopped: {type(e).__name__}: {e}"[:300])
shutil.rmtree(tmp.parent)
for x in bad:
    print("DIFF", x)
print(f"FAIL {len(bad)} of {n} checks" if bad else f"PASS {n} checks")
sys.exit(bool(bad))
