"""Says which rows of state are left in a store: exit code 0 for none.

  python judge_empty.py URL"""
import sys

import odd_graphs
from backend import Backend

if __name__ == "__main__":
    b = Backend(sys.argv[1], odd_graphs)
    tables = ["checkpoints", "store", "store_vectors", *(["checkpoint_blobs", "checkpoint_writes"] if b.pg else ["writes"])]
    left = {t: b.rows(f"select count(*) from {t}")[0][0] for t in tables}
    print(left)
    sys.exit(any(left.values()))
