"""TOML -> frozen, validated Protocol; every refusal names file, key, value and remedy, all of them at once."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.commands import Source, command_line, environment, render, shipped, sources, values
from harness.errors import UsageError
from harness.protocol_model import Protocol

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


def find(name_or_path: str | Path) -> Path:
    """The protocol file of that path, or the shipped protocol of that name ("demo")."""
    path = Path(name_or_path)
    if path.is_file():
        return path
    named = shipped("protocols") / f"{name_or_path}.toml"
    if path.name == str(name_or_path) and named.is_file():
        return named
    names = sorted(item.stem for item in shipped("protocols").glob("*.toml"))
    near = difflib.get_close_matches(path.stem, names, 1)
    raise UsageError(
        f"no protocol {str(name_or_path)!r}",
        where=f"neither a file, nor one of the shipped protocols: {', '.join(names) or 'none'}",
        remedy=f"did you mean {near[0]!r}?" if near else "give the path of a TOML file",
    )


def read(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Protocol:
    """The protocol in the file ``path`` with ``overrides`` (dotted key -> value) laid over it.

    Raises ProtocolError with every problem found.
    """
    table = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    for key, value in (overrides or {}).items():
        *parents, last = key.split(".")
        inner = table
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return from_json(table)


def from_json(body: Mapping[str, Any]) -> Protocol:
    """The protocol in a parsed ``plan.json``; not checked against this machine again."""
    return Protocol.model_validate_json(json.dumps(body))


def parse_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """``["design.blocks=2", "factors.width=[1,2]"]`` as {dotted key: value}; values are TOML, bare words strings."""
    found: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            found[key.strip()] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = value.strip()
    return found
