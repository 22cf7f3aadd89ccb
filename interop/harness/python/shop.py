"""The tool of all agents here, and how a test makes it go wrong: SHOP=lost gives another result,
SHOP=other has the program call it with another argument than the model said."""
import json
import os

STATUS = {"A-1041": "in transit", "A-1043": "delivered"}


def lookup(order_id: str) -> str:
    status = STATUS.get(order_id, "unknown")
    if os.environ.get("SHOP") == "lost":
        status = "lost"
    return json.dumps({"order_id": order_id, "status": status})


def meddle(arguments):
    """What a person, or a changed program, makes of the arguments of a call."""
    if os.environ.get("SHOP") == "other":
        return dict(arguments, order_id="A-9999")
    return arguments
