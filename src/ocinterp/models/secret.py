"""A value that must not be seen: it has no way into a repr, a log line, a record or an error."""

from __future__ import annotations

from ocinterp.errors import UsageError


class Secret:
    """An API key. Only `reveal` gives it away; it cannot be pickled, and JSON does not know it.

    Surrounding blanks, which come with pasting, are dropped. UsageError, which speaks of
    `name`, for a key that no HTTP header can carry.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str, /, *, name: str = "the API key") -> None:
        self._value = value.strip()
        if not (self._value.isascii() and self._value.isprintable()):
            raise UsageError(f"{name} holds characters that no key has; copy it again")

    def reveal(self) -> str:
        return self._value

    def scrub(self, text: str, /) -> str:
        """`text` with every occurrence of the key blotted out."""
        return text.replace(self._value, "***") if self._value else text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a Secret is never stored")
