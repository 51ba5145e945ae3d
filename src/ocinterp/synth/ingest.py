"""Questions out of files of any form that is known, each with where it stands; what is not taken says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ocinterp.errors import DataError
from ocinterp.synth import forms, reading
from ocinterp.synth.forms import Form, Said, UnreadableError
from ocinterp.synth.queries import Origin, Query, Rejected
from ocinterp.synth.reading import Raw


@dataclass(frozen=True, slots=True)
class Given:
    """A file of rows, and what is known of it that it does not say. `form` is empty: told by the fields of each row."""

    path: Path
    dataset: str = ""
    licence: str = ""
    form: str = ""


def queries(given: Given) -> Iterator[Query | Rejected]:
    """All rows of a file, as questions or with why they are not taken.

    DataError where the file itself cannot be read, or has no row in a form that is known.
    """
    chosen = _named(given)
    taken, last = 0, None
    for each in reading.rows(given.path):
        found = each if isinstance(each, Rejected) else _query(given, each, chosen)
        if isinstance(found, Query):
            taken += 1
        else:
            last = found
        yield found
    if not taken:
        why = f"; row {last.row}: {last.reason}" if last else ""
        raise DataError(f"{given.path}: no row in it could be taken{why}")


def _named(given: Given) -> Form | None:
    if not given.form:
        return None
    found = forms.named(given.form)
    if found is None:
        known = ", ".join(each.name for each in forms.FORMS)
        raise DataError(f"{given.path}: there is no form {given.form!r}; there are {known}")
    return found


def _query(given: Given, raw: Raw, chosen: Form | None) -> Query | Rejected:
    form = chosen or forms.of(raw.fields)
    try:
        said = _said(raw, form)
    except UnreadableError as error:
        return Rejected(str(given.path), raw.row, str(error), repr(raw.fields)[:200])
    assert form is not None
    origin = Origin(
        given.dataset or said.dataset or form.name,
        given.path.name,
        raw.row,
        raw.sha256,
        given.licence or said.licence or forms.licence(raw.fields) or form.licence,
    )
    first, *later = said.messages
    answer = later.pop(0).content if later and later[0].role == "assistant" else ""
    return Query(first.content, origin, answer, said.language, tuple(later), said.facts, said.record)


def _said(raw: Raw, form: Form | None) -> Said:
    """What a row says. UnreadableError for what no dialogue should have."""
    if form is None:
        raise UnreadableError(f"no form has the fields {', '.join(sorted(raw.fields))[:120]}")
    said = form.read(raw.fields)
    if not said.messages[0].content.strip():
        raise UnreadableError("the question is empty")
    for each in said.messages:
        if "\0" in each.content:
            raise UnreadableError("a text has a NUL character")
    return said
