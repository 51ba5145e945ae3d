"""Who answers by rule, where the dataset pipeline asks a model about pocket tasks: it knows what was meant, and invents nothing.

It is no model, and rows say so (`rule`). Whatever it says of a program is so: a step that it names is the first one that is
otherwise than in the task's own program, a wish of its person can be seen to be fulfilled or not, and its programs are the task's own. A
program that is right in another way it cannot tell from a wrong one, and puts its own in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from ocinterp.errors import ModelError
from ocinterp.parse import extract_cells, meaning
from ocinterp.protocols import ignore
from ocinterp.synth import prompts
from ocinterp.synth.correct import SHOWN
from ocinterp.synth.pocket import comments
from ocinterp.synth.pocket.attempts import ErrorName, attempt, with_error
from ocinterp.synth.pocket.questions import DATASET, item_of
from ocinterp.synth.pocket.rehearsal import Rehearsal
from ocinterp.synth.queries import Query
from ocinterp.tasks.pocket.benchmark import Item
from ocinterp.types import Cell, Completion, Message, Usage

NAME: Final = "rule"
_TRIES: Final = 20
_ERRORS: Final[Mapping[str, ErrorName]] = {"syntax": "SyntaxError", "name": "NameError", "type": "TypeError"}
_DIALOGUE: Final = re.compile(r"## user\n\n(.*?)\n\n## assistant\n", re.DOTALL)
_SECTION: Final = re.compile(r"# The program before\n\n(.*?)\n\n# What the person said\n\n(.*?)\n\n# The answer\n\n(.*?)\n\nAnswer", re.DOTALL)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that a person may want of a program that is right; `kept` tells by a program's text whether it is there."""

    category: str
    unmet: str
    words: str
    program: Callable[[Item], str]
    kept: Callable[[str], bool]


def _documented(item: Item) -> str:
    head, body = right(item).split(":\n", 1)
    said = "; ".join(comments.right(item))
    return f'{head}:\n    """{said[:1].upper()}{said[1:]}."""\n{body}'


def _tested(item: Item) -> str:
    return f"{right(item)}\n\n\nassert {item.examples.visible[0].expression(item.program.function)}"


def _shown(item: Item) -> str:
    return f"{right(item)}\n\n\nprint({_call(item)})"


WISHES: Final = (
    Wish("clarity", "it does not say what it does", "Please let a docstring say what the function does.", _documented, lambda text: '"""' in text),
    Wish("compatibility", "it has no test", "Please add an assert with an example, so that I can see that it holds.", _tested, lambda text: "\nassert " in text),
    Wish("functionality", "it shows nothing", "Please also print what comes of an example.", _shown, lambda text: "\nprint(" in text),
)  # fmt: skip


def right(item: Item) -> str:
    """The program of a task, with what each step does above it."""
    return comments.commented(item.program.source(), comments.right(item))


def _call(item: Item) -> str:
    """An example's call."""
    return item.examples.visible[0].expression(item.program.function).partition(" == ")[0]


@dataclass
class Rule:
    """A model that is none. It knows the tasks behind questions by their words."""

    names: Mapping[str, str]

    @staticmethod
    def of(questions: Iterable[Query]) -> Rule:
        """Of those among questions that are pocket tasks."""
        return Rule({each.text: each.facts.name for each in questions if each.origin.dataset == DATASET})

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """ModelError for a question that is none of its own."""
        text = self.reply(messages)
        on_text(text)
        return Completion(text, usage=Usage(0, 0))  # nobody has read or said a token

    def reply(self, messages: Sequence[Message]) -> str:
        """What it says to a dialogue of the pipeline."""
        system, last = messages[0].content, messages[-1].content
        if (found := _SECTION.search(last)) is not None:
            return _judged(*found.groups())
        if system.startswith(prompts.PERSON[:60]):
            asked = _DIALOGUE.search(last)
            return _wished(self._item(asked[1] if asked else ""))
        item = self._item(next(each.content for each in messages if each.role == "user"))
        kind = next(
            (kind for kind, words in prompts.MISTAKES.items() if prompts.BROKEN.format(kind=words) == system), None
        )
        return broken(item, kind) if kind is not None else _answer(item, messages)

    def _item(self, question: str) -> Item:
        found = item_of(self.names[question]) if question in self.names else None
        if found is None:
            raise ModelError(
                f"there is no rule for this question, which `ocinterp synth questions` has not made: {question[:60]!r}; "
                "a plan with such questions needs a model in the place of `rule`"
            )
        return found


def _answer(item: Item, messages: Sequence[Message]) -> str:
    """To what came of the last program, or to a person's wish."""
    last = messages[-1].content
    wish = next((each for each in WISHES if each.words in last), None)
    if wish is not None:
        return f"Here it is with that.\n{_block(wish.program(item))}"
    said = next((each.content for each in reversed(messages) if each.role == "assistant"), "")
    written = "\n\n".join(each.source for each in extract_cells(said))
    known = {meaning(each) for each in (right(item), *(wish.program(item) for wish in WISHES))}
    if written and meaning(written) in known:
        return "That is all that was asked for."
    return f"{_why(item, written)}\n{_block(right(item))}"


def _why(item: Item, written: str) -> str:
    """Where a program is not the task's own, which need not be wrong there: what the step is, or what is not needed."""
    if not written:
        return "Here is the program."
    words, mine = comments.right(item), item.program.source().splitlines()
    theirs = [line for line in written.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if missing := [at for at, line in enumerate(mine) if line not in theirs]:
        step = missing[0] - (len(mine) - len(words))  # its steps are its last lines
        return f"Step {step + 1} is: {words[step]}." if step >= 0 else "I would begin it like this."
    other = next((line.strip() for line in theirs if line not in mine), "")
    return f"`{other}` is not needed." if other else "The steps are in this order."


def _block(program: str) -> str:
    return f"```python\n{program}\n```"


def _wished(item: Item) -> str:
    """A person's opinion of a program that is right: now and then there is nothing to wish."""
    chance = Random(f"wish {item.request}")
    wish = None if chance.random() < 0.15 else chance.choice(WISHES)
    unmet, words = (wish.unmet, wish.words) if wish else ("nothing", "Thank you.")
    category = wish.category if wish else "functionality"
    return json.dumps(
        {"category": category, "satisfied": "it does what I asked for", "not_satisfied": unmet, "feedback": words}
    )


def _judged(before: str, said: str, after: str) -> str:
    """Whether a wish is fulfilled now that was not before."""
    wish = next((each for each in WISHES if each.words in said), None)
    followed = wish is not None and wish.kept(after) and not wish.kept(before)
    return json.dumps(
        {"followed": followed, "why": f"{wish.category} was asked for" if wish else "nobody knows the wish"}
    )


def broken(item: Item, kind: str) -> str:
    """A program with a mistake of that kind, and a call that shows it; without code where the task offers no chance."""
    source = _with_mistake(item, kind, Random(f"{kind} {item.request}"))
    return _block(source) if source else "I cannot do that here."


def _with_mistake(item: Item, kind: str, chance: Random) -> str | None:
    if kind == "timeout":
        head, body = item.program.source().split(":\n", 1)
        return f"{head}:\n    start = 0\n    while start < 1:\n        last = start\n{body}\n\n\nprint({_call(item)})"
    call = item.examples.visible[0].expression(item.program.function)
    end = f"print({_call(item)})" if kind in _ERRORS else f"assert {call}"
    for _ in range(_TRIES):
        if kind in _ERRORS:
            found = with_error(item.program, chance, _ERRORS[kind])
        else:
            found = attempt(item.program, chance, item.wording.open_steps)
        if found is not None and _raised(f"{found.source}\n\n\n{end}") in SHOWN[kind]:
            return f"{found.source}\n\n\n{end}"
    return f"{_added(item)}\n\n\n{end}" if kind == "type" else None


def _added(item: Item) -> str:
    """A program that adds to what it returns what cannot be added to that."""
    more = "'1'" if isinstance(item.examples.visible[0].answer, int | float) else "1"
    head, _, last = item.program.source().rpartition("return ")
    return f"{head}return ({last}) + {more}"


def _raised(program: str) -> str:
    """The name of what a program of our own raises; empty where it runs to its end. It prints nothing."""
    result = Rehearsal(print=ignore).run(Cell("1.1", program))
    return result.error.name if result.error else ""
