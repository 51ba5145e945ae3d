"""What the person has set: the config file, the environment, and where things are kept. Read once, passed in."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ocinterp.errors import UsageError

_KNOWN = {"model", "base_url", "api_key", "sandbox", "timeout", "rounds", "with"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The config file's values, the environment, and the folders of saved sessions and of what can be made again."""

    config: Mapping[str, str]
    environ: Mapping[str, str]
    config_path: Path
    data_folder: Path
    cache_folder: Path
    unknown: tuple[str, ...] = field(default=())

    @property
    def datasets_folder(self) -> Path:
        """Where imported benchmarks are kept."""
        return self.cache_folder / "benchmarks"

    @property
    def expected_folder(self) -> Path:
        """Where their references' answers are kept."""
        return self.cache_folder / "expected"

    def get(self, name: str, default: str) -> str:
        return self.config.get(name, default)

    def number(self, name: str, default: float) -> float:
        text = self.config.get(name)
        if text is None:
            return default
        try:
            return float(text)
        except ValueError as error:
            raise UsageError(f"{self.config_path}: {name} must be a number, not {text!r}") from error

    def timeout(self, given: float | None) -> float:
        """Seconds a cell may run: as given, else as configured, else 30. Raises UsageError."""
        seconds = self.number("timeout", 30.0) if given is None else given
        if not 0 < seconds < float("inf"):
            where = f"{self.config_path}: timeout" if given is None else "--timeout"
            raise UsageError(f"{where} must be a number of seconds above 0, not {seconds:g}")
        return seconds

    def rounds(self, given: int | None = None) -> int:
        """How often a model may answer a request: as given, else as configured, else 4. Raises UsageError."""
        number = self.number("rounds", 4) if given is None else given
        if number < 1 or number != int(number):
            raise UsageError(f"{self.config_path}: rounds must be a whole number above 0, not {number:g}")
        return int(number)


def load() -> Settings:
    """Read the config file (`config.toml`, at $OCINTERP_CONFIG or the platform's place), if there is one."""
    from platformdirs import user_cache_path, user_config_path, user_data_path

    environ = dict(os.environ)
    path = Path(environ.get("OCINTERP_CONFIG") or user_config_path("ocinterp") / "config.toml")
    folder = Path(environ.get("OCINTERP_DATA") or user_data_path("ocinterp"))
    cache = Path(environ.get("OCINTERP_CACHE") or user_cache_path("ocinterp"))
    values = _read(path)
    config = {name: _text(value) for name, value in values.items() if name in _KNOWN}
    return Settings(config, environ, path, folder, cache, tuple(sorted(set(values) - _KNOWN)))


def _text(value: Any) -> str:
    """A value as a command line would have it: a list is a list of names."""
    return ",".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the config file {path} cannot be read: {error}") from error
