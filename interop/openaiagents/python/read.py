"""read.py FOLDER: all that the library's sessions show, as JSON: database, tables, session -> items."""
from app import *


async def main(folder):
    out, root = {}, pathlib.Path(folder)
    tmp = pathlib.Path(tempfile.mkdtemp()) / "copy"
    shutil.copytree(root, tmp)
    for p in sorted(tmp.rglob("*.sqlite")):
        c = sqlite3.connect(p)
        pairs = [(r[0], m) for (m,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                 if "message_data" in [x[1] for x in c.execute(f'PRAGMA table_info("{m}")')] for r in c.execute(f"SELECT \"table\" FROM pragma_foreign_key_list('{m}')")]
        for sessions, messages in pairs:
            for (sid,) in c.execute(f'SELECT session_id FROM "{sessions}" ORDER BY 1').fetchall():
                s = SQLiteSession(sid, p, sessions_table=sessions, messages_table=messages)
                out[f"{p.relative_to(tmp)} {messages} {sid}"] = await s.get_items()
                s.close()
        c.close()
    for p in sorted(tmp.rglob("*.json")):
        out[str(p.relative_to(tmp))] = p.read_text()
    shutil.rmtree(tmp.parent)
    print(json.dumps(out))

asyncio.run(main(sys.argv[1]))
