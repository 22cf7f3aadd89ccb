"""register.py FILE: the tables of LangGraph's PostgreSQL libraries, as the libraries publish them."""
import sys

from langgraph.checkpoint.postgres.base import MIGRATIONS as CHECKPOINTS
from langgraph.store.postgres.base import MIGRATIONS as STORE, VECTOR_MIGRATIONS as VECTORS

with open(sys.argv[1], "w") as f:
    for m in [*CHECKPOINTS, *STORE, *VECTORS]:
        print(getattr(m, "sql", m), file=f)
