"""Command templates -> command lines: placeholders, paths, and the scripts that a command is made of.

Placeholders are ``{python}`` (this interpreter), ``{workloads}`` (the shipped folder), ``{seed}`` and the factors;
``{{`` and ``}}`` stand for braces. A run works in a scratch folder of its own, so relative paths are made absolute:
an element with a ``/`` that names something in the protocol file's folder, or else in that folder's parent, and an
element without one that names a *file* there and has a suffix ("train.py"). A command's first element without a
``/`` is looked up on PATH.
"""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.configurations import Level, level_text
from harness.record import slug

PYTHON, WORKLOADS, SEED = "python", "workloads", "seed"
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_LARGEST_SOURCE_B = 1_000_000


class TemplateError(ValueError):
    """A template has a placeholder that is not known here, or a brace alone; ``name`` is None for the brace."""

    def __init__(self, what: str, name: str | None = None) -> None:
        super().__init__(what)
        self.name = name


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
        if token[0] in "{}":
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


def sources(commands: Iterable[Sequence[str]], given: Iterable[Mapping[str, str]], folder: Path) -> tuple[Source, ...]:
    """The scripts that ``commands`` are made of, under each of the ``given`` fillings, in the order of their paths.

    These are the elements that name a file by a path, up to 1 MB, and the Python modules beside such a script that it
    imports. Programs found on PATH and the interpreter are not among them.
    """
    fillings = list(given)
    lines = {
        line
        for command in commands
        for filling in fillings
        for line in command_line([e for e in command if e != "{python}"] or ["-"], filling, folder)
    }
    scripts: set[Path] = set()
    for element in lines:
        path = Path(element)
        if path.is_absolute() and path.is_file() and path.stat().st_size <= _LARGEST_SOURCE_B:
            scripts |= _with_imports(path.resolve())
    found = []
    taken: set[str] = set()
    for path in sorted(scripts):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        name = slug(path.name)
        copied_as = name if name not in taken else f"{digest[:8]}-{name}"
        taken.add(copied_as)
        found.append(Source(path, digest, copied_as))
    return tuple(found)


def _with_imports(script: Path, seen: frozenset[Path] = frozenset()) -> set[Path]:
    """A script and, where it is Python, the modules beside it that it imports, and theirs."""
    if script in seen:
        return set()
    found = {script}
    if script.suffix == ".py":
        try:
            tree = ast.parse(script.read_bytes())
        except (SyntaxError, ValueError):
            return found
        names = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        for name in sorted(names):
            beside = script.with_name(f"{name}.py")
            if name and beside.is_file():
                found |= _with_imports(beside, seen | found)
    return found
