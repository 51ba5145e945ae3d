"""`ocinterp layers`: the packages that were installed for the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.errors import UsageError

if TYPE_CHECKING:
    from ocinterp.sandboxes.layers import Layer

app = typer.Typer(help="List or remove packages that --with installed.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_() -> None:
    """List what is installed for the sandbox, the newest first."""
    for each in _kept():
        print(f"{each.key[:8]}  {each.created[:10]}  {size(each.size_bytes):>7}  {', '.join(each.requirements)}")


@app.command()
def rm(
    layer: Annotated[str, typer.Argument(help="The beginning of a layer's id, or all.", metavar="ID|all")],
) -> None:
    """Remove packages; the next --with that asks for them installs them anew."""
    from ocinterp.sandboxes.layers import remove

    found = _kept()
    chosen = found if layer == "all" else [each for each in found if layer and each.key.startswith(layer)]
    if layer != "all" and len(chosen) != 1:
        raise UsageError(f"{len(chosen)} layers begin with {layer!r}: `ocinterp layers list` shows them")
    for each in chosen:
        remove(each)
        print(f"removed {each.key[:8]}  {', '.join(each.requirements)}")


def size(number: int) -> str:
    """Bytes for a reader."""
    return f"{number / 1e6:.0f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"


def _kept() -> list[Layer]:
    from ocinterp.cli import added, settings
    from ocinterp.sandboxes.layers import kept

    return kept(added.folder(settings.load()))
