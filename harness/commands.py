"""Command templates -> command lines: placeholders, paths, and the scripts that a command is made of.

Placeholders are ``{python}`` (this interpreter), ``{workloads}`` (the shipped folder), ``{seed}`` and the factors;
``{{`` and ``}}`` stand for braces. A run works in a scratch folder of its own, so relative paths are made absolute:
an element with a ``/`` that names something in the protocol file's folder, or else in that folder's parent, and an
element without one that names a *file* there and has a suffix ("train.py"). A command's first element without a
``/`` is looked up on PATH.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import itertools
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.configurations import Level, level_text
from harness.errors import UsageError
from harness.record import slug

PYTHON, WORKLOADS, SEED = "python", "workloads", "seed"
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_INTERPRETER = re.compile(r"(python|pypy|ruby|perl|lua)[\d.]*|(ba|da|z|k|fi)?sh|node|Rscript|julia")
_LARGEST_SOURCE_B = 1_000_000


class TemplateError(ValueError):
    """A template has a placeholder that is not known here, or a brace alone; ``name`` is None for the brace."""

    def __init__(self, what: str, name: str | None = None) -> None:
        super().__init__(what)
        self.name = name


@dataclass(frozen=True)
class Missing:
    """An element of a command that cannot be executed or read: what is wrong, and the remedy."""

    element: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Source:
    """A script that a command is made of: where it lies, its sha256, and its name in the night's ``sources/``."""

    path: Path
    sha256: str
    copied_as: str


def shipped(kind: Literal["workloads", "protocols"]) -> Path:
    """The folder of the shipped workloads or protocols: of the source checkout, else of the installed package."""
    root = Path(__file__).resolve().parent.parent
    if (root / "pyproject.toml").is_file() and (root / kind).is_dir():
        return root / kind
    return root / "nightwatt" / "share" / kind


def values(levels: Mapping[str, Level] | None = None, seed: int | None = None) -> dict[str, str]:
    """What the placeholders stand for; without levels and seed only ``{python}`` and ``{workloads}`` (a warm-up)."""
    fixed = {PYTHON: sys.executable, WORKLOADS: str(shipped("workloads"))}
    seeded = {} if seed is None else {SEED: str(seed)}
    return fixed | seeded | {factor: level_text(level) for factor, level in (levels or {}).items()}


def placeholders(template: str) -> tuple[str, ...]:
    """The names of the placeholders in a template, in their order; raises TemplateError for a brace alone."""
    names = []
    for token in _TOKEN.finditer(template):
        if token[0] in ("{", "}"):
            raise TemplateError(f"a lone {token[0]!r}: write {token[0] * 2} for a brace")
        if token[1] is not None:
            names.append(token[1])
    return tuple(names)


def render(template: str, given: Mapping[str, str]) -> str:
    """``template`` with its placeholders filled in; raises TemplateError for an unknown one or a brace alone."""

    def fill(token: re.Match[str]) -> str:
        if token[0] in ("{{", "}}"):
            return token[0][0]
        if token[1] is None:
            raise TemplateError(f"a lone {token[0]!r}: write {token[0] * 2} for a brace")
        if token[1] not in given:
            raise TemplateError(f"unknown placeholder {token[0]}", token[1])
        return given[token[1]]

    return _TOKEN.sub(fill, template)


def command_line(command: Sequence[str], given: Mapping[str, str], folder: Path) -> tuple[str, ...]:
    """A command ready to be executed anywhere: rendered, its paths absolute. ``folder`` is the protocol file's."""
    first, *others = (render(element, given) for element in command)
    return (_program(first, folder), *(_resolved(element, folder) for element in others))


def environment(env: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """A workload's own environment variables, rendered; they are added to the inherited ones."""
    return {name: render(template, given) for name, template in env.items()}


def _program(element: str, folder: Path) -> str:
    if "/" not in element:
        return shutil.which(element) or element
    return str(_existing(element, folder) or element)


def _resolved(element: str, folder: Path) -> str:
    found = _existing(element, folder)
    if found is None or ("/" not in element and not (found.is_file() and re.fullmatch(r"\.[A-Za-z]+", found.suffix))):
        return element
    return str(found)


def _existing(element: str, folder: Path) -> Path | None:
    """Where a path relative to the protocol file's folder or to its parent lies, absolute; None where it does not."""
    for start in (folder, folder.parent):
        path = start.absolute() / element
        if element and len(element) < 4096 and "\0" not in element and path.exists():
            return path
    return None


def missing_programs(command: Sequence[str], given: Mapping[str, str], folder: Path) -> Iterator[Missing]:
    """What of a command is not there or cannot be executed: its program, its script, and what ``{workloads}/`` names.

    The script is the first argument of an interpreter (Python, a shell, …) that is not an option; after ``-m`` or
    ``-c`` there is none.
    """
    program, *arguments = command_line(command, given, folder)
    if os.sep not in program:
        beside = _existing(program, folder)
        remedy = f"write './{program}' for the file beside the protocol" if beside else "install it, or give its path"
        yield Missing(program, "no such program on PATH", remedy)
    elif not Path(program).is_file():
        yield Missing(program, "no such file", _nearest_file(program, folder))
    elif not os.access(program, os.X_OK):
        remedy = "chmod +x it" + (', or put "{python}" before it' if program.endswith(".py") else "")
        yield Missing(program, "this file is not executable", remedy)
    script = _script(program, arguments)
    shipped_ones = {element for template, element in zip(command[1:], arguments, strict=True) if _ships(template)}
    for element in dict.fromkeys(arguments):
        if element != script and element not in shipped_ones:
            continue
        path = Path(element)
        if not path.is_absolute() or not path.exists():
            found = _existing(element, folder)
            yield Missing(element, "no such file", f"write './{element}'" if found else _nearest_file(element, folder))
        elif path.is_dir():
            yield Missing(element, "this is a folder", "name the script in it")
        elif not os.access(path, os.R_OK):
            yield Missing(element, "this file cannot be read", "chmod +r it")


def sources(commands: Iterable[Sequence[str]], given: Iterable[Mapping[str, str]], folder: Path) -> tuple[Source, ...]:
    """The scripts that ``commands`` are made of, under each of the fillings ``given``, in the order of their paths.

    These are the elements that name a file by a path, up to 1 MB, and the Python modules beside such a script that it
    imports. Programs found on PATH and the interpreter are not among them. A filling that a command cannot be rendered
    with is passed over. Raises UsageError for a script that cannot be read.
    """
    fillings = list(given)
    scripts: set[Path] = set()
    for command, filling in itertools.product(commands, fillings):
        try:
            line = command_line(command, filling, folder)
            named = line if os.sep in render(command[0], filling) and line[0] != sys.executable else line[1:]
        except TemplateError:
            continue
        for path in {Path(element) for element in named if element.startswith(os.sep)} - scripts:
            if path.is_file() and path.stat().st_size <= _LARGEST_SOURCE_B:
                scripts |= _with_imports(path)
    found: list[Source] = []
    for path in sorted(scripts):
        digest = sha256(path)
        name = slug(path.name)
        taken = any(source.copied_as == name for source in found)
        found.append(Source(path, digest, f"{digest[:8]}-{name}" if taken else name))
    return tuple(found)


def sha256(path: Path) -> str:
    """The sha256 of a file's content, hexadecimal; raises UsageError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as fault:
        raise UsageError(f"cannot read {path}: {fault.strerror}", remedy="check its rights") from fault


def _with_imports(script: Path) -> set[Path]:
    """A script and, where it is Python, the modules beside it that it imports, and theirs."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            beside = (path.with_name(f"{name}.py") for name in _imported(path))
            waiting += [module for module in beside if module.is_file()]
    return found


def _imported(script: Path) -> set[str]:
    """The first names of the modules that a Python script imports; none for what is not Python or cannot be parsed."""
    if script.suffix != ".py":
        return set()
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def _script(program: str, arguments: Sequence[str]) -> str | None:
    """The script that an interpreter is given, or None where the program is none or is given none."""
    if program != sys.executable and not _INTERPRETER.fullmatch(Path(program).name):
        return None
    waiting = iter(arguments)
    for argument in waiting:
        if argument in ("-m", "-c", "-e", "-"):
            return None
        if argument in ("-W", "-X", "-o"):
            next(waiting, None)
        elif not argument.startswith("-"):
            return argument
    return None


def _ships(template: str) -> bool:
    return template.startswith(f"{{{WORKLOADS}}}/")


def _nearest_file(element: str, folder: Path) -> str:
    path = Path(element)
    places = [path.parent] if path.is_absolute() else [folder / path.parent, folder.parent / path.parent]
    names = sorted({item.name for place in places if place.is_dir() for item in place.iterdir() if item.is_file()})
    near = difflib.get_close_matches(path.name, names, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return "a relative path begins at the protocol's folder or at its parent"
