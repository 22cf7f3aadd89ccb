"""goon.py FOLDER SESSION: an agent goes on in a session; prints what the model was shown."""
from app import *


async def main(folder, sid):
    w, agent = World(folder), make_agent()
    await run(agent, "and now", w.plain(sid))
    await w.close()
    print(json.dumps(SEEN[0]))

asyncio.run(main(*sys.argv[1:3]))
