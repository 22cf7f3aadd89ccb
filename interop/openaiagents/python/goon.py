"""goon.py FOLDER|URL SESSION: an agent goes on in a session, of a folder or of PostgreSQL; prints what the model was sent."""
from app import *

class Told(FakeModel):
    async def get_response(self, system_instructions, input, *a, **k):
        print(json.dumps(input))
        return await super().get_response(system_instructions, input, *a, **k)

async def main(place, sid):
    agent = make_agent()
    agent.model = Told("assistant")
    if place.startswith("postgresql:"):
        session = SQLAlchemySession.from_url(sid, url=place.replace("postgresql:", "postgresql+asyncpg:"))
        await run(agent, "and now", session)
        return await session.engine.dispose()
    w = World(place)
    await run(agent, "and now", w.plain(sid))
    await w.close()

asyncio.run(main(*sys.argv[1:3]))
