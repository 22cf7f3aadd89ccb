"""Opens a store by URL with the real library: 'sqlite:PATH', or 'postgresql://…' (a schema goes into ?options=-csearch_path%3Dname)."""
import contextlib, pathlib, shutil, sqlite3, tempfile, uuid
from urllib.parse import urlsplit, urlunsplit

from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

AES_KEY = b"0123456789abcdef0123456789abcdef"   # a test key: what LANGGRAPH_AES_KEY would hold
TTL = {"default_ttl": None, "refresh_on_read": False}


def embed(texts):
    """Deterministic, 4 dimensions; every component is a multiple of 1/64, so float32 and text forms are exact."""
    out = []
    for t in texts:
        v = [0] * 4
        for i, b in enumerate(t.encode()):
            v[i % 4] += b
        out.append([(x % 97 + 1) / 64 for x in v])
    return out


def index(fields):
    # PostgreSQL reads "fields", SQLite reads only "text_fields".
    return {"dims": 4, "embed": embed, "fields": fields, "text_fields": fields}


def loadable_sqlite():
    """Vectors need enable_load_extension, which some builds of Python lack: then pysqlite3-binary."""
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    import pysqlite3.dbapi2
    return pysqlite3.dbapi2


class Backend:
    def __init__(self, url, shape):
        """shape is a module: FIELDS says what of an item is indexed; PG_INDEX, if there, how on PostgreSQL."""
        self.url, self.pg = url, url.startswith("postgres")
        enc, pickle = EncryptedSerializer.from_pycryptodome_aes(key=AES_KEY), JsonPlusSerializer(pickle_fallback=True)
        if self.pg:
            import psycopg
            from langgraph.checkpoint.postgres import PostgresSaver
            from langgraph.store.postgres import PostgresStore
            from psycopg.rows import dict_row
            self.conns = [psycopg.connect(url, autocommit=True, prepare_threshold=0, row_factory=dict_row)]
            self.saver, self.enc_saver, self.pickle_saver = (PostgresSaver(self.conns[0], serde=s) for s in (None, enc, pickle))
            self.store = PostgresStore(self.conns[0], index={**index(shape.FIELDS), **getattr(shape, "PG_INDEX", {})}, ttl=TTL)
        else:
            from langgraph.checkpoint.sqlite import SqliteSaver
            from langgraph.store.sqlite import SqliteStore
            lib, path = loadable_sqlite(), url.removeprefix("sqlite:")
            a = sqlite3.connect(path, check_same_thread=False)   # the saver looks out for errors of this very module
            b = lib.connect(path, check_same_thread=False, isolation_level=None)
            self.conns = [a, b]
            self.saver, self.enc_saver, self.pickle_saver = (SqliteSaver(a, serde=s) for s in (None, enc, pickle))
            self.store = SqliteStore(b, index=index(shape.FIELDS), ttl=TTL)
        self.saver.setup()
        self.store.setup()

    def rows(self, sql):
        out = self.conns[0].cursor().execute(sql).fetchall()
        return [tuple(r.values()) if isinstance(r, dict) else tuple(r) for r in out]

    def saver_of(self, thread):
        return {"t-encrypted": self.enc_saver, "pickled": self.pickle_saver}.get(thread, self.saver)

    def close(self):
        for c in self.conns:
            c.close()


@contextlib.contextmanager
def scratch_copy(url):
    """A judge goes on from the state, so it works on a copy: by SQLite's backup call (which sees the WAL), by CREATE DATABASE … TEMPLATE."""
    if url.startswith("postgres"):
        import psycopg
        u = urlsplit(url)
        db = f"judge_{uuid.uuid4().hex[:12]}"
        admin = urlunsplit(u._replace(path="/postgres", query=""))
        with psycopg.connect(admin, autocommit=True) as c:
            c.execute(f'CREATE DATABASE "{db}" TEMPLATE "{u.path.lstrip("/")}"')
        try:
            yield urlunsplit(u._replace(path="/" + db))
        finally:
            with psycopg.connect(admin, autocommit=True) as c:
                c.execute(f'DROP DATABASE "{db}" WITH (FORCE)')
        return
    path = url.removeprefix("sqlite:")
    if not pathlib.Path(path).is_file():
        raise SystemExit(f"FAIL no such file: {path}")
    tmp = tempfile.mkdtemp()
    src, dst = sqlite3.connect(f"file:{path}?mode=ro", uri=True), sqlite3.connect(f"{tmp}/copy.sqlite")
    src.backup(dst)
    src.close(), dst.close()
    try:
        yield f"sqlite:{tmp}/copy.sqlite"
    finally:
        shutil.rmtree(tmp)
