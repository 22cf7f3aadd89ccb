"""Agents with a model that is a plain function, and the sessions of openai-agents. make.py and judge.py share it."""
import asyncio, json, os, pathlib, shutil, sqlite3, sys, tempfile
os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
from agents import Agent, ModelResponse, RunConfig, Runner, RunState, SQLiteSession, Usage, function_tool, handoff
from agents.extensions.memory import AdvancedSQLiteSession, EncryptedSession, SQLAlchemySession
from agents.models.interface import Model
from agents.testing import assistant_message, function_call
from openai.types.responses import ResponseReasoningItem
from openai.types.responses.response_reasoning_item import Summary

CALLS, SEEN = [], []
KEY = "test master key"
FOREVER = 10**9         # EncryptedSession drops items older than its ttl (600 s unless given) without a word

class FakeModel(Model):
    def __init__(self, name):
        self.name = name
    async def get_response(self, system_instructions, input, model_settings, tools, output_schema, handoffs, tracing, **kw):
        items = [{"role": "user", "content": input}] if isinstance(input, str) else input
        SEEN.append([i.get("type", "message") if i.get("type", "message") != "message" else i["role"] for i in items])
        n, last = len(items), items[-1]
        text = last.get("content") if isinstance(last.get("content"), str) else ""
        have = {t.name for t in tools} | {h.tool_name for h in handoffs}
        if last.get("type") == "function_call_output":
            outs = []
            for i in reversed(items):
                if i.get("type") != "function_call_output":
                    break
                outs.append(i["output"])
            out = [assistant_message(f"{self.name} got {' | '.join(map(str, reversed(outs)))}", item_id=f"msg_{self.name}_{n}")]
        elif "weather" in text:
            out = [ResponseReasoningItem(id=f"rs_{n}", type="reasoning", summary=[Summary(type="summary_text", text="look it up 🌤")], encrypted_content="b3BhcXVl"), function_call("get_weather", {"city": "Zürich"}, call_id=f"call_w{n}", item_id=f"fc_w{n}")]
        elif "delete" in text:
            out = [function_call("delete_file", {"path": "/data/x"}, call_id=f"call_d{n}", item_id=f"fc_d{n}"), function_call("get_weather", {"city": "東京"}, call_id=f"call_w{n}", item_id=f"fc_w{n}"),
                   function_call("delete_file", {"path": "/data/y"}, call_id=f"call_e{n}", item_id=f"fc_e{n}")]
        elif "expert" in text and "ask_expert" in have:
            out = [function_call("ask_expert", {"input": "delete please"}, call_id=f"call_x{n}", item_id=f"fc_x{n}")]
        elif "bill" in text and "transfer_to_billing" in have:
            out = [function_call("transfer_to_billing", {}, call_id=f"call_h{n}", item_id=f"fc_h{n}")]
        else:
            out = [assistant_message(f"{self.name} echo {n}: {text}", item_id=f"msg_{self.name}_{n}")]
        return ModelResponse(output=out, usage=Usage(requests=1, input_tokens=n, output_tokens=2, total_tokens=n + 2), response_id=f"resp_{self.name}_{n}")
    def stream_response(self, *a, **k):
        raise NotImplementedError

@function_tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    CALLS.append(f"get_weather {city}")
    return f"Sunny in {city}, 21.5°C"

@function_tool(needs_approval=True)
def delete_file(path: str) -> str:
    """Delete a file; a person must agree first."""
    CALLS.append(f"delete_file {path}")
    return f"deleted {path}"

def make_agent():
    billing = Agent(name="billing", model=FakeModel("billing"), instructions="bills", tools=[delete_file])
    expert = Agent(name="expert", model=FakeModel("expert"), instructions="knows", tools=[delete_file, get_weather])
    return Agent(name="assistant", model=FakeModel("assistant"), instructions="help", handoffs=[billing],
                 tools=[get_weather, delete_file, expert.as_tool("ask_expert", "ask the expert")])

class World:
    """A folder: sessions.sqlite (SQLiteSession, EncryptedSession, tables of other names), advanced.sqlite, deep/alchemy.sqlite, runstate.*.json."""
    def __init__(self, folder):
        self.dir, self.open = pathlib.Path(folder), []
        (self.dir / "deep").mkdir(parents=True, exist_ok=True)
        self.alchemy_url = f"sqlite+aiosqlite:///{self.dir.resolve()}/deep/alchemy.sqlite"
    def plain(self, sid):
        return self._keep(SQLiteSession(sid, self.dir / "sessions.sqlite"))
    def named(self, sid):
        return self._keep(SQLiteSession(sid, self.dir / "sessions.sqlite", sessions_table="team_sessions", messages_table="team_messages"))
    def sealed(self, sid, ttl=FOREVER):
        return EncryptedSession(sid, self.plain(sid), KEY, ttl=ttl)
    def advanced(self, sid):
        return self._keep(AdvancedSQLiteSession(session_id=sid, db_path=self.dir / "advanced.sqlite", create_tables=True))
    def alchemy(self, sid):
        s = SQLAlchemySession.from_url(sid, url=self.alchemy_url, create_tables=True)
        self.open.append(s.engine)
        return s
    def _keep(self, s):
        self.open.append(s)
        return s
    async def close(self):
        for s in self.open:
            r = s.dispose() if hasattr(s, "dispose") else s.close()
            if hasattr(r, "__await__"):
                await r

async def run(agent, message, session=None, context=None):
    return await Runner.run(agent, message, session=session, context=context, run_config=RunConfig(tracing_disabled=True))

