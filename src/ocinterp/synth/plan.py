"""What a dataset is to be made of, written down before anything is paid for, and not changed after: `plan.toml`."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from ocinterp.errors import DataError, UsageError
from ocinterp.files import explained, replace_file

FORMAT: Final = "ocinterp-plan/1"
NAME: Final = "plan.toml"
PARTS: Final = ("weak", "strong", "person", "judge", "tester", "solver", "embedder")
_MOST_SOLVERS: Final = 9
RULES: Final = ("free", "paper")
_SOLVER_TEMPERATURE: Final = 0.8  # so that programs are independent
_FROZEN: Final = ".plan.frozen.toml"  # as it was when the run began


@dataclass(frozen=True, slots=True)
class Input:
    """A file of questions, by what it held when the plan was made."""

    path: str
    sha256: str
    dataset: str = ""
    licence: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Player:
    """A model that plays a part: its name as of `--model`, dollars for a million tokens in and out, and how it is asked."""

    model: str
    price_in: float = 0.0
    price_out: float = 0.0
    temperature: float = 0.0
    max_tokens: int = 1024

    @property
    def unpriced(self) -> bool:
        """Whether what it says costs nothing, as far as is known."""
        return not (self.price_in or self.price_out)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many dialogues of each method at most; questions that are left over are packed."""

    simulation: int = 51_000
    correction: int = 500
    similar: int = 303
    follow_up: int = 200
    packing: int = 1_000_000

    def corrections(self, questions: int) -> int:
        """How many of so many questions that no method has taken are for corrections: their share, where there are too few for all."""
        both = self.correction + self.simulation
        return self.correction if both <= questions else -(-questions * self.correction // both)


@dataclass(frozen=True, slots=True)
class Plan:
    """`benchmarks` are those that rows must not have in them; `licences` those that rows may have, all where it is empty.

    `least` is the score, of five, by both prompts, from which a question is taken; 0: nobody judges. Who is not in `players`
    (weak, strong, person, judge, tester, solver) is played by the strong one, a solver at a temperature of 0.8. `cross_check` is how
    many independent programs have to agree on tests that a tester writes for questions without any; 0: none are written. `tests_shown` is the
    share of simulations that show their question's first tests, where it has some. An `embedder` among the players (NAME@URL, or st:NAME)
    finds which questions are near each other; without one their words do.
    """

    inputs: tuple[Input, ...]
    players: Mapping[str, Player]
    benchmarks: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    near: float = 0.7
    least: int = 4
    cross_check: int = 0
    tests_shown: float = 0.5
    rule: str = "free"
    apart: float = 0.2  # how near questions of a pack must be, as a product of vectors
    sizes: Sizes = field(default_factory=Sizes)
    sandbox: str = "auto"
    timeout_seconds: float = 10.0
    seed: str = "1"
    format: str = FORMAT

    def player(self, part: str) -> Player:
        """Who plays a part. UsageError where nobody does."""
        if part in self.players:
            return self.players[part]
        if (strong := self.players.get("strong")) is None:
            raise UsageError(f"the plan has no model for the part {part}: give one, as in --strong MODEL")
        return replace(strong, temperature=_SOLVER_TEMPERATURE) if part == "solver" else strong


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def written(plan: Plan) -> str:
    """A plan as TOML."""
    return "\n".join(_lines(asdict(plan))) + "\n"


def digest(plan: Plan) -> str:
    """What tells a plan from any other (SHA-256)."""
    return hashlib.sha256(written(plan).encode(errors="surrogatepass")).hexdigest()


def parse(text: str, where: str) -> Plan:
    """The plan in a text. DataError for what is none."""
    try:
        table = tomllib.loads(text)
        _refuse_unknown(table, where)
        found = _adapter().validate_python(table)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{where}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    if wrong := next(_senseless(found), ""):
        raise DataError(f"{where}: {wrong}")
    return found


def _senseless(plan: Plan) -> Iterator[str]:
    """What is of the right type and can still not be."""
    if plan.format != FORMAT:
        yield f"format: {plan.format} is not {FORMAT}, which is all that is read here"
    bounds: list[tuple[str, float, float, float]] = [
        ("near", plan.near, 0, 1), ("apart", plan.apart, -1, 1), ("least", plan.least, 0, 5),
        ("tests_shown", plan.tests_shown, 0, 1), ("timeout_seconds", plan.timeout_seconds, 0.01, 3600),
    ]  # fmt: skip
    bounds += [(f"sizes.{each.name}", getattr(plan.sizes, each.name), 0, 1e9) for each in fields(Sizes)]
    for part, each in plan.players.items():
        if part not in PARTS:
            yield f"players.{part} is no part; there are {', '.join(PARTS)}"
        place = f"players.{part}"
        bounds += [
            (f"{place}.price_in", each.price_in, 0, 1e6), (f"{place}.price_out", each.price_out, 0, 1e6),
            (f"{place}.temperature", each.temperature, 0, 5), (f"{place}.max_tokens", each.max_tokens, 1, 1e6),
        ]  # fmt: skip
    yield from (
        f"{name}: {found:g} is not from {low:g} to {high:g}"
        for name, found, low, high in bounds
        if not low <= found <= high
    )
    if plan.cross_check == 1 or not 0 <= plan.cross_check <= _MOST_SOLVERS:
        yield f"cross_check: 2 to {_MOST_SOLVERS} programs have to agree, or 0 for none"
    if plan.rule not in RULES:
        yield f"rule: {plan.rule} is none; there are {', '.join(RULES)}"


def save(plan: Plan, folder: Path) -> None:
    """Write it into a new folder of a run. UsageError where there is a plan already."""
    if wrong := next(_senseless(plan), ""):
        raise UsageError(wrong)
    if (folder / NAME).exists() or (folder / _FROZEN).exists():
        raise UsageError(
            f"{folder} has a plan already: choose another folder, or go on with `ocinterp synth run {folder}`"
        )
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / NAME, [written(plan).encode()])


def load(folder: Path) -> Plan:
    """The plan of a run, as it was when the run began, if it has. UsageError where there is none."""
    path = folder / (_FROZEN if (folder / _FROZEN).is_file() else NAME)
    if not path.is_file():
        raise UsageError(f"there is no plan in {folder}: make one with `ocinterp synth plan FILE... --out {folder}`")
    return parse(_text(path), str(path))


def _text(path: Path) -> str:
    """DataError where it is none, UsageError where it cannot be read."""
    with explained(path):
        content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start:,}") from error


def freeze(folder: Path, text: str) -> None:
    """Remember the plan that a run begins with, unless it has begun."""
    if not (folder / _FROZEN).exists():
        replace_file(folder / _FROZEN, [text.encode()])


def unchanged(folder: Path) -> str:
    """The plan's text, as it is. UsageError, with the difference, where the run began with another."""
    path, frozen = folder / NAME, folder / _FROZEN
    now = _text(path) if path.is_file() else ""
    if not frozen.exists():
        return now
    before = _text(frozen)
    if before != now:
        lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "as the run began", NAME, lineterm="", n=0)
        told = "\n".join(f"  {each}" for each in lines)
        raise UsageError(
            f"the plan in {folder} was changed since its run began, and what is there was made by the old one:\n{told}\n"
            f"Undo that, or begin a run of its own: `ocinterp synth plan ... --out ANOTHER`"
        )
    return now


def _refuse_unknown(plan: Mapping[str, Any], where: str) -> None:
    """A name that is misspelt would be left out in silence."""
    inputs, players = plan.get("inputs"), plan.get("players")
    tables: list[tuple[str, type, object]] = [("", Plan, plan), ("sizes", Sizes, plan.get("sizes"))]
    if isinstance(inputs, list):
        tables += [("inputs", Input, each) for each in cast("list[object]", inputs)]
    if isinstance(players, Mapping):
        tables += [(f"players.{part}", Player, each) for part, each in cast("Mapping[str, object]", players).items()]
    for place, kind, table in tables:
        known = [each.name for each in fields(kind)]
        keys = cast("Mapping[str, object]", table) if isinstance(table, Mapping) else ()
        if unknown := sorted(set(keys) - set(known)):
            raise DataError(
                f"{where}: {place}{'.' * bool(place)}{unknown[0]} is not known; known are {', '.join(sorted(known))}"
            )


def _lines(table: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """Values first, then tables, as TOML wants it."""
    for key, value in table.items():
        if not _is_table(value):
            yield f"{key} = {_value(value)}"
    for key, value in table.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, Mapping):
            yield from ("", f"[{inner}]") if not _only_tables(cast("Mapping[str, Any]", value)) else ()
            yield from _lines(cast("Mapping[str, Any]", value), inner)
        elif _is_table(value):
            for each in cast("Sequence[Mapping[str, Any]]", value):
                yield from ("", f"[[{inner}]]", *_lines(each, inner))


def _is_table(value: object) -> bool:
    rows = cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else ()
    return isinstance(value, Mapping) or bool(rows and all(isinstance(each, Mapping) for each in rows))


def _only_tables(table: Mapping[str, Any]) -> bool:
    return bool(table) and all(isinstance(each, Mapping) for each in table.values())


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, cast('Sequence[object]', value)))}]"
    # A text, a number, true and false are written alike in both, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
