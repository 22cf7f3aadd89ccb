"""approvals.py make|judge FOLDER: run states that wait for calls of every kind of tool that can wait, each as it is (open) and with every
answer that a person can give. judge goes on in a copy of them: exit 0 and 'PASS n checks', or 1 with one line a difference."""
from agents import ApplyPatchTool, CustomTool, HostedMCPTool, ShellTool, tool_namespace
from openai.types.responses import ResponseCustomToolCall
from openai.types.responses.response_output_item import McpApprovalRequest
from app import *

ANSWERS = {
    "open": lambda s, i: None, "once": lambda s, i: s.approve(i), "always": lambda s, i: s.approve(i, always_approve=True),
    "no": lambda s, i: s.reject(i, rejection_message="not this"), "never": lambda s, i: s.reject(i, always_reject=True, rejection_message="never"),
}

class One(FakeModel):
    """Makes its one call, then says what came of it."""
    def __init__(self, call):
        super().__init__("one")
        self.call = call
    async def get_response(self, system_instructions, input, *a, **k):
        done = not isinstance(input, str) and (input[-1].get("type") or "").endswith(("_output", "_response"))
        out = assistant_message("after " + input[-1]["type"], item_id="msg_1") if done else self.call
        return ModelResponse(output=[out], usage=Usage(), response_id="resp_1")

class Editor:
    def delete_file(self, operation):
        CALLS.append("patch " + operation.path)

async def shell(request):
    CALLS.append("shell " + " ".join(request.data.action.commands))
    return "ran"

async def custom(ctx, text):
    CALLS.append("custom " + text)
    return "found"

def agents():
    def one(name, call, *tools):
        return Agent(name=name, model=One(call), tools=list(tools))
    path = {"path": "/data/x"}
    return {
        "function": one("function", function_call("delete_file", path, call_id="call_f", item_id="fc_f"), delete_file),
        "namespaced": one("namespaced", {"type": "function_call", "id": "fc_n", "call_id": "call_n", "name": "delete_file", "namespace": "crm", "arguments": json.dumps(path)},
                          *tool_namespace(name="crm", description="customers", tools=[delete_file])),
        "shell": one("shell", {"type": "shell_call", "id": "sh_1", "call_id": "call_sh", "status": "completed", "action": {"commands": ["rm -rf \u00e9"], "timeout_ms": 5}}, ShellTool(executor=shell, needs_approval=True)),
        "patch": one("patch", {"type": "apply_patch_call", "id": "ap_1", "call_id": "call_ap", "status": "completed", "operation": {"type": "delete_file", "path": "a.txt"}}, ApplyPatchTool(editor=Editor(), needs_approval=True)),
        "custom": one("custom", ResponseCustomToolCall(type="custom_tool_call", id="ct_1", call_id="call_ct", name="grep", input="free text"), CustomTool(name="grep", description="g", on_invoke_tool=custom, needs_approval=True)),
        "hosted": one("hosted", McpApprovalRequest(type="mcp_approval_request", id="mcpr_1", server_label="wiki", name="ask", arguments='{"q": 1}'),
                      HostedMCPTool(tool_config={"type": "mcp", "server_label": "wiki", "server_url": "https://wiki.invalid", "require_approval": "always"})),
    }

RAN = {"function": "delete_file /data/x", "namespaced": "delete_file /data/x", "shell": "shell rm -rf \u00e9", "patch": "patch a.txt", "custom": "custom free text"}

async def make(w):
    for name, agent in agents().items():
        result = await run(agent, "go", w.plain(name))
        for how, say in ANSWERS.items():
            state = result.to_state()
            say(state, state.get_interruptions()[0])
            (w.dir / f"{name}.{how}.json").write_text(json.dumps(state.to_json()))

async def judge(w):
    bad, n = [], 0
    for name, agent in agents().items():
        for how in ANSWERS:
            state, n = await RunState.from_json(agent, json.loads((w.dir / f"{name}.{how}.json").read_text())), n + 1
            CALLS.clear()
            result = await run(agent, state)
            yes = how in ("once", "always")
            want = ([RAN[name]] if yes and name in RAN else [], [] if how != "open" else ["waits"])
            got = (list(CALLS), ["waits" for _ in result.interruptions])
            if got != want:
                bad.append(f"{name}, {how}: got {got} want {want}")
    for x in bad:
        print("DIFF", x)
    print(f"FAIL {len(bad)} of {n} checks" if bad else f"PASS {n} checks")
    return bool(bad)

async def main(command, folder):
    w = World(folder)
    failed = await (make(w) if command == "make" else judge(w))
    await w.close()
    sys.exit(bool(failed))

asyncio.run(main(*sys.argv[1:]))
