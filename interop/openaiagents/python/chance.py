"""chance.py make|tell|rows FOLDER: programs by chance. Each seed is a folder of session stores, and what somebody did with them. make makes them and tells twice; tell prints what the library
shows of a copy of the folder, and what somebody sees who goes on in each session and run; rows the rows that an undo left. The environment's CHANCE is FROM:TO, of seeds."""
import hashlib, random, warnings
from agents import HostedMCPTool, SessionSettings
from agents.memory import OpenAIResponsesCompactionSession
from openai.types.responses import ResponseOutputMessage, ResponseOutputRefusal
from openai.types.responses.response_output_item import McpApprovalRequest, McpCall
from app import *

warnings.simplefilter("ignore")
SEEDS = range(*(int(x) for x in os.environ["CHANCE"].split(":")))
NAMES = ["plain", "a/b %41:|c#?", "\u00fcn\u00ef \U0001f324", "\u2028", "'; drop table x; --", "t" * 1500, "..", "~", " ", "A|B:c", "e\u0301", "\u00e9", "a\x00b", "new\nline"]
TABLES = [("agent_sessions", "agent_messages"), ("team_s", "team_m"), ("Team #1", "Team \u00fc"), ("select", "order"), ("sessions_1", "messages_1")]
ITEMS = [{"role": "user", "content": ""}, {"role": "user", "content": []}, {"role": "user", "content": "lone \ud83d here"}, {"role": "user", "content": "nul \x00 \u0085 \ufeff", "extra": {"a": None}},
         {"role": "assistant", "content": "x" * 70_000}, {"type": "unknown_future", "n": 2**53 + 1, "f": 1e308, "i": 1e400, "j": float("nan"), "g": 1.50, "z": -0.0}, {"role": "tool", "content": 7}, {}, {"type": None, "role": None},
         {"type": "function_call", "call_id": "", "name": "", "arguments": ""}, {"type": "function_call_output", "call_id": "nobody", "output": None}, {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "p"}]},
         {"role": "user", "content": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}, {"type": "input_file", "file_id": "file-1"}]},
         {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "\u00e9"}, {"type": "compaction", "encrypted_content": "s"}, {"type": "item_reference", "id": "msg_0"}, {"id": 5, "type": "message", "role": "user", "content": {"a": 1}},
         {"__enc__": 1, "v": 1, "kid": "x", "payload": "no"}, {"$schemaVersion": "1.9", "current_agent": {"name": "x"}}, {"type": "image_generation_call", "id": "ig", "status": "completed", "result": "AAAA"}, [], "text", 3, None]

@function_tool
def breaks(city: str) -> str:
    """Breaks."""
    raise ValueError("broken: " + city)

class Chance(FakeModel):
    """Answers by chance, drawn of all that it is shown: who is shown another history gets another answer."""
    async def get_response(self, system_instructions, input, model_settings, tools, output_schema, handoffs, tracing, **kw):
        shown = json.dumps([self.name, input], sort_keys=True)
        tag = hashlib.sha256(shown.encode()).hexdigest()[:8]
        rng, out = random.Random(tag), []
        SEEN.append(tag)
        if rng.random() < .05:
            raise RuntimeError("the model is gone " + tag)
        if rng.random() < .2:
            out.append(ResponseReasoningItem(id="rs_" + tag, type="reasoning", summary=[Summary(type="summary_text", text="hm \U0001f324")]))
        if rng.random() < .1:
            out.append(McpCall(id="mcp_" + tag, type="mcp_call", server_label="wiki", name="ask", arguments="{}", output=rng.choice([None, "ok"]), error=None))
        have = [t.name for t in tools]
        if have and rng.random() < .6:
            for k in range(rng.choice([1, 1, 2, 3])):
                n = rng.choice(have + [h.tool_name for h in handoffs][:1])
                if n == "hosted_mcp":
                    out.append(McpApprovalRequest(type="mcp_approval_request", id=f"mcpr_{tag}{k}", server_label="wiki", name="ask", arguments='{"q": "\u00e9"}'))
                    continue
                args = {"get_weather": {"city": "Z\u00fcrich"}, "breaks": {"city": "x"}, "delete_file": {"path": f"/{tag}"}, "ask_expert": {"input": "go " + tag}}.get(n, {})
                out.append(function_call(n, args if rng.random() < .9 else {"odd": 1}, call_id=rng.choice([f"call_{tag}{k}", "call_0"]), item_id=f"fc_{tag}{k}"))
        elif rng.random() < .1:
            out.append(ResponseOutputMessage(id="msg_" + tag, type="message", role="assistant", status="completed", content=[ResponseOutputRefusal(type="refusal", refusal="no " + tag)]))
        else:
            out.append(assistant_message(rng.choice(["", "said \u00e9 ", "\U0001f324"]) + tag, item_id="msg_" + tag))
        return ModelResponse(output=out, usage=Usage(requests=1, input_tokens=len(shown), output_tokens=2, total_tokens=len(shown) + 2), response_id="resp_" + tag)

def agent_of():
    hosted = HostedMCPTool(tool_config={"type": "mcp", "server_label": "wiki", "server_url": "https://wiki.invalid", "require_approval": "always"})
    expert = Agent(name="expert", model=Chance("expert"), tools=[delete_file, get_weather])
    billing = Agent(name="billing", model=Chance("billing"), tools=[delete_file, breaks])
    return Agent(name="assistant", model=Chance("assistant"), handoffs=[billing], tools=[get_weather, breaks, delete_file, hosted, expert.as_tool("ask_expert", "ask")])

class Compacts:
    class responses:
        @staticmethod
        async def compact(**kw):
            return type("R", (), {"output": [{"id": "cmp_9", "type": "compaction", "encrypted_content": "xyz"}, {"role": "user", "content": "kept"}], "usage": None})()

class Place(World):
    """The stores of one seed, the same each time that it is made."""
    def __init__(self, folder, seed):
        self.dir, self.open, rng = pathlib.Path(folder) / str(seed), [], random.Random(f"{seed} place")
        self.dir.mkdir(parents=True, exist_ok=True)
        self.sessions = []
        for i in range(rng.randrange(1, 5)):
            kind = rng.choice(["plain", "advanced", "alchemy", "sealed", "compacted"])
            self.sessions.append((kind, rng.choice(NAMES) + rng.choice(["", str(i)]), rng.choice(["s.db", "t.sqlite", "odd \u00fc#1"]), rng.choice(TABLES), rng.choice([None, None, 3])))
    def session(self, kind, sid, file, tables, limit):
        kw = {"sessions_table": tables[0], "messages_table": tables[1], "session_settings": SessionSettings(limit=limit)}
        file = self.dir / (kind[:2] + file)
        if kind == "alchemy":
            s = SQLAlchemySession.from_url(sid, url=f"sqlite+aiosqlite:///{file.resolve()}", create_tables=True, ensure_ascii=len(sid) % 2 == 0, **kw)
            self.open.append(s.engine)
            return s
        if kind == "advanced":
            return self._keep(AdvancedSQLiteSession(session_id=sid, db_path=file, create_tables=True, **kw))
        s = self._keep(SQLiteSession(sid, file, **kw))
        if kind == "sealed":
            return EncryptedSession(sid, s, KEY, ttl=FOREVER)
        return OpenAIResponsesCompactionSession("c", s, client=Compacts()) if kind == "compacted" else s

def decide(rng, state):
    """Answers what waits, or some of it, or nothing."""
    for a in state.get_interruptions():
        how = rng.randrange(5)
        if how < 2:
            state.approve(a, always_approve=how == 1)
        elif how < 4:
            state.reject(a, always_reject=how == 3, rejection_message=rng.choice([None, "no \u270b"]))

async def act(rng, w, i, s, kind):
    what = rng.choice(["run"] * 4 + ["pause", "pause", "add", "add", "pop", "clear"] + ["branch", "switch", "usage", "drop"] * (kind == "advanced") + ["compact"] * (kind == "compacted"))
    if what in ("run", "pause"):
        r = await Runner.run(agent_of(), rng.choice(["hi", "\u00fc " + str(rng.random()), ""]), session=s, context=rng.choice([None, {"u": 1}]), max_turns=rng.choice([3, 6]), run_config=RunConfig(tracing_disabled=True))
        if kind == "advanced" and rng.random() < .5:
            await s.store_run_usage(r)
        if what == "pause" or r.interruptions:
            state = r.to_state()
            decide(rng, state)
            name = f"{i}.{rng.randrange(3)}.json"
            document = json.dumps(state.to_json(), ensure_ascii=rng.random() < .5, indent=rng.choice([None, 1])).encode()   # a lone surrogate ends it here
            (w.dir / name).write_bytes(document)
        return [what, str(r.final_output), len(r.interruptions)]
    if what == "add":
        return await s.add_items([rng.choice(ITEMS) for _ in range(rng.randrange(4))])
    if what == "compact":
        return await s.run_compaction({"force": True, "compaction_mode": "input"})
    if what == "branch":
        return await s.create_branch_from_turn(rng.randrange(1, 4), rng.choice(["b", "w\u00e4re wenn", "x/y"]))
    if what in ("switch", "drop"):
        b = rng.choice(await s.list_branches())["branch_id"]
        return await (s.switch_to_branch(b) if what == "switch" else s.delete_branch(b, force=True))
    return str(await {"pop": s.pop_item, "clear": s.clear_session, "usage": getattr(s, "get_session_usage", s.pop_item)}[what]())

async def tried(f):
    """What somebody sees: the answer, or the error."""
    CALLS.clear(), SEEN.clear()
    try:
        said = await f
    except Exception as e:
        said = f"{type(e).__name__}: {e}"[:300]
    return [said, sorted(CALLS), sorted(SEEN)]

async def make(folder):
    for seed in SEEDS:
        w, rng = Place(folder, seed), random.Random(seed)
        for i, spec in enumerate(w.sessions):
            try:
                s = w.session(*spec)
            except Exception:
                continue    # the library refuses the tables
            for _ in range(rng.randrange(1, 8)):
                await tried(act(rng, w, i, s, spec[0]))
        await w.close()

async def resumed(w, file, rng, s):
    state = await RunState.from_json(agent_of(), json.loads(file.read_text()))
    decide(rng, state)
    r = await Runner.run(agent_of(), state, session=s, run_config=RunConfig(tracing_disabled=True))
    return [str(r.final_output), [str(a.raw_item) for a in r.interruptions]]

async def tell(folder):
    out = {}
    for seed in SEEDS:
        w, rng = Place(folder, seed), random.Random(f"{seed} judge")
        for i, spec in enumerate(w.sessions):
            try:
                s = w.session(*spec)
            except Exception as e:
                out[f"{seed}/{i}"] = str(type(e))
                continue
            told = [await tried(s.get_items()), await tried(s.get_items(2))]
            if spec[0] == "advanced":
                told += [await tried(f()) for f in (s.list_branches, s.get_tool_usage, s.get_session_usage, s.get_turn_usage, s.get_conversation_turns)]
                for b in told[2][0]:
                    told.append(await tried(s.get_items(branch_id=b["branch_id"])))
            for f in sorted(w.dir.glob(f"{i}.*.json")):
                told.append([f.name, await tried(resumed(w, f, rng, s))])
            for _ in range(3):
                told += [await tried(act(rng, w, f"{i}.later", s, spec[0])), await tried(s.get_items())]
            out[f"{seed}/{i} {spec[0]} {spec[1]:.20}"] = json.dumps(told)
        await w.close()
    return out

def rows(folder):
    """The tables stay, as the library makes them; what is in them must not, nor any other file."""
    for p in sorted(pathlib.Path(folder).rglob("*")):
        if p.is_dir():
            continue
        if p.suffix == ".json":
            print(p)
            continue
        c = sqlite3.connect(p)
        for (t,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'").fetchall():
            n, = c.execute('SELECT count(*) FROM "%s"' % t.replace('"', '""')).fetchone()
            if n:
                print(p, t, n)
        c.close()

def of_a_copy(folder):
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copytree(folder, tmp, dirs_exist_ok=True)
        return asyncio.run(tell(tmp))

command, place = sys.argv[1:]
if command == "rows":
    rows(place)
elif command == "make":
    asyncio.run(make(place))
    print(json.dumps([of_a_copy(place), of_a_copy(place)]))
else:
    print(json.dumps([of_a_copy(place)]))
