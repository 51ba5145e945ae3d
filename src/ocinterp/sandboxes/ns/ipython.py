"""What an IPython shell of ours does otherwise than others: cells have their names, errors are told as everywhere else.

Its text is also sent to kernels on other machines, so it needs nothing but the standard library.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import sys
import termios
import time
import warnings
from _sitebuiltins import Quitter
from collections.abc import Callable
from typing import Any

_READ_SECONDS = 1.0

Describe = Callable[[BaseException], dict[str, str]]


def adapt(shell: Any, describe: Describe, no_input: str, renew: Callable[[], None] | None = None) -> None:
    """Change a live shell of ipykernel's. Anything may be raised where its version does not have what is changed here.

    `renew` opens fresh streams in the place of broken ones, where they go to descriptors; else they are ipykernel's.
    """

    def refuse(*_: Any, **__: Any) -> str:
        raise EOFError(no_input)

    _name_cells(shell)
    _tell_errors(shell, describe)
    _carry_surrogates(shell.kernel.session)
    _settle_streams(shell, renew)
    shell.kernel.raw_input = shell.kernel.getpass = refuse
    shell.user_ns.update(exit=Quitter("exit", "Ctrl-D"), quit=Quitter("quit", "Ctrl-D"))
    warnings.filterwarnings("ignore", "To exit: use")


def _name_cells(shell: Any) -> None:
    def name_of(_raw: str, _code: str, number: int) -> str:
        metadata = shell.kernel.get_parent("shell").get("metadata", {})
        return f"<cell {metadata.get('cellId', number)}>"

    shell.compile.get_code_name = name_of


def _tell_errors(shell: Any, describe: Describe) -> None:
    name = "_showtraceback"  # which sends an error to whoever asked for the cell
    tell = getattr(shell, name)
    own = os.getpid()

    def show(exception: Any = None, *_: Any, **__: Any) -> None:
        error: BaseException | None = exception[1] if exception else sys.exception()
        if error is not None:
            told = describe(error)
            if os.getpid() != own:  # nobody else will say so of a child that the program has forked
                os.write(2, told["traceback"].encode("utf-8", "backslashreplace"))
                os._exit(1)
            tell(type(told["name"], (), {}), _printable(told["message"]), [_printable(told["traceback"])])

    def show_syntax(*_: Any, **__: Any) -> None:
        show()

    shell.showtraceback = show
    shell.showsyntaxerror = shell.showindentationerror = show_syntax


def _carry_surrogates(session: Any) -> None:
    pack = session.pack

    def pack_all(part: Any) -> bytes:
        try:
            return pack(part)
        except ValueError:  # a lone surrogate, in what was printed or in an error's text
            return json.dumps(part, default=str).encode()

    session.pack = pack_all


def _settle_streams(shell: Any, renew: Callable[[], None] | None) -> None:
    """Before a cell is reported, all that it wrote is taken, and all streams can be flushed."""
    own = os.getpid()
    if renew is not None:
        shell.system = shell.system_raw  # the other one needs a terminal
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}

    def settle(*_: Any) -> None:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception:  # noqa: BLE001  anything may stand there by now
            renew() if renew else _put_back(streams)
        if os.getpid() != own:
            os._exit(0)  # a fork of the program came home by the wrong door
        if renew is None:
            _wait_until_read()

    shell.events.register("post_execute", settle)


def _put_back(streams: dict[str, Any]) -> None:
    for name, stream in streams.items():
        setattr(sys, name, stream)


def _wait_until_read() -> None:
    """ipykernel reads what children and C code print in a thread of its own, a little later."""
    held = array.array("i", [0])
    deadline = time.monotonic() + _READ_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.001)  # also for what was read, and is not yet passed on
        try:
            left = 0
            for fd in (1, 2):
                fcntl.ioctl(fd, termios.FIONREAD, held)
                left += held[0]
        except OSError:
            return
        if not left:
            return


def _printable(text: str) -> str:
    """With lone surrogates written out: no message could carry them."""
    return text.encode("utf-8", "backslashreplace").decode()
