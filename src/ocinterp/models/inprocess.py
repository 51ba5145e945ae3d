"""A model of `resolve.InProcess`, loaded: the package that runs it is imported only here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ocinterp.errors import UsageError
from ocinterp.models.batched import Batched
from ocinterp.models.engine import Limits, Sampling
from ocinterp.models.resolve import InProcess

if TYPE_CHECKING:
    from ocinterp.models.pocket.wary import Wary

_MOST_TOKENS = 4096  # of an answer, where nobody said how many; its end, or that of the positions, comes before


def load_to_talk(which: InProcess, notice: Callable[[str], None]) -> Batched | Wary:
    """As `load`, for one conversation: a pocket model says in `notice` that a request is foreign to it."""
    if which.kind == "pocket":
        from ocinterp.models.pocket.model import Pocket
        from ocinterp.models.pocket.wary import Wary

        pocket = Pocket.load(Path(which.place))
        return Wary(pocket.batched(_likeliest()), pocket.llama, notice)
    return load(which)


def load(which: InProcess, sampling: Sampling | None = None, limits: Limits = Limits()) -> Batched:
    """The model, ready to be asked, with `sampling`, else as it is meant to be: pocket models take the likeliest token.

    Blocks for as long as the weights take. UsageError for a model that is not there, or that cannot be run here; DataError for
    files that are not what they should be.
    """
    if which.kind == "pocket":
        from ocinterp.models.pocket.model import Pocket

        return Pocket.load(Path(which.place)).batched(sampling or _likeliest(), limits)
    try:
        from ocinterp.models import transformers
    except ImportError as error:
        line = f"hf:{which.place} needs torch and transformers ({error}): pip install 'ocinterp[train]'"
        raise UsageError(line) from error
    loaded = transformers.load(which.place, which.name)
    return loaded.batched(sampling or loaded.sampling(_MOST_TOKENS), limits)


def _likeliest() -> Sampling:
    return Sampling(max_tokens=_MOST_TOKENS)
