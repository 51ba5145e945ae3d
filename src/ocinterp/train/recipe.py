"""Recipes: what is trained, on what mix, and how, as TOML; read and checked before anything is loaded.

`NAME` is a file of this package (`ocinterp train list`), `NAME+lora` and `NAME+qlora` are the same with adapters, and a path
that ends in .toml is a file of your own, which may begin from one of these (`like = "ds-6.7b"`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from ocinterp.errors import UsageError
from ocinterp.files import explained
from ocinterp.train.shapes import ARCHITECTURES, Shape

Stage = Literal["pretrain", "sft", "rl"]
OptimizerName = Literal["adamw", "muon"]
Form = Literal["cosine", "trapezoid"]
Report = Literal["visible", "paper", "both"]

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "stage": get_args(Stage),
    "optimizer": get_args(OptimizerName),
    "schedule": get_args(Form),
    "architecture": ARCHITECTURES,
    "report": get_args(Report),
}
_MAY_BE_ZERO: Final = {"decay", "others", "warmup", "final", "head", "share", "dropout"} | {
    "second", "kl", "discount", "repeating", "cut_off", "open", "usual"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Adapters:
    """Adapters of low rank beside weights that stay as they are (LoRA); `bits`: of those weights, 4 (QLoRA) or 16."""

    rank: int = 64
    alpha: float = 128.0
    dropout: float = 0.0
    bits: int = 16


@dataclass(frozen=True, slots=True)
class Part:
    """Of the data that a recipe is for: `share` of its rows beside those of the others, and where it is published."""

    name: str
    share: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Practice:
    """How a model practises on tasks: a step is `groups` tasks, and of each so many `dialogues` (docs/rl.md).

    `second` of the groups begin after an answer that failed, which all their dialogues share. A reward of 1 for a program
    that passes loses 1 - `discount` with each answer more that it took; `repeating` and `cut_off` are taken from that of an
    answer which has a program that has failed before, and of one that has no end.
    """

    steps: int = 100
    groups: int = 8
    dialogues: int = 8
    second: float = 0.5
    turns: int = 2  # answers in a dialogue, at most
    answer: int = 256  # tokens of one, at most
    temperature: float = 1.0
    report: Report = "both"  # in which words a failing test is told: ours, the paper's, or each in half of the groups
    discount: float = 0.9
    repeating: float = 0.3
    cut_off: float = 0.2
    spread: bool = (
        False  # whether advantages are divided by the standard deviation of their group (GRPO; not in Dr. GRPO)
    )
    passes: int = 1  # over the dialogues of a step, each a change of the weights
    low: float = 0.2  # the ratio of probabilities is clipped at 1 - low
    high: float = 0.28  # and at 1 + high
    kl: float = 0.02  # the weight of the distance from the model that was begun with, in nats a token
    open: float = 1.0  # of the built-in tasks of the groups that begin after a failure: how many steps are left open,
    usual: float = 0.4  # and how often they are meant as they usually are


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained. Rates are peaks; `packs` of `context` tokens make a step, `packs_at_once` fit into a device."""

    name: str
    stage: Stage = "sft"
    title: str = ""
    base: str = ""  # the model to begin with: a folder, or a name on the Hugging Face hub
    licence: str = ""  # of that model
    epochs: int = 3
    rate: float = 2e-5
    matrix_rate: float = 0.02  # Muon's
    warmup: float = 0.05
    final: float = 0.0  # the rate at the end, as a share of the peak
    schedule: Form = "cosine"
    context: int = 4096
    optimizer: OptimizerName = "adamw"
    decay: float = 0.0
    clip: float = 1.0
    packs: int = 32
    packs_at_once: int = 1
    checkpointing: bool = False
    others: float = 0.0  # the weight of what the model does not say
    template: str = ""  # of chats, where the tokenizer has none: a name, or a file
    seed: str = "1"
    shape: Shape | None = None
    lora: Adapters | None = None
    practice: Practice | None = None  # of the stage rl
    mix: tuple[Part, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.lora and self.lora.bits not in {4, 16}:
            raise UsageError(f"lora.bits is {self.lora.bits}: weights under adapters have 4 or 16 bits")
        if self.warmup >= 1 or self.final > 1:
            raise UsageError(
                f"warmup and final are shares of a run and of a rate: warmup = {self.warmup}, final = {self.final}"
            )

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def names() -> list[str]:
    """The recipes of the package; `common` is for any model."""
    return sorted(each.name.removesuffix(".toml") for each in _folder().iterdir() if each.name.endswith(".toml"))


def find(name: str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a name, or of a file of your own, with `key=value` changes. UsageError for what is wrong with it."""
    first, *more = name.split("+") if not name.endswith(".toml") else [name]
    table = _table(first)
    for each in more:
        table = _merged(table, _overlay(each))
    for each in changes:
        table = _merged(table, _change(each))
    return _recipe(name, table)


def _folder() -> Any:
    return resources.files("ocinterp.train").joinpath("recipes")


def _table(name: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """What is in a file, over what it is like."""
    if name in seen:
        raise UsageError(f"a recipe is like itself: {' -> '.join([*seen, name])}")
    if name.endswith(".toml"):
        path = Path(name)
        with explained(path):
            text = path.read_text("utf-8")
    elif name in names():
        text = _folder().joinpath(f"{name}.toml").read_text("utf-8")
    else:
        raise UsageError(f"there is no recipe {name!r}: choose of {', '.join(names())}, or name a file in .toml")
    table = _parsed(text, name)
    like = table.pop("like", None)
    return table if like is None else _merged(_table(str(like), (*seen, name)), table)


def _overlay(name: str) -> dict[str, Any]:
    folder = _folder().joinpath("with")
    known = sorted(each.name.removesuffix(".toml") for each in folder.iterdir())
    if name not in known:
        raise UsageError(f"a recipe has no variant +{name}: choose of {', '.join(f'+{each}' for each in known)}")
    return _parsed(folder.joinpath(f"{name}.toml").read_text("utf-8"), name)


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the recipe {name} is not TOML: {error}") from error


def _change(text: str) -> dict[str, Any]:
    """`rate=1e-5`, `lora.rank=8`: a value is TOML where it can be, else a text."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise UsageError(f"--set {text!r}: expected key=value, as in --set rate=1e-5")
    try:
        found: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        found = value
    for name in reversed(key.strip().split(".")):
        found = {name: found}
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for name, value in above.items():
        inner = found.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            value = _merged(cast("dict[str, Any]", inner), cast("dict[str, Any]", value))
        found[name] = value
    return found


def _recipe(name: str, table: dict[str, Any]) -> Recipe:
    rest = dict(table)
    shape, lora, mix = rest.pop("shape", None), rest.pop("lora", None), rest.pop("mix", [])
    practice = rest.pop("practice", None)
    if not isinstance(mix, list):
        raise UsageError(f"the recipe {name}: mix is a list of tables, each [[mix]]")
    parts = tuple(_read(Part, each, f"{name}: mix") for each in cast("list[Any]", mix))
    inner: dict[str, Any] = {
        "shape": None if shape is None else _read(Shape, shape, f"{name}: shape"),
        "lora": None if lora is None else _read(Adapters, lora, f"{name}: lora"),
        "practice": None if practice is None else _read(Practice, practice, f"{name}: practice"),
        "mix": parts,
    }
    own = tuple(each.name for each in fields(Recipe) if each.name not in {"name", *inner})
    return Recipe(name, **_checked(Recipe, rest, name, own), **inner)


def _read(kind: Any, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise UsageError(f"the recipe {where}: expected a table, found {table!r}")
    found = _checked(kind, cast("dict[str, Any]", table), where, tuple(each.name for each in fields(kind)))
    missing = [each.name for each in fields(kind) if each.default is MISSING and each.name not in found]
    if missing:
        raise UsageError(f"the recipe {where}: {', '.join(missing)} is missing")
    return kind(**found)


def _checked(kind: Any, table: dict[str, Any], where: str, known: Iterable[str]) -> dict[str, Any]:
    """The values of a table, each of the kind that its field is."""
    kinds = {each.name: str(each.type) for each in fields(kind) if each.name in set(known)}
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key not in kinds:
            raise UsageError(f"the recipe {where}: {key!r} is not known; known are {', '.join(kinds)}")
        found[key] = _value(kinds[key], key, value, where)
    return found


def _value(kind: str, key: str, value: Any, where: str) -> Any:
    choices = _CHOICES.get(key)
    if choices is not None:
        if value not in choices:
            raise UsageError(f"the recipe {where}: {key} is {value!r}; choose of {', '.join(choices)}")
        return value
    if kind == "str":
        return value if isinstance(value, str) else str(value)
    if kind == "bool":
        good = isinstance(value, bool)
    else:
        whole = isinstance(value, int) and not isinstance(value, bool)
        good = whole or (kind == "float" and isinstance(value, float))
        good = good and (value > 0 or (value == 0 and key in _MAY_BE_ZERO)) and value < float("inf")
    if not good:
        wanted = {"bool": "true or false", "int": "a whole number above 0", "float": "a number above 0"}[kind]
        raise UsageError(f"the recipe {where}: {key} is {value!r}; expected {wanted}")
    return float(value) if kind == "float" else value
