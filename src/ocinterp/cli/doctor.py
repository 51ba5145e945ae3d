"""`ocinterp doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ocinterp.cli.settings import Settings


def command() -> None:
    """Check the sandbox, the packages and every place a model could come from. Exits 1 when code cannot be isolated."""
    from ocinterp.cli import setup

    raise typer.Exit(0 if setup.run_to_end(_examine(), saved=False) else 1)


async def _examine() -> bool:
    from ocinterp import __version__
    from ocinterp.cli import added, settings, setup
    from ocinterp.cli.layers import size
    from ocinterp.models.resolve import explain
    from ocinterp.sandboxes import layers, toolchains
    from ocinterp.sandboxes.container import engine
    from ocinterp.sandboxes.limits import MIB, Resources
    from ocinterp.sandboxes.ns import totals
    from ocinterp.sandboxes.probe import ISOLATING, probe

    loaded = settings.load()
    _line("ocinterp", f"{__version__}, Python {platform.python_version()} at {sys.executable}")
    _line("machine", f"{platform.system()} {platform.release()}, {platform.machine()}")
    _line("config", f"{loaded.config_path}{'' if loaded.config_path.exists() else ' (not there; that is fine)'}")
    for name in loaded.unknown:
        _line("", f"unknown setting {name!r} in it")
    sound = _sessions(loaded)
    findings = [await probe(tier) for tier in ISOLATING]
    chosen = next((finding for finding in findings if finding.works), None)
    for finding in findings:
        works = "works" if finding.works else "no" if chosen else "DOES NOT WORK"
        _line("sandbox", f"{'→' if finding is chosen else ' '} {finding.tier}: {works}: {finding.why}")
    _line("container", await engine.describe())
    limits = Resources()
    _line("limits", f"{limits.memory_bytes // MIB} MiB of memory a process, {limits.disk_bytes // MIB} MiB of files, "
          f"{limits.processes} processes, {limits.output_bytes // MIB} MiB of output a cell")  # fmt: skip
    guards = totals.find()
    _line("", f"together no more memory than one process: {guards.name}, {guards.about}")
    there = setup.packages()
    _line("packages", ", ".join(there) if there else "only the standard library: pip install 'ocinterp[science]'")
    kept = layers.kept(added.folder(loaded))
    total = size(sum(each.size_bytes for each in kept))
    _line(
        "layers", f"{added.folder(loaded)} ({f'{len(kept)}, {total}' if kept else 'none: --with NAMES adds packages'})"
    )
    missing = [name for name in toolchains.LANGUAGES[1:] if name not in toolchains.find()]
    lacking = "; ".join(f"{name} (needs {toolchains.tools_for(name)})" for name in missing)
    _line("languages", f"python, {', '.join(toolchains.find())}{f'; missing: {lacking}' if lacking else ''}")
    steps = await explain(None, config=loaded.config, environ=loaded.environ)
    for step in steps:
        _line("model", f"{'→' if step.chosen else ' '} {step.name}: {step.finding}")
    if not any(step.chosen for step in steps):
        _line(
            "", "no model yet: start Ollama or another server, set a provider's key, or use --model hf:NAME or person"
        )
    return chosen is not None and sound


def _sessions(settings: Settings) -> bool:
    """Whether sessions can be kept, and how many there are; wrong settings are said too."""
    from ocinterp.chat.store import SessionStore
    from ocinterp.cli import setup
    from ocinterp.errors import DataError, UsageError

    sound = True
    checks = (lambda: settings.timeout(None), settings.rounds, lambda: setup.sandbox(settings, None, 1.0))
    for check in checks:
        try:
            check()
        except UsageError as error:
            sound = False
            _line("", f"WRONG: {error}")
    try:
        with SessionStore(settings.data_folder) as store:
            _line("sessions", f"{settings.data_folder} ({len(store.list())} saved)")
    except DataError as error:
        _line("sessions", f"DO NOT WORK: {error}")
        return False
    return sound


def _line(name: str, text: str) -> None:
    print(f"{name:>9}  {text}")
