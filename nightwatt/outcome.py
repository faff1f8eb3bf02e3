"""What becomes of a command: its exit status, and the one message that a person reads when it could not do its work."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, ParamSpec

from harness.errors import ExitCode, NightwattError, RefusedError

Parameters = ParamSpec("Parameters")

READER_GONE = 141
"""What a shell reports for a program that SIGPIPE ended; ours ends so when the reader of its output has gone."""

_EXECUTING = frozenset({"block", "run", "resume", "rehearse"})
_SYSTEMS = {"win32": "Windows", "cygwin": "Cygwin", "aix": "AIX", "emscripten": "Emscripten", "wasi": "WASI"}


def refuse_platform(platform: str, command: str) -> None:
    """Raise RefusedError where ``sys.platform`` is one on which ``command`` cannot do its work.

    Linux is served in full. On macOS what reads and plans works; what executes runs does not.
    """
    if platform.startswith("linux"):
        return
    if platform == "darwin":
        if command in _EXECUTING:
            raise RefusedError(
                f"nightwatt cannot execute runs on macOS yet, so `nightwatt {command}` does not work here",
                remedy="execute the night on Linux; plan, report, status, new and mark do work on macOS",
            )
        return
    name = _SYSTEMS.get(platform, platform)
    raise RefusedError(
        f"nightwatt does not run on {name}",
        remedy="use Linux (in full) or macOS (plan, report and what reads a night); on Windows, WSL 2 is a Linux",
    )


def exits(command: Callable[Parameters, object]) -> Callable[Parameters, NoReturn]:
    """``command``, ending in ``SystemExit``: with the status it returned, or with the one that its error stands for.

    An error raised on purpose prints its message; any other is a defect: its traceback goes into a file, one line
    that names the file goes to the terminal. What was raised as SystemExit or by typer to end the program passes.
    """

    @functools.wraps(command)
    def exiting(*args: Parameters.args, **kwargs: Parameters.kwargs) -> NoReturn:
        try:
            status = command(*args, **kwargs)
            sys.stdout.flush()
        except NightwattError as error:
            _say(f"nightwatt: {error}")
            raise SystemExit(int(error.exit_code)) from None
        except KeyboardInterrupt:
            raise SystemExit(int(ExitCode.INTERRUPTED)) from None
        except Exception as error:  # the outermost place: a defect must end in a file, not in a scroll
            if _ends_program(error):
                raise
            if isinstance(error, BrokenPipeError) and _reader_gone():
                _silence()
                raise SystemExit(READER_GONE) from None
            _say(_confession(error))
            raise SystemExit(int(ExitCode.INTERNAL)) from None
        raise SystemExit(int(status) if isinstance(status, int) else 0)

    return exiting


def _ends_program(error: Exception) -> bool:
    """Whether ``error`` is typer's own way to say goodbye or to complain about usage, which typer then prints."""
    typer = sys.modules.get("typer")
    return typer is not None and isinstance(error, typer.Exit | typer.Abort | typer.BadParameter)


def _confession(error: Exception) -> str:
    """One line for the terminal, after the traceback has gone into a file."""
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    night = getattr(error, "night", None)
    try:
        folder = Path(night) / "journal" if night is not None else None
        descriptor, name = tempfile.mkstemp(".txt", "nightwatt-traceback-", folder)
    except OSError:
        descriptor, name = tempfile.mkstemp(".txt", "nightwatt-traceback-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    first = next(iter(str(error).splitlines()), "")
    return f"nightwatt: internal error, {type(error).__name__}: {first}; the traceback is in {name}"


def _reader_gone() -> bool:
    """Whether standard output or standard error is a pipe that nobody reads any more."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream.fileno(), select.POLLERR)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _silence() -> None:
    """Point standard output at nothing, so that the interpreter's last flush does not complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may have gone; the exit status still says it
        print(message, file=sys.stderr, flush=True)
