"""nightwatt new: a commented start of a workload or a protocol, which runs as it stands."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
_TAKEN = {"marks", "data"}
"""Names of what lies beside a workload."""


WHAT = ("workload", "protocol")
"""What can be started."""


def command(
    what: Annotated[str, typer.Argument(help="What to start: workload or protocol.")],
    name: Annotated[str, typer.Argument(help="Its name, which becomes the file's name in the current folder.")],
    shell: Annotated[bool, typer.Option("--shell", help="A shell script instead of Python (workload only).")] = False,
) -> None:
    """Write a commented start of a workload or a protocol, which runs as it stands."""
    folder = Path.cwd()
    if what not in WHAT:
        raise UsageError(f"no start of a {what!r} is kept here", remedy=f"nightwatt new {WHAT[0]} {name}, or {WHAT[1]}")
    if what == "protocol":
        if shell:
            raise UsageError("a protocol is no shell script", remedy="leave out --shell")
        files, then = protocol_files(name, folder), f"nightwatt run {name}.toml"
        if _workload(name, folder) is None:
            typer.echo(
                f"there is no {name}.py and no {name}.sh here: the protocol keeps the processor busy with a workload"
                f" that is shipped, until your own command stands in it (or: nightwatt new workload {name}, and this"
                " again)",
                err=True,
            )
    else:
        files, then = workload_files(name, shell=shell), f"nightwatt new protocol {name}"
    for path in write(files, folder):
        typer.echo(str(path))
    typer.echo(f"next: {then}", err=True)


@dataclass(frozen=True)
class File:
    """A file to be written; one that is ``kept`` may be there already and then stays as it is."""

    name: str
    content: str
    executable: bool = False
    kept: bool = False


def workload_files(name: str, *, shell: bool) -> list[File]:
    """The script ``name``.py with marks.py beside it, or ``name``.sh; UsageError for a name that will not do."""
    from harness.commands import shipped
    from nightwatt.templates import PYTHON_WORKLOAD, SHELL_WORKLOAD

    _check_name(name)
    if shell:
        return [File(f"{name}.sh", SHELL_WORKLOAD.replace("@NAME@", name), executable=True)]
    if name in _TAKEN or name in sys.stdlib_module_names:
        raise UsageError(
            f"a script called {name}.py would be imported where Python's or nightwatt's own {name} is meant",
            remedy=f"choose another name, such as {name}_workload",
        )
    marks = (shipped("workloads") / "marks.py").read_text(encoding="utf-8")
    return [File(f"{name}.py", PYTHON_WORKLOAD.replace("@NAME@", name)), File("marks.py", marks, kept=True)]


def protocol_files(name: str, folder: Path) -> list[File]:
    """The protocol ``name``.toml: of the workload ``name`` in ``folder`` where there is one, else of a shipped one."""
    from nightwatt.templates import PROTOCOL

    _check_name(name)
    window, environment = "train", ""
    script = _workload(name, folder)
    if script == f"{name}.py":
        workload = f'command = ["{{python}}", "{name}.py", "--size", "{{size}}", "--seed", "{{seed}}"]'
    elif script is not None:
        workload = f'command = ["sh", "{name}.sh", "{{size}}", "{{seed}}"]'
        environment = '\n[workload.env]\nNIGHTWATT_PYTHON = "{python}" # a shell workload leaves its marks by it\n'
    else:
        window = "burn"
        workload = (
            "# Put your own command here; `nightwatt new workload` writes a start. This one burns 10 and 20 s.\n"
            'command = ["{python}", "{workloads}/burn.py", "--device", "cpu", "--duration", "{size}0"]'
        )
    filled = {"@NAME@": name, "@WORKLOAD@": workload, "@WINDOW@": window, "@ENVIRONMENT@": environment}
    content = PROTOCOL
    for token, text in filled.items():
        content = content.replace(token, text)
    return [File(f"{name}.toml", content)]


def _workload(name: str, folder: Path) -> str | None:
    """The script of that name in ``folder``; None where there is none."""
    return next((file for file in (f"{name}.py", f"{name}.sh") if (folder / file).is_file()), None)


def write(files: list[File], folder: Path) -> list[Path]:
    """Write ``files`` into ``folder``, the paths of those written; refuses, before the first, to overwrite any."""
    there = {file.name for file in files if (folder / file.name).exists() or (folder / file.name).is_symlink()}
    for file in files:
        if file.name in there and not file.kept:
            remedy = "choose another name; it was left as it is"
            raise UsageError(f"there is a {file.name} already", where=str(folder), remedy=remedy)
    written = []
    for file in files:
        path = folder / file.name
        if file.name in there:
            typer.echo(f"{file.name} was there already, and was left as it is", err=True)
            continue
        try:
            with open(path, "x", encoding="utf-8") as stream:  # "x" neither overwrites nor follows a link
                stream.write(file.content)
            if file.executable:
                path.chmod(path.stat().st_mode | 0o111)
        except OSError as error:
            remedy = "go to a folder of yours"
            what = f"{file.name} cannot be written: {error.strerror}"
            raise UsageError(what, where=str(folder), remedy=remedy) from error
        written.append(path)
    return written


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} will not do as a name",
            remedy="letters, digits, _ and -, a letter first, at most 60; no folder and no ending: "
            "the file is written into the current folder",
        )
