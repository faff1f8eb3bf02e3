"""TOML -> frozen, validated Protocol; every refusal names file, key, value and remedy, all of them at once.

::

    find      a path, or the name of a shipped protocol -> the file
    read      file -> text -> table -> table with --set laid over it -> Protocol
                 |       |        |                                       |
                 +-------+--------+-- ProtocolError(Problem, …)  <--------+-- structure (harness.protocol_refusals)
                                                                          +-- sense (harness.protocol_checks)
    from_json the Protocol of a night, from its plan.json
"""

from __future__ import annotations

import copy
import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.commands import Source, command_line, environment, render, shipped, sources, values
from harness.errors import Problem, ProtocolError, UsageError
from harness.protocol_checks import check
from harness.protocol_model import Protocol
from harness.protocol_refusals import Refusal, refusals, shown

__all__ = [
    "Protocol",
    "Source",
    "command_line",
    "environment",
    "find",
    "from_json",
    "parse_overrides",
    "read",
    "render",
    "shipped",
    "sources",
    "values",
]

_LARGEST_FILE_B = 1_000_000


def find(name_or_path: str | Path) -> Path:
    """The protocol file of that path, or the shipped protocol of that name ("demo"); raises UsageError."""
    path = Path(name_or_path)
    folder = shipped("protocols")
    if "/" not in str(name_or_path) and not path.is_file():
        named = folder / (path.name if path.suffix == ".toml" else f"{path.name}.toml")
        if named.is_file():
            return named
    elif path.exists():
        return path
    names = sorted(item.stem for item in folder.glob("*.toml"))
    near = difflib.get_close_matches(path.stem, names, 1)
    what = f"{path} is a folder, not a protocol" if path.is_dir() else f"no protocol {str(name_or_path)!r}"
    raise UsageError(
        what,
        where=f"it is neither a file nor a shipped protocol ({', '.join(names) or 'there are none'})",
        remedy=f"did you mean {near[0]!r}?" if near else "give the path of a TOML file or one of these names",
    )


def read(path: str | Path, overrides: Mapping[str, Any] | None = None, folder: Path | None = None) -> Protocol:
    """The protocol in the file ``path`` with ``overrides`` (dotted key -> value) laid over it.

    Its relative paths start in ``folder``; left out, in the file's own.

    Checked against this machine as far as its commands go: programs and scripts must be there. Raises ProtocolError
    with every problem found.
    """
    file = Path(path)
    overrides = overrides or {}
    table = _table(file)
    problems = _lay_over(table, overrides)
    protocol, broken, found = _validated(table)
    problems += found
    if protocol is not None:
        problems += check(protocol, (folder or file.parent).absolute(), broken)
    if problems:
        raise ProtocolError(str(file), [_signed(problem, overrides) for problem in dict.fromkeys(problems)])
    assert protocol is not None
    return protocol


def from_json(body: Mapping[str, Any]) -> Protocol:
    """The protocol in a parsed ``plan.json``; its commands are not looked for again. Raises UsageError."""
    try:
        return Protocol.model_validate_json(json.dumps(body))
    except (ValidationError, TypeError, ValueError) as fault:
        raise UsageError(
            f"the protocol in this plan cannot be read: {fault}",
            remedy="a plan is read by the nightwatt that wrote it, or by a later one",
        ) from fault


def parse_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """``["design.blocks=2", "factors.width=[1,2]", "design.order=latin"]`` as {dotted key: value}.

    A value is TOML; what is not and begins like a word is a string as it stands. Raises UsageError.
    """
    return dict(_override(text) for text in texts)


_TEMPLATE = re.compile(r"\{\w+\}")
"""What begins with a placeholder is a string: "{python}", "{width}-runs"."""


def _override(text: str) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value or not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", key):
        raise UsageError(
            f"--set {text!r} is not KEY=VALUE",
            remedy="name the key by its sections, as in --set design.blocks=2 --set 'factors.width=[1, 2]'",
        )
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError as fault:
        if (value[0] in "[{\"'" and not _TEMPLATE.match(value)) or any(character in value for character in "\r\n"):
            raise UsageError(
                f"--set {key}: {value!r} is not a TOML value: {fault}",
                remedy='put the whole in single quotes for the shell, as in --set \'factors.arm=["a", "b"]\'',
            ) from fault
        return key, value
    if len(parsed) != 1:
        raise UsageError(f"--set {key}: more than one value in {value!r}", remedy="give --set once for each key")
    return key, parsed["value"]


def _table(file: Path) -> dict[str, Any]:
    try:
        body = file.read_bytes()
    except OSError as fault:
        raise ProtocolError(
            str(file),
            [Problem("the file", f"it cannot be read: {fault.strerror or fault}", remedy="check its path and rights")],
        ) from fault
    if len(body) > _LARGEST_FILE_B:
        raise ProtocolError(str(file), [Problem("the file", f"{len(body)} bytes are too many for a protocol")])
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = body[: fault.start].count(b"\n") + 1
        raise ProtocolError(
            str(file),
            [Problem(f"line {line}", f"byte {body[fault.start]:#04x} is not UTF-8", remedy="save the file as UTF-8")],
        ) from fault
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ProtocolError(str(file), [_syntax_problem(text, str(fault))]) from fault


_REMEDIES = (
    ("overwrite", "this key or section stands twice: keep one"),
    ("declare", "this key or section stands twice: keep one"),
    ("Invalid value", 'strings stand in quotation marks, as in order = "blocks"'),
    ("Expected '='", 'a line is key = value, a [section], or a # comment; keys hold letters, digits, "_" and "-"'),
    ("Invalid statement", "a line is key = value, a [section], or a # comment"),
    ("Unclosed array", "an array ends with ]"),
    ("Unclosed inline table", "a table in one line ends with }"),
    ("Expected newline or end of document", "one key on each line; strings stand in quotation marks"),
    ("escape", "in a string a backslash is written twice; or use single quotes"),
    ("Unterminated string", "a string ends with the quotation mark that it began with"),
    ("Illegal character", "a string ends with the quotation mark that it began with, on the same line"),
)


def _syntax_problem(text: str, message: str) -> Problem:
    what, _, place = message.partition(" (at ")
    found = re.match(r"line (\d+), column (\d+)", place)
    number = int(found[1]) if found else len(text.splitlines())
    lines = text.splitlines()
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    remedy = next((remedy for sign, remedy in _REMEDIES if sign in what), "see https://toml.io for the syntax")
    return Problem(f"line {number}", f"not TOML: {what}" + (f": {shown(line)}" if line else ""), remedy=remedy)


def _lay_over(table: dict[str, Any], overrides: Mapping[str, Any]) -> list[Problem]:
    """Put each override into ``table``; the problems of those that have no place there."""
    problems = []
    for key, value in overrides.items():
        *parents, last = key.split(".")
        inner: Any = table
        for depth, parent in enumerate(parents, start=1):
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                whole = ".".join(parents[:depth])
                remedy = f"give {parent} whole, as in --set '{whole}=…'"
                problems.append(Problem(key, f"{parent} is no section: {shown(inner)}", shown(value), remedy))
                break
        else:
            inner[last] = copy.deepcopy(value)
    return problems


def _signed(problem: Problem, overrides: Mapping[str, Any]) -> Problem:
    """A problem, saying so where ``--set`` brought it in."""
    path = re.split(r"[.\[]", problem.key)
    if any(path[: len(key.split("."))] == key.split(".") for key in overrides):
        return Problem(problem.key, f"{problem.what} (from --set)", problem.value, problem.remedy)
    return problem


def _validated(table: Mapping[str, Any]) -> tuple[Protocol | None, frozenset[str], list[Problem]]:
    """The protocol, the top-level names that are not to be trusted in it, and the problems of its structure.

    Where the structure has problems, the offending keys are left out and the rest is tried, so that what else is
    wrong is told in the same breath; None where nothing can be built.
    """
    body = _tuples(table)
    problems: list[Problem] = []
    broken: set[str] = set()
    for _ in range(4):
        try:
            return Protocol.model_validate(body), frozenset(broken), problems
        except ValidationError as fault:
            refused = refusals(fault.errors(include_url=False), table)
            problems += [refusal.problem for refusal in refused if refusal.problem not in problems]
            for refusal in refused:
                broken |= _distrusted(refusal)
                _remove(body, refusal.path)
            _fill(body)
    return None, frozenset(broken), problems


def _distrusted(refusal: Refusal) -> set[str]:
    """What checks cannot rely on once the refused key is gone; most keys have a default that raises no false alarm."""
    match refusal.path:
        case ("factors", _):
            return {"crossing"}
        case ("workload", "timeout_s" | "grace_s" | "window") | ("analysis" | "night" | "baseline" | "exclude", *_):
            return set()
        case ("design", key) if key != "labels":
            return set()
        case (first, *others) if refusal.unknown:
            return {"unknown"} if not others or first in ("workload", "prepare", "cleanup") else set()
    return {refusal.path[0]}


def _tuples(value: Any) -> Any:
    """A deep copy with tuples for lists, which is what the strict model asks for."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _remove(body: dict[str, Any], path: Sequence[str]) -> None:
    """Take a key out of ``body``; of a factor the name stays, since commands may use it."""
    *parents, last = path
    inner: Any = body
    for parent in parents:
        inner = inner.get(parent) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        return
    inner.pop(last, None)
    if parents == ["factors"]:
        inner[last] = ("?",)


def _fill(body: dict[str, Any]) -> None:
    """What a protocol cannot do without, so that the rest of it can be looked at."""
    body.setdefault("title", "untitled")
    workload = body.setdefault("workload", {})
    if isinstance(workload, dict):
        workload.setdefault("command", ("{python}",))
