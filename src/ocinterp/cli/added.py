"""Packages added to the sandbox with `--with`: built before anything runs, named to the model, kept in the record."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.cli.settings import Settings
from ocinterp.types import ExecutionResult

if TYPE_CHECKING:
    from ocinterp.sandboxes.layers import Layer

With = Annotated[
    list[str] | None,
    typer.Option("--with", help="Packages the code may import too: polars,scikit-learn.", metavar="NAMES"),
]


def folder(settings: Settings) -> Path:
    """Where the packages that were added are kept."""
    return settings.cache_folder / "layers"


def layer(settings: Settings, names: Sequence[str] | None) -> Layer | None:
    """The packages asked for here and in the config file; installed now if they are not yet. None: none were.

    Raises UsageError, SandboxError.
    """
    from ocinterp.sandboxes import layers
    from ocinterp.sandboxes.requirements import parse

    wanted = parse([settings.get("with", ""), *(names or ())])
    if not wanted:
        return None
    try:
        return layers.build(wanted, folder(settings), uv=shutil.which("uv"), tell=_tell)
    except KeyboardInterrupt:
        print("\nocinterp: interrupted; nothing was installed", file=sys.stderr)
        raise typer.Exit(130) from None


def say_missing(provenance: Mapping[str, str], added: Layer | None, tell: Callable[[str], None]) -> None:
    """Say which packages a recorded session had that are not here now."""
    if not (recorded := provenance.get("packages")):
        return
    from ocinterp.sandboxes.layers import installed

    there = {*installed(), *(added.packages if added else ())}
    missing = [pin for pin in recorded.split(", ") if pin not in there]
    if missing:
        tell(f"this session had packages that are not here, and its code may need them: --with {','.join(missing)}")


def both(before: str, now: str) -> str:
    """The packages of a record that went on with others."""
    return ", ".join(sorted({*before.split(", "), *now.split(", ")} - {""}))


def advice(result: ExecutionResult) -> str:
    """How the person can add the module whose absence ended a cell; empty when none did."""
    if result.error is None or result.error.name != "ModuleNotFoundError":
        return ""
    from ocinterp.sandboxes.ns.packages import missed, provider

    module = missed(result.error.message)
    if module is None or module in sys.stdlib_module_names:
        return ""
    return f"to add it, if it is a package: --with {provider(module)}"


def _tell(text: str) -> None:
    print(f"ocinterp: {text}", file=sys.stderr, flush=True)
