"""The forms that published datasets are written in, each told by the names of its fields, and what a row of each says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from ocinterp import records
from ocinterp.errors import DataError
from ocinterp.synth import cases, statements
from ocinterp.synth.queries import NO_FACTS, UNKNOWN, Facts, Solution
from ocinterp.synth.replies import sound
from ocinterp.types import Message, Role

Fields = Mapping[str, Any]
QUESTION: Final = "ocinterp-question/1"

_FENCE: Final = re.compile(r"```([\w+#-]+)")
_ROLES: Final[Mapping[str, Role]] = {
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "chatgpt": "assistant", "bard": "assistant",
    "system": "system",
}  # fmt: skip


class UnreadableError(Exception):
    """Why a row is not taken, in words for its `rejected` file."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says, whatever its form. The first message is a person's; `licence` is empty where the row names none."""

    messages: tuple[Message, ...]
    language: str = ""
    facts: Facts = NO_FACTS
    licence: str = ""
    record: str = ""  # of the whole dialogue
    dataset: str = ""  # where the row names one


@dataclass(frozen=True, slots=True)
class Form:
    """A form of rows: the dataset that has it, the licence it was published under, the fields it is told by.

    The licence is unknown where others may have such fields as well; `alone`: a row of it has no more of them.
    """

    name: str
    licence: str
    fields: frozenset[str]
    read: Callable[[Fields], Said]
    alone: bool = False

    def fits(self, fields: Fields) -> bool:
        return self.fields <= fields.keys() and not (self.alone and len(fields) > len(self.fields))


def of(fields: Fields) -> Form | None:
    """The form of a row; None where its fields are none that are known."""
    return next((each for each in FORMS if each.fits(fields)), None)


def licence(fields: Fields) -> str:
    """What a row itself says that it is under; empty where it says nothing."""
    said: object = next((fields[each] for each in ("licence", "license", "licences") if fields.get(each)), "")
    names = [each for each in (_array(said) or [said]) if isinstance(each, str)]
    return " AND ".join(sorted({each.strip() for each in names if each.strip()}))


def named(name: str) -> Form | None:
    return next((each for each in FORMS if each.name == name), None)


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableError(f"{name}: expected a text, found {json.dumps(value, default=str)[:60]}")
    return value.replace("\r\n", "\n") if "\r" in value else value


def _dialogue(question: str, answer: str, *, language: str = "", facts: Facts = NO_FACTS) -> Said:
    messages = (Message("user", question), *((Message("assistant", answer),) if answer.strip() else ()))
    return Said(messages, language or _language(answer), facts)


def _language(answer: str) -> str:
    """That of the first block of code."""
    found = _FENCE.search(answer)
    return found[1].lower() if found else ""


def _oss_instruct(fields: Fields) -> Said:
    return _dialogue(_text(fields, "problem"), _text(fields, "solution"), language=_text(fields, "lang"))


def _instructed(fields: Fields) -> Said:
    asked = "\n\n".join(filter(None, (_text(fields, "instruction"), _text(fields, "context"))))
    return _dialogue(asked, _text(fields, "response"))


def _alpaca(fields: Fields) -> Said:
    asked = "\n\n".join(filter(None, (_text(fields, "instruction"), _text(fields, "input"))))
    said = _dialogue(asked, _text(fields, "output"))
    before = _pairs(fields.get("history"))
    return Said((*before, *said.messages), said.language)


def _pairs(history: object) -> list[Message]:
    """What LLaMA-Factory's alpaca has before the question: pairs of a question and an answer."""
    pairs = _array(history)
    if not all(isinstance(each, list) and len(cast("list[Any]", each)) == 2 for each in pairs):
        raise UnreadableError("history: expected pairs of a question and an answer")
    return [Message(role, str(text)) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]


def _filtered(fields: Fields) -> Said:
    return _dialogue(_text(fields, "query"), _text(fields, "answer"), language=_text(fields, "lang"))


def _sharegpt(fields: Fields) -> Said:
    return _conversation(fields, "conversations", "from", "value")


def _openai(fields: Fields) -> Said:
    return _conversation(fields, "messages", "role", "content")


def _conversation(fields: Fields, name: str, role: str, content: str) -> Said:
    messages = [_message(each, role, content) for each in _list(fields, name)]
    first = next((at for at, each in enumerate(messages) if each.role == "user"), None)
    if first is None:
        raise UnreadableError(f"{name}: nobody asks anything")
    found = tuple(messages[first:])  # what stands before a question, a system's words or an answer to nothing, is none
    answer = next((each.content for each in found if each.role == "assistant"), "")
    return Said(found, _language(answer))


def _message(value: object, role: str, content: str) -> Message:
    fields = _object(value)
    name = fields.get(role)
    known = _ROLES.get(name.lower()) if isinstance(name, str) else None
    if known is None:
        raise UnreadableError(f"{role}: expected user or assistant, found {json.dumps(name, default=str)[:40]}")
    return Message(known, _content(fields.get(content), content))


def _content(value: object, name: str) -> str:
    """A text, or the texts of its parts."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n")
    texts = list(map(_part, _array(value))) or [None]
    if any(each is None for each in texts):
        raise UnreadableError(f"{name}: expected a text, found {json.dumps(value, default=str)[:60]}")
    return "".join(filter(None, texts))


def _part(value: object) -> str | None:
    fields = _object(value)
    text = fields.get("text", fields.get("value"))
    return text if fields.get("type", "text") == "text" and isinstance(text, str) else None


def _list(fields: Fields, name: str) -> Sequence[Any]:
    found = _array(fields.get(name))
    if not found:
        value = json.dumps(fields.get(name), default=str)[:60]
        raise UnreadableError(f"{name}: expected a list, and something in it, found {value}")
    return found


def _array(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _leetcode(fields: Fields) -> Said:
    """LeetCodeDataset, all versions: the statement with the code that an answer begins with."""
    more = _object(fields.get("meta"))
    statement = _text(fields, "problem_description") or _text(fields, "query")
    starter = _text(fields, "starter_code") or _text(more, "lang_code")
    completion = _text(fields, "completion")
    facts = Facts(
        name=_text(fields, "task_id"),
        entry_point=_text(fields, "entry_point"),
        setup=_text(fields, "prompt"),
        tests=_text(fields, "test"),
        solutions=(Solution("python", completion),) if completion.strip() else (),
        tags=tuple(map(str, _array(fields.get("tags")))),
        difficulty=_text(fields, "difficulty") or str(more.get("difficulty") or ""),
    )
    code = f"\n\n```python\n{starter.rstrip()}\n```" if starter.strip() and starter.strip() not in statement else ""
    return _dialogue(statement + code, _text(fields, "response"), language="python", facts=facts)


def _doocs(fields: Fields) -> Said:
    """A page of doocs/leetcode: its README_EN.md under `markdown`."""
    page = statements.page(_text(fields, "markdown"))
    if page is None:
        raise UnreadableError("markdown: no description in it")
    facts = Facts(
        name=page.name, solutions=page.solutions, tags=tuple(map(str, _array(fields.get("tags")))),
        difficulty=_text(fields, "difficulty"),
    )  # fmt: skip
    return _dialogue(page.statement, "", facts=facts)


def _taco(fields: Fields) -> Said:
    """TACO: solutions and cases as JSON in texts."""
    asked, starter = _text(fields, "question"), _text(fields, "starter_code")
    known = _object(_inner(fields, "input_output"))
    inputs, outputs = _array(known.get("inputs")), _array(known.get("outputs"))
    name = str(known.get("fn_name") or "")
    entry_point = f"Solution().{name}" if name and "class Solution" in starter else name or cases.PRINTED
    facts = Facts(
        name=_text(fields, "name"),
        entry_point=entry_point,
        tests=cases.of_function(entry_point, inputs, outputs) if name else cases.of_program(inputs, outputs),
        solutions=tuple(Solution("python", str(each)) for each in _array(_inner(fields, "solutions"))),
        tags=tuple(dict.fromkeys([*_names(fields, "tags"), *_names(fields, "skill_types")])),
        difficulty=_text(fields, "difficulty"),
    )
    code = f"\n\n```python\n{starter.rstrip()}\n```" if starter.strip() else ""
    return _dialogue(asked + code, "", language="python", facts=facts)


def _inner(fields: Fields, name: str) -> object:
    """JSON in a text, or as it is."""
    value = fields.get(name)
    if not isinstance(value, str):
        return value
    try:
        return sound(json.loads(value)) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{name}: not JSON: {error}") from error


def _names(fields: Fields, name: str) -> list[str]:
    value = fields.get(name)
    if isinstance(value, str):  # TACO writes a Python list into a text
        return re.findall(r"['\"]([^'\"]+)['\"]", value)
    return list(map(str, _array(value)))


def _query(fields: Fields) -> Said:
    return _dialogue(_text(fields, "query"), "")


def _question(fields: Fields) -> Said:
    """A question of anybody's, with all that can be known of one (docs/dataset.md)."""
    if fields.get("format") != QUESTION:
        raise UnreadableError(f"its format is {str(fields.get('format'))[:40]!r}: this reads {QUESTION}")
    given = [_object(each) for each in _list(fields, "solutions")] if fields.get("solutions") else []
    solutions = tuple(Solution(_text(each, "language"), _text(each, "source"), _text(each, "words")) for each in given)
    name, entry_point, setup, tests, difficulty, language, licence, dataset, answer = (
        _text(fields, each)
        for each in ("name", "entry_point", "setup", "tests", "difficulty", "language", "licence", "dataset", "answer")
    )
    tags = tuple(_names(fields, "tags")) if fields.get("tags") else ()
    facts = Facts(name, entry_point, setup, tests, solutions, tags, difficulty)
    said = _dialogue(_text(fields, "question"), answer, language=language, facts=facts)
    return replace(said, licence=licence, dataset=dataset)


def _trajectory(fields: Fields) -> Said:
    """A dialogue of our own (docs/formats.md). What was told after the last answer is no part of what was said."""
    line = json.dumps(fields, ensure_ascii=False)
    try:
        found = records.loads(line)
    except DataError as error:
        raise UnreadableError(str(error)) from error
    messages = [each for each in found.messages() if each.role != "system"]
    while messages and messages[-1].role != "assistant":
        messages.pop()
    if not messages or messages[0].role != "user":
        raise UnreadableError("nobody has asked, or nobody has answered")
    return Said(tuple(messages), record=line)


# The more fields a form is told by, the earlier it is tried.
FORMS: Final = (
    Form("taco", "Apache-2.0", frozenset({"question", "solutions", "starter_code", "input_output"}), _taco),
    Form("leetcode-dataset", "MIT", frozenset({"task_id", "prompt", "completion", "entry_point", "test"}), _leetcode),
    Form("doocs-leetcode", "CC-BY-SA-4.0", frozenset({"slug", "markdown"}), _doocs),
    Form("magicoder-oss-instruct", "MIT", frozenset({"problem", "solution", "lang", "seed"}), _oss_instruct),
    Form("codefeedback-filtered-instruction", "Apache-2.0", frozenset({"query", "answer", "resource"}), _filtered),
    Form("code-feedback", UNKNOWN, frozenset({"id", "messages"}), _openai, alone=True),
    Form("alpaca", UNKNOWN, frozenset({"instruction", "input", "output"}), _alpaca),
    Form("magicoder-evol-instruct", UNKNOWN, frozenset({"instruction", "response"}), _instructed, alone=True),
    Form("instruction-response", UNKNOWN, frozenset({"instruction", "response"}), _instructed),
    Form("evol-instruct-code-80k", UNKNOWN, frozenset({"instruction", "output"}), _alpaca, alone=True),
    Form("instruction-output", UNKNOWN, frozenset({"instruction", "output"}), _alpaca),
    Form("sharegpt", UNKNOWN, frozenset({"conversations"}), _sharegpt),
    Form("openai", UNKNOWN, frozenset({"messages"}), _openai),
    Form("ocinterp-question", UNKNOWN, frozenset({"format", "question"}), _question),
    Form("trajectory", UNKNOWN, frozenset({"format", "task_id", "prompt", "turns"}), _trajectory),
    Form("query", UNKNOWN, frozenset({"query"}), _query),
)
