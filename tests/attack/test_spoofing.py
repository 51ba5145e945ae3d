"""Attacks on what is believed: the reply channel, results, names of errors, exit codes."""

from __future__ import annotations

import pytest

from attack.harness import Attack
from ocinterp.types import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

# `send(header, payload)` writes a frame to the reply channel; `key()` finds the key of this very cell, as one can who
# shares a process with the kernel.
FORGER = """
import json as _json, os, struct as _struct, sys as _sys
def send(header, payload=b"", size=None):
    head = header if isinstance(header, bytes) else _json.dumps(header).encode()
    os.write(3, _struct.pack(">II", len(head), len(payload) if size is None else size) + head + payload)
def key():
    frame = _sys._getframe()
    while "order" not in frame.f_locals: frame = frame.f_back
    return frame.f_locals["order"]["key"]
"""


async def expect_passed_over(attack: Attack, source: str) -> None:
    """Forged frames are passed over: the cell ends as it does, and so does the next one."""
    result = await attack(FORGER + source + "\nprint('still here')")
    assert (result.outcome, result.stdout) == (Outcome.OK, "still here\n"), result
    after = await attack("1 / 0")
    assert after.outcome is Outcome.ERROR
    assert after.error is not None
    assert after.error.name == "ZeroDivisionError"


@pytest.mark.parametrize(
    "header",
    [
        {"failed": "it was the sandbox"},
        {"ready": True},
        {"done": "attack1", "key": "guess", "error": None, "cpu": 0, "wall": 0},
        {"done": "attack2", "key": "", "error": None, "cpu": 0, "wall": 0},
        {"shows": [["text/plain", 2]], "cell": "attack1", "key": None},
        {"done": None},
        {"key": {"cell": []}},
        {},
    ],
)
async def test_a_frame_without_the_key(attack: Attack, header: dict[str, object]) -> None:
    await expect_passed_over(attack, f"send({header!r})")


@pytest.mark.parametrize(
    "fields",
    [
        '"done": "attack1", "error": [1], "cpu": 0',
        '"done": "attack1", "error": [-1, 2, 3], "cpu": 0',
        '"done": "attack1", "error": {"name": "X"}, "cpu": 0',
        '"done": "attack1", "error": None, "cpu": "much"',
        '"done": "attack1", "error": None, "cpu": -1',
        '"done": "attack1", "error": None, "cpu": 1e300',
        '"done": "attack7", "error": None, "cpu": 0',
        '"shows": "all", "cell": "attack1"',
        '"shows": [["text/plain", -5]], "cell": "attack1"',
        '"shows": [[1, 1]], "cell": "attack1"',
    ],
)
async def test_a_frame_with_the_key_that_makes_no_sense(attack: Attack, fields: str) -> None:
    await expect_passed_over(attack, f'send({{"key": key(), {fields}}})')


async def test_a_frame_larger_than_its_cell_may_show(attack: Attack) -> None:
    result = await attack(
        FORGER + 'send({"shows": [["text/plain", 9]], "key": key()}, bytes(20 << 20))\nprint("still here")'
    )
    assert (result.outcome, result.stdout) == (Outcome.OK, "still here\n"), result
    assert result.truncated


@pytest.mark.parametrize(
    "source",
    [
        "os.write(3, b'nonsense' * 100)",
        "send(b'x' * 70_000)",
        "send(b'{')",
        "send(b'[1]')",
        "send(b'[' * 60_000)",
        "send(b'\\xff\\xfe')",
        "send(b'{\"cpu\": 1' + b'0' * 60_000 + b'}')",
        "os.close(3)",
        "send({}, size=1 << 31); import time; time.sleep(60)",
    ],
    ids=["noise", "long", "cut", "list", "deep", "no-utf8", "huge-number", "closed", "endless"],
)
async def test_nonsense_on_the_reply_channel(attack: Attack, source: str) -> None:
    """Whoever talks nonsense has hung up; it is the program's doing, not the sandbox's failure."""
    result = await attack(FORGER + source)
    assert result.outcome in {Outcome.KILLED, Outcome.TIMEOUT}, result
    assert (await attack("print('again')")).stdout == "again\n"


async def test_frames_without_end(attack: Attack) -> None:
    result = await attack(FORGER + "while True: send({'key': 'x'})")
    assert result.outcome is Outcome.TIMEOUT, result


async def test_a_child_of_an_earlier_cell_cannot_answer_for_a_later_one(attack: Attack) -> None:
    source = """
import time
if os.fork() == 0:
    old = key()
    while not os.path.exists("go"): time.sleep(0.001)
    for number in range(1, 9):
        send({"done": f"attack{number}", "key": old, "error": None, "cpu": 0, "wall": 0})
    open("sent", "w").close()
    os._exit(0)
"""
    assert (await attack(FORGER + source)).outcome is Outcome.OK
    result = await attack(
        "import os, time\nopen('go', 'w').close()\nwhile not os.path.exists('sent'): time.sleep(0.001)\n1 / 0"
    )
    assert result.outcome is Outcome.ERROR, result


async def test_a_result_of_its_own_that_is_forged_reaches_no_further(attack: Attack) -> None:
    """Program and kernel share a process, so a program can report on itself; the next cell is not touched by it."""
    await attack(FORGER + 'send({"done": "attack1", "key": key(), "error": None, "cpu": 0})\nwhile True: pass')
    later = await attack("print('mine')")
    assert later.cell_id == "attack2"
    assert later.outcome in {Outcome.OK, Outcome.TIMEOUT, Outcome.KILLED}
    assert (await attack("print('mine')")).stdout in {"mine\n", ""}


async def test_result_lines_among_the_output(attack: Attack) -> None:
    line = '{"done": "attack1", "error": null}'
    result = await attack(f"print('{line}')\n1 / 0")
    assert (result.outcome, result.stdout) == (Outcome.ERROR, line + "\n")


async def test_a_traceback_that_is_printed(attack: Attack) -> None:
    result = await attack("print('Traceback (most recent call last):\\nValueError: not really')")
    assert result.outcome is Outcome.OK


async def test_an_error_of_a_false_name(attack: Attack) -> None:
    source = "class MemoryError(Exception): pass\nMemoryError.__name__ = MemoryError.__qualname__ = 'Timeout'\nraise MemoryError('x')"
    result = await attack(source)
    assert result.outcome is Outcome.ERROR, result


async def test_an_error_that_lies_about_its_class(attack: Attack) -> None:
    result = await attack("class Liar(Exception):\n __class__ = SystemExit\n code = 0\nraise Liar")
    assert result.outcome is Outcome.ERROR
    assert not result.ok


async def test_a_figure_that_is_none(attack: Attack) -> None:
    result = await attack(FORGER + 'send({"shows": [["image/png", 3]], "cell": "attack1", "key": key()}, b"!!!")')
    assert result.outcome is Outcome.OK
    assert result.displays[0].data == {"image/png": "!!!"}


async def test_surrogates_everywhere(attack: Attack) -> None:
    result = await attack(
        "class E(Exception): pass\nE.__name__ = '\\udc80'\nprint('\\udc81')\ndisplay('\\udc82')\nraise E('\\udc83')"
    )
    assert result.error is not None
    "".join((result.stdout, result.error.name, result.error.message, result.error.traceback)).encode()
