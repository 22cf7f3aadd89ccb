"""make.py FOLDER: state of openai-agents, made by the real library with a model that is a plain function."""
from app import *


async def main(folder):
    w, agent = World(folder), make_agent()

    def save(name, result):
        (w.dir / f"runstate.{name}.json").write_text(json.dumps(result.to_state().to_json(), ensure_ascii=False, indent=1))

    s = w.plain("s-chat")
    for m in ("hello \U0001f44b\U0001f3fd", "weather please", "again"):
        await run(agent, m, s)
    save("paused", await run(agent, "delete it", w.plain("s-paused"), context={"user": "u-1", "n": 1.0}))
    save("nested", await run(agent, "ask the expert", None))
    await run(agent, "send the bill", w.plain("s-handoff"))
    await run(agent, "sealed words", w.sealed("s-sealed"))
    a = w.advanced("s-branches")
    for m in ("one", "weather please", "three"):
        await a.store_run_usage(await run(agent, m, a))
    await a.create_branch_from_turn(2, "what-if")
    await a.store_run_usage(await run(agent, "two b", a))
    q = w.alchemy("s-alchemy")
    await run(agent, "weather please", q)
    save("alchemy", await run(agent, "delete it", q))
    # What a program may do that the rest does not.
    odd = w.plain("chat/42 #\u00e9%")
    await odd.add_items([{"role": "user", "content": "lone \ud83d surrogate"}, {"role": "user", "content": [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}]},
                         {"role": "user", "content": "big " + "\u00e9" * 300_000}, {"role": "assistant", "content": "1e+22 \u0000 end"}])
    await odd.pop_item()
    await odd.add_items([{"role": "user", "content": "after a pop: ids have a gap"}])
    await run(agent, "in tables of another name", w.named("s-team"))
    await w.plain("s-empty").add_items([])
    gone = w.plain("s-cleared")
    await run(agent, "to be cleared", gone)
    await gone.clear_session()
    await w.close()

asyncio.run(main(sys.argv[1]))
