"""findings.json: the findings of a night, written so that the same night gives the same bytes, and read back.

Floats are rounded to 12 significant digits, the last that two machines agree on; what is not finite is never written
(findings hold None instead). Keys stand in the order of the records.
"""

from __future__ import annotations

import json
import math
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from analysis.findings import Findings
from harness.errors import NightFolderError
from harness.record import read_json

SCHEMA = 1
"""1: first."""
DIGITS = 12
FILE = "findings.json"


def findings_bytes(findings: Findings) -> bytes:
    """The content of findings.json; a lone surrogate of a foreign name becomes the escape that JSON has for it."""
    body = {"schema": SCHEMA, **to_json(findings)}
    text = json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def write_findings(path: Path, findings: Findings) -> None:
    """Write ``findings`` to the file ``path``, whole or not at all."""
    aside = path.with_name(path.name + ".aside")
    aside.write_bytes(findings_bytes(findings))
    os.replace(aside, path)


def read_findings(path: Path) -> Findings:
    """The findings in the file ``path``; raises NightFolderError where it holds none, or those of another schema."""
    try:
        body = read_json(path)
        if not isinstance(body, dict) or body.get("schema") != SCHEMA:
            raise ValueError(f"it is not of schema {SCHEMA}")
        findings: Findings = _build(Findings, body)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NightFolderError(
            f"{path.name} cannot be read: {error}", where=str(path), remedy="make it again with `nightwatt report`"
        ) from error
    return findings


def to_json(value: Any) -> Any:
    """Findings, or any part of them, as JSON types; floats rounded to 12 significant digits."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def _build(kind: Any, value: Any) -> Any:
    """``value`` (JSON types) as ``kind``: a dataclass, a tuple, a mapping, an optional one of these, or plain."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _build(next(item for item in arguments if item is not type(None)), value)
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        known = {field.name for field in fields(kind)}
        made: Any = kind
        return made(**{name: _build(hints[name], item) for name, item in value.items() if name in known})
    if origin is tuple:
        return tuple(_build(arguments[0], item) for item in value)
    if origin is not None and len(arguments) == 2:
        return {key: _build(arguments[1], item) for key, item in value.items()}
    return float(value) if kind is float else value
