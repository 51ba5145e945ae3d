"""Whether who judges if feedback was followed can be believed: asked about answers that are known not to have followed it.

Three kinds are planted for each row in which a person's words were answered: the program as it was under the words of the answer that
followed; the program changed in another respect; and an answer to what somebody else said. The real answers are asked about too, but
nobody knows the truth of those.
"""

from __future__ import annotations

import ast
import heapq
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ocinterp.synth.chance import lot
from ocinterp.synth.crowd import in_order
from ocinterp.synth.desk import Bill, Desk
from ocinterp.synth.rows import SPOKEN_OF, Row, answer_to, trajectory
from ocinterp.synth.simulate import followed, program
from ocinterp.tasks import syntax
from ocinterp.types import Completion, Source, Turn

Kind = Literal["real", "the same program", "another change", "another's answer"]
SAME: Final = "the same program"  # that is seen without asking the judge
PLANTED: Final[tuple[Kind, ...]] = (SAME, "another change", "another's answer")
_NAMING: Final = frozenset({"clarity", "practices", "syntax"})  # where other names may be what was asked for


@dataclass(frozen=True, slots=True)
class Case:
    """An answer to what a person said of the program `before`."""

    row: Row
    kind: Kind
    said: str
    before: str
    after: Turn

    @property
    def asked(self) -> str:
        """The request that the dialogue began with."""
        return next((each.content for each in self.row.messages if each.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`followed`: what the judge says; None where nothing can be made of its reply."""

    case: Case
    followed: bool | None
    by: str


def cases(rows: Iterable[Row], count: int, seed: str) -> list[Case]:
    """Of `count` rows, drawn by lot: each real answer, and those that are planted in its place."""
    chosen = heapq.nsmallest(count, _real(rows), key=lambda each: lot(each.row.id, f"probe {seed}"))
    others = [*chosen[1:], *chosen[:1]]  # the next one's answer
    return [each for one, other in zip(chosen, others, strict=True) for each in (one, *_planted(one, other))]


def _real(rows: Iterable[Row]) -> Iterator[Case]:
    for row in rows:
        if row.method not in SPOKEN_OF:
            continue
        heard = next((each for each in row.feedback if each.source is Source.SIMULATED_HUMAN and each.text), None)
        if heard is None or (after := answer_to(row, heard.turn)) is None:
            continue
        turns = trajectory(row).turns
        before = next((found for turn in reversed(turns[: heard.turn + 1]) if (found := program(turn))), "")
        if before:
            yield Case(row, "real", heard.text, before, turns[after.index])


def _planted(real: Case, other: Case) -> Iterator[Case]:
    words = real.after.completion.text.partition("```")[0]
    yield _as(real, "the same program", f"{words}```python\n# as you asked\n{real.before}\n```")
    category = next((each.category for each in real.row.feedback if each.text == real.said), "")
    renamed = _renamed(real.before)
    if renamed and category not in _NAMING:
        yield _as(real, "another change", f"{words}```python\n{renamed}\n```")
    if other.row.id != real.row.id and other.said != real.said:
        yield _as(real, "another's answer", other.after.completion.text)


def _as(real: Case, kind: Kind, text: str) -> Case:
    return Case(real.row, kind, real.said, real.before, Turn(Completion(text)))


def _renamed(program: str) -> str:
    """A program whose variables have other names, and which does the same; empty where it has none, or is none."""
    tree = syntax.tree(program)
    if tree is None:
        return ""
    names = {
        each.id
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for each in ast.walk(function)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    shared = {name for each in ast.walk(tree) if isinstance(each, ast.Global | ast.Nonlocal) for name in each.names}
    top = set(syntax.defined(program)) | {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)}
    renamed = _Renamed({name: f"the_{name}" for name in names - shared - top})
    return ast.unparse(renamed.visit(tree)) if renamed.names else ""


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


async def verdicts(desk: Desk, asked: Sequence[Case]) -> AsyncIterator[Verdict]:
    """What the judge of the plan says of each, through the run's journal, in order."""

    async def one(case: Case) -> Verdict:
        said = await followed(case.asked, case.before, case.after, case.said, Bill(desk, "probe").model("judge"))
        answer, _, by = said.partition(": ")
        return Verdict(case, answer == "yes" if answer else None, by)

    async for _, found in in_order(asked, one, desk.at_once, desk.stop):
        yield found


def counts(found: Iterable[Verdict]) -> dict[Kind, tuple[int, int, int]]:
    """Of each kind: how many the judge says were followed, were not, and of how many it says nothing that can be used."""
    table: dict[Kind, list[int]] = {kind: [0, 0, 0] for kind in ("real", *PLANTED)}
    for each in found:
        table[each.case.kind][2 if each.followed is None else int(not each.followed)] += 1
    return {kind: (yes, no, unclear) for kind, (yes, no, unclear) in table.items()}
