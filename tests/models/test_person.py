"""A person as the model: what they are shown, and what becomes of what they paste."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ocinterp.errors import ModelError
from ocinterp.models.person import PersonModel, clipboard_command
from ocinterp.protocols import Model
from ocinterp.types import Completion, Message

SYSTEM, TASK = Message("system", "Be brief."), Message("user", "Print 1.")


class Desk:
    """A person who has their replies ready, and keeps what they are shown."""

    def __init__(self, replies: Sequence[str]) -> None:
        self.shown: list[str] = []
        self.copied: list[str] = []
        self._replies = iter(replies)

    def show(self, text: str) -> None:
        self.shown.append(text)

    def copy(self, text: str) -> bool:
        self.copied.append(text)
        return True

    async def read(self) -> str:
        return next(self._replies, "")


async def test_the_whole_dialogue_is_shown_at_first_and_then_only_what_is_new() -> None:
    desk = Desk(["```python\nprnt(1)\n```", "fixed"])
    model: Model = PersonModel(desk.show, desk.read)
    first = await model.generate([SYSTEM, TASK])
    error = Message("user", "NameError: prnt")
    await model.generate([SYSTEM, TASK, Message("assistant", first.text), error])
    assert desk.shown == ["Be brief.\n\nPrint 1.", "NameError: prnt"]


async def test_another_dialogue_is_shown_whole_with_its_speakers() -> None:
    desk = Desk(["a", "b"])
    model = PersonModel(desk.show, desk.read)
    await model.generate([TASK])
    await model.generate([TASK, Message("assistant", "from elsewhere"), Message("user", "more")])
    assert desk.shown[1] == "[user]\nPrint 1.\n\n[assistant]\nfrom elsewhere\n\n[user]\nmore"


async def test_the_same_dialogue_asked_again_is_shown_again() -> None:
    desk = Desk(["a", "b"])
    model = PersonModel(desk.show, desk.read)
    await model.generate([TASK])
    await model.generate([TASK])
    assert desk.shown == ["Print 1.", "Print 1."]


async def test_the_reply_is_the_completion_and_is_told() -> None:
    told: list[str] = []
    desk = Desk(["one\ntwo \ud83d\n"])
    completion = await PersonModel(desk.show, desk.read).generate([TASK], on_text=told.append)
    assert completion == Completion("one\ntwo \ufffd\n")
    assert told == [completion.text]


async def test_the_prompt_is_copied_where_that_is_possible() -> None:
    desk = Desk(["a"])
    await PersonModel(desk.show, desk.read, desk.copy).generate([TASK])
    assert desk.copied == ["Print 1."]
    assert desk.shown == ["Print 1.", "(copied to the clipboard)"]


async def test_a_copy_that_failed_is_not_announced() -> None:
    desk = Desk(["a"])
    await PersonModel(desk.show, desk.read, lambda _: False).generate([TASK])
    assert desk.shown == ["Print 1."]


@pytest.mark.parametrize("reply", ["", " \n"])
async def test_nobody_answering_is_an_error(reply: str) -> None:
    desk = Desk([reply])
    with pytest.raises(ModelError, match=r"^nobody answered$"):
        await PersonModel(desk.show, desk.read).generate([TASK])


@pytest.mark.skipif(sys.platform == "darwin", reason="pbcopy is always there")
def test_the_clipboard_command_fits_the_desktop(tmp_path: Path) -> None:
    for name in ("wl-copy", "xsel"):
        (tmp_path / name).touch(mode=0o755)
    path = {"PATH": str(tmp_path)}
    assert clipboard_command(path) is None
    assert clipboard_command({**path, "WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}) == ["wl-copy"]
    assert clipboard_command({**path, "DISPLAY": ":0"}) == ["xsel", "--clipboard", "--input"]
    assert clipboard_command({"PATH": "/nowhere", "DISPLAY": ":0"}) is None
