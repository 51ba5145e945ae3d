"""Jupyter's messaging protocol 5.3, as far as cells need it: JSON text frames over a websocket.

https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ocinterp.sandboxes.ns import ipython, kernel, tracebacks
from ocinterp.types import Failure

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MAX_NAME_CHARACTERS = 200
_MAX_ERROR_CHARACTERS = 50_000

_PRELUDE = """
def _ocinterp(sources, no_input):
    import types
    parts = {{}}
    for name, source in sources.items():
        module = types.ModuleType(name)
        module.__file__ = f"/site-packages/{{name}}.py"
        exec(compile(source, module.__file__, "exec"), module.__dict__)
        parts[name] = module
    parts["ipython"].adapt(get_ipython(), parts["tracebacks"].describe, no_input)
try:
    _ocinterp({sources!r}, {no_input!r})
except Exception:
    pass
del _ocinterp
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a kernel's; `parent` is the id of the request that it belongs to, "" for none."""

    kind: str
    parent: str
    content: dict[str, Any]


def prelude() -> str:
    """A cell that makes a Python kernel tell errors as our own does. A kernel that cannot goes on as it is."""
    sources = {module.__name__.rpartition(".")[2]: _source(module.__file__) for module in (tracebacks, ipython)}
    return _PRELUDE.format(sources=sources, no_input=kernel.NO_INPUT)


def _source(path: str | None) -> str:
    assert path is not None
    return Path(path).read_text(encoding="utf-8")


def execute_request(session: str, cell: str, source: str, *, silent: bool) -> tuple[str, str]:
    """A request to run a cell: its id and its text."""
    name = uuid.uuid4().hex
    message: dict[str, Any] = {
        "header": {
            "msg_id": name,
            "session": session,
            "username": "ocinterp",
            "date": datetime.now(UTC).isoformat(),
            "msg_type": "execute_request",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {"cellId": cell},
        "content": {
            "code": source.encode("utf-8", "backslashreplace").decode(),
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        },
        "channel": "shell",
        "buffers": [],
    }
    return name, json.dumps(message)


def read(text: str) -> Message | None:
    """A message from its text; None for what is none."""
    try:
        found = json.loads(text)
        header, parent, content = found["header"], found["parent_header"], found["content"]
        return Message(str(header["msg_type"]), str(parent.get("msg_id", "")), {**content})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def bundle(data: Any) -> dict[str, str]:
    """A MIME bundle with texts alone: what is no text is written as JSON."""
    if not isinstance(data, dict):
        return {}
    items = cast("dict[str, Any]", data).items()
    return {mime: value if isinstance(value, str) else json.dumps(value) for mime, value in items}


def failure(content: dict[str, Any]) -> Failure:
    """What an `error` message or a failed reply says, without the colours."""
    lines = content.get("traceback")
    text = "\n".join(map(str, cast("list[Any]", lines))) if isinstance(lines, list) else ""
    return Failure(
        str(content.get("ename", "Error"))[:_MAX_NAME_CHARACTERS],
        _ESCAPES.sub("", str(content.get("evalue", "")))[:_MAX_ERROR_CHARACTERS],
        _ESCAPES.sub("", text)[-_MAX_ERROR_CHARACTERS:],
    )
