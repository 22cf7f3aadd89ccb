"""Makes LangGraph state with the real library, and writes down all that the library shows of it.

  python make.py SHAPE URL FACTS      SHAPE is one of the modules here that have a make
  python make.py setup URL SHAPE      only the empty tables, as the runtime itself makes them"""
import importlib, json, logging, sys, warnings

from backend import Backend
from view import view

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

if __name__ == "__main__":
    name, url = sys.argv[1:3]
    if name == "setup":
        Backend(url, importlib.import_module(sys.argv[3])).close()
        raise SystemExit
    shape = importlib.import_module(name)
    b = Backend(url, shape)
    notes = shape.make(b)
    facts = {"pg": b.pg, "notes": notes, "same": view(b), "cross": view(b, cross=True)}
    with open(sys.argv[3], "w") as f:
        json.dump(facts, f, indent=1)
    print(len(facts["same"]["checkpoints"]), "checkpoints", len(facts["same"]["items"]), "items", len(facts["same"]["vectors"]), "vectors")
    b.close()
