"""Who answers by rule, where the dataset pipeline asks a model about pocket tasks: it knows what was meant, and invents nothing.

It is no model, and rows say so (`rule`). Whatever it says of a program is so: a step that it names is otherwise than in the task's
own program, a wish of its person can be seen to be fulfilled or not, and its programs are the task's own. What a program does that ran, and
is put together of operations, it knows without running it (`tasks/pocket/reading.py`): of one that does something else than what was meant
its person says so, and its programmer, who could not know, does not. In the place of any other program that is not the task's own it puts that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from ocinterp.errors import ModelError
from ocinterp.feedback import tests
from ocinterp.feedback.execution import MENDING
from ocinterp.parse import extract_cells, meaning
from ocinterp.protocols import ignore
from ocinterp.synth import prompts
from ocinterp.synth.correct import SHOWN
from ocinterp.synth.pocket import comments
from ocinterp.synth.pocket.attempts import ErrorName, attempt, with_error
from ocinterp.synth.pocket.questions import DATASET, item_of
from ocinterp.synth.pocket.rehearsal import Rehearsal
from ocinterp.synth.queries import Query
from ocinterp.tasks.pocket import reading
from ocinterp.tasks.pocket.benchmark import Item
from ocinterp.tasks.pocket.examples import answered
from ocinterp.tasks.pocket.person import remark
from ocinterp.tasks.pocket.programs import Step
from ocinterp.types import Cell, Completion, Message, Usage

NAME: Final = "rule"
EDITION: Final = 3  # of its answers: a journal that has those of another knows nothing of these
_TRIES: Final = 20
_ERRORS: Final[Mapping[str, ErrorName]] = {"syntax": "SyntaxError", "name": "NameError", "type": "TypeError"}
_RAN: Final = "It ran without an error."
_DIALOGUE: Final = re.compile(r"## user\n\n(.*?)\n\n## assistant\n", re.DOTALL)
_ANSWER: Final = re.compile(r"## assistant\n\n(.*?)(?=\n\n## |\Z)", re.DOTALL)
_SECTION: Final = re.compile(
    r"# The request\n\n(.*?)\n\n# The program before\n\n(.*?)\n\n# What the person said\n\n(.*?)\n\n# The answer\n\n(.*?)\n\nAnswer",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that a person may want of a program that is right; `kept` tells by a program's text whether it is there."""

    category: str
    unmet: str
    words: str
    program: Callable[[Item, str], str]  # the task's, or another that is right
    kept: Callable[[str], bool]


def _documented(item: Item, program: str) -> str:
    head, body = program.split(":\n", 1)
    said = "; ".join(comments.right(item))
    return f'{head}:\n    """{said[:1].upper()}{said[1:]}."""\n{body}'


def _tested(item: Item, program: str) -> str:
    return f"{program}\n\n\nassert {item.examples.visible[0].expression(item.program.function)}"


def _shown(item: Item, program: str) -> str:
    return f"{program}\n\n\nprint({_call(item)})"


WISHES: Final = (
    Wish("clarity", "it does not say what it does", "Please let a docstring say what the function does.", _documented, lambda text: '"""' in text),
    Wish("compatibility", "it has no test", "Please add an assert with an example, so that I can see that it holds.", _tested, lambda text: "\nassert " in text),
    Wish("clarity", "one does not see what comes of it", "Please also print what comes of an example.", _shown, lambda text: "\nprint(" in text),
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
            return _judged(self._item(found[1]), *found.groups()[1:])
        if system.startswith(prompts.PERSON[:60]):
            asked = _DIALOGUE.search(last)
            return _wished(self._item(asked[1] if asked else ""), _written(_ANSWER.findall(last)))
        item = self._item(next(each.content for each in messages if each.role == "user"))
        kind = next(
            (kind for kind, words in prompts.MISTAKES.items() if prompts.BROKEN.format(kind=words) == system), None
        )
        return broken(item, kind) if kind is not None else _answer(item, messages)

    def _item(self, text: str) -> Item:
        question = text.partition(f"\n\n{tests.ASKED}")[0]
        found = item_of(self.names[question]) if question in self.names else None
        if found is None:
            raise ModelError(
                f"there is no rule for this question, which `ocinterp synth questions` has not made: {question[:60]!r}; "
                "a plan with such questions needs a model in the place of `rule`"
            )
        return found


def holds(item: Item, program: str) -> bool | None:
    """Whether a program answers the task's examples as it should; None where it is not put together of operations alone."""
    steps = reading.steps(program, item.program.function)
    return None if steps is None else _right(item, steps)


def _right(item: Item, steps: Sequence[Step]) -> bool | None:
    """Whether steps answer the examples as they should; None where one has no answer, and the others are right."""
    read = item.program.with_steps(steps)
    shown = [*item.examples.visible, *item.examples.hidden]
    answers = [(answered(read, each.given), each.answer) for each in shown]
    if any(found is not None and found.answer != right for found, right in answers):
        return False
    return None if any(found is None for found, _ in answers) else True


def _meant(item: Item, program: str) -> str:
    """What a person says of a program that does something else than they meant; empty where that is not known, or not in its steps."""
    steps, own = reading.steps(program, item.program.function), item.program.steps
    if steps is None or len(steps) > len(own) or _right(item, steps) is not False:
        return ""
    codes, wanted = ([each.text(each.meant.code) for each in those] for those in (steps, own))
    wrong = [at for at, code in enumerate(wanted) if codes[at : at + 1] != [code]]
    ordered = len(codes) == len(wanted) and sorted(codes) != sorted(wanted)
    return remark(
        item.program, wrong if ordered else wrong[:1], Random(f"{item.request} {meaning(program)}"), ordered=ordered
    )


def _written(answers: Iterable[str]) -> str:
    """The last program in a dialogue; empty where there is none."""
    programs = ["\n\n".join(cell.source for cell in extract_cells(each)) for each in answers]
    return next((each for each in reversed(programs) if each), "")


def _answer(item: Item, messages: Sequence[Message]) -> str:
    """To what came of the last program, or to what a person said of it."""
    last = messages[-1].content
    written = _written(each.content for each in messages if each.role == "assistant")
    held = holds(item, written)
    wish = next((each for each in WISHES if each.words in last), None)
    if wish is not None:
        return f"Here it is with that.\n{_block(wish.program(item, written if held else right(item)))}"
    told = MENDING in last or tests.AGAIN in last
    if not told and (held or ((meant := _meant(item, written)) and meant not in last)):
        return _RAN  # a wrong reading too: nobody has said what was meant
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


def _wished(item: Item, program: str) -> str:
    """A person's opinion of a program: what they meant, if it does something else; else a wish, or now and then none."""
    if said := _meant(item, program):
        return _opinion("functionality", "it runs", "it does something else than I meant", said)
    chance = Random(f"wish {item.request}")
    wish = None if chance.random() < 0.15 else chance.choice(WISHES)
    if wish is None:
        return _opinion("functionality", "it does what I asked for", "nothing", "Thank you.")
    return _opinion(wish.category, "it does what I asked for", wish.unmet, wish.words)


def _opinion(category: str, satisfied: str, unmet: str, words: str) -> str:
    return json.dumps({"category": category, "satisfied": satisfied, "not_satisfied": unmet, "feedback": words})


def _judged(item: Item, before: str, said: str, after: str) -> str:
    """Whether a program is right now, and what was said of it that it was not before."""
    wish = next((each for each in WISHES if each.words in said), None)
    new = wish.kept(after) and not wish.kept(before) if wish else not holds(item, before)
    followed = bool(new and holds(item, _written([after])))
    return json.dumps({"followed": followed, "why": f"{wish.category if wish else 'what is meant'} was asked for"})


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
