"""Every value type that occurs in a channel, with its classes.

The module name is part of the stored bytes (a msgpack extension holds module, class, arguments), so this module must stay importable by this name."""
import collections, dataclasses, datetime, decimal, enum, ipaddress, pathlib, re, uuid
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pydantic
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import v1 as pydantic_v1


class Color(enum.Enum):
    RED = "red"

class Point(NamedTuple):
    x: int
    y: int

@dataclasses.dataclass
class Trip:
    city: str
    nights: int
    tags: list

class Traveller(pydantic.BaseModel):
    name: str
    born: datetime.date
    home: uuid.UUID | None = None

class OldModel(pydantic_v1.BaseModel):
    a: int

U = uuid.UUID("12345678-1234-5678-1234-567812345678")
DT = datetime.datetime(2026, 11, 23, 1, 2, 3, 4000, tzinfo=datetime.timezone.utc)
VALUES = {
    "none": None, "true": True, "false": False, "int": 1, "int_neg": -33, "int_u64": 2**64 - 1, "int_i64min": -2**63,
    "float_1": 1.0, "float": 0.1, "float_big": 1e22, "str": "Zürich 🌤", "str_empty": "", "str_long": "ä" * 40,
    "bytes": b"\x00\x01\xfe\xff", "bytes_empty": b"", "bytearray": bytearray(b"ab"), "bytes_in_list": [b"\x00\xff"],
    "list": [1, "a", None], "tuple": (1, (2, (3,))), "dict_nonstr_keys": {1: "a", 2.5: "b", True: "c", None: "d", "z": {-1: []}},
    "dict_tuple_inside": {"k": (1, 2)}, "str_nul_in_list": ["a\x00b"], "nan_inf_in_list": [float("inf"), float("-inf")],
    "set": {1}, "frozenset": frozenset({"x"}), "deque": collections.deque([1, 2]), "uuid": U, "decimal": decimal.Decimal("1.10"),
    "path": pathlib.Path("/a/b"), "regex": re.compile("a+", re.I), "datetime": DT,
    "datetime_naive": datetime.datetime(2026, 11, 23, 1, 2, 3), "datetime_zone": datetime.datetime(2026, 7, 1, 1, tzinfo=ZoneInfo("Europe/Zurich")),
    "date": datetime.date(2026, 11, 23), "time": datetime.time(1, 2, 3), "timedelta": datetime.timedelta(days=1, seconds=2),
    "timezone": datetime.timezone(datetime.timedelta(hours=2)), "zoneinfo": ZoneInfo("Europe/Zurich"), "ipv4": ipaddress.IPv4Address("127.0.0.1"),
    "ipv6net": ipaddress.IPv6Network("::1/128"), "enum": Color.RED, "namedtuple": Point(1, 2), "dataclass": Trip("Zürich", 2, ["a", ("b",)]),
    "pydantic2": Traveller(name="first traveller", born=datetime.date(1990, 12, 10), home=U), "pydantic1": OldModel(a=1), "secretstr": pydantic.SecretStr("s3cret"),
    "numpy_c": np.arange(6, dtype="<f4").reshape(2, 3), "numpy_f": np.asfortranarray(np.arange(4, dtype="<i8").reshape(2, 2)), "numpy_0d": np.array(7),
    "document": Document(id="d-1", page_content="text", metadata={"p": 1}), "exception": ValueError("bad"),
    "send": Send("worker", {"i": 1}), "interrupt": (Interrupt(value={"q": "book it?"}, id="02788b4578c4fc45e2fb2413e841dae1"),),
    "command": Command(goto="x", update={"a": 1}), "overwrite": Overwrite([1]), "delta_snapshot": _DeltaSnapshot([1, 2]),
    "system": SystemMessage("Be kind", id="s-1"), "human": HumanMessage("hi", id="h-1"),
    "human_image": HumanMessage([{"type": "text", "text": "see"}, {"type": "image", "base64": "AAEC", "mime_type": "image/png"}], id="h-2"),
    "ai_tool_call": AIMessage("", id="ai-1", tool_calls=[{"name": "get_weather", "args": {"city": "Zürich"}, "id": "call_1", "type": "tool_call"}],
                              usage_metadata={"input_tokens": 12, "output_tokens": 7, "total_tokens": 19}, response_metadata={"model_name": "fake-1"}),
    "tool_result": ToolMessage("Sunny", id="t-1", tool_call_id="call_1", name="get_weather", artifact={"raw": b"\x00"}), "remove": RemoveMessage(id="h-1"),
}
# not put in a channel of their own (the runtime treats them as control values)
NOT_IN_STATE = {"command", "overwrite", "delta_snapshot", "send", "interrupt"}
STATE_VALUES = {k: v for k, v in VALUES.items() if k not in NOT_IN_STATE}
